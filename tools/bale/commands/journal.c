/* tools/bale/commands/journal.c -- bale journal: how the journal of a backend stands, and what an operator does about
 * it. */
#include "journal/repair/restore.h"
#include "journal/report/report.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "tools/bale/command.h"
#include "tools/bale/session/journal_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FOLLOW_MS = 1000, FOLLOW_REST = 4, RELEASE_WAIT_MS = 120000, READY_WAIT_MS = 30000, STEP_MS = 100 };

static void print(struct buffer *text)
{
    (void)fwrite(text->data, 1, text->size, stdout);
    (void)fflush(stdout);
    buffer_free(text);
}

/* ---- looking ---- */

static void print_report(const struct journal_report *report, bool json)
{
    struct buffer text = {0};
    if (json)
        report_put_json(report, &text);
    else
        report_put_text(report, &text);
    print(&text);
}

static bool show(const struct command_line *line, struct error *error)
{
    struct journal_report *report = calloc(1, sizeof *report);
    ASSERT(report != NULL);
    bool done = journal_session_report(&line->where, line->verify, report, error);
    if (done) {
        print_report(report, line->json);
        if (!report_is_sound(report))
            done = error_set(error, ERROR_DAMAGED, NULL, "the journal is not sound (%s)",
                             report->condition == JOURNAL_RUNS ? "see what was found"
                                                               : journal_condition_name(report->condition));
    }
    report_free(report);
    free(report);
    return done;
}

/* What a line of --follow is about: another line comes when it differs. */
struct seen {
    enum journal_condition condition;
    uint64_t generation, live_segments, live_bytes;
    unsigned quarantine_count, findings_count;
};

static void print_change(const struct journal_report *report, const struct seen *now, const struct seen *before)
{
    char when[32];
    struct tm fields;
    time_t seconds = (time_t)(report->now_ms / 1000);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &fields));
    printf("%s %s generation %" PRIu64 " (+%" PRIu64 "), %" PRIu64 " live segments of %" PRIu64
           " bytes, %u in quarantine, %u findings\n",
           when, journal_condition_name(now->condition), now->generation,
           now->generation >= before->generation ? now->generation - before->generation : 0, now->live_segments,
           now->live_bytes, now->quarantine_count, now->findings_count);
    (void)fflush(stdout);
}

/* Each look derives the whole state: one that takes long is followed by a rest that is longer still. */
static void rest(uint64_t began_ns)
{
    uint64_t rest_ns = FOLLOW_REST * (clock_monotonic_ns(clock_system()) - began_ns);
    if (rest_ns < FOLLOW_MS * UINT64_C(1000000))
        rest_ns = FOLLOW_MS * UINT64_C(1000000);
    const struct timespec pause = {(time_t)(rest_ns / 1000000000), (long)(rest_ns % 1000000000)};
    (void)nanosleep(&pause, NULL);
}

static bool follow(const struct command_line *line, struct error *error)
{
    struct journal_report *report = calloc(1, sizeof *report);
    struct seen before = {.condition = JOURNAL_CONDITION_COUNT};
    ASSERT(report != NULL);
    uint64_t began_ns = clock_monotonic_ns(clock_system());
    while (journal_session_report(&line->where, line->verify, report, error)) {
        const struct seen now = {.condition = report->condition,
                                 .generation = report->head.generation,
                                 .live_segments = report->live_segments,
                                 .live_bytes = report->live_bytes,
                                 .quarantine_count = report->head.quarantine_count,
                                 .findings_count = report->findings_count};
        bool is_same = now.condition == before.condition && now.generation == before.generation &&
                       now.live_segments == before.live_segments && now.live_bytes == before.live_bytes &&
                       now.quarantine_count == before.quarantine_count && now.findings_count == before.findings_count;
        if (!is_same && line->json)
            print_report(report, true);
        else if (!is_same)
            print_change(report, &now, &before);
        before = now;
        report_free(report);
        rest(began_ns);
        began_ns = clock_monotonic_ns(clock_system());
    }
    free(report);
    return false;
}

/* ---- testing the store ---- */

static SUSPENDS bool test_store(struct journal_session *session, void *context, struct error *error)
{
    (void)context;
    struct store_test test;
    bool is_good = ground_test_again(&session->environment, true, &test, error);
    for (unsigned i = 0; i < PROMISE_COUNT; i++)
        printf("%-9s %-15s %s\n",
               test.verdicts[i] == PROMISE_HELD     ? "held"
               : test.verdicts[i] == PROMISE_BROKEN ? "BROKEN"
                                                    : "untested",
               store_promise_name(i), store_promise_text(i));
    return is_good;
}

/* ---- restoring and adopting ---- */

static SUSPENDS void pause_ms(uint64_t milliseconds)
{
    (void)io_sleep_until(deadline_after_ms(milliseconds));
}

static SUSPENDS void wait_until_ready(const struct journal *journal)
{
    deadline_t ready = deadline_after_ms(READY_WAIT_MS);
    while (journal_condition(journal) == JOURNAL_NOT_READY && loop_now_ns() < ready)
        pause_ms(STEP_MS);
}

