/* tests/unit/remote/ledger_death_test.c -- what a process that was killed at any step leaves to the next one, and what
 * a machine without power or a bad disk leaves of that. */
#include "tests/unit/remote/ledger_fixture.h"

#include "store/remote/ledger/files.h"
#include "store/remote/ledger/settled.h"
#include "tests/unit/run_suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a process that is killed ---- */

/* A child takes so many of these steps, and ends without another word. */
static void step_of(struct ledger *ledger, unsigned step, struct noted_intent *open[3])
{
    struct spool_info info;
    switch (step) {
    case 0:
        open[0] = note(ledger, 1, "k");
        break;
    case 1:
        log_end(ledger_log(ledger, 1), open[0], INTENT_DONE);
        break;
    case 2:
        open[1] = note(ledger, 1, "k");
        break;
    case 3:
    case 7:
        (void)freeze(ledger);
        break;
    case 4:
        log_end(ledger_log(ledger, 1), open[1], INTENT_DONE);
        break;
    case 5:
        open[2] = note(ledger, 0, "k");
        break;
    case 6:
        log_end(ledger_log(ledger, 0), open[2], INTENT_NOT_DONE);
        break;
    default:
        info = info_of(ledger, true);
        trim(ledger, &info, 1);
        break;
    }
}

static void run_killed(unsigned steps)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct ledger *ledger = open_in(folder);
        struct noted_intent *open[3] = {NULL};
        for (unsigned step = 0; step < steps; step++)
            step_of(ledger, step, open);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

START_TEST(a_kill_at_each_step_loses_nothing)
{
    static const int64_t counted[] = {0, 0, 1, 1, 1, 2, 2, 2, 2, 1}; /* and not trimmed, after so many steps */
    static const unsigned open[] = {0, 1, 0, 1, 1, 0, 1, 0, 0, 0};   /* intents */
    unsigned steps = (unsigned)_i;
    run_killed(steps);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, counted[steps]);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
    ck_assert_uint_eq(count_waiting(ledger), open[steps]);
    ledger_close(ledger);
    ledger = open_in(folder); /* and it is found as often as it is looked for */
    ck_assert_int_eq(totals_of(ledger).objects, counted[steps]);
    ck_assert_uint_eq(count_waiting(ledger), open[steps]);
    ledger_close(ledger);
}
END_TEST

START_TEST(what_was_open_is_settled_once)
{
    static const enum intent_outcome outcomes[] = {INTENT_DONE, INTENT_NOT_DONE, INTENT_UNCERTAIN};
    struct waiting_intent waiting;
    struct error error;
    run_killed(4); /* one is counted, one open */
    struct ledger *ledger = open_in(folder);
    ck_assert(info_of(ledger, false).has_open);
    ck_assert(ledger_find_waiting(ledger, 1000, &waiting));
    ck_assert(span_equal(waiting.open->intent.name.key, SPAN("k")));
    ledger_defer(ledger, &waiting, 3000);
    ck_assert(!ledger_find_waiting(ledger, 2999, &waiting));
    ck_assert(ledger_find_waiting(ledger, 3000, &waiting));
    ck_assert_uint_eq(waiting_since_ms(&waiting), 1000);
    ck_assert(ledger_freeze_found(ledger, &error));
    ck_assert(info_of(ledger, false).has_open); /* not before it is settled */
    ledger_settle(ledger, &waiting, outcomes[_i]);
    ck_assert(ledger_freeze_found(ledger, &error));
    struct spool_info info = info_of(ledger, false);
    ck_assert(!info.has_open);
    struct totals totals = totals_of(ledger);
    ck_assert_int_eq(totals.objects, outcomes[_i] == INTENT_DONE ? 2 : 1);
    ck_assert_int_eq(totals.uncertain, outcomes[_i] == INTENT_UNCERTAIN ? 1 : 0);
    ledger_close(ledger);
    ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, totals.objects);
    ck_assert(!info_of(ledger, false).has_open);
    ledger_close(ledger);
}
END_TEST

/* What is known of a tombstone is known after a kill, too. */
START_TEST(what_was_buried_is_found_as_such)
{
    struct waiting_intent waiting;
    struct ledger *ledger = open_in(folder);
    struct noted_intent *open = note(ledger, 0, "k");
    log_note_buried(ledger_log(ledger, 0), open);
    struct ledger *next = open_in(folder); /* as after a kill */
    ck_assert_uint_eq(count_waiting(next), 1);
    ck_assert(ledger_find_waiting(next, 1000, &waiting));
    ck_assert(waiting.open->intent.kind == INTENT_BURIED && waiting.open->intent.made.objects == 1);
    ledger_close(next);
    log_end(ledger_log(ledger, 0), open, INTENT_DONE);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ledger_close(ledger);
}
END_TEST

