/* tests/unit/settings/records_test.c -- records of settings in a state, changes as ops, names of documents. */
#include "journal/settings/documents.h"
#include "journal/settings/records.h"
#include "runtime/base/byteorder.h"
#include "tests/unit/run_suite.h"

static const struct setting_record FIRST = {.document = 11, .crc64 = 12, .bytes = 13};
static const struct setting_record SECOND = {.document = 21, .crc64 = 22, .bytes = 23};

static const struct journal_id NO_ID;

static struct state state;
static struct buffer ops;

static void set_up(void)
{
    state_init(&state, NULL, 0);
    buffer_init(&ops, 0);
}

static void tear_down(void)
{
    state_free(&state);
    buffer_free(&ops);
}

/* What somebody writes whose view is the state as it is now; NULL: it is to be unset. */
static void put_change(uint64_t creation_id, uint8_t setting, const struct setting_record *record)
{
    static uint64_t stamp = 0x1000;
    const struct setting_change change = {
        .setting = setting, .is_set = record != NULL, .record = record != NULL ? *record : (struct setting_record){0}};
    settings_put_changes(&ops, &state, creation_id, &change, 1, ++stamp);
}

static void apply_ops(struct span some)
{
    uint32_t count;
    struct error error;
    ck_assert(some.size == 0 || ops_check(some, &count, &error));
    (void)state_apply_batch(&state, &NO_ID, 1, some);
}

static void apply(uint64_t creation_id, uint8_t setting, const struct setting_record *record)
{
    buffer_clear(&ops);
    put_change(creation_id, setting, record);
    apply_ops(buffer_span(&ops));
}

static void put_value(uint8_t setting, struct span value)
{
    uint8_t key[9] = {0, 0, 0, 0, 0, 0, 0, 7, setting};
    buffer_clear(&ops);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_BUCKET, SPAN("settings"), span_of(key, sizeof key), value});
    apply_ops(buffer_span(&ops));
}

static void expect(uint64_t creation_id, uint8_t setting, const struct setting_record *wanted)
{
    struct setting_record found;
    bool is_set = setting_record_find(&state, creation_id, setting, &found);
    ck_assert_int_eq(is_set, wanted != NULL);
    ck_assert(!is_set || setting_record_equal(&found, wanted));
}

START_TEST(records_come_and_go)
{
    ck_assert_uint_eq(settings_stamp(&state), 0);
    expect(7, 3, NULL);
    apply(7, 3, NULL); /* there is nothing to unset, so nothing is written */
    ck_assert_uint_eq(ops.size, 0);
    ck_assert(!settings_are_known(&state, 7));
    apply(7, 3, &FIRST);
    expect(7, 3, &FIRST);
    expect(7, 4, NULL);
    expect(8, 3, NULL);
    apply(7, 3, &SECOND);
    expect(7, 3, &SECOND);
    apply(7, 3, &FIRST); /* less by its digest */
    expect(7, 3, &FIRST);
    uint64_t stamp = settings_stamp(&state);
    apply(7, 3, NULL);
    expect(7, 3, NULL);
    ck_assert_uint_ne(settings_stamp(&state), stamp);
    apply(7, 3, NULL);
    expect(7, 3, NULL);
    apply(7, 3, &FIRST);
    expect(7, 3, &FIRST);
}
END_TEST

/* Two that saw the same, and a third that saw both, in every order. */
START_TEST(no_order_changes_which_one_stays)
{
    static const struct setting_record *const CHANGES[][3] = {
        {&FIRST, &SECOND, NULL}, {&FIRST, NULL, &SECOND}, {NULL, &SECOND, &FIRST}};
    static const uint8_t ORDERS[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned c = 0; c < 3; c++) {
        for (unsigned o = 0; o < 6; o++) {
            struct buffer batches[3] = {{0}, {0}, {0}};
            tear_down();
            set_up();
            apply(7, 3, &(struct setting_record){.document = 1});
            for (unsigned i = 0; i < 3; i++) {
                if (i == 2) /* its view has both */
                    for (unsigned before = 0; before < 2; before++)
                        apply_ops(buffer_span(&batches[before]));
                buffer_clear(&ops);
                put_change(7, 3, CHANGES[c][i]);
                buffer_append(&batches[i], buffer_span(&ops));
            }
            expect(7, 3, CHANGES[c][0] == &FIRST && CHANGES[c][1] == NULL ? &FIRST : &SECOND);
            tear_down();
            set_up();
            apply(7, 3, &(struct setting_record){.document = 1});
            for (unsigned i = 0; i < 3; i++)
                apply_ops(buffer_span(&batches[ORDERS[o][i]]));
            expect(7, 3, CHANGES[c][2]);
            for (unsigned i = 0; i < 3; i++)
                buffer_free(&batches[i]);
        }
    }
}
END_TEST

