/* store/remote/buckets.c -- buckets: the home bucket, or all that the backend has.
 *
 * The home bucket was there at the start, and stays: it is neither made nor removed by clients. Of all buckets, what a
 * shard learnt is believed for a while (known_buckets.h). A bucket that Bale made says in `.bale/bucket` whose it is;
 * others belong to the owner of this server. */
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/clock.h"
#include "runtime/base/decimal.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/parallel.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "s3client/operations.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/delete/own_objects.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { LIST_ARENA_BYTES = 24 << 20, RECORD_BYTES_MAX = 1024, LIST_TRIES = 7, LIST_PAUSE_MS = 10 };

static const struct span record_key = SPAN(".bale/bucket");

static struct span home_name(const struct remote *remote)
{
    return span_from_string(remote->settings.name != NULL ? remote->settings.name : remote->settings.bucket);
}

/* Of a bucket that Bale did not make: settings are kept under it, so it must be the same for every process, and another
 * for each bucket. The home bucket keeps it when its objects move to a bucket of another name. */
static uint64_t given_creation_id(const struct remote *remote, struct span name)
{
    uint8_t digest[SHA256_BYTES];
    if (!remote->settings.is_all_buckets || span_equal(name, span_from_string(remote->settings.bucket)))
        return 1;
    sha256_of(name, digest);
    return load_u64_be(digest) | UINT64_C(1) << 63; /* as one that is drawn */
}

/* What holds of a bucket that Bale did not make. */
static void describe(const struct remote *remote, struct span name, int64_t created_ms, struct bucket_info *ret_info)
{
    *ret_info = (struct bucket_info){.created_ms = created_ms, .creation_id = given_creation_id(remote, name)};
    ASSERT(name.size < sizeof ret_info->name && strlen(remote->owner) < sizeof ret_info->owner);
    memcpy(ret_info->name, name.data, name.size);
    memcpy(ret_info->owner, remote->owner, strlen(remote->owner));
}

/* ---- the record of a bucket that Bale made: whose it is ---- */

static void encode_record(const struct bucket_info *info, struct buffer *ret_text)
{
    buffer_append_format(ret_text, "bale bucket 1\nowner %s\ncreated_ms %lld\nid %llu\n", info->owner,
                         (long long)info->created_ms, (unsigned long long)info->creation_id);
}

static struct span take_line(struct span *text, struct span name)
{
    size_t end = span_find(*text, '\n');
    struct span line = span_take(*text, end);
    *text = span_skip(*text, end == SIZE_MAX ? text->size : end + 1);
    bool is_it = span_starts_with(line, name) && line.size > name.size && line.data[name.size] == ' ';
    return is_it ? span_skip(line, name.size + 1) : SPAN_EMPTY;
}

static bool decode_record(struct span text, struct bucket_info *info)
{
    struct span version = take_line(&text, SPAN("bale bucket"));
    struct span owner = take_line(&text, SPAN("owner"));
    uint64_t created;
    if (!span_equal(version, SPAN("1")) || owner.size == 0 || owner.size >= sizeof info->owner ||
        !decimal_parse_range(take_line(&text, SPAN("created_ms")), 0, INT64_MAX, &created) ||
        !decimal_parse(take_line(&text, SPAN("id")), &info->creation_id))
        return false;
    memset(info->owner, 0, sizeof info->owner);
    memcpy(info->owner, owner.data, owner.size);
    info->created_ms = (int64_t)created;
    return true;
}

/* NoSuchBucket. Of a bucket that Bale did not make the text is empty. */
SUSPENDS static bool fetch_record(struct remote_shard *shard, struct span bucket, struct buffer *ret_text,
                                  struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.kind = S3_GET_OBJECT, .bucket = bucket, .key = record_key, .repeat = S3_REPEAT};
    bool done = s3_client_call_whole(shard->client, &call, ret_text, &answer, error);
    done = remote_answered(shard, S3_GET_OBJECT, &answer, done, error);
    if (!done)
        buffer_clear(ret_text);
    return done || error->code == S3_NoSuchKey;
}

