/* store/remote/ledger/settle.c -- one HEAD of each intent that is open, until it tells what came of it. */
#include "store/remote/ledger/settle.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/ledger/ledger.h"
#include "store/remote/write/tombstone.h"

#include <stdlib.h>

enum { NS_IN_MS = 1000000, AGAIN_MS = 2000, RECOUNTS_MS = 500 };

/* What the key tells. */
enum told { TOLD_NOTHING, TOLD_DONE, TOLD_AS_BEFORE, TOLD_STILL_ABSENT, TOLD_GONE, TOLD_OTHER };

static bool is_own(const struct ledger_intent *intent, const struct remote_state *state)
{
    const struct object_stamp *stamp = &state->object.stamp;
    return intent->kind != INTENT_DELETE && (state->is_there || state->is_tombstone) && state->object.is_stamped &&
           memcmp(stamp->nonce, intent->nonce, STAMP_NONCE_BYTES) == 0;
}

static enum told read_state(const struct ledger_intent *intent, const struct remote_state *state)
{
    bool has_revision = state->is_there || state->is_tombstone;
    if (intent->kind == INTENT_BURIED || is_own(intent, state))
        return TOLD_DONE;
    if (intent->etag.size == 0 && !has_revision)
        return TOLD_STILL_ABSENT;
    if (has_revision && span_equal(intent->etag, span_from_string(state->object.attributes.stored_etag)))
        return TOLD_AS_BEFORE;
    return intent->kind == INTENT_DELETE && !state->is_there ? TOLD_GONE : TOLD_OTHER;
}

/* The tombstone that the deletion left goes with its intent. */
SUSPENDS static bool tidy(struct remote_key *key, const struct ledger_intent *intent, const struct remote_state *state)
{
    struct s3_answer answer;
    struct error ignored;
    struct tombstone_place place;
    memcpy(place.etag, state->object.attributes.stored_etag, sizeof place.etag);
    memcpy(place.version, state->object.attributes.version, sizeof place.version);
    return !state->is_tombstone || !is_own(intent, state) || tombstone_remove(key, &place, &answer, &ignored) ||
           ignored.kind != ERROR_BUSY;
}

/* What it comes to, if it has been done: by which version stands there now. */
static enum intent_outcome read_outcome(const struct ledger_intent *intent, const struct remote_state *state,
                                        enum told told)
{
    bool is_any = state->is_marker || is_own(intent, state);
    return intent_outcome_done(intent, is_any ? state->object.attributes.version : NULL, told == TOLD_GONE);
}

/* *ret_outcome: of TOLD_DONE and TOLD_GONE. */
SUSPENDS static enum told ask(struct remote *remote, const struct ledger_intent *intent,
                              enum intent_outcome *ret_outcome)
{
    struct asking { /* on the heap, for a fiber's stack is small */
        struct remote_key key;
        struct remote_state state;
    } *asking = malloc(sizeof *asking);
    struct error error;
    ASSERT(asking != NULL);
    enum told told = TOLD_OTHER; /* this process does not serve its bucket */
    *ret_outcome = INTENT_DONE;
    if (remote_key_init(remote, &intent->name, &asking->key, &error)) {
        bool looked = remote_look(&asking->key, LOOK_FOR_ETAG, &asking->state, &error);
        if (looked || error.code != S3_NoSuchBucket)
            told = looked && tidy(&asking->key, intent, &asking->state) ? read_state(intent, &asking->state)
                                                                        : TOLD_NOTHING;
        if (told == TOLD_DONE || told == TOLD_GONE)
            *ret_outcome = read_outcome(intent, &asking->state, told);
        remote_state_free(asking->key.shard, &asking->state);
    }
    free(asking);
    return told;
}

