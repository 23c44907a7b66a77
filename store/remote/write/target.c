/* store/remote/write/target.c -- which revision a write replaces, and what a lost or refusing answer means.
 *
 * A write is sent under the condition that the key still holds what was last seen of it. So a first attempt that
 * arrives late fails against the second, and a nonce in the object's metadata tells whether what is there is ours.
 * docs/backend.md has the table of answers. */
#include "store/remote/write/target.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/ledger/counting.h"
#include "store/remote/read/fetch.h"
#include "store/remote/write/among_versions.h"

#include <assert.h>

enum { PAUSE_MS_LEAST = 25, PAUSE_DOUBLINGS = 5, OVERWRITE_ROUNDS = 48 };

void target_init(struct write_target *target, struct remote_key *key, const struct write_condition *condition)
{
    *target = (struct write_target){.key = key, .condition = condition};
}

static void set_revision(struct write_target *target, const struct object_attributes *attributes, bool is_counted)
{
    target->state = TARGET_REVISION;
    target->replaced = counting_amounts(attributes, is_counted);
    memcpy(target->etag, attributes->stored_etag, sizeof target->etag);
    memcpy(target->version, attributes->version, sizeof target->version);
}

static void set_row(struct write_target *target, const struct row *row)
{
    set_revision(target, &row->attributes, row->is_counted);
}

/* Nothing is there, and what is written takes the place of what a deletion wrote. */
static void set_tombstone(struct write_target *target, const struct object_attributes *attributes)
{
    set_revision(target, attributes, false);
    target->is_marked = false;
}

static void set_absent(struct write_target *target)
{
    target->state = TARGET_ABSENT;
    target->replaced = (struct ledger_amounts){0};
    target->etag[0] = '\0';
    target->is_marked = false;
}

bool write_target_is_own(const struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                         const struct backend_object *object)
{
    return object->is_stamped && memcmp(object->stamp.nonce, nonce, STAMP_NONCE_BYTES) == 0 &&
           (target->logical_etag == NULL || strcmp(target->logical_etag, object->attributes.etag) == 0);
}

static bool is_counted(const struct write_target *target, const struct remote_state *state)
{
    const struct remote_key *key = target->key;
    return !key->is_internal && counting_counts(key->shard->remote, key->row_key, &state->object);
}

static bool is_creation(const struct write_condition *condition)
{
    return span_equal(condition->if_none_match, SPAN("*")) && condition->if_match.size == 0;
}

static enum look_intent look_intent(const struct write_target *target)
{
    const struct remote *remote = target->key->shard->remote;
    if (target->condition != NULL && !is_creation(target->condition))
        return LOOK_TO_DECIDE;
    bool must_be_right = target->condition != NULL || target->logical_etag != NULL ||
                         (remote->is_counted && !remote_labels_hold(remote)); /* whose size goes with which ETag */
    return must_be_right ? LOOK_FOR_WHOLE : LOOK_FOR_ETAG;
}

/* The ledger wants to know how large what is there was, which of a large object only the trailer says, perhaps. */
static bool wants_trailer(const struct write_target *target, const struct remote_state *state)
{
    return state->is_there && target->key->shard->remote->is_counted && is_counted(target, state) &&
           !state->object.attributes.is_size_known;
}

SUSPENDS static bool look(struct write_target *target, struct remote_state *ret_state, struct error *error)
{
    for (unsigned i = 1;; i++) {
        if (!remote_look(target->key, look_intent(target), ret_state, error))
            return false;
        if (!wants_trailer(target, ret_state) || remote_read_trailer(target->key, ret_state, SPAN_EMPTY, error))
            return true;
        remote_state_free(target->key->shard, ret_state);
        if (error->kind != ERROR_CHANGED || i == WRITE_ROUNDS)
            return false;
    }
}

SUSPENDS bool target_look(struct write_target *target, const uint8_t *nonce, bool *ret_is_own, struct error *error)
{
    struct remote_state state;
    bool is_own = false;
    target->is_marked = false;
    bool done = look(target, &state, error);
    if (done && (state.is_there || state.is_tombstone))
        is_own = nonce != NULL && write_target_is_own(target, nonce, &state.object);
    if (done && state.is_there) {
        set_revision(target, &state.object.attributes, is_counted(target, &state));
    } else if (done && state.is_tombstone) {
        set_tombstone(target, &state.object.attributes);
    } else if (done) {
        set_absent(target);
        memcpy(target->version, state.object.attributes.version, sizeof target->version);
        target->is_marked = state.is_marker;
    }
    target->is_looked_at = done && !is_own;
    state.object.attributes.modified_ms = done ? backend_object_shown_ms(&state.object) : 0;
    if (target->is_looked_at && target->condition != NULL)
        done = write_condition_holds(target->condition, state.is_there ? &state.object.attributes : NULL, error);
    remote_state_free(target->key->shard, &state);
    if (ret_is_own != NULL)
        *ret_is_own = is_own;
    return done;
}