/* NoSuchBucket. */
SUSPENDS static bool load_record(struct remote_shard *shard, struct span bucket, struct bucket_info *ret_info,
                                 bool *ret_has_record, struct error *error)
{
    struct buffer text;
    buffer_init(&text, RECORD_BYTES_MAX);
    bool done = fetch_record(shard, bucket, &text, error);
    describe(shard->remote, bucket, shard->remote->started_ms, ret_info);
    *ret_has_record = done && decode_record(buffer_span(&text), ret_info);
    if (!*ret_has_record)
        describe(shard->remote, bucket, shard->remote->started_ms, ret_info);
    buffer_free(&text);
    return done;
}

/* *ret_is_there: there is one already. */
SUSPENDS static bool put_record(struct remote_shard *shard, struct span bucket, struct span text, bool *ret_is_there,
                                struct error *error)
{
    struct s3_answer answer;
    const struct http_field headers[] = {{SPAN("content-type"), SPAN("text/plain")},
                                         {SPAN("if-none-match"), SPAN("*")}};
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = bucket,
                                 .key = record_key,
                                 .headers = headers,
                                 .headers_count = verdict_holds(&shard->remote->verdicts, VERDICT_PUT_CREATE) ? 2 : 1,
                                 .body = &text,
                                 .body_count = 1,
                                 .repeat = S3_REPEAT};
    bool done = remote_call(shard, &call, &answer, error);
    if (done)
        s3_answer_close(&answer);
    *ret_is_there = !done && error->code == S3_PreconditionFailed;
    return done || *ret_is_there;
}

SUSPENDS static bool save_record(struct remote_shard *shard, const struct bucket_info *info, bool *ret_is_there,
                                 struct error *error)
{
    struct buffer text = {0};
    encode_record(info, &text);
    bool done = put_record(shard, span_from_string(info->name), buffer_span(&text), ret_is_there, error);
    buffer_free(&text);
    return done;
}

/* ---- versions ---- */

SUSPENDS bool remote_ask_versioning(struct remote_shard *shard, struct span backend_bucket,
                                    enum bucket_versioning *ret_versioning, struct error *error)
{
    enum s3_versioning versioning = S3_VERSIONING_NEVER;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = backend_bucket, .repeat = S3_REPEAT};
    *ret_versioning = VERSIONING_NEVER;
    if (!shard->remote->base.capabilities.has_versions)
        return true;
    bool done = s3_client_get_versioning(shard->client, &call, &versioning, &answer, error);
    if (!remote_answered(shard, S3_GET_BUCKET, &answer, done, error))
        return false;
    if (versioning != S3_VERSIONING_NEVER)
        *ret_versioning = versioning == S3_VERSIONING_ENABLED ? VERSIONING_ENABLED : VERSIONING_SUSPENDED;
    return true;
}

SUSPENDS static bool put_versioning(struct remote_shard *shard, struct span backend_bucket,
                                    enum bucket_versioning versioning, struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.bucket = backend_bucket, .repeat = S3_REPEAT};
    enum s3_versioning wanted = versioning == VERSIONING_ENABLED ? S3_VERSIONING_ENABLED : S3_VERSIONING_SUSPENDED;
    bool done = s3_client_put_versioning(shard->client, &call, wanted, &answer, error);
    if (remote_answered(shard, S3_PUT_BUCKET, &answer, done, error))
        return true;
    if (error->code != NULL && strcmp(error->code, S3_InvalidBucketState) == 0)
        return error_set(error, ERROR_CONFLICT, S3_InvalidBucketState,
                         "An Object Lock configuration is present on this bucket, so the versioning state cannot be "
                         "changed.");
    return false;
}

SUSPENDS bool remote_set_versioning(struct bucket_store *store, struct span bucket, enum bucket_versioning versioning,
                                    struct error *error)
{
    struct remote *remote = remote_of(store);
    struct span backend;
    if (!remote_bucket(remote, bucket, &backend, error) ||
        !put_versioning(remote_shard_here(remote), backend, versioning, error))
        return false;
    atomic_fetch_add(&remote->buckets_removed, 1); /* every shard asks anew */
    return true;
}

/* ---- finding ---- */

void remote_forget_bucket(struct remote_shard *shard, struct span name)
{
    known_buckets_forget(&shard->buckets, name);
}

static uint64_t now_ms(const struct remote_shard *shard)
{
    return clock_monotonic_ns(shard->remote->settings.clock) / 1000000;
}

