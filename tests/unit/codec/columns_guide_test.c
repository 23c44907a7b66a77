/* tests/unit/codec/columns_guide_test.c -- what a guide advises, frame after frame, with looks that are made up. */
#include "bench/data/data_sets.h"
#include "codec/choice/columns_guide.h"
#include "tests/unit/run_suite.h"

enum { FRAME_BYTES = 1 << 20, SEEN_BYTES = 64 << 10, STRIDE = 24 };
static uint8_t frame[SEEN_BYTES];

/* As much of it as a guide needs to see. */
static struct span frame_of(const char *name)
{
    data_set_fill(data_set_find(name), frame, sizeof frame);
    return span_of(frame, sizeof frame);
}

/* Of a look at a sample of 64 KiB. */
static struct columns_verdict verdict_of(unsigned lead, size_t columns_size)
{
    return (struct columns_verdict){
        .sample_size = 65536,
        .plain_size = 30000,
        .columns_size = columns_size,
        .plan = {.stride = STRIDE, .lead = (uint8_t)lead, .runs_count = 1, .runs = {{.width = 8, .repeat = 3}}},
    };
}

/* A guide behind a first frame that was looked at, and packed in columns to a quarter. */
static struct columns_guide guide_with_plan(unsigned lead)
{
    struct columns_guide guide;
    struct columns_verdict verdict = verdict_of(lead, 10000);
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("records"));
    ck_assert_uint_eq(advice.look, COLUMNS_LOOK);
    ck_assert_uint_eq(columns_guide_learn(&guide, &advice, &verdict), COLUMNS_WAY_COLUMNS);
    columns_guide_end_frame(&guide, FRAME_BYTES, FRAME_BYTES / 4, true, false);
    return guide;
}

START_TEST(lead_goes_on_from_frame_to_frame)
{
    struct columns_guide guide = guide_with_plan(5);
    uint64_t offset = FRAME_BYTES;
    for (size_t size = 65521; size > 100; size = size * 2 / 3, offset += size) {
        struct columns_plan plan;
        columns_guide_plan(&guide, &plan);
        ck_assert(columns_plan_is_valid(&plan));
        ck_assert_uint_eq((offset + plan.lead) % STRIDE, 5);
        columns_guide_end_frame(&guide, size * 2 / 3, size / 6, true, false);
    }
}
END_TEST

START_TEST(looks_once_while_nothing_changes)
{
    struct columns_guide guide = guide_with_plan(0);
    struct span records = frame_of("records");
    for (unsigned i = 1; i <= 7; i++) {
        struct columns_advice advice = columns_guide_ask(&guide, records);
        ck_assert_uint_eq(advice.look, COLUMNS_NO_LOOK);
        ck_assert_uint_eq(advice.way, COLUMNS_WAY_COLUMNS);
        ck_assert(!columns_guide_doubts(&guide, advice.way, FRAME_BYTES, FRAME_BYTES / 4));
        columns_guide_end_frame(&guide, FRAME_BYTES, FRAME_BYTES / 4, true, false);
    }
    ck_assert_uint_eq(columns_guide_ask(&guide, records).look, COLUMNS_LOOK);
}
END_TEST

/* However restless the bytes are. */
START_TEST(looks_stay_within_their_credit)
{
    static const char *const names[] = {"records", "gaps", "sound", "weights-bf16", "event-times"};
    struct columns_guide guide;
    uint64_t spent = 0;
    enum { FRAMES = 300 };
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct columns_advice advice = columns_guide_ask(&guide, frame_of(names[i * 7 % 5]));
        struct columns_verdict verdict = verdict_of(0, 28000);
        enum columns_way way = advice.way;
        if (advice.look != COLUMNS_NO_LOOK) {
            spent += advice.look == COLUMNS_LOOK ? COLUMNS_GUIDE_LOOK_CREDIT : COLUMNS_GUIDE_GLANCE_CREDIT;
            way = columns_guide_learn(&guide, &advice, &verdict);
        }
        spent += way == COLUMNS_WAY_BOTH ? FRAME_BYTES : 0;
        columns_guide_end_frame(&guide, FRAME_BYTES, FRAME_BYTES / 2, true, way == COLUMNS_WAY_BOTH);
    }
    ck_assert_uint_gt(spent, 10 * COLUMNS_GUIDE_LOOK_CREDIT);
    ck_assert_uint_le(spent, (uint64_t)FRAMES * FRAME_BYTES / 10 + 5 * COLUMNS_GUIDE_LOOK_CREDIT);
}
END_TEST

START_TEST(passes_text_and_noise_by)
{
    struct columns_guide guide;
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    static const char *const names[] = {"noise", "json", "logs", "hex"};
    for (unsigned i = 0; i < 4; i++) {
        struct columns_advice advice = columns_guide_ask(&guide, frame_of(names[i]));
        ck_assert_uint_eq(advice.look, COLUMNS_NO_LOOK);
        ck_assert_uint_eq(advice.way, COLUMNS_WAY_PLAIN);
    }
    ck_assert_uint_eq(columns_guide_ask(&guide, span_take(frame_of("gaps"), COLUMNS_GUIDE_FRAME_LEAST - 1)).look, 0);
    struct columns_advice lines = columns_guide_ask(&guide, frame_of("csv"));
    ck_assert(lines.is_text && lines.look == COLUMNS_LOOK && lines.spectrum.stride == 50);
}
END_TEST