/* ---- before it is sent ---- */

/* A client's condition is of the logical ETag; a row that put that beside another revision's ETag would let it pass. */
static bool may_believe_row(const struct remote_key *key)
{
    return key->has_row && key->row.was_said_before;
}

SUSPENDS bool target_prepare(struct write_target *target, bool is_costly, struct error *error)
{
    const struct remote_key *key = target->key;
    const struct write_condition *condition = target->condition;
    struct error ignored;
    if (condition != NULL && is_creation(condition) && !is_costly) {
        set_absent(target);
        return true;
    }
    if (condition != NULL) {
        bool is_told = may_believe_row(key) && (key->row.kept_ms == 0 || !condition->has_modified);
        bool holds_for_row = is_told && write_condition_holds(condition, &key->row.attributes, &ignored);
        if (!holds_for_row)
            return target_look(target, NULL, NULL, error);
        set_row(target, &key->row);
        return true;
    }
    const struct remote *remote = key->shard->remote;
    bool is_row_right = key->has_row && (!remote->is_counted || remote_labels_hold(remote) || may_believe_row(key));
    if (is_row_right)
        set_row(target, &key->row);
    else if (is_costly || key->has_row)
        return target_look(target, NULL, NULL, error);
    else
        set_absent(target);
    return true;
}

bool target_header(const struct write_target *target, bool is_complete, char *ret_text, struct http_field *ret_field)
{
    const struct verdicts *verdicts = &target->key->shard->remote->verdicts;
    enum verdict creates = is_complete ? VERDICT_COMPLETE_CREATE : VERDICT_PUT_CREATE;
    enum verdict replaces = is_complete ? VERDICT_COMPLETE_REPLACE : VERDICT_PUT_REPLACE;
    ASSERT(target->state != TARGET_UNKNOWN);
    if (target->state == TARGET_ABSENT && verdict_holds(verdicts, creates)) {
        *ret_field = (struct http_field){SPAN("if-none-match"), SPAN("*")};
        return true;
    }
    if (target->state == TARGET_REVISION && verdict_holds(verdicts, replaces)) {
        *ret_field = (struct http_field){SPAN("if-match"), fetch_quote(span_from_string(target->etag), ret_text)};
        return true;
    }
    return false;
}

/* ---- after it was sent ---- */

void written_revision_answered(const struct s3_answer *answer, struct written_revision *ret_revision)
{
    ret_revision->is_found = false;
    memcpy(ret_revision->etag, answer->etag, sizeof ret_revision->etag);
    remote_answered_version(answer, ret_revision->version);
}

void written_revision_found(const struct write_target *target, struct written_revision *ret_revision)
{
    static_assert(sizeof target->etag <= sizeof ret_revision->etag, "the longest ETag fits");
    ret_revision->is_found = !target->is_said_twice;
    memcpy(ret_revision->etag, target->etag, sizeof target->etag);
    memcpy(ret_revision->version, target->version, sizeof ret_revision->version);
}

static bool is_same(const struct write_target *target, const struct write_target *before)
{
    return target->state == before->state && strcmp(target->etag, before->etag) == 0;
}

SUSPENDS static void pause_before(unsigned round)
{
    uint64_t most = (uint64_t)PAUSE_MS_LEAST << (round < PAUSE_DOUBLINGS ? round : PAUSE_DOUBLINGS);
    (void)io_sleep_until(deadline_after_ms(PAUSE_MS_LEAST + random_below(random_system(), most)));
}

bool target_is_unclear(struct remote_shard *shard, struct error *error)
{
    metric_add(&shard->counters.writes_unclear, 1);
    return error_set(error, ERROR_IO, S3_InternalError,
                     "The backend's answer was lost, and what it wrote, if it did, is not there any more: somebody may "
                     "have replaced or deleted it. Try again.");
}

static enum attempt unclear(const struct write_target *target, struct error *error)
{
    (void)target_is_unclear(target->key->shard, error);
    return ATTEMPT_FAILED;
}

/* Once more would be twice, if it was applied, and somebody has replaced or deleted it since: they may have read it.
 * An ETag comes again only with the very same stored bytes, absence does. Who asked for a creation is not to get two;
 * who did not is better served by a write than by an error. */
static bool may_repeat(const struct write_target *target, const struct write_target *before)
{
    return is_same(target, before) && (target->state == TARGET_REVISION || target->can_repeat ||
                                       !target->was_unanswered || target->condition == NULL);
}

/* What the key holds tells. At once: the longer it takes, the more others can have made of it. Where nothing has
 * happened, a moment later again: the request may be on its way. */