/* Where nothing is left, not even names, there is nothing to restore: the first head is made as a server makes it. */
static SUSPENDS bool begin_from_nothing(struct journal_session *session, bool is_agreed, struct error *error)
{
    printf(
        "Nothing of a journal is left here. An empty one would be made: settings of buckets that there were are gone, "
        "and what the ledger knew.\n");
    if (!is_agreed)
        return error_set(error, ERROR_DENIED, NULL, "nothing was done; with --yes it is");
    const struct journal *journal = journal_session_open(session, true);
    wait_until_ready(journal);
    enum journal_condition condition = journal_condition(journal);
    journal_session_close(session);
    if (condition != JOURNAL_RUNS)
        return error_set(error, ERROR_BUSY, NULL, "%s", journal_condition_advice(condition));
    printf("Done.\n");
    return true;
}

static SUSPENDS bool restore(struct journal_session *session, void *context, struct error *error)
{
    const struct command_line *line = context;
    struct restore_plan *plan = calloc(1, sizeof *plan);
    struct buffer text = {0};
    struct journal_id lineage;
    ASSERT(plan != NULL);
    enum restore_kind kind = line->adopt ? RESTORE_ADOPTION : line->begin_anew ? RESTORE_ANEW : RESTORE_LOST_HEAD;
    bool done = restore_plan(&session->environment, kind, plan, error);
    if (!done && error->kind == ERROR_NOT_FOUND && kind == RESTORE_ANEW) {
        free(plan);
        return begin_from_nothing(session, line->yes, error);
    }
    if (done) {
        restore_describe(plan, &text);
        print(&text);
        done = line->yes || error_set(error, ERROR_DENIED, NULL, "nothing was done; with --yes it is");
    }
    /* first, so that it is not forgotten: until the recount the figures say that they may be wrong */
    done = done && (!restore_loses(plan) || session->spool == NULL || spool_doubt(session->spool, error));
    done = done && restore_execute(&session->environment, plan, &lineage, error);
    if (done) {
        char digits[2 * JOURNAL_ID_BYTES];
        hex_encode(span_of(&lineage, sizeof lineage), digits);
        printf("Done: generation %" PRIu64 " of lineage %.*s.\n", plan->new_generation, (int)sizeof digits, digits);
    }
    free(plan);
    return done;
}

/* ---- releasing ---- */

static bool read_key(const char *text, struct segment_key *ret_key, struct error *error)
{
    char name[JOURNAL_NAME_BYTES];
    bool has_prefix = strncmp(text, SEGMENTS_PREFIX, strlen(SEGMENTS_PREFIX)) == 0;
    (void)snprintf(name, sizeof name, "%s%s", has_prefix ? "" : SEGMENTS_PREFIX, text);
    return segment_name_parse(span_from_string(name), ret_key) ||
           error_set(error, ERROR_INVALID, NULL, "%s is no name of a segment", text);
}

static bool is_in_quarantine(const struct journal *journal, const struct segment_key *key)
{
    const struct head *head = journal_head(journal);
    return head != NULL && head_find_quarantined(head, key) != NULL;
}

static SUSPENDS bool submit_release(struct journal *journal, const struct segment_key *key, struct error *error)
{
    struct buffer ops = {0};
    op_put_release(&ops, key);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = journal_submit(journal, &batch, error);
    buffer_free(&ops);
    if (answer.outcome == JOURNAL_COMMITTED)
        return true;
    return answer.outcome == JOURNAL_REFUSED ? false
                                             : error_set(error, ERROR_BUSY, NULL, "the journal did not take it: again");
}

static SUSPENDS bool release_key(struct journal *journal, const struct segment_key *key, struct error *error)
{
    wait_until_ready(journal);
    if (journal_condition(journal) != JOURNAL_RUNS)
        return error_set(error, ERROR_BUSY, NULL, "%s", journal_condition_advice(journal_condition(journal)));
    if (!is_in_quarantine(journal, key))
        return error_set(error, ERROR_NOT_FOUND, NULL, "that segment is not in quarantine");
    if (!submit_release(journal, key, error))
        return false;
    deadline_t resolved = deadline_after_ms(RELEASE_WAIT_MS);
    while (is_in_quarantine(journal, key) && loop_now_ns() < resolved)
        pause_ms(STEP_MS);
    if (is_in_quarantine(journal, key))
        return error_set(error, ERROR_TIMED_OUT, NULL, "it is released; a later fold will resolve it");
    bool counts = journal_resolve(journal, key).outcome == JOURNAL_COMMITTED;
    printf("The segment %s.\n", counts ? "is good now and counts: what was sent again meanwhile, too, counts once"
                                       : "is given up: what no spool has sent again never counts");
    return true;
}

static SUSPENDS bool release(struct journal_session *session, void *context, struct error *error)
{
    const struct command_line *line = context;
    struct segment_key key;
    if (!read_key(line->release, &key, error))
        return false;
    struct journal *journal = journal_session_open(session, false);
    bool done = release_key(journal, &key, error);
    journal_session_close(session);
    return done;
}

/* ---- the command ---- */

bool command_journal(const struct command_line *line, struct error *error)
{
    if (line->test_store)
        return journal_session_run(&line->where, test_store, NULL, error);
    if (line->restore || line->adopt || line->begin_anew)
        return journal_session_run(&line->where, restore, (void *)line, error);
    if (line->release != NULL)
        return journal_session_run(&line->where, release, (void *)line, error);
    return line->follow ? follow(line, error) : show(line, error);
}
