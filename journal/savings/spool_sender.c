/* journal/savings/spool_sender.c -- freezes, sends, trims; opens, closes and removes spools. */
#include "journal/savings/spool_sender.h"

#include "journal/savings/ledger.h"
#include "journal/savings/rules.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum {
    INTERVAL_MS = 900,
    BACKOFF_MAX_MS = 30000,
    BACKOFF_URGENT_MS = 50,      /* while somebody waits in a flush */
    BATCH_TARGET_BYTES = 1 << 20 /* of several records that go together; one alone may be larger */
};

/* What this process knows of a spool beyond what the checkpoint says. */
struct known_spool {
    struct journal_id id;
    bool is_open;       /* our open was committed */
    uint64_t open_base; /* of the first try of an open whose outcome is not known; 0: none */
    uint64_t committed; /* records up to here: our batches were committed, and nothing has undone that */
    uint64_t sent;      /* records up to here were sent once */
};

struct spool_sender {
    struct journal_environment environment;
    struct journal *journal;
    struct spool *spool;
    struct spool_sender_options options;
    struct spool_sender_counters counters;
    struct known_spool *known;
    size_t known_count;
    struct wait_queue hurry; /* the task sleeps here */
    struct wait_queue passed;
    uint64_t cut_off;   /* spools, in the pass that is under way */
    unsigned flushes;   /* that wait */
    uint64_t good_pass; /* number of the last pass that got everything through */
    bool has_ended;
};

static uint64_t now(const struct spool_sender *sender)
{
    return clock_monotonic_ns(sender->environment.clock);
}

/* ---- what is known ---- */

static struct known_spool *know(struct spool_sender *sender, const struct journal_id *id)
{
    for (size_t i = 0; i < sender->known_count; i++) {
        if (journal_id_equal(&sender->known[i].id, id))
            return &sender->known[i];
    }
    sender->known = realloc(sender->known, (sender->known_count + 1) * sizeof *sender->known);
    ASSERT(sender->known != NULL);
    struct known_spool *added = &sender->known[sender->known_count++];
    *added = (struct known_spool){.id = *id};
    return added;
}

static void forget(struct spool_sender *sender, const struct journal_id *id)
{
    struct known_spool *known = know(sender, id);
    *known = sender->known[--sender->known_count];
}

/* In a head that was published; what the view shows beyond that may still be withdrawn. */
static bool last_in_checkpoint(const struct spool_sender *sender, const struct journal_id *id, uint64_t *ret_last)
{
    struct state checkpoint;
    state_init(&checkpoint, journal_state(sender->journal)->base, 0);
    bool is_there = state_spool_last(&checkpoint, id, ret_last);
    state_free(&checkpoint);
    return is_there;
}

/* ---- batches ---- */

SUSPENDS static struct journal_answer submit(struct spool_sender *sender, const struct journal_batch *batch,
                                             struct error *error)
{
    struct journal_answer answer = journal_submit(sender->journal, batch, error);
    sender->counters.batches_failed += answer.outcome != JOURNAL_COMMITTED;
    return answer;
}

SUSPENDS static bool open_spool(struct spool_sender *sender, const struct journal_id *id)
{
    struct buffer ops;
    struct error error;
    buffer_init(&ops, 0);
    op_put_spool_open(&ops, id);
    const struct journal_batch batch = {
        .id = rule_open_batch_id(id), .first_base = know(sender, id)->open_base, .ops = buffer_span(&ops)};
    struct journal_answer answer = submit(sender, &batch, &error);
    buffer_free(&ops);
    struct known_spool *known = know(sender, id);
    known->is_open = answer.outcome == JOURNAL_COMMITTED;
    if (answer.outcome == JOURNAL_UNKNOWN && known->open_base == 0)
        known->open_base = answer.key.base;
    else if (answer.outcome == JOURNAL_REFUSED && error.kind == ERROR_INVALID)
        known->open_base = 0; /* so long ago that it is in the checkpoint or never will be */
    return known->is_open;
}

SUSPENDS static bool close_spool(struct spool_sender *sender, const struct journal_id *id)
{
    struct buffer ops;
    struct error error;
    buffer_init(&ops, 0);
    op_put_spool_close(&ops, id);
    const struct journal_batch batch = {.id = rule_close_batch_id(id), .ops = buffer_span(&ops)};
    struct journal_answer answer = submit(sender, &batch, &error);
    buffer_free(&ops);
    return answer.outcome == JOURNAL_COMMITTED;
}

/* ---- records ---- */

/* A record that is damaged or not there counts as nothing: those behind it must get through. False: it could not be
 * read now. */