static struct bucket_changes changes_of(const struct remote *remote)
{
    return (struct bucket_changes){.made = atomic_load(&remote->buckets_made),
                                   .removed = atomic_load(&remote->buckets_removed)};
}

SUSPENDS static bool ask(struct remote_shard *shard, struct span bucket, struct bucket_info *ret_info,
                         bool *ret_has_record, struct error *error)
{
    struct remote *remote = shard->remote;
    struct span backend;
    *ret_has_record = false;
    if (!remote_bucket(remote, bucket, &backend, error))
        return false;
    if (!remote->settings.is_all_buckets)
        describe(remote, bucket, remote->started_ms, ret_info);
    else if (!load_record(shard, bucket, ret_info, ret_has_record, error))
        return false;
    return remote_ask_versioning(shard, backend, &ret_info->versioning, error) &&
           remote_ask_lock(shard, backend, ret_info, error);
}

/* While it is still known: where the backend does not answer, that does for this request, too. */
SUSPENDS static bool learn_again(struct remote_shard *shard, struct span bucket, struct bucket_info *info,
                                 struct error *error)
{
    const struct bucket_changes changes = changes_of(shard->remote);
    struct bucket_info now;
    bool has_record;
    if (ask(shard, bucket, &now, &has_record, error)) {
        known_buckets_note(&shard->buckets, &now, has_record, changes, now_ms(shard));
        *info = now;
        return true;
    }
    if (error->code == S3_NoSuchBucket)
        known_buckets_forget(&shard->buckets, bucket);
    return error->code != S3_NoSuchBucket;
}

/* From memory, or by asking. */
SUSPENDS static bool learn(struct remote_shard *shard, struct span bucket, struct bucket_info *ret_info,
                           struct error *error)
{
    const struct bucket_changes changes = changes_of(shard->remote);
    const struct bucket_info *known = known_buckets_find(&shard->buckets, bucket, changes, now_ms(shard));
    bool has_record;
    if (known != NULL) {
        *ret_info = *known;
        return !known_buckets_take_turn(&shard->buckets, bucket, now_ms(shard)) ||
               learn_again(shard, bucket, ret_info, error);
    }
    if (known_buckets_is_absent(&shard->buckets, bucket, changes.made, now_ms(shard)))
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucket, "The specified bucket does not exist.");
    if (ask(shard, bucket, ret_info, &has_record, error)) {
        known_buckets_note(&shard->buckets, ret_info, has_record, changes, now_ms(shard));
        return true;
    }
    known_buckets_forget(&shard->buckets, bucket);
    if (error->code == S3_NoSuchBucket)
        known_buckets_note_absence(&shard->buckets, bucket, changes.made, now_ms(shard));
    return false;
}

SUSPENDS bool remote_find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error)
{
    struct remote *remote = remote_of(store);
    struct span backend;
    if (!remote_bucket(remote, bucket, &backend, error))
        return false;
    if (remote->settings.is_all_buckets || remote->base.capabilities.has_versions)
        return learn(remote_shard_here(remote), bucket, ret_info, error);
    describe(remote, bucket, remote->started_ms, ret_info);
    return true;
}

/* ---- making and removing ---- */

static bool already_there(const char *owner, struct span wanted, struct error *error)
{
    if (span_equal(span_from_string(owner), wanted))
        return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyOwnedByYou,
                         "Your previous request to create the named bucket succeeded and you already own it.");
    return error_set(error, ERROR_CONFLICT, S3_BucketAlreadyExists,
                     "The requested bucket name is not available. Select a different name and try again.");
}

/* Who makes the record has the bucket: to its owner, a backend may say that it has made again what was there, and who
 * repeats a request is told that it is there. */
SUSPENDS static bool take_over(struct remote_shard *shard, const struct bucket_info *info, struct error *error)
{
    struct bucket_info there;
    struct span bucket = span_from_string(info->name);
    bool is_there;
    bool has_record;
    if (!save_record(shard, info, &is_there, error)) {
        struct s3_answer answer;
        struct error ignored;
        const struct s3_call call = {.kind = S3_DELETE_BUCKET, .bucket = bucket, .repeat = S3_REPEAT};
        if (remote_call(shard, &call, &answer, &ignored)) /* else it would be the server owner's */
            s3_answer_close(&answer);
        return false;
    }
    return !is_there || (load_record(shard, bucket, &there, &has_record, error) &&
                         (there.creation_id == info->creation_id ||
                          already_there(there.owner, span_from_string(info->owner), error)));
}

