/* tests/unit/journal/window_test.c -- names that somebody else has put among the segments and copies, dead segments by
 * the thousand, and bodies that come slowly. */
#include "tests/unit/journal/restore_fixture.h"

#include "journal/format/segment.h"
#include "journal/replica/replica.h"
#include "journal/report/report.h"

#include <stdio.h>
#include <string.h>

enum { GET_MS = 20, SEGMENTS = 60 };

static struct segment_key key_of(uint64_t base, uint32_t number)
{
    struct segment_key key = {.base = base, .clock = number, .sequence = UINT64_C(1) << 32};
    key.writer.bytes[0] = 0xee;
    return key;
}

static void put_segment(const struct segment_key *key, struct span body)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    memory_put(&store, name, body);
}

/* Sound in itself, of the lineage that is given. */
static void put_sound_segment(uint64_t base, const struct journal_id *lineage)
{
    struct segment segment = {.lineage = *lineage, .key = key_of(base, 1)};
    struct buffer body = {0};
    struct error error;
    segment_begin(&body, &segment);
    ck_assert(segment_end(&body, &error));
    segment.key.sequence |= segment_checksum(buffer_span(&body));
    segment_begin(&body, &segment);
    ck_assert(segment_end(&body, &error));
    put_segment(&segment.key, buffer_span(&body));
    buffer_free(&body);
}

static struct head *head_there(struct head *head)
{
    struct error error;
    ck_assert(head_decode(buffer_span(&memory_find(&store, HEAD_NAME)->body), head, &error));
    return head;
}

static void expect_goes_on(int64_t sum)
{
    live(&store, 1, 3, 10, 6);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), sum + 30);
    expect_no_plan(RESTORE_LOST_HEAD, ERROR_CONFLICT, "a good head is there");
}

/* ---- what others have put there ---- */

static void has_foreign_names(void)
{
    static const struct journal_id other = {{7}};
    struct segment_key last = key_of(JOURNAL_GENERATION_MAX, 1);
    struct segment_key none = key_of(UINT64_MAX - 3, 1);
    char name[JOURNAL_NAME_BYTES];
    live(&store, 1, 3, 10, 3);
    put_segment(&last, SPAN("this is no segment"));
    put_segment(&none, SPAN("and this is not even its name"));
    put_sound_segment(UINT64_C(1) << 40, &other);
    head_copy_name_format(UINT64_C(1) << 40, &other, name);
    memory_put(&store, name, SPAN("no head"));
    head_copy_name_format(UINT64_MAX, &other, name);
    memory_put(&store, name, SPAN("no head"));
    expect_goes_on(30);
}

START_TEST(a_foreign_name_of_a_later_generation_stops_nobody)
{
    run(has_foreign_names);
}
END_TEST

static void restores_beside_foreign_names(void)
{
    static struct head head;
    struct segment_key last = key_of(JOURNAL_GENERATION_MAX, 1);
    struct segment_key none = key_of(UINT64_MAX - 3, 1);
    live(&store, 1, 3, 10, 3);
    put_segment(&last, SPAN("this is no segment"));
    put_segment(&none, SPAN("and this is not even its name"));
    memory_remove(&store, HEAD_NAME);
    expect_stopped(JOURNAL_HEAD_MISSING);
    restore_now(RESTORE_LOST_HEAD);
    ck_assert_uint_lt(head_there(&head)->generation, 1000);
    expect_goes_on(30);
}

START_TEST(nor_does_it_drive_a_restore_beyond_all_bounds)
{
    run(restores_beside_foreign_names);
}
END_TEST

static void knows_an_old_head(void)
{
    static struct journal_report report;
    static struct head head;
    struct error error;
    live(&store, 1, 3, 10, 3);
    put_sound_segment(head_there(&head)->generation + 5, &head.lineage);
    expect_stopped(JOURNAL_WENT_BACK);
    ck_assert(report_of_store(&machine.environment, false, NULL, &report, &error));
    ck_assert_int_eq(report.condition, JOURNAL_WENT_BACK);
    report_free(&report);
}

START_TEST(a_segment_of_this_lineage_and_of_a_later_generation_says_that_the_head_is_old)
{
    run(knows_an_old_head);
}
END_TEST

/* ---- many ---- */

static void cleans_up(void)
{
    enum { DEAD = 3500 };
    live(&store, 1, 3, 10, 8);
    for (uint32_t i = 0; i < DEAD; i++) {
        struct segment_key key = key_of(1, i);
        put_segment(&key, SPAN("late"));
    }
    live(&store, 1, 1, 10, 2);
    ck_assert_uint_lt(memory_count(&store, SEGMENTS_PREFIX), 500);
    ck_assert_int_eq(sum_of(&store, 1, JOURNAL_RUNS), 40);
}