SUSPENDS static bool put_record(struct spool_sender *sender, const struct journal_id *id, uint64_t record,
                                uint64_t number, struct buffer *ops)
{
    struct buffer amounts;
    struct error error;
    buffer_init(&amounts, 0);
    bool is_read = spool_read(sender->spool, id->bytes, record, &amounts, &error);
    if (is_read || error.kind == ERROR_DAMAGED || error.kind == ERROR_NOT_FOUND) {
        bool is_sound = is_read && ledger_put_record(ops, id, number, buffer_span(&amounts), &error);
        is_read = is_sound || spool_doubt(sender->spool, &error);
        sender->counters.records_damaged += is_read && !is_sound;
        if (is_read && !is_sound)
            op_put_spool_record(ops, id, number, SPAN_EMPTY);
    }
    buffer_free(&amounts);
    return is_read;
}

SUSPENDS static bool trim(struct spool_sender *sender, const struct journal_id *id, uint64_t record)
{
    struct error error;
    return spool_trim(sender->spool, id->bytes, record, &error);
}

/* Some of the records first .. last in one batch; *ret_sent is the last of them. */
SUSPENDS static bool send_some(struct spool_sender *sender, const struct journal_id *id, uint64_t first, uint64_t last,
                               uint64_t *ret_sent)
{
    struct buffer ops;
    struct error error;
    buffer_init(&ops, 0);
    uint64_t record = first;
    uint64_t sent_before = know(sender, id)->sent;
    for (size_t taken = 0; record <= last && (taken == 0 || ops.size + taken < BATCH_TARGET_BYTES); record++) {
        size_t before = ops.size;
        if (!put_record(sender, id, record, rule_record_number(record, first <= sent_before), &ops)) {
            buffer_free(&ops);
            return false;
        }
        taken = ops.size - before;
        sender->counters.records_repeated += record <= sent_before;
    }
    *ret_sent = record - 1;
    if (rule_trims_what_is_sent() && !trim(sender, id, *ret_sent)) {
        buffer_free(&ops);
        return false;
    }
    if (sent_before < *ret_sent)
        know(sender, id)->sent = *ret_sent;
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = submit(sender, &batch, &error);
    buffer_free(&ops);
    if (answer.outcome != JOURNAL_COMMITTED)
        return false;
    sender->counters.records_committed += record - first;
    know(sender, id)->committed = *ret_sent;
    return true;
}

/* ---- a spool ---- */

/* All of it is trimmed, and it is of an earlier process: its entry goes, and when it is gone from a published head,
 * too, the spool: nobody else would close what a lost segment brought back. */