/* What is there already is not made: without a record it is the server owner's, and whoever asked would have it. */
SUSPENDS static bool create(struct remote_shard *shard, const struct bucket_intent *intent, struct error *error)
{
    struct s3_answer answer;
    struct bucket_info info;
    bool has_record;
    const struct bucket_changes changes = changes_of(shard->remote);
    const struct http_field lock = {SPAN("x-amz-bucket-object-lock-enabled"), SPAN("true")};
    const struct span region = span_from_string(s3_endpoint_region(shard->remote->settings.endpoint));
    const struct s3_call call = {
        .bucket = intent->name, .headers = &lock, .headers_count = intent->has_lock ? 1 : 0, .repeat = S3_REPEAT};
    if (load_record(shard, intent->name, &info, &has_record, error))
        return already_there(info.owner, intent->owner, error);
    if (error->code != S3_NoSuchBucket)
        return false;
    describe(shard->remote, intent->name, clock_wall_ms(shard->remote->settings.clock), &info);
    info.creation_id =
        intent->creation_id != 0 ? intent->creation_id : bucket_draw_creation_id(shard->remote->settings.random);
    memset(info.owner, 0, sizeof info.owner);
    memcpy(info.owner, intent->owner.data, intent->owner.size);
    bool done = s3_client_create_bucket(shard->client, &call, region, &answer, error);
    if (!remote_answered(shard, S3_CREATE_BUCKET, &answer, done, error) &&
        error->code != S3_BucketAlreadyOwnedByYou) /* that is our own request, or one of another process */
        return false;
    bool is_taken = take_over(shard, &info, error);
    atomic_fetch_add(&shard->remote->buckets_made, 1); /* now: who looked before the record was there looks again */
    if (!is_taken)
        return false;
    if (intent->versioning != VERSIONING_NEVER && !intent->has_lock &&
        !put_versioning(shard, span_from_string(info.name), intent->versioning, error))
        return false;
    info.versioning = intent->versioning;
    info.has_lock = intent->has_lock;
    known_buckets_note(&shard->buckets, &info, true, changes, now_ms(shard));
    return true;
}

SUSPENDS bool remote_create_bucket(struct bucket_store *store, const struct bucket_intent *intent, struct error *error)
{
    struct remote *remote = remote_of(store);
    if (remote->settings.is_all_buckets)
        return create(remote_shard_here(remote), intent, error);
    if (span_equal(intent->name, home_name(remote)))
        return already_there(remote->owner, intent->owner, error);
    return error_set(error, ERROR_DENIED, S3_AccessDenied,
                     "This server serves one bucket of its backend, %.*s, and makes no others.",
                     SPAN_FORMAT(home_name(remote)));
}

SUSPENDS static bool has_none(struct bucket_store *store, struct span bucket, bool *ret_has_none, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct version_list_request request = {.bucket = bucket, .entries_max = 1};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = bucket_list_versions(store, &request, &arena, &page, error);
    *ret_has_none = done && page.count == 0;
    arena_free(&arena);
    return done;
}

SUSPENDS static bool has_no_dictionary(struct bucket_store *store, struct span bucket, bool *ret_has_none,
                                       struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct list_request request = {
        .bucket = bucket, .prefix = SPAN(".s4dict/"), .entries_max = 1, .is_reserved_listed = true};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool done = remote_list(store, &request, &arena, &page, error);
    *ret_has_none = done && page.count == 0;
    arena_free(&arena);
    return done;
}

/* Of what clients see, and of dictionaries: who wants to remove the bucket takes them out first. */
SUSPENDS static bool is_empty(struct bucket_store *store, struct span bucket, bool *ret_is_empty, struct error *error)
{
    return has_none(store, bucket, ret_is_empty, error) &&
           (!*ret_is_empty || has_no_dictionary(store, bucket, ret_is_empty, error));
}