SUSPENDS static bool look_closely(struct write_target *target, const uint8_t *nonce, unsigned round, bool *ret_is_own,
                                  struct error *error)
{
    const struct write_target before = *target;
    target->condition = NULL; /* decided when it is known whose the key is */
    bool looked = target_look(target, nonce, ret_is_own, error);
    if (looked && !*ret_is_own && is_same(target, &before)) {
        pause_before(round);
        looked = target_look(target, nonce, ret_is_own, error);
    }
    target->condition = before.condition;
    return looked;
}

/* It is ours. One look may have put our nonce beside the ETag of what has replaced it; two that say the same have
 * not. */
SUSPENDS static enum attempt found(struct write_target *target, const uint8_t *nonce)
{
    struct write_target again = *target;
    struct error ignored;
    bool is_own;
    again.condition = NULL;
    target->is_said_twice =
        target_look(&again, nonce, &is_own, &ignored) && is_own && strcmp(again.etag, target->etag) == 0;
    return ATTEMPT_DONE;
}

SUSPENDS static enum attempt resolve_unknown(struct write_target *target, const uint8_t *nonce, unsigned round,
                                             struct error *error)
{
    struct remote_counters *counters = &target->key->shard->counters;
    const struct write_target before = *target;
    bool is_own;
    if (!look_closely(target, nonce, round, &is_own, error)) {
        metric_add(&counters->writes_unclear, 1);
        return ATTEMPT_FAILED;
    }
    if (!is_own && !may_repeat(target, &before) && !among_versions_find(target, &before, nonce, &is_own, error))
        return ATTEMPT_FAILED;
    if (is_own) {
        metric_add(&counters->writes_resolved, 1);
        return found(target, nonce);
    }
    return may_repeat(target, &before) ? ATTEMPT_AGAIN : unclear(target, error);
}

SUSPENDS enum attempt target_confirm(struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                                     unsigned round, struct error *error)
{
    const struct write_target before = *target;
    bool is_own;
    if (!look_closely(target, nonce, round, &is_own, error) ||
        (!is_own && !among_versions_find(target, &before, nonce, &is_own, error)))
        return ATTEMPT_FAILED;
    return is_own ? found(target, nonce) : unclear(target, error);
}

/* Refused at the first attempt, as far as we know: something on the way may have sent it twice, and answered by what
 * the second one met; or have refused it of its own accord. What the key holds tells. */
SUSPENDS static enum attempt resolve_refused(struct write_target *target, const uint8_t *nonce, unsigned round,
                                             struct error *error)
{
    const struct write_target before = *target;
    bool is_own;
    if (!target_look(target, nonce, &is_own, error))
        return ATTEMPT_FAILED;
    if (!is_own && (is_same(target, &before) || round > 0)) {
        pause_before(round);
        if (!target_look(target, nonce, &is_own, error)) /* what was there before the pause is old by now */
            return ATTEMPT_FAILED;
    }
    if (is_own)
        return found(target, nonce);
    return ATTEMPT_AGAIN; /* also when somebody was faster: they may have replaced just what we were to replace */
}

/* Has the backend itself said that it did nothing? */
static bool is_said_undone(const struct s3_answer *answer)
{
    return answer->status == 503 || answer->status == 429 || answer->status == 409 || answer->status == 507;
}

SUSPENDS enum attempt target_resolve(struct write_target *target, const uint8_t nonce[STAMP_NONCE_BYTES],
                                     const struct s3_answer *answer, unsigned round, struct error *error)
{
    const struct error refusal = *error;
    target->is_looked_at = false;
    bool is_target_gone = answer->status == 404 && error->code == S3_NoSuchKey && target->state == TARGET_REVISION;
    bool is_refused = answer->status == 412 || is_target_gone;
    if (error->kind == ERROR_CANCELLED || error->code == S3_InvalidArgument)
        return ATTEMPT_FAILED;
    if (answer->effect == S3_NOT_APPLIED && !is_refused)
        return ATTEMPT_FAILED;
    metric_add(&target->key->shard->counters.writes_again, 1);
    if (answer->effect != S3_NOT_APPLIED) {
        target->may_be_applied = true;
        target->was_unanswered = target->was_unanswered || !is_said_undone(answer);
    }
    enum attempt attempt = target->may_be_applied ? resolve_unknown(target, nonce, round, error)
                                                  : resolve_refused(target, nonce, round, error);
    if (attempt == ATTEMPT_AGAIN && answer->status == 507) { /* it has no room: once more would meet the same */
        *error = refusal;
        return ATTEMPT_FAILED;
    }
    unsigned rounds = target->condition == NULL ? OVERWRITE_ROUNDS : WRITE_ROUNDS;
    if (attempt == ATTEMPT_AGAIN && round + 1 >= rounds) {
        (void)error_set(error, ERROR_BUSY, S3_SlowDown, "The object is changed too often at the moment. Try again.");
        return ATTEMPT_FAILED;
    }
    return attempt;
}