static bool is_recounted(struct ledger *ledger, const char *key)
{
    struct waiting_intent waiting;
    for (uint64_t now_ms = 1000; ledger_find_waiting(ledger, now_ms, &waiting); now_ms++) {
        if (span_equal(waiting.open->intent.name.key, span_from_string(key)))
            return ledger_was_recounted(ledger, &waiting);
        ledger_defer(ledger, &waiting, UINT64_MAX);
    }
    ck_abort_msg("%s is not there", key);
    return false;
}

/* Of what a killed process noted, whether it was before the last recount; where one file has both, all of it was. */
START_TEST(intents_know_how_often_objects_were_counted)
{
    struct ledger *ledger = open_in(folder);
    ck_assert(!ledger_knows_recounts(ledger));
    ck_assert_uint_eq(ledger_log(ledger, 1)->head.recounts, 0);
    ledger_note_recounts(ledger, 4);
    ck_assert(ledger_knows_recounts(ledger));
    struct noted_intent *old = note(ledger, 0, "old");
    struct noted_intent *other = note(ledger, 1, "other");
    ledger_note_recounts(ledger, 5);
    log_end(ledger_log(ledger, 1), other, INTENT_DONE);
    ck_assert_uint_eq(freeze(ledger), 1);
    struct noted_intent *beside = note(ledger, 0, "beside");
    struct noted_intent *new = note(ledger, 1, "new");
    struct ledger *next = open_in(folder); /* as after a kill */
    ledger_note_recounts(next, 5);
    ck_assert(is_recounted(next, "old"));
    ck_assert(is_recounted(next, "beside"));
    ck_assert(!is_recounted(next, "new"));
    ledger_close(next);
    log_end(ledger_log(ledger, 0), old, INTENT_NOT_DONE);
    log_end(ledger_log(ledger, 0), beside, INTENT_NOT_DONE);
    log_end(ledger_log(ledger, 1), new, INTENT_NOT_DONE);
    ledger_close(ledger);
}
END_TEST

/* A recount that is heard of soon after may have counted it as well; of one before, or long after, that is not so. */
START_TEST(what_was_settled_is_remembered_for_a_while)
{
    struct settled_lately lately = {0};
    struct ledger *ledger = open_in(folder);
    struct intent_log *log = ledger_log(ledger, 0);
    settled_check(&lately, log, 7, 1000);
    settled_note(&lately, SPAN("photos"), 7, 1000);
    settled_note(&lately, SPAN("photos"), 7, 1500);
    settled_note(&lately, SPAN("texts"), 7, 1500);
    settled_check(&lately, log, 7, 1500 + SETTLED_REMEMBERED_MS - 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
    settled_check(&lately, log, 8, 1500 + SETTLED_REMEMBERED_MS - 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, 3);
    settled_check(&lately, log, 9, 5000);
    settled_note(&lately, SPAN("photos"), 9, 6000);
    settled_check(&lately, log, 9, 6000 + SETTLED_REMEMBERED_MS);
    settled_check(&lately, log, 10, 6000 + SETTLED_REMEMBERED_MS);
    ck_assert_int_eq(totals_of(ledger).uncertain, 3);
    ledger_close(ledger);
}
END_TEST

START_TEST(own_intents_that_nobody_knows_wait)
{
    struct waiting_intent waiting;
    struct ledger *ledger = open_in(folder);
    struct noted_intent *open = note(ledger, 1, "k");
    ck_assert(!ledger_find_waiting(ledger, 5000, &waiting)); /* its request is under way */
    log_leave(ledger_log(ledger, 1), open, 5000);
    ck_assert(ledger_find_waiting(ledger, 5000, &waiting));
    ledger_settle(ledger, &waiting, INTENT_DONE);
    ck_assert(!ledger_find_waiting(ledger, 9000, &waiting));
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    open = note(ledger, 1, "k");
    log_leave(ledger_log(ledger, 1), open, 5000);
    ledger_close(ledger); /* it is the next process's to settle */
    ledger = open_in(folder);
    ck_assert_uint_eq(count_waiting(ledger), 1);
    ck_assert_int_eq(totals_of(ledger).objects, 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, 0);
    ledger_close(ledger);
}
END_TEST

START_TEST(copies_of_a_folder_make_the_same_record)
{
    char copy[80];
    struct waiting_intent waiting;
    struct error error;
    run_killed(4);
    (void)snprintf(copy, sizeof copy, "%s-copy", folder);
    run("cp -r %s %s", folder, copy);
    struct ledger *original = open_in(folder);
    struct ledger *clone = open_in(copy);
    ck_assert(ledger_find_waiting(original, 1, &waiting));
    ledger_settle(original, &waiting, INTENT_DONE);
    ck_assert(ledger_find_waiting(clone, 1, &waiting));
    ledger_settle(clone, &waiting, INTENT_UNCERTAIN); /* somebody has replaced it meanwhile */
    ck_assert(ledger_freeze_found(original, &error) && ledger_freeze_found(clone, &error));
    struct spool_info first = info_of(original, false);
    struct spool_info second = info_of(clone, false);
    ck_assert_mem_eq(first.id, second.id, SPOOL_ID_BYTES); /* so the journal takes one of them */
    ck_assert_uint_eq(first.last_frozen, second.last_frozen);
    ledger_close(original);
    ledger_close(clone);
    run("rm -rf %s%s", copy, "");
}
END_TEST

/* ---- a machine that lost its power ---- */

START_TEST(a_log_of_another_start_is_uncertain)
{
    struct buffer log = {0};
    struct error error;
    struct log_head head = {.spool = "spool-0123456789", .boot = "another start of", .created_ms = 1};
    struct ledger_intent intent = intent_of("k", 1, 100);
    struct ledger_file_name name = {.spool = "spool-0123456789", .shard = 1, .generation = 4};
    char text[LEDGER_FILE_NAME_BYTES];
    intent.number = 1;
    log_put_head(&log, &head);
    log_put_intent(&log, &intent);
    log_put_outcome(&log, 1, INTENT_DONE);
    if (_i == 1)
        log_put_end(&log); /* it was put on the disk whole */
    if (_i == 2)
        log.size = 0; /* nothing of it was */
    ledger_file_name_encode(&name, text);
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    ck_assert(ledger_file_write(folder_fd, text, buffer_span(&log), false, &error));
    (void)close(folder_fd);
    buffer_free(&log);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, _i == 2 ? 0 : 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == 1 ? 0 : 1);
    ck_assert(ledger_freeze_found(ledger, &error));
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == 1 ? 0 : 1);
    ledger_close(ledger);
}
END_TEST

