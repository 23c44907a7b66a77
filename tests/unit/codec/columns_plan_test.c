/* tests/unit/codec/columns_plan_test.c -- plans of columns: which are valid, and as they are stored. */
#include "codec/columns/columns.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

static struct error error;

/* Records of 24 bytes: u64, u32 twice, f32 with two decimals, u16 twice. */
static const struct columns_plan records = {
    .stride = 24,
    .lead = 5,
    .runs_count = 4,
    .runs = {{8, COLUMNS_OP_DELTA2, 1, 0},
             {4, COLUMNS_OP_NONE, 2, 0},
             {4, COLUMNS_OP_DECIMAL_DELTA, 1, 2},
             {2, COLUMNS_OP_DELTA, 2, 0}},
};
static const char records_hex[] = "01180405"
                                  "0b01"
                                  "0202"
                                  "120102"
                                  "0502";

START_TEST(validity)
{
    ck_assert(columns_plan_is_valid(&records));
    static const struct columns_plan wrong[] = {
        {.stride = 0, .runs_count = 0},
        {.stride = 4, .runs_count = 0},
        {.stride = 4, .lead = 4, .runs_count = 1, .runs = {{4, 0, 1, 0}}},
        {.stride = 4, .runs_count = 1, .runs = {{4, 0, 2, 0}}},
        {.stride = 4, .runs_count = 1, .runs = {{2, 0, 1, 0}}},
        {.stride = 3, .runs_count = 1, .runs = {{3, 0, 1, 0}}},
        {.stride = 16, .runs_count = 1, .runs = {{16, 0, 1, 0}}},
        {.stride = 4, .runs_count = 2, .runs = {{4, 0, 1, 0}, {4, 0, 0, 0}}},
        {.stride = 4, .runs_count = 1, .runs = {{4, 3, 1, 0}}},
        {.stride = 4, .runs_count = 1, .runs = {{4, 6, 1, 0}}},
        {.stride = 4, .runs_count = 1, .runs = {{4, COLUMNS_OP_DELTA, 1, 1}}},
        {.stride = 4, .runs_count = 1, .runs = {{4, COLUMNS_OP_DECIMAL, 1, 16}}},
        {.stride = 4, .runs_count = 1, .runs = {{2, COLUMNS_OP_DECIMAL, 2, 1}}},
        {.stride = 1, .runs_count = 2, .runs = {{1, 0, 1, 0}, {1, 0, 1, 0}}},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!columns_plan_is_valid(&wrong[i]), "plan %u", i);
}
END_TEST

START_TEST(stored_form)
{
    uint8_t bytes[COLUMNS_HEAD_BYTES_MAX];
    size_t size = columns_plan_encode(&records, bytes);
    ck_assert_span_eq(span_of(bytes, size), bytes_of_hex(records_hex));

    struct columns_plan plan;
    size_t taken;
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert(!columns_plan_decode(span_of(bytes, cut), &plan, &taken, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
    bytes[size] = 0xff; /* what follows it */
    ck_assert(columns_plan_decode(span_of(bytes, size + 1), &plan, &taken, &error));
    ck_assert_uint_eq(taken, size);
    uint8_t again[COLUMNS_HEAD_BYTES_MAX];
    ck_assert_span_eq(span_of(again, columns_plan_encode(&plan, again)), span_of(bytes, size));
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        const char *hex;
        enum error_kind kind;
    } cases[] = {
        {"02040100060100", ERROR_UNSUPPORTED},   /* a later version */
        {"010401000e01", ERROR_UNSUPPORTED},     /* operation 3 */
        {"010401001a01", ERROR_UNSUPPORTED},     /* operation 6 */
        {"010401002601", ERROR_UNSUPPORTED},     /* a bit above the operation */
        {"010401040601", ERROR_DAMAGED},         /* lead = stride */
        {"010401000600", ERROR_DAMAGED},         /* repeat 0 */
        {"010401000602", ERROR_DAMAGED},         /* 8 bytes in records of 4 */
        {"010001000601", ERROR_DAMAGED},         /* stride 0 */
        {"0104000006", ERROR_DAMAGED},           /* no run */
        {"01040500060106010601", ERROR_DAMAGED}, /* more runs than bytes */
        {"01040100120110", ERROR_DAMAGED},       /* exponent 16 */
        {"010401001102", ERROR_DAMAGED},         /* decimals of 2 bytes: cut off, or wrong */
        {"01040100110201", ERROR_DAMAGED},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct columns_plan plan;
        size_t taken;
        error.kind = ERROR_NONE;
        ck_assert_msg(!columns_plan_decode(bytes_of_hex(cases[i].hex), &plan, &taken, &error), "case %u", i);
        ck_assert_msg(error.kind == cases[i].kind, "case %u: %s", i, error.message);
    }
}
END_TEST

START_TEST(leads)
{
    struct columns_plan plan = records;
    ck_assert_uint_eq(columns_plan_next_lead(&plan, 24), 5);
    ck_assert_uint_eq(columns_plan_next_lead(&plan, 5), 0);
    ck_assert_uint_eq(columns_plan_next_lead(&plan, 6), 23);
    /* Frame by frame, records of the object stay where they are. */
    for (size_t begin = 0; begin < (size_t)50 << 20; begin += FRAME_ORIGINAL_BYTES) {
        ck_assert_uint_eq((begin + plan.lead) % 24, 5);
        plan.lead = columns_plan_next_lead(&plan, FRAME_ORIGINAL_BYTES);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns_plan");
    TCase *tests = tcase_create("columns_plan");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, validity);
    tcase_add_test(tests, stored_form);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, leads);
    return run_suite(suite);
}