/* Pieces of uploads, and what else is ours beside the record. */
SUSPENDS static bool remove_own(struct remote_shard *shard, struct span bucket, struct error *error)
{
    const struct own_removal removal = {.shard = shard,
                                        .bucket = bucket,
                                        .prefix = SPAN(".bale/"),
                                        .kept = SPAN("bucket"),
                                        .may_be_locked = shard->remote->base.capabilities.has_lock};
    return own_objects_remove(&removal, error);
}

/* Former versions of dictionaries, and the markers before them: of those that are used there is none (is_empty). */
SUSPENDS static bool remove_former_dictionaries(struct remote_shard *shard, struct span bucket, struct error *error)
{
    const struct own_removal removal = {.shard = shard,
                                        .bucket = bucket,
                                        .prefix = SPAN(".s4dict/"),
                                        .may_be_locked = shard->remote->base.capabilities.has_lock};
    enum bucket_versioning versioning;
    return remote_ask_versioning(shard, bucket, &versioning, error) &&
           (versioning == VERSIONING_NEVER || own_objects_remove_former(&removal, error));
}

/* The record last: who dies before that leaves a bucket that is still its owner's. */
SUSPENDS static bool remove_record(struct remote_shard *shard, struct span bucket, struct error *error)
{
    const struct own_removal removal = {.shard = shard,
                                        .bucket = bucket,
                                        .prefix = record_key,
                                        .may_be_locked = shard->remote->base.capabilities.has_lock};
    return own_objects_remove(&removal, error);
}

/* The backend may refuse it in the end: somebody has written into it meanwhile, say. Then it has its record again, or
 * it would be the server owner's, and without its settings. */
SUSPENDS static bool remove_bucket(struct remote_shard *shard, struct span bucket, struct error *error)
{
    struct buffer record;
    struct s3_answer answer;
    struct error ignored;
    bool is_there;
    buffer_init(&record, RECORD_BYTES_MAX);
    const struct s3_call call = {.kind = S3_DELETE_BUCKET, .bucket = bucket};
    bool is_known = fetch_record(shard, bucket, &record, error);
    bool done = is_known && remove_former_dictionaries(shard, bucket, error) && remove_own(shard, bucket, error) &&
                remove_record(shard, bucket, error) && remote_call(shard, &call, &answer, error);
    if (done)
        s3_answer_close(&answer);
    else if (record.size > 0 && !put_record(shard, bucket, buffer_span(&record), &is_there, &ignored) &&
             ignored.code != S3_NoSuchBucket)
        log_message(LOG_ERROR,
                    "bucket %.*s was not removed, and .bale/bucket in it could not be put back: it belongs to the "
                    "owner of this server now, and has no settings",
                    SPAN_FORMAT(bucket));
    buffer_free(&record);
    return done;
}

SUSPENDS static bool not_empty(struct bucket_store *store, struct span bucket, struct error *error)
{
    struct arena arena;
    struct list_page page;
    const struct list_request request = {.bucket = bucket, .entries_max = 1};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool has_objects = remote_list(store, &request, &arena, &page, error) && page.count > 0;
    arena_free(&arena);
    return error_set(error, ERROR_CONFLICT, S3_BucketNotEmpty, "%s",
                     has_objects ? "The bucket you tried to delete is not empty."
                                 : "The bucket you tried to delete is not empty: versions or delete markers are "
                                   "left. You must delete all versions in the bucket.");
}

SUSPENDS bool remote_delete_bucket(struct bucket_store *store, struct span bucket, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct remote_shard *shard = remote_shard_here(remote);
    struct span backend;
    bool empty;
    if (!remote_bucket(remote, bucket, &backend, error) || !is_empty(store, bucket, &empty, error))
        return false;
    if (!empty)
        return not_empty(store, bucket, error);
    if (span_equal(backend, span_from_string(remote->settings.bucket)))
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "This server lives in the bucket, and does not remove it.");
    bool done = remove_bucket(shard, backend, error);
    atomic_fetch_add(&remote->buckets_removed, 1); /* also when it stays: for a moment it had no record */
    remote_forget_bucket(shard, bucket);
    return done;
}

/* ---- listing ---- */