START_TEST(without_credit_there_is_no_look)
{
    struct columns_guide guide;
    columns_guide_begin(&guide, 0);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("gaps"));
    ck_assert_uint_eq(advice.look, COLUMNS_NO_LOOK);
    ck_assert_uint_eq(advice.way, COLUMNS_WAY_PLAIN);
}
END_TEST

START_TEST(doubts_what_grows)
{
    struct columns_guide guide = guide_with_plan(0);
    (void)columns_guide_ask(&guide, frame_of("records"));
    ck_assert(columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES / 3));
    ck_assert(columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES));
    ck_assert(!columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES / 4 + 1000));
    /* Both ways were tried and plain was smaller: the next frame is asked whether the plan still does. */
    columns_guide_end_frame(&guide, FRAME_BYTES, FRAME_BYTES / 3, false, true);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("records"));
    ck_assert_uint_eq(advice.look, COLUMNS_GLANCE);
    struct columns_verdict verdict = verdict_of(0, 0);
    ck_assert_uint_eq(columns_guide_learn(&guide, &advice, &verdict), COLUMNS_WAY_PLAIN);
    ck_assert(guide.has_plan); /* it may do again */
}
END_TEST

/* The sample was not like the frame. */
START_TEST(doubts_what_is_larger_than_its_sample)
{
    struct columns_guide guide;
    struct columns_verdict verdict = verdict_of(0, 10000); /* 0.15 of the sample */
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("records"));
    ck_assert_uint_eq(columns_guide_learn(&guide, &advice, &verdict), COLUMNS_WAY_COLUMNS);
    ck_assert(columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES / 5));
    ck_assert(!columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES / 6));
    columns_guide_end_frame(&guide, FRAME_BYTES, FRAME_BYTES / 5, true, true);
    ck_assert(!columns_guide_doubts(&guide, COLUMNS_WAY_COLUMNS, FRAME_BYTES, FRAME_BYTES / 5));
}
END_TEST

START_TEST(near_plain_is_tried_both_ways)
{
    struct columns_guide guide;
    struct columns_verdict verdict = verdict_of(0, 29000);
    columns_guide_begin(&guide, COLUMNS_GUIDE_LOOK_CREDIT);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("records"));
    ck_assert_uint_eq(columns_guide_learn(&guide, &advice, &verdict), COLUMNS_WAY_BOTH);
    ck_assert(columns_guide_prefers_columns(960, 1000));
    ck_assert(!columns_guide_prefers_columns(990, 1000));
}
END_TEST

/* A borrowed plan is used where bytes look alike, without a look; else it is as if there had been none. */
START_TEST(borrows_for_what_looks_alike)
{
    struct columns_guide found = guide_with_plan(5);
    struct columns_guide guide;
    columns_guide_borrow(&guide, &found);
    ck_assert_int_eq(guide.credit, 0);
    struct columns_advice advice = columns_guide_ask(&guide, frame_of("records"));
    ck_assert_uint_eq(advice.look, COLUMNS_NO_LOOK);
    ck_assert_uint_eq(advice.way, COLUMNS_WAY_COLUMNS);
    struct columns_plan plan;
    columns_guide_plan(&guide, &plan);
    ck_assert_uint_eq(plan.lead, 5);

    static const char *const others[] = {"gaps", "json", "noise"};
    for (unsigned i = 0; i < 3; i++) {
        columns_guide_borrow(&guide, &found);
        advice = columns_guide_ask(&guide, frame_of(others[i]));
        ck_assert_uint_eq(advice.look, COLUMNS_NO_LOOK); /* not even a glance */
        ck_assert_uint_eq(advice.way, COLUMNS_WAY_PLAIN);
        ck_assert(!guide.has_plan && !columns_guide_doubts(&guide, advice.way, FRAME_BYTES, FRAME_BYTES));
    }
    columns_guide_borrow(&guide, &found);
    guide.credit = COLUMNS_GUIDE_LOOK_CREDIT;
    ck_assert_uint_eq(columns_guide_ask(&guide, frame_of("gaps")).look, COLUMNS_LOOK);
}
END_TEST

START_TEST(debts_are_borrowed_too)
{
    struct columns_guide found = guide_with_plan(0);
    struct columns_guide guide;
    found.credit = -1000;
    columns_guide_borrow(&guide, &found);
    ck_assert_int_eq(guide.credit, -1000);
    found.credit = 1000;
    columns_guide_borrow(&guide, &found);
    ck_assert_int_eq(guide.credit, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("columns guide");
    TCase *tests = tcase_create("guide");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, lead_goes_on_from_frame_to_frame);
    tcase_add_test(tests, looks_once_while_nothing_changes);
    tcase_add_test(tests, looks_stay_within_their_credit);
    tcase_add_test(tests, passes_text_and_noise_by);
    tcase_add_test(tests, without_credit_there_is_no_look);
    tcase_add_test(tests, doubts_what_grows);
    tcase_add_test(tests, doubts_what_is_larger_than_its_sample);
    tcase_add_test(tests, near_plain_is_tried_both_ways);
    tcase_add_test(tests, borrows_for_what_looks_alike);
    tcase_add_test(tests, debts_are_borrowed_too);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