START_TEST(buckets_with_records_are_listed_in_steps)
{
    struct state_walk walk = {0};
    struct buffer ids = {0};
    uint64_t sum = 0;
    for (uint64_t id = 1; id <= 100; id++) {
        apply(id, (uint8_t)(id % SETTING_NUMBERS), &FIRST);
        if (id % 3 == 0)
            apply(id, (uint8_t)(id % SETTING_NUMBERS), NULL);
    }
    while (settings_list_buckets(&state, &walk, 7, &ids))
        ck_assert_uint_le(ids.size, 101 * sizeof(uint64_t));
    ck_assert_uint_eq(ids.size, 100 * sizeof(uint64_t));
    for (size_t at = 0; at < ids.size; at += sizeof(uint64_t))
        sum += load_u64_le(ids.data + at);
    ck_assert_uint_eq(sum, 5050);
    buffer_free(&ids);
}
END_TEST

START_TEST(a_bucket_that_is_gone_leaves_nothing)
{
    apply(7, 3, &FIRST);
    apply(7, 4, &FIRST);
    apply(7, 4, NULL);
    put_value(5, SPAN("later"));
    apply(8, 3, &SECOND);
    ck_assert(settings_are_known(&state, 7));
    uint64_t stamp = settings_stamp(&state);
    buffer_clear(&ops);
    settings_put_removal(&ops, &state, 7, 0x100000);
    apply_ops(buffer_span(&ops));
    ck_assert(!settings_are_known(&state, 7));
    ck_assert_uint_ne(settings_stamp(&state), stamp);
    expect(8, 3, &SECOND);
    buffer_clear(&ops);
    settings_put_removal(&ops, &state, 7, 1);
    ck_assert_uint_eq(ops.size, 0);
}
END_TEST

/* Each stands there, is read as what it is, and can be followed, by two at once too. */
START_TEST(whatever_stands_there_can_be_replaced)
{
    static const struct {
        struct span value;
        uint64_t document;
    } CASES[] = {
        {SPAN("later"), 0},
        {SPAN(""), 0},
        {SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0},
        {SPAN("\2\xff\xff\xff\xff\xff\xff\xff\xff" /* nothing could be greater */
              "\0\0\0\0\0\0\0\x0c"
              "\0\0\0\0\0\0\0\x0b"
              "\0\0\0\x0d"),
         11},
        {SPAN("\2\0\0\0\0\0\0\0\5\1"), 0},
        {SPAN("\2\0\0\0\0\0\0\0\5"
              "\0\0\0\0\0\0\0\x0c"
              "\0\0\0\0\0\0\0\x0b"
              "\0\0\0\x0d"),
         11},
        {SPAN("\1"
              "\x0b\0\0\0\0\0\0\0"
              "\x0c\0\0\0\0\0\0\0"
              "\x0d\0\0\0"),
         11}, /* a former one */
        {SPAN("\1"
              "\x0b\0\0\0\0\0\0\0"
              "\x0c\0\0\0\0\0\0\0"
              "\x0d\0\0\0"
              "\x07\0\0\0\0\0\0\0"),
         11},
        {SPAN("\1"
              "\x0b\0\0\0\0\0\0\0"
              "\x0c\0\0\0\0\0\0\0"
              "\x0d\0\0\0"
              "\x07"),
         0},
    };
    for (unsigned i = 0; i < 2 * sizeof CASES / sizeof *CASES; i++) {
        struct buffer second = {0};
        const struct setting_record seen = CASES[i / 2].document == 0 ? (struct setting_record){0} : FIRST;
        put_value(3, CASES[i / 2].value);
        expect(7, 3, &seen);
        buffer_clear(&ops);
        put_change(7, 3, i % 2 ? NULL : &FIRST);
        buffer_append(&second, buffer_span(&ops));
        apply(7, 3, &SECOND);
        expect(7, 3, &SECOND);
        apply_ops(buffer_span(&second)); /* of equal revision, and less by its digest */
        expect(7, 3, &SECOND);
        put_value(3, CASES[i / 2].value);
        apply(7, 3, NULL);
        expect(7, 3, NULL);
        buffer_free(&second);
    }
}
END_TEST

START_TEST(names_of_documents)
{
    static const struct {
        const char *text;
        bool is_name;
    } cases[] = {
        {"00000000000000ff/03-0123456789abcdef", true},
        {"00000000000000fF/03-0123456789abcdef", false},
        {"00000000000000ff/3-0123456789abcdef", false},
        {"00000000000000ff/03-0123456789abcdeg", false},
        {"00000000000000ff-03-0123456789abcdef", false},
        {"00000000000000ff/03-0123456789abcdef0", false},
        {"", false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct document_name name;
        bool is_name = document_name_parse(span_from_string(cases[i].text), &name);
        ck_assert_msg(is_name == cases[i].is_name, "%s", cases[i].text);
        if (!is_name)
            continue;
        char again[JOURNAL_NAME_BYTES];
        document_name_format(&name, again);
        ck_assert_str_eq(again, cases[i].text);
        ck_assert_uint_eq(name.creation_id, 255);
        ck_assert_uint_eq(name.setting, 3);
        ck_assert(name.document == UINT64_C(0x0123456789abcdef));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings-records");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, records_come_and_go);
    tcase_add_test(all, no_order_changes_which_one_stays);
    tcase_add_test(all, buckets_with_records_are_listed_in_steps);
    tcase_add_test(all, a_bucket_that_is_gone_leaves_nothing);
    tcase_add_test(all, whatever_stands_there_can_be_replaced);
    tcase_add_test(all, names_of_documents);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
