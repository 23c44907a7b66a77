/* store/remote/ledger/counting.c -- intents and outcomes of what is done to keys. */
#include "store/remote/ledger/counting.h"

#include "runtime/fiber/loop.h"
#include "store/ledger_uncertain.h"
#include "store/remote/ledger/ledger.h"

enum { NS_IN_MS = 1000000 };

bool counting_counts(const struct remote *remote, const uint8_t row_key[ROW_KEY_BYTES],
                     const struct backend_object *object)
{
    const struct object_stamp *stamp = &object->stamp;
    return object->is_stamped && stamp->is_counted && memcmp(stamp->ledger, remote->ledger, STAMP_LEDGER_BYTES) == 0 &&
           memcmp(stamp->name, row_key, STAMP_NAME_BYTES) == 0;
}

struct ledger_amounts counting_amounts(const struct object_attributes *attributes, bool is_counted)
{
    struct ledger_amounts amounts = {0};
    if (is_counted) {
        amounts.objects = 1;
        amounts.original_bytes = (int64_t)attributes->original_size;
        amounts.stored_bytes = (int64_t)attributes->stored_size;
    }
    return amounts;
}

/* ---- intents ---- */

/* Under Suspended a write takes the place of the null version: is that the current one, or is there nothing at all? */
SUSPENDS static bool is_null_current(struct remote_key *key, const struct write_target *target)
{
    struct remote_state state;
    struct error ignored;
    if (!remote_look(key, LOOK_FOR_ETAG, &state, &ignored))
        return false;
    const struct object_attributes *attributes = &state.object.attributes;
    bool is_target = state.is_there ? strcmp(attributes->stored_etag, target->etag) == 0 : target->etag[0] == '\0';
    bool is_any = state.is_there || state.is_marker;
    bool is_null = !is_any || strcmp(attributes->version, "null") == 0;
    remote_state_free(key->shard, &state);
    return is_target && is_null;
}

/* struct ledger_intent has what it means. Only a bucket where versions are suspended is asked. */
SUSPENDS static bool null_covers(const struct counting *counting, struct remote_key *key,
                                 const struct write_target *target)
{
    if (counting->versioning == VERSIONING_NEVER)
        return false;
    if (target->version[0] != '\0')
        return strcmp(target->version, "null") != 0;
    return counting->versioning == VERSIONING_ENABLED || !is_null_current(key, target);
}

SUSPENDS static void begin(struct counting *counting, struct remote_key *key, const struct write_target *target,
                           struct ledger_intent *intent)
{
    struct bucket_store *store = &key->shard->remote->base;
    struct bucket_info info;
    struct error ignored;
    if (remote_find_bucket(store, key->name.bucket, &info, &ignored)) {
        intent->creation_id = info.creation_id;
        counting->versioning = info.versioning;
        intent->null_covers = null_covers(counting, key, target);
        counting->open = log_note(counting->log, intent);
        return;
    }
    const struct spool_amounts one = {key->name.bucket, LEDGER_UNCERTAIN_ID, {.objects = 1}};
    log_add(counting->log, &one); /* whose it is cannot be told now */
}

SUSPENDS void counting_note(struct counting *counting, struct remote_key *key, const struct write_target *target,
                            const uint8_t *nonce, const struct ledger_amounts *made)
{
    const struct remote_shard *shard = key->shard;
    if (!shard->remote->is_counted || key->is_internal || key->version[0] != '\0')
        return;
    struct ledger_intent intent = {
        .kind = nonce == NULL ? INTENT_DELETE : INTENT_WRITE,
        .made = *made,
        .replaced = target->replaced,
        .etag = span_from_string(target->state == TARGET_REVISION ? target->etag : ""),
        .name = key->name,
    };
    counting->log = shard->log;
    if (counting->open != NULL) {
        intent.null_covers = null_covers(counting, key, target);
        log_note_again(counting->log, counting->open, &intent);
        return;
    }
    if (ledger_amounts_are_zero(made) && ledger_amounts_are_zero(&target->replaced))
        return; /* nothing here is counted */
    if (nonce != NULL)
        memcpy(intent.nonce, nonce, STAMP_NONCE_BYTES);
    begin(counting, key, target, &intent);
}

void counting_note_uncertain(const struct remote_key *key)
{
    const struct spool_amounts one = {key->name.bucket, LEDGER_UNCERTAIN_ID, {.objects = 1}};
    if (key->shard->remote->is_counted && !key->is_internal)
        log_add(key->shard->log, &one);
}

/* ---- outcomes ---- */

void counting_end(struct counting *counting, enum intent_outcome outcome)
{
    if (counting->open != NULL)
        log_end(counting->log, counting->open,
                counting->is_buried && !intent_outcome_counts(outcome) ? INTENT_DONE : outcome);
    counting->open = NULL;
}

void counting_leave(struct counting *counting)
{
    if (counting->open != NULL)
        log_leave(counting->log, counting->open, loop_now_ns() / NS_IN_MS);
    counting->open = NULL;
}

void counting_buried(struct counting *counting)
{
    if (counting->open != NULL)
        log_note_buried(counting->log, counting->open);
    counting->is_buried = true;
}

void counting_done(struct counting *counting, const char *version)
{
    if (counting->open != NULL)
        counting_end(counting, intent_outcome_done(&counting->open->intent, version, counting->is_blind));
}

/* A refusal of the condition is believed when the key was looked at after it: something on the way may have sent the
 * request twice, and answered with what the second one met. */
static bool nothing_happened(const struct write_target *target, const struct s3_answer *answer)
{
    bool is_refused = answer->status == 412 || answer->status == 404;
    return !target->may_be_applied && answer->effect == S3_NOT_APPLIED && (!is_refused || target->is_looked_at);
}

void counting_failed(struct counting *counting, const struct write_target *target, const struct s3_answer *answer)
{
    if (nothing_happened(target, answer))
        counting_end(counting, INTENT_NOT_DONE);
    else
        counting_leave(counting);
}
