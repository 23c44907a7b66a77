/* store/remote/write/tombstone.c -- written, found out about, and removed. */
#include "store/remote/write/tombstone.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "store/remote/read/fetch.h"

#include <stdlib.h>

enum { OLD_MS = 5 * 60 * 1000 };

static const struct ledger_amounts nothing; /* what is there after a deletion */

SUSPENDS bool tombstone_may_stand(const struct remote_key *key)
{
    struct remote *remote = key->shard->remote;
    struct bucket_info info;
    struct error ignored;
    return remote->is_counted && !key->is_internal && key->version[0] == '\0' &&
           verdict_holds(&remote->verdicts, VERDICT_DELETE_RACES) &&
           verdict_holds(&remote->verdicts, VERDICT_PUT_REPLACE) &&
           remote_find_bucket(&remote->base, key->name.bucket, &info, &ignored) && info.versioning == VERSIONING_NEVER;
}

SUSPENDS bool tombstone_is_due(const struct write_target *target)
{
    return target->state == TARGET_REVISION && target->replaced.objects != 0 && tombstone_may_stand(target->key);
}

/* ---- removing ---- */

/* The tombstone is a version below the marker now. */
SUSPENDS static void remove_version(struct remote_key *key, const char *version)
{
    struct s3_answer answer;
    struct error ignored;
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(version)};
    struct s3_call call = remote_key_call(key, S3_DELETE_OBJECT, S3_REPEAT);
    call.query = &parameter;
    call.query_count = 1;
    if (remote_call(key->shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

SUSPENDS bool tombstone_remove(struct remote_key *key, const struct tombstone_place *place,
                               struct s3_answer *ret_answer, struct error *error)
{
    char text[QUOTED_ETAG_BYTES];
    const struct http_field condition = {SPAN("if-match"), fetch_quote(span_from_string(place->etag), text)};
    struct s3_call call = remote_key_call(key, S3_DELETE_OBJECT, S3_REPEAT);
    call.headers = &condition;
    call.headers_count = 1;
    if (!remote_call(key->shard, &call, ret_answer, error))
        return ret_answer->status == 412 || remote_key_is_missing(key, ret_answer, error);
    s3_answer_close(ret_answer);
    if (ret_answer->is_delete_marker && strcmp(place->version, "null") != 0)
        remove_version(key, place->version);
    return true;
}

SUSPENDS void tombstone_remove_old(struct remote_key *key, const struct object_attributes *tombstone)
{
    struct s3_answer answer;
    struct error ignored;
    struct tombstone_place place;
    int64_t now_ms = clock_wall_ms(key->shard->remote->settings.clock);
    memcpy(place.etag, tombstone->stored_etag, sizeof place.etag);
    memcpy(place.version, tombstone->version, sizeof place.version);
    if (now_ms - tombstone->modified_ms > OLD_MS && tombstone_may_stand(key))
        (void)tombstone_remove(key, &place, &answer, &ignored); /* else the next look does it */
}

/* Whoever may write but not delete must not lose an object by a deletion that is refused. Rights go by bucket and key,
 * and may be withdrawn: so each burial asks first for the removal of a tombstone that there is not. */
SUSPENDS static bool may_remove(struct remote_key *key, struct error *error)
{
    struct s3_answer answer;
    const struct tombstone_place nowhere = {"bale-no-such-tombstone", "null"};
    return tombstone_remove(key, &nowhere, &answer, error);
}

/* ---- writing ---- */

/* What is sent: the stamp is the only field, and the body, so that no other object has its ETag. */
struct tombstone {
    uint8_t nonce[STAMP_NONCE_BYTES];
    uint8_t memory[STAMP_TEXT_BYTES_MAX];
    struct span text;
};

static void make(const struct remote_key *key, struct tombstone *tombstone)
{
    struct buffer text = {
        .data = tombstone->memory, .capacity = sizeof tombstone->memory, .limit = sizeof tombstone->memory};
    struct object_stamp stamp = {.is_tombstone = true};
    random_fill(&key->shard->random, tombstone->nonce, sizeof tombstone->nonce);
    memcpy(stamp.nonce, tombstone->nonce, STAMP_NONCE_BYTES);
    memcpy(stamp.name, key->row_key, STAMP_NAME_BYTES);
    stamp_encode(&stamp, &text);
    tombstone->text = buffer_span(&text);
}

SUSPENDS static bool put(const struct write_target *target, const struct tombstone *tombstone,
                         struct s3_answer *ret_answer, struct error *error)
{
    char etag[QUOTED_ETAG_BYTES];
    struct http_field headers[2] = {{SPAN("x-amz-meta-s4-bale"), tombstone->text}};
    struct s3_call call = remote_key_call(target->key, S3_PUT_OBJECT, S3_ONCE);
    bool is_conditional = target_header(target, false, etag, &headers[1]);
    ASSERT(is_conditional);
    call.headers = headers;
    call.headers_count = 2;
    call.body = &tombstone->text;
    call.body_count = 1;
    if (!remote_call(target->key->shard, &call, ret_answer, error))
        return false;
    s3_answer_close(ret_answer);
    return true;
}

/* Its answer was lost, and there is nothing any more: by this deletion, or by another one. */
static bool is_gone(const struct write_target *target)
{
    return target->may_be_applied && target->state == TARGET_ABSENT;
}

SUSPENDS static enum burial bury(struct write_target *target, const struct tombstone *tombstone,
                                 struct counting *counting, struct written_revision *ret_revision, struct error *error)
{
    for (unsigned round = 0; tombstone_is_due(target); round++) {
        struct s3_answer answer;
        counting_note(counting, target->key, target, tombstone->nonce, &nothing);
        if (put(target, tombstone, &answer, error)) {
            written_revision_answered(&answer, ret_revision);
            return BURIED;
        }
        enum attempt attempt = target_resolve(target, tombstone->nonce, &answer, round, error);
        if (attempt == ATTEMPT_DONE) {
            written_revision_found(target, ret_revision);
            return BURIED;
        }
        if (attempt == ATTEMPT_FAILED) {
            counting_failed(counting, target, &answer);
            return is_gone(target) ? BURIED_OTHER : BURIED_NONE;
        }
    }
    if (target->may_be_applied)
        counting_leave(counting);
    else
        counting_end(counting, INTENT_NOT_DONE); /* each attempt was refused, and then something else was there */
    return BURIED_OTHER;
}

SUSPENDS enum burial tombstone_bury(struct write_target *target, struct counting *counting,
                                    struct tombstone_place *ret_place, struct error *error)
{
    struct tombstone *tombstone = malloc(sizeof *tombstone);
    struct written_revision revision;
    bool is_weak;
    ASSERT(tombstone != NULL);
    make(target->key, tombstone);
    enum burial burial =
        may_remove(target->key, error) ? bury(target, tombstone, counting, &revision, error) : BURIED_NONE;
    free(tombstone);
    if (burial != BURIED)
        return burial;
    counting_buried(counting);
    struct span etag = fields_plain_etag(span_from_string(revision.etag), &is_weak);
    if (etag.size == 0 || etag.size >= sizeof ret_place->etag) {
        (void)remote_nonsense("PutObject: no ETag", error);
        return BURIED_NONE;
    }
    memcpy(ret_place->etag, etag.data, etag.size);
    ret_place->etag[etag.size] = '\0';
    memcpy(ret_place->version, revision.version, sizeof ret_place->version);
    return BURIED;
}