/* It may have been counted anew since by somebody who found what it did: then it is not counted here. */
static enum intent_outcome outcome_of(struct remote *remote, const struct waiting_intent *waiting, enum told told)
{
    enum intent_outcome outcome = INTENT_UNCERTAIN;
    if (told == TOLD_AS_BEFORE)
        outcome = INTENT_NOT_DONE;
    else if (told == TOLD_DONE || told == TOLD_GONE) /* gone: by this deletion, or another's, which counted it, too */
        outcome = (enum intent_outcome)waiting->open->outcome;
    else if (told == TOLD_OTHER && waiting->open->intent.kind == INTENT_BURIED)
        outcome = INTENT_DONE; /* its bucket has gone, or this process does not serve it */
    /* Still absent: it was never made, or somebody has deleted it, and counted that. */
    return intent_outcome_counts(outcome) && ledger_was_recounted(remote->ledger_state, waiting) ? INTENT_UNCERTAIN
                                                                                                 : outcome;
}

static void settle_as(struct remote *remote, const struct waiting_intent *waiting, enum told told, uint64_t now_ms)
{
    struct remote_shard *shard = remote_shard_here(remote);
    uint64_t recounts = ledger_recounts(remote->ledger_state);
    enum intent_outcome outcome = outcome_of(remote, waiting, told);
    bool is_counted = intent_outcome_counts(outcome);
    bool is_settled = outcome == INTENT_DONE || outcome == INTENT_COVERED || outcome == INTENT_NOT_DONE;
    settled_check(&remote->settled, shard->log, recounts, now_ms);
    if (is_counted)
        settled_note(&remote->settled, waiting->open->intent.name.bucket, recounts, now_ms);
    metric_add(is_settled ? &shard->counters.intents_settled : &shard->counters.intents_uncertain, 1);
    ledger_settle(remote->ledger_state, waiting, outcome);
}

/* False: the backend did not answer. */
SUSPENDS static bool settle(struct remote *remote, const struct waiting_intent *waiting, uint64_t now_ms)
{
    struct noted_intent *open = waiting->open;
    enum told told = (enum told)open->told;
    if (told == TOLD_NOTHING) {
        enum intent_outcome outcome;
        told = ask(remote, &open->intent, &outcome);
        open->outcome = (uint8_t)outcome;
    }
    bool has_waited = now_ms - waiting_since_ms(waiting) >= remote->settings.settle_after_ms;
    bool may_be_under_way = told == TOLD_AS_BEFORE || told == TOLD_STILL_ABSENT;
    if (told == TOLD_NOTHING || (may_be_under_way && !has_waited)) {
        ledger_defer(remote->ledger_state, waiting, now_ms + AGAIN_MS);
        return told != TOLD_NOTHING;
    }
    if (!ledger_knows_recounts(remote->ledger_state)) {
        open->told = (uint8_t)told;
        ledger_defer(remote->ledger_state, waiting, now_ms + RECOUNTS_MS);
        return true;
    }
    settle_as(remote, waiting, told, now_ms);
    return true;
}

/* Once, until it has worked again. */
static void tell(struct remote *remote, bool is_frozen, const struct error *error)
{
    if (!is_frozen && !remote->is_ledger_told)
        log_message(LOG_WARNING, "ledger: what an earlier process left waits in its logs: %s", error->message);
    remote->is_ledger_told = !is_frozen;
}

SUSPENDS void ledger_settle_due(struct remote *remote)
{
    struct waiting_intent waiting;
    struct error error;
    uint64_t now_ms = loop_now_ns() / NS_IN_MS;
    if (remote->ledger_state == NULL)
        return;
    bool answers = true;
    while (answers && !fiber_is_cancelled() && ledger_find_waiting(remote->ledger_state, now_ms, &waiting))
        answers = settle(remote, &waiting, now_ms);
    if (ledger_knows_recounts(remote->ledger_state))
        settled_check(&remote->settled, remote_shard_here(remote)->log, ledger_recounts(remote->ledger_state), now_ms);
    bool is_frozen = ledger_freeze_found(remote->ledger_state, &error);
    tell(remote, is_frozen, &error);
}
