/* tools/bale/view/bucket_ledger.c -- the ledger's state in the journal of a bucket, and the bucket's objects. */
#include "tools/bale/view/bucket_ledger.h"

#include "journal/fiber_scheduler.h"
#include "journal/fleet/cards.h"
#include "journal/savings/recounts.h"
#include "journal/savings/rules.h"
#include "journal/savings/uncertain.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "store/remote/remote.h"
#include "tools/bale/session/backend_session.h"

#include <stdio.h>

enum {
    PAGE_BUCKETS = 1000,
    PAGE_BYTES = 1 << 20,
    ON_THE_WAY_MS = 2500, /* amounts are sent within a second */
    COUNTS_MAX = 3,
    READY_WAIT_MS = 20000,
    STEP_MS = 50,
};

struct session {
    struct backend *backend;
    struct fiber_scheduler scheduler;
    struct journal_bucket *room;
    struct journal *journal;
};

/* ---- the journal ---- */

static SUSPENDS bool begin(struct backend *backend, bool is_writing, struct session *session, struct error *error)
{
    const struct journal_options options = {.poll_ms = 500, .fold_age_ms = 100};
    *session = (struct session){.backend = backend};
    if (backend->no_journal != NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "%s", backend->no_journal);
    fiber_scheduler_init(&session->scheduler);
    session->room = journal_room_open(&backend->home, ROOM_JOURNAL);
    const struct journal_environment environment = {.store = journal_bucket_store(session->room),
                                                    .clock = clock_system(),
                                                    .random = random_system(),
                                                    .scheduler = &session->scheduler.base,
                                                    .place = backend->home.place};
    session->journal = is_writing ? journal_open(&environment, &options) : journal_load(&environment, &options, error);
    if (session->journal == NULL && error->kind == ERROR_NOT_FOUND)
        (void)error_set(error, ERROR_NOT_FOUND, NULL, "the bucket has no ledger yet: baled makes it");
    return session->journal != NULL;
}

static SUSPENDS void end(struct session *session, bool is_writing)
{
    if (session->journal != NULL && is_writing)
        journal_stop(session->journal);
    if (session->room == NULL)
        return;
    bool has_ended = fiber_scheduler_stop(&session->scheduler, DEADLINE_NONE);
    ASSERT(has_ended);
    if (session->journal != NULL)
        journal_free(session->journal);
    journal_bucket_close(session->room);
}

static SUSPENDS bool wait_until_ready(struct session *session, struct error *error)
{
    deadline_t ready = deadline_after_ms(READY_WAIT_MS);
    while (journal_condition(session->journal) == JOURNAL_NOT_READY && loop_now_ns() < ready)
        (void)io_sleep_until(deadline_after_ms(STEP_MS));
    enum journal_condition condition = journal_condition(session->journal);
    return condition == JOURNAL_RUNS ||
           error_set(error, ERROR_BUSY, NULL, "the journal stands still (%s): %s", journal_condition_name(condition),
                     journal_condition_advice(condition));
}

/* ---- buckets ---- */

typedef SUSPENDS bool bucket_found(void *context, const struct bucket_info *bucket, struct error *error);

static SUSPENDS bool each_bucket(struct bucket_store *store, const char *wanted, bucket_found *found, void *context,
                                 struct error *error)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    bool is_truncated = true;
    bool is_known = wanted == NULL;
    bool done = true;
    while (done && is_truncated) {
        struct arena arena;
        struct bucket_info *buckets;
        unsigned count = 0;
        arena_init(&arena, PAGE_BYTES);
        done = bucket_list_buckets(store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), PAGE_BUCKETS, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            bool is_meant = wanted == NULL || strcmp(wanted, buckets[i].name) == 0;
            is_known |= is_meant;
            done = !is_meant || found(context, &buckets[i], error);
            (void)snprintf(after, sizeof after, "%s", buckets[i].name);
        }
        arena_free(&arena);
    }
    return done && (is_known || error_set(error, ERROR_NOT_FOUND, NULL, "there is no bucket %s", wanted));
}

