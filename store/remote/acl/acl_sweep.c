/* store/remote/acl/acl_sweep.c -- lists of grants whose objects have gone. */
#include "store/remote/acl/acl_object.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/fetch.h"

#include <stdlib.h>

enum { SWEEP_ARENA_BYTES = 8 << 20, LOOKED_AT_MAX = 100 };

static const struct span root = SPAN(".bale/acl/");

/* On the heap: a fiber's stack is small. */
struct sweeping {
    struct remote *remote;
    struct remote_shard *shard;
    struct span bucket;  /* clients' name */
    struct span backend; /* the backend's */
    unsigned looked_at;
    struct remote_key object; /* that is looked for */
    struct remote_state state;
    char start[OBJECT_KEY_BYTES_MAX];
    char root[OBJECT_KEY_BYTES_MAX];
};

/* ---- one of them ---- */

/* Is the object there that the list was set for? True also when that cannot be told. */
SUSPENDS static bool is_needed(struct sweeping *sweeping, struct span key, struct span revision)
{
    const struct object_name name = {.bucket = sweeping->bucket, .key = key};
    struct remote_key *object = &sweeping->object;
    struct remote_state *state = &sweeping->state;
    struct error ignored;
    char now[ACL_REVISION_BYTES] = "";
    if (!remote_key_init(sweeping->remote, &name, object, &ignored) ||
        !remote_look(object, LOOK_FOR_ETAG, state, &ignored))
        return true;
    if (state->is_there)
        acl_revision_name(&state->object.attributes, now);
    remote_state_free(object->shard, state);
    return span_equal(span_from_string(now), revision);
}

/* Under the condition that nobody has written it since it was listed, where the backend decides that: an upload that is
 * completed at last may just need it. */
SUSPENDS static void remove_one(const struct sweeping *sweeping, const struct s3_list_entry *entry)
{
    struct s3_answer answer;
    struct error ignored;
    char etag[QUOTED_ETAG_BYTES];
    bool is_weak;
    struct span plain = fields_plain_etag(entry->etag, &is_weak);
    if (plain.size >= STORED_ETAG_TEXT_BYTES)
        return;
    const struct http_field condition = {SPAN("if-match"), fetch_quote(plain, etag)};
    bool is_conditional = verdict_holds(&sweeping->remote->verdicts, VERDICT_DELETE_MATCH);
    const struct s3_call call = {.kind = S3_DELETE_OBJECT,
                                 .bucket = sweeping->backend,
                                 .key = entry->key,
                                 .headers = &condition,
                                 .headers_count = is_conditional ? 1 : 0,
                                 .repeat = S3_REPEAT};
    if (remote_call(sweeping->shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

/* Versions never go back to having been none: where there were none when the object was found to have gone, the
 * revision that the list was set for is no version of it either. */
SUSPENDS static bool keeps_no_versions(const struct sweeping *sweeping)
{
    enum bucket_versioning versioning;
    struct error ignored;
    return remote_ask_versioning(sweeping->shard, sweeping->backend, &versioning, &ignored) &&
           versioning == VERSIONING_NEVER;
}

SUSPENDS static void look_at(struct sweeping *sweeping, const struct s3_list_entry *entry)
{
    struct s3_answer answer;
    struct error ignored;
    struct acl_record record;
    struct buffer bytes;
    const struct s3_call call = {
        .kind = S3_GET_OBJECT, .bucket = sweeping->backend, .key = entry->key, .repeat = S3_REPEAT};
    size_t revision_at = sweeping->remote->prefix.size + root.size + 2 * ROW_KEY_BYTES + 1;
    sweeping->looked_at++;
    buffer_init(&bytes, ACL_RECORD_BYTES_MAX);
    bool done = s3_client_call_whole(sweeping->shard->client, &call, &bytes, &answer, &ignored);
    if (remote_answered(sweeping->shard, S3_GET_OBJECT, &answer, done, &ignored) &&
        acl_record_decode(buffer_span(&bytes), &record) &&
        !is_needed(sweeping, record.key, span_skip(entry->key, revision_at)) && keeps_no_versions(sweeping))
        remove_one(sweeping, entry);
    buffer_free(&bytes);
}

/* ---- some of them ---- */

/* One page of the lists behind `after`. */
SUSPENDS static void sweep_page(struct sweeping *sweeping, struct span after)
{
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    const struct remote_settings *settings = &sweeping->remote->settings;
    int64_t before_ms = clock_wall_ms(settings->clock) - (int64_t)settings->sweep_after_ms;
    const struct s3_call call = {.bucket = sweeping->backend, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = remote_own_key(sweeping->remote, root, sweeping->root),
                                            .after = after};
    arena_init(&arena, SWEEP_ARENA_BYTES);
    bool done = s3_client_list_objects(sweeping->shard->client, &call, &request, &arena, &page, &answer, &ignored);
    done = remote_answered(sweeping->shard, S3_LIST_OBJECTS, &answer, done, &ignored);
    for (unsigned i = 0; done && i < page.count && sweeping->looked_at < LOOKED_AT_MAX; i++) {
        const struct s3_list_entry *entry = &page.entries[i];
        if (span_starts_with(entry->key, request.prefix) && entry->modified_ms < before_ms)
            look_at(sweeping, entry);
    }
    arena_free(&arena);
}

SUSPENDS void acl_sweep(struct remote *remote, struct span bucket)
{
    struct sweeping *sweeping = calloc(1, sizeof *sweeping);
    struct bucket_info info;
    struct error ignored;
    uint8_t drawn[ROW_KEY_BYTES];
    char name[ACL_NAME_BYTES];
    ASSERT(sweeping != NULL);
    sweeping->remote = remote;
    sweeping->shard = remote_shard_here(remote);
    sweeping->bucket = bucket;
    if (remote_bucket(remote, bucket, &sweeping->backend, &ignored) &&
        remote_find_bucket(&remote->base, bucket, &info, &ignored) && info.versioning == VERSIONING_NEVER) {
        random_fill(remote->settings.random, drawn, sizeof drawn);
        sweep_page(sweeping, remote_own_key(remote, acl_name(drawn, "", name), sweeping->start));
        sweep_page(sweeping, SPAN_EMPTY);
    }
    free(sweeping);
}