struct bucket_query {
    struct remote_shard *shard;
    struct span owner; /* empty: of all */
    struct span prefix;
    struct span after;
    struct s3_bucket_entry *found; /* of the backend, in order */
    struct bucket_info *infos;     /* of those; name "": it has gone meanwhile */
    unsigned count;
    struct error error;
};

static bool is_wanted(const struct bucket_query *query, struct span name)
{
    return name.size >= 1 && name.size <= BUCKET_NAME_BYTES_MAX && span_starts_with(name, query->prefix) &&
           (query->after.size == 0 || span_compare(name, query->after) > 0);
}

static int compare_names(const void *a, const void *b)
{
    return span_compare(((const struct s3_bucket_entry *)a)->name, ((const struct s3_bucket_entry *)b)->name);
}

/* Whose it is stands in its record. */
static void learn_one(void *context, unsigned index)
{
    struct bucket_query *query = context;
    struct error error;
    struct bucket_info *info = &query->infos[index];
    if (learn(query->shard, query->found[index].name, info, &error))
        info->created_ms = query->found[index].created_ms;
    else if (error.code == S3_NoSuchBucket)
        info->name[0] = '\0';
    else
        query->error = error;
}

/* Some answer nothing while buckets come and go (MinIO). */
SUSPENDS static bool ask_for_all(struct bucket_query *query, struct arena *arena, unsigned *ret_count,
                                 struct error *error)
{
    struct s3_answer answer;
    const struct s3_call call = {.repeat = S3_REPEAT};
    for (unsigned i = 0; i < LIST_TRIES; i++) { /* 0.6 s in all */
        bool done =
            s3_client_list_buckets(query->shard->client, &call, arena, &query->found, ret_count, &answer, error);
        if (done || error->kind != ERROR_DAMAGED)
            return remote_answered(query->shard, S3_LIST_BUCKETS, &answer, done, error);
        (void)io_sleep_until(deadline_after_ms((uint64_t)LIST_PAUSE_MS << i));
    }
    log_message(LOG_WARNING, "backend: %s", error->message);
    return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend does not say which buckets it has. Try again.");
}

SUSPENDS static bool find_all(struct bucket_query *query, struct arena *arena, struct error *error)
{
    unsigned count = 0;
    if (!ask_for_all(query, arena, &count, error))
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (is_wanted(query, query->found[i].name))
            query->found[query->count++] = query->found[i];
    }
    if (query->count > 0)
        qsort(query->found, query->count, sizeof *query->found, compare_names);
    query->infos = arena_allocate(arena, (query->count + 1) * sizeof *query->infos);
    if (query->infos == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    parallel_run(query->count, HEADS_AT_ONCE, learn_one, query);
    if (query->error.kind != ERROR_NONE)
        *error = query->error;
    return query->error.kind == ERROR_NONE;
}

SUSPENDS static bool find_buckets(struct remote *remote, struct bucket_query *query, struct arena *arena,
                                  struct error *error)
{
    if (remote->settings.is_all_buckets)
        return find_all(query, arena, error);
    query->infos = arena_allocate(arena, sizeof *query->infos);
    if (query->infos == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    query->count = is_wanted(query, home_name(remote)) ? 1 : 0;
    return query->count == 0 || remote_find_bucket(&remote->base, home_name(remote), query->infos, error);
}

SUSPENDS bool remote_list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct bucket_query query = {.shard = remote_shard_here(remote), .owner = owner, .prefix = prefix, .after = after};
    struct arena found;
    arena_init(&found, LIST_ARENA_BYTES);
    bool done = find_buckets(remote, &query, &found, error);
    unsigned most = query.count < buckets_max ? query.count : buckets_max;
    struct bucket_info *buckets = done ? arena_allocate(arena, (most + 1) * sizeof *buckets) : NULL;
    if (done && buckets == NULL)
        done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    *ret_count = 0;
    *ret_truncated = false;
    for (unsigned i = 0; buckets != NULL && i < query.count; i++) {
        const struct bucket_info *info = &query.infos[i];
        if (info->name[0] == '\0' || (owner.size > 0 && !span_equal(span_from_string(info->owner), owner)))
            continue;
        *ret_truncated = *ret_count == buckets_max;
        if (*ret_truncated)
            break;
        buckets[(*ret_count)++] = *info;
    }
    *ret_buckets = buckets;
    arena_free(&found);
    return done;
}