/* ---- reading ---- */

struct reading {
    const char *bucket;
    struct savings *savings;
    struct ledger_sums sums;
};

static SUSPENDS bool add_bucket(void *context, const struct bucket_info *bucket, struct error *error)
{
    struct reading *reading = context;
    struct span name = span_from_string(bucket->name);
    struct ledger_amounts amounts = ledger_sums_find(&reading->sums, name, bucket->creation_id);
    (void)error;
    savings_add(reading->savings, name, &amounts);
    return true;
}

static SUSPENDS bool read_ledger(struct backend *backend, void *context, struct error *error)
{
    struct reading *reading = context;
    struct session session;
    bool done = begin(backend, false, &session, error);
    if (done) {
        const struct head *head = journal_head(session.journal);
        ledger_sums_add_state(&reading->sums, journal_state(session.journal));
        reading->savings->doubts[SAVINGS_QUARANTINE] = head != NULL && head->quarantine_count > 0;
        done = each_bucket(backend->store, reading->bucket, add_bucket, reading, error);
        savings_finish(reading->savings);
        savings_add_uncertain(reading->savings, &reading->sums);
    }
    ledger_sums_free(&reading->sums);
    end(&session, false);
    return done;
}

bool bucket_ledger_read(const struct config *where, const char *bucket, struct savings *ret_savings,
                        struct error *error)
{
    struct reading reading = {.bucket = bucket, .savings = ret_savings};
    *ret_savings = (struct savings){0};
    return backend_session_run_on_bucket(where, read_ledger, &reading, error);
}

/* ---- counting anew ---- */

struct recounting {
    const char *bucket;
    ledger_difference_found *found;
    void *context;
    struct session session;
    bool is_busy; /* a bucket was written to all the time */
};

/* What the ledger says of a bucket. */
struct said {
    struct ledger_amounts amounts;
    struct ledger_amounts uncertain;
};

static SUSPENDS bool ask_ledger(struct recounting *recounting, const struct bucket_info *bucket, struct said *ret_said,
                                struct error *error)
{
    struct span name = span_from_string(bucket->name);
    if (!journal_flush(recounting->session.journal, error))
        return false;
    const struct state *state = journal_state(recounting->session.journal);
    ret_said->amounts = ledger_in_state(state, name, bucket->creation_id);
    ret_said->uncertain = ledger_in_state(state, name, LEDGER_UNCERTAIN_ID);
    return true;
}

static SUSPENDS bool submit(struct recounting *recounting, const struct journal_batch *batch, struct error *error)
{
    struct journal_answer answer = journal_submit(recounting->session.journal, batch, error);
    if (answer.outcome == JOURNAL_COMMITTED)
        return true;
    return answer.outcome == JOURNAL_REFUSED ? false
                                             : error_set(error, ERROR_BUSY, NULL, "the journal did not take it: again");
}

static SUSPENDS bool open_recounts(struct recounting *recounting, uint64_t *ret_last, struct error *error)
{
    struct buffer ops = {0};
    if (state_spool_last(journal_state(recounting->session.journal), &recounts_spool, ret_last))
        return true;
    *ret_last = 0;
    op_put_spool_open(&ops, &recounts_spool);
    const struct journal_batch batch = {.id = rule_open_batch_id(&recounts_spool), .ops = buffer_span(&ops)};
    bool done = submit(recounting, &batch, error);
    buffer_free(&ops);
    return done;
}

static void put_difference(struct buffer *encoded, struct span bucket, uint64_t creation_id,
                           const struct ledger_amounts *wanted, const struct ledger_amounts *said)
{
    struct spool_amounts difference = {bucket, creation_id, *wanted};
    ledger_amounts_subtract(&difference.amounts, said);
    if (!ledger_amounts_are_zero(&difference.amounts))
        spool_put_amounts(encoded, &difference);
}

/* `last`: the last correction that anybody had made when this one was begun. One that corrects nothing is written, too:
 * what was open then is not to be counted again (journal/savings/recounts.h). */