START_TEST(cleanup_takes_as_many_pages_as_are_dead)
{
    run(cleans_up);
}
END_TEST

/* ---- slowly ---- */

static enum store_answer (*get_at_once)(struct journal_store *base, const char *name, const struct store_etag *known,
                                        struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline);
static unsigned under_way, most_under_way;

static enum store_answer get_slowly(struct journal_store *base, const char *name, const struct store_etag *known,
                                    struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    under_way++;
    most_under_way = under_way > most_under_way ? under_way : most_under_way;
    pause_ms(GET_MS);
    enum store_answer answer = get_at_once(base, name, known, ret_body, ret_etag, deadline);
    under_way--;
    return answer;
}

static void fetches_several_at_once(void)
{
    const struct journal_options options = {.window = 4, .horizon = 8, .trusts_store = true};
    static struct head head;
    struct error error;
    live(&store, 1, 1, 10, 0);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct journal_id lineage = head_there(&head)->lineage;
        lineage.bytes[15] ^= (uint8_t)(1 + i); /* all are read, whosever they are */
        put_sound_segment(head.generation, &lineage);
    }
    get_at_once = store.base.get;
    store.base.get = get_slowly;
    struct journal *journal = journal_load(&machine.environment, &options, &error);
    store.base.get = get_at_once;
    ck_assert_ptr_nonnull(journal);
    ck_assert_uint_eq(most_under_way, REQUESTS_AT_ONCE);
    journal_free(journal);
}

START_TEST(bodies_are_fetched_several_at_once)
{
    run(fetches_several_at_once);
}
END_TEST

static uint64_t longest_wait_ns;
static unsigned answers_lost;

static enum store_answer lose_segment(struct journal_store *base, const char *name, const struct store_etag *known,
                                      struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    if (strncmp(name, SEGMENTS_PREFIX, strlen(SEGMENTS_PREFIX)) != 0)
        return get_at_once(base, name, known, ret_body, ret_etag, deadline);
    uint64_t wait_ns = deadline - clock_monotonic_ns(clock_system());
    longest_wait_ns = wait_ns > longest_wait_ns ? wait_ns : longest_wait_ns;
    answers_lost++;
    return STORE_UNKNOWN;
}

/* Of segments that never come: the longest time that a tick has for one, beside what every request has. */
static uint64_t wait_ms_of(unsigned segments)
{
    enum { READS = 10 };
    static struct machine reader;
    longest_wait_ns = answers_lost = 0;
    get_at_once = store.base.get;
    store.base.get = lose_segment;
    machine_start(&reader, &store, 2);
    uint64_t request_ms = reader.journal->options.request_ms;
    for (unsigned i = 0; i < 2000 && answers_lost < READS * segments; i++)
        pause_ms(5);
    machine_stop(&reader);
    store.base.get = get_at_once;
    ck_assert_uint_ge(answers_lost, READS * segments);
    return (longest_wait_ns + 999999) / 1000000 - request_ms;
}

static void waits_for_lost_answers(void)
{
    const uint64_t body_ms = SEGMENT_BYTES_MAX / (4 << 20) * 1000; /* of the largest, at 4 MiB a second */
    static struct head head;
    live(&store, 1, 0, 0, 0); /* a head, and no segment */
    for (unsigned i = 0; i < SEGMENTS; i++) {
        struct journal_id lineage = head_there(&head)->lineage;
        lineage.bytes[15] ^= (uint8_t)(1 + i);
        put_sound_segment(head.generation, &lineage);
        if (i == 0)
            ck_assert_uint_eq(wait_ms_of(1), body_ms);
    }
    ck_assert_uint_eq(wait_ms_of(SEGMENTS), REQUESTS_AT_ONCE * body_ms);
}

START_TEST(an_answer_is_waited_for_as_long_as_what_is_on_its_way_can_take)
{
    run(waits_for_lost_answers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *tests = tcase_create("window");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, a_foreign_name_of_a_later_generation_stops_nobody);
    tcase_add_test(tests, nor_does_it_drive_a_restore_beyond_all_bounds);
    tcase_add_test(tests, a_segment_of_this_lineage_and_of_a_later_generation_says_that_the_head_is_old);
    tcase_add_test(tests, cleanup_takes_as_many_pages_as_are_dead);
    tcase_add_test(tests, bodies_are_fetched_several_at_once);
    tcase_add_test(tests, an_answer_is_waited_for_as_long_as_what_is_on_its_way_can_take);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