SUSPENDS static bool finish(struct spool_sender *sender, const struct spool_info *info, const struct journal_id *id)
{
    uint64_t last;
    struct error error;
    if (journal_state(sender->journal) == NULL)
        return false;
    if (state_spool_last(journal_state(sender->journal), id, &last)) {
        if (last < info->last_frozen)
            sender->cut_off++;
        else if (rule_may_close(journal_has_unread(sender->journal)))
            return close_spool(sender, id);
        return true;
    }
    if (last_in_checkpoint(sender, id, &last))
        return true;
    if (!spool_remove(sender->spool, id->bytes, &error))
        return false;
    sender->counters.spools_removed++;
    forget(sender, id);
    return true;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* How far a spool has come in the journal. */
struct progress {
    bool is_open;       /* surely */
    uint64_t committed; /* up to here it need not be sent */
    uint64_t published; /* up to here it stands in a published head: this may be trimmed, or has been */
};

/* False: the state does not have all that was trimmed. */
static bool find_progress(struct spool_sender *sender, const struct spool_info *info, const struct journal_id *id,
                          struct progress *ret)
{
    uint64_t in_view = 0;
    uint64_t in_checkpoint = 0;
    struct known_spool *known = know(sender, id);
    bool is_in_view = state_spool_last(journal_state(sender->journal), id, &in_view);
    bool is_in_checkpoint = last_in_checkpoint(sender, id, &in_checkpoint);
    if (known->committed > in_view) /* a segment that was committed was found damaged, or taken away */
        known->committed = in_view;
    known->is_open &= is_in_view;
    if (ledger_spool_was_closed(journal_state(sender->journal), info)) {
        *ret = (struct progress){true, info->last_frozen, info->last_frozen};
        return true;
    }
    uint64_t published = larger(info->first - 1, in_checkpoint);
    ret->is_open = known->is_open || is_in_checkpoint || published > 0;
    ret->published = rule_trimmable(published, larger(published, known->committed), in_view);
    ret->committed = larger(ret->published, known->committed);
    return !ret->is_open || (is_in_view && in_view >= ret->published);
}

SUSPENDS static bool drain(struct spool_sender *sender, const struct spool_info *info)
{
    struct journal_id id;
    memcpy(id.bytes, info->id, sizeof id.bytes);
    if (journal_state(sender->journal) == NULL) /* it may go while others are drained */
        return false;
    if (info->first == 0 || info->first > info->last_frozen)
        return info->is_own || info->has_open || finish(sender, info, &id);
    struct progress progress;
    if (!find_progress(sender, info, &id, &progress)) {
        sender->cut_off++;
        return true; /* it never takes the rest; the others go on */
    }
    if (!progress.is_open && !open_spool(sender, &id))
        return false;
    if (progress.published >= info->first && !trim(sender, &id, progress.published))
        return false;
    while (progress.committed < info->last_frozen) {
        if (!send_some(sender, &id, progress.committed + 1, info->last_frozen, &progress.committed))
            return false;
    }
    return info->is_own || info->has_open || progress.published < info->last_frozen || finish(sender, info, &id);
}

/* ---- a pass ---- */

SUSPENDS static bool drain_all(struct spool_sender *sender, bool *ret_is_own_open)
{
    struct buffer infos;
    struct error error;
    buffer_init(&infos, 0);
    bool is_good = spool_list(sender->spool, &infos, &error);
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    size_t count = is_good ? infos.size / sizeof *info : 0;
    sender->cut_off = 0;
    *ret_is_own_open = false;
    for (size_t i = 0; i < count; i++) {
        *ret_is_own_open |= info[i].is_own && info[i].has_open;
        if ((info[i].first != 0 || info[i].has_open) && sender->counters.waiting_since_ns == 0)
            sender->counters.waiting_since_ns = now(sender);
        is_good &= drain(sender, &info[i]);
    }
    sender->counters.spools_cut_off = sender->cut_off;
    buffer_free(&infos);
    return is_good;
}

/* True: everything that was there when it began is in the ledger. */
SUSPENDS static bool pass(struct spool_sender *sender)
{
    bool has_open;
    uint64_t last;
    struct error error;
    if (journal_state(sender->journal) == NULL)
        return false;
    if (!drain_all(sender, &has_open))
        return false;
    if (has_open && !(spool_freeze(sender->spool, &last, &error) && drain_all(sender, &has_open)))
        return false;
    sender->counters.waiting_since_ns = 0;
    return true;
}

static uint64_t next_pause_ms(const struct spool_sender *sender, bool is_good, uint64_t pause_ms)
{
    if (is_good || journal_state(sender->journal) == NULL)
        return sender->options.interval_ms;
    pause_ms = 2 * pause_ms < sender->options.backoff_max_ms ? 2 * pause_ms : sender->options.backoff_max_ms;
    return pause_ms - random_below(sender->environment.random, pause_ms / 2 + 1);
}

static void run(void *argument)
{
    struct spool_sender *sender = argument;
    struct journal_scheduler *scheduler = sender->environment.scheduler;
    uint64_t pause_ms = sender->options.interval_ms;
    bool goes_on = true;
    while (goes_on) {
        uint64_t number = ++sender->counters.passes;
        bool is_good = pass(sender);
        if (is_good)
            sender->good_pass = number;
        scheduler->wake_all(scheduler, &sender->passed);
        pause_ms = next_pause_ms(sender, is_good, pause_ms);
        uint64_t sleep_ms = sender->flushes > 0 && pause_ms > BACKOFF_URGENT_MS ? BACKOFF_URGENT_MS : pause_ms;
        goes_on = scheduler->wait(scheduler, &sender->hurry, now(sender) + sleep_ms * 1000000);
    }
    sender->has_ended = true;
    scheduler->wake_all(scheduler, &sender->passed);
}

/* ---- the whole ---- */

struct spool_sender *spool_sender_start(const struct journal_environment *environment, struct journal *journal,
                                        struct spool *spool, const struct spool_sender_options *options)
{
    struct spool_sender *sender = calloc(1, sizeof *sender);
    ASSERT(sender != NULL);
    sender->environment = *environment;
    sender->journal = journal;
    sender->spool = spool;
    sender->options = *options;
    if (sender->options.interval_ms == 0)
        sender->options.interval_ms = INTERVAL_MS;
    if (sender->options.backoff_max_ms == 0)
        sender->options.backoff_max_ms = BACKOFF_MAX_MS;
    wait_queue_init(&sender->hurry);
    wait_queue_init(&sender->passed);
    sender->has_ended = !environment->scheduler->spawn(environment->scheduler, "spool-sender", run, sender);
    return sender;
}

bool spool_sender_flush(struct spool_sender *sender, deadline_t deadline)
{
    struct journal_scheduler *scheduler = sender->environment.scheduler;
    uint64_t wanted = sender->counters.passes + 1; /* one that begins after this call */
    sender->flushes++;
    scheduler->wake_all(scheduler, &sender->hurry);
    while (sender->good_pass < wanted && !sender->has_ended && now(sender) < deadline) {
        if (!scheduler->wait(scheduler, &sender->passed, deadline))
            break;
    }
    sender->flushes--;
    return sender->good_pass >= wanted;
}

bool spool_sender_is_idle(const struct spool_sender *sender)
{
    return sender->has_ended && sender->flushes == 0;
}

void spool_sender_free(struct spool_sender *sender)
{
    ASSERT(spool_sender_is_idle(sender));
    free(sender->known);
    free(sender);
}

const struct spool_sender_counters *spool_sender_counters(const struct spool_sender *sender)
{
    return &sender->counters;
}