static SUSPENDS bool correct(struct recounting *recounting, const struct bucket_info *bucket, uint64_t last,
                             const struct ledger_amounts *counted, const struct said *said, struct error *error)
{
    static const struct ledger_amounts none;
    struct span name = span_from_string(bucket->name);
    struct buffer encoded = {0};
    struct buffer ops = {0};
    put_difference(&encoded, name, bucket->creation_id, counted, &said->amounts);
    put_difference(&encoded, name, LEDGER_UNCERTAIN_ID, &none, &said->uncertain);
    const struct ledger_difference difference = {
        .bucket = name, .creation_id = bucket->creation_id, .rows = *counted, .ledger = said->amounts};
    bool has_any = encoded.size > 0;
    bool done = ledger_put_record(&ops, &recounts_spool, last + 1, buffer_span(&encoded), error);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    done = done && submit(recounting, &batch, error);
    if (done && has_any)
        recounting->found(recounting->context, &difference);
    buffer_free(&encoded);
    buffer_free(&ops);
    return done;
}

static bool is_same(const struct said *a, const struct said *b)
{
    return memcmp(&a->amounts, &b->amounts, sizeof a->amounts) == 0 && a->uncertain.objects == b->uncertain.objects;
}

static SUSPENDS bool recount_bucket(void *context, const struct bucket_info *bucket, struct error *error)
{
    struct recounting *recounting = context;
    struct bucket_store *store = recounting->session.backend->store;
    struct ledger_amounts counted;
    struct said before;
    struct said after;
    uint64_t last;
    for (unsigned i = 0; i < COUNTS_MAX; i++) {
        if (!open_recounts(recounting, &last, error) || !ask_ledger(recounting, bucket, &before, error) ||
            !remote_count(store, span_from_string(bucket->name), &counted, error))
            return false;
        (void)io_sleep_until(deadline_after_ms(ON_THE_WAY_MS));
        if (!ask_ledger(recounting, bucket, &after, error))
            return false;
        if (is_same(&before, &after))
            return correct(recounting, bucket, last, &counted, &after, error);
    }
    (void)fprintf(stderr, "Bucket %s is being written to all the time: it was not corrected.\n", bucket->name);
    recounting->is_busy = true;
    return true;
}

/* What a killed process was about to write lies in the bucket already, or may, and is counted here. Its next start
 * cannot know that: what it finds to have happened is uncertain then. */
static SUSPENDS bool name_gone(const struct backend *backend, struct error *error)
{
    struct card_list list;
    struct cards_room *room = cards_room_open(&backend->home);
    bool done = cards_read_all(room, &list, error);
    cards_room_close(room);
    if (!done)
        return error_prepend(error, "reading the cards");
    for (unsigned i = 0; i < list.count; i++) {
        if (card_standing(&list.cards[i]) == CARD_GONE)
            (void)fprintf(stderr,
                          "Replica %s has gone without a word: what it was writing then becomes uncertain when it is "
                          "started again with its --state. Count again after that.\n",
                          list.cards[i].card.name);
    }
    card_list_free(&list);
    return true;
}

static SUSPENDS bool recount(struct backend *backend, void *context, struct error *error)
{
    struct recounting *recounting = context;
    bool done = begin(backend, true, &recounting->session, error) && name_gone(backend, error) &&
                wait_until_ready(&recounting->session, error) &&
                each_bucket(backend->store, recounting->bucket, recount_bucket, recounting, error);
    end(&recounting->session, true);
    return done && (!recounting->is_busy ||
                    error_set(error, ERROR_BUSY, NULL, "count again when less is written, or a bucket at a time"));
}

bool bucket_ledger_recount(const struct config *where, const char *bucket, ledger_difference_found *found,
                           void *context, struct error *error)
{
    struct recounting recounting = {.bucket = bucket, .found = found, .context = context};
    return backend_session_run_on_bucket(where, recount, &recounting, error);
}