/* ---- a log that the disk has damaged ---- */

static size_t make_log(struct buffer *log, const struct log_head *head)
{
    struct ledger_intent intent = intent_of("k", 1, 100);
    size_t second = 0;
    log_put_head(log, head);
    for (intent.number = 1; intent.number <= 40; intent.number++) {
        if (intent.number == 2)
            second = log->size;
        log_put_intent(log, &intent);
        log_put_outcome(log, intent.number, INTENT_DONE);
    }
    return second;
}

START_TEST(a_damaged_log_is_uncertain)
{
    enum { CHECKSUM, LENGTH, CONTENT, NO_FILE, CUT };
    struct buffer log = {0};
    struct error error;
    struct log_head head = {.spool = "spool-0123456789", .created_ms = 1};
    struct ledger_file_name name = {.spool = "spool-0123456789", .shard = 1, .generation = 4};
    char text[LEDGER_FILE_NAME_BYTES];
    (void)boot_id_read(head.boot);
    size_t second = make_log(&log, &head);
    if (_i == CHECKSUM || _i == CONTENT)
        log.data[second + (_i == CHECKSUM ? 0 : 20)] ^= 1;
    if (_i == LENGTH)
        log.data[second + 5] ^= 0x80;
    if (_i == CUT)
        log.size = second + 20;
    ledger_file_name_encode(&name, text);
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (_i == NO_FILE)
        ck_assert_int_eq(mkdirat(folder_fd, text, 0700), 0);
    else
        ck_assert(ledger_file_write(folder_fd, text, buffer_span(&log), false, &error));
    (void)close(folder_fd);
    buffer_free(&log);
    struct ledger *ledger = open_in(folder);
    ck_assert_int_eq(totals_of(ledger).objects, _i == NO_FILE ? 0 : 1);
    ck_assert_int_eq(totals_of(ledger).uncertain, _i == CUT ? 0 : 1);
    ledger_close(ledger);
}
END_TEST

START_TEST(doubts_are_uncertain_changes)
{
    struct error error;
    bool is_in_doubt;
    struct ledger *ledger = open_in(folder);
    ck_assert(spool_doubt(ledger_spool(ledger), &error));
    ck_assert(spool_is_in_doubt(ledger_spool(ledger), &is_in_doubt, &error) && !is_in_doubt);
    ck_assert_int_eq(totals_of(ledger).uncertain, 1);
    ledger_close(ledger);
}
END_TEST

int main(void)
{
    TCase *folders = tcase_create("folders");
    tcase_add_checked_fixture(folders, make_folder, remove_folder);
    tcase_add_loop_test(folders, a_kill_at_each_step_loses_nothing, 0, 10);
    tcase_add_loop_test(folders, what_was_open_is_settled_once, 0, 3);
    tcase_add_test(folders, what_was_buried_is_found_as_such);
    tcase_add_test(folders, intents_know_how_often_objects_were_counted);
    tcase_add_test(folders, what_was_settled_is_remembered_for_a_while);
    tcase_add_test(folders, own_intents_that_nobody_knows_wait);
    tcase_add_test(folders, copies_of_a_folder_make_the_same_record);
    tcase_add_loop_test(folders, a_log_of_another_start_is_uncertain, 0, 3);
    tcase_add_loop_test(folders, a_damaged_log_is_uncertain, 0, 5);
    tcase_add_test(folders, doubts_are_uncertain_changes);
    Suite *suite = suite_create("ledger_death");
    suite_add_tcase(suite, folders);
    return run_suite(suite);
}
