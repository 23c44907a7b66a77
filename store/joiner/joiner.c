/* store/joiner/joiner.c -- the store in front: uploads of its own, everything else passed on. */
#include "store/joiner/joiner.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "s3client/wire/s3_error.h"
#include "store/bucket_operations.h"
#include "store/joiner/join.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { UPLOAD_ARENA_BYTES = 256 << 10, COMPLETE_TRIES = 3, SWEPT_AT_ONCE = 2 };
#define SWEPT_PERIOD_MS (UINT64_C(30) * 24 * 3600 * 1000)

static const struct span reserved = SPAN(".bale/");

static struct bucket_store *inner_of(struct bucket_store *store)
{
    return ((struct joiner *)store)->inner;
}

/* ---- a part ---- */

struct staging_writer {
    const struct bucket_store *store; /* first, as bucket.c expects */
    struct bucket_writer *inner;
    uint64_t size;
    unsigned number;
    char upload_id[UPLOAD_ID_BYTES];
    size_t bucket_bytes;
    size_t key_bytes;
    uint8_t names[]; /* bucket, key */
};

static struct object_name name_of(const struct staging_writer *writer)
{
    return (struct object_name){.bucket = span_of(writer->names, writer->bucket_bytes),
                                .key = span_of(writer->names + writer->bucket_bytes, writer->key_bytes)};
}

static SUSPENDS bool need_upload(struct bucket_store *inner, const struct object_name *name, struct span upload_id,
                                 struct error *error)
{
    struct arena arena;
    struct upload_info ignored;
    arena_init(&arena, UPLOAD_ARENA_BYTES);
    bool found = bucket_find_upload(inner, name, upload_id, &arena, &ignored, error);
    arena_free(&arena);
    return found;
}

static SUSPENDS bool begin_part(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned number, uint64_t stored_size_hint, struct bucket_writer **ret_writer,
                                struct error *error)
{
    struct bucket_store *inner = inner_of(store);
    char key[STAGED_KEY_BYTES_MAX];
    struct bucket_writer *staged;
    struct write_intent intent = {.name = {.bucket = name->bucket, .key = staged_key(upload_id, number, key)},
                                  .stored_size_hint = stored_size_hint};
    if (!need_upload(inner, name, upload_id, error) || !bucket_begin(inner, &intent, &staged, error))
        return false;
    struct staging_writer *writer = malloc(sizeof *writer + name->bucket.size + name->key.size);
    ASSERT(writer != NULL);
    *writer = (struct staging_writer){.store = store,
                                      .inner = staged,
                                      .number = number,
                                      .bucket_bytes = name->bucket.size,
                                      .key_bytes = name->key.size};
    memcpy(writer->upload_id, upload_id.data, upload_id.size);
    memcpy(writer->names, name->bucket.data, name->bucket.size);
    memcpy(writer->names + name->bucket.size, name->key.data, name->key.size);
    *ret_writer = (struct bucket_writer *)writer;
    return true;
}

static SUSPENDS bool write_part(struct bucket_writer *base, struct span bytes, struct error *error)
{
    struct staging_writer *writer = (struct staging_writer *)base;
    writer->size += bytes.size;
    return bucket_write(writer->inner, bytes, error);
}

static SUSPENDS void abort_part(struct bucket_writer *base)
{
    struct staging_writer *writer = (struct staging_writer *)base;
    bucket_abort(writer->inner);
    free(writer);
}

/* Was the upload completed or aborted while the part arrived? Then nobody else removes the piece. */
static SUSPENDS bool still_open(const struct staging_writer *writer, const struct join_target *target,
                                struct error *error)
{
    if (need_upload(target->joiner->inner, target->name, target->upload_id, error))
        return true;
    char key[STAGED_KEY_BYTES_MAX];
    struct delete_item item = {.key = staged_key(target->upload_id, writer->number, key)};
    struct error ignored;
    if (error->kind == ERROR_NOT_FOUND)
        (void)bucket_delete_objects(target->joiner->inner, target->name->bucket, &item, 1, &ignored);
    return false;
}

static SUSPENDS bool commit_part(struct bucket_writer *base, const struct part_attributes *part, struct error *error)
{
    struct staging_writer *writer = (struct staging_writer *)base;
    struct object_name name = name_of(writer);
    struct join_target target = {(struct joiner *)(uintptr_t)writer->store, &name,
                                 span_of(writer->upload_id, UPLOAD_ID_BYTES - 1)};
    ASSERT(part->number == writer->number);
    bool done = staged_commit(writer->inner, writer->size, name.key, part, error) && still_open(writer, &target, error);
    if (done)
        join_around(&target, writer->number);
    free(writer);
    return done;
}

/* ---- lists of parts ---- */

static SUSPENDS bool read_part(struct bucket_store *inner, struct span bucket, struct span upload_id,
                               const struct staged_piece *piece, struct arena *arena, struct part_attributes *ret_part,
                               struct error *error)
{
    struct staged_reader reader;
    if (!staged_open(inner, bucket, upload_id, piece->number, &reader, error))
        return false;
    *ret_part = reader.part;
    if (reader.part.frames.size > 0)
        ret_part->frames = arena_copy(arena, reader.part.frames);
    bool done = reader.part.frames.size == 0 || ret_part->frames.data != NULL ||
                error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    staged_close(&reader);
    return done;
}

static SUSPENDS bool list_parts(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                unsigned after, unsigned parts_max, struct arena *arena,
                                struct part_attributes **ret_parts, unsigned *ret_count, bool *ret_truncated,
                                struct error *error)
{
    struct bucket_store *inner = inner_of(store);
    struct buffer pieces = {0};
    if (parts_max > LIST_ENTRIES_MAX)
        parts_max = LIST_ENTRIES_MAX;
    *ret_truncated = false;
    bool done = need_upload(inner, name, upload_id, error) &&
                staged_list(inner, name->bucket, upload_id, after, parts_max, &pieces, ret_truncated, error);
    const struct staged_piece *piece = (const struct staged_piece *)(const void *)pieces.data;
    unsigned count = (unsigned)(pieces.size / sizeof *piece);
    struct part_attributes *parts = done ? arena_allocate(arena, (count + 1) * sizeof *parts) : NULL;
    if (done && parts == NULL) {
        (void)error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
        done = false;
    }
    for (unsigned i = 0; done && i < count; i++) {
        done = read_part(inner, name->bucket, upload_id, &piece[i], arena, &parts[i], error);
        if (!done && i > 0 && error->kind == ERROR_BUSY) { /* the arena is full: the next page begins with it */
            *ret_truncated = true;
            count = i;
            done = true;
        }
    }
    buffer_free(&pieces);
    *ret_parts = parts;
    *ret_count = count;
    return done;
}

/* ---- completing ---- */

static bool invalid_part(unsigned number, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPart,
                     "One or more of the specified parts could not be found. The part may not have been uploaded, or "
                     "its ETag may not match. (Part %u)",
                     number);
}

/* Appends the chosen pieces: struct staged_piece. */
static SUSPENDS bool choose_pieces(struct bucket_store *inner, struct span bucket, struct span upload_id,
                                   const struct part_choice *choices, unsigned count, struct buffer *ret_pieces,
                                   struct error *error)
{
    struct buffer page = {0};
    unsigned after = choices[0].number - 1;
    unsigned chosen = 0;
    bool is_truncated = true;
    bool done = true;
    while (done && is_truncated && chosen < count) {
        buffer_clear(&page);
        done = staged_list(inner, bucket, upload_id, after, LIST_ENTRIES_MAX, &page, &is_truncated, error);
        const struct staged_piece *piece = (const struct staged_piece *)(const void *)page.data;
        size_t listed = done ? page.size / sizeof *piece : 0;
        for (size_t i = 0; done && i < listed && chosen < count; i++) {
            after = piece[i].number;
            if (piece[i].number < choices[chosen].number)
                continue;
            if (piece[i].number > choices[chosen].number || memcmp(piece[i].md5, choices[chosen].md5, MD5_BYTES) != 0)
                done = invalid_part(choices[chosen].number, error);
            else
                buffer_append(ret_pieces, span_of(&piece[i], sizeof piece[i]));
            chosen++;
        }
    }
    buffer_free(&page);
    return done && (chosen == count || invalid_part(choices[chosen].number, error));
}

/* Appends struct object_part: what clients know of the parts. */
static SUSPENDS bool read_map(struct bucket_store *inner, struct span bucket, struct span upload_id,
                              const struct staged_piece *pieces, unsigned count, struct buffer *ret_parts,
                              struct error *error)
{
    for (unsigned i = 0; i < count; i++) {
        struct staged_reader reader;
        if (!staged_open(inner, bucket, upload_id, pieces[i].number, &reader, error))
            return false;
        struct object_part part = {pieces[i].number, reader.part.original_size, reader.part.checksum};
        buffer_append(ret_parts, span_of(&part, sizeof part));
        staged_close(&reader);
    }
    return true;
}

struct completion {
    struct buffer pieces;
    struct buffer parts;   /* struct object_part */
    struct buffer choices; /* struct part_choice, of stored parts */
};

static SUSPENDS bool try_complete(const struct join_target *target, const struct part_choice *choices, unsigned count,
                                  const struct write_result *result, struct completion *completion,
                                  struct object_attributes *ret_attributes, struct error *error)
{
    struct bucket_store *inner = target->joiner->inner;
    struct span bucket = target->name->bucket;
    buffer_clear(&completion->pieces);
    buffer_clear(&completion->parts);
    buffer_clear(&completion->choices);
    if (!need_upload(inner, target->name, target->upload_id, error) ||
        !choose_pieces(inner, bucket, target->upload_id, choices, count, &completion->pieces, error))
        return false;
    const struct staged_piece *pieces = (const struct staged_piece *)(const void *)completion->pieces.data;
    if (!read_map(inner, bucket, target->upload_id, pieces, count, &completion->parts, error) ||
        !join_all(target, pieces, count, &completion->choices, error))
        return false;
    const struct part_choice *stored = (const struct part_choice *)(const void *)completion->choices.data;
    struct write_result joined = *result;
    joined.parts = (const struct object_part *)(const void *)completion->parts.data;
    joined.parts_count = count;
    return bucket_complete_upload(inner, target->name, target->upload_id, stored,
                                  (unsigned)(completion->choices.size / sizeof *stored), &joined, ret_attributes,
                                  error);
}

/* Somebody else joined the same pieces otherwise, between our join and the inner store's decision. */
static bool is_worth_another_try(const struct error *error)
{
    return error->code == S3_ConditionalRequestConflict || error->code == S3_InvalidPart || error->code == S3_NoSuchKey;
}

static SUSPENDS void remove_pieces(struct bucket_store *inner, struct span bucket, struct span upload_id)
{
    char prefix[STAGED_PREFIX_BYTES_MAX];
    struct error ignored; /* what is left is swept away later */
    (void)staged_remove(inner, bucket, staged_prefix(upload_id, prefix), &ignored);
}

/* Joining is dear: what the inner store would refuse at the end is refused before. */
static SUSPENDS bool may_hold(struct bucket_store *inner, const struct object_name *name,
                              const struct write_condition *condition, struct error *error)
{
    struct arena arena;
    struct object_attributes current;
    if (condition == NULL)
        return true;
    arena_init(&arena, UPLOAD_ARENA_BYTES);
    bool exists = bucket_head(inner, name, &arena, &current, error);
    bool holds =
        (exists || error->kind == ERROR_NOT_FOUND) && write_condition_holds(condition, exists ? &current : NULL, error);
    arena_free(&arena);
    return holds;
}

static SUSPENDS bool complete_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                     const struct part_choice *parts, unsigned count, const struct write_result *result,
                                     struct object_attributes *ret_attributes, struct error *error)
{
    struct join_target target = {(struct joiner *)store, name, upload_id};
    struct completion completion = {0};
    bool done = false;
    if (!may_hold(target.joiner->inner, name, result->condition, error))
        return false;
    struct join_claim *claim = join_claim_take(target.joiner, upload_id, false);
    if (claim == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "Too many uploads are being completed at once.");
    for (unsigned i = 0; i < COMPLETE_TRIES && !done; i++) {
        done = try_complete(&target, parts, count, result, &completion, ret_attributes, error);
        if (!done && !is_worth_another_try(error))
            break;
    }
    buffer_free(&completion.pieces);
    buffer_free(&completion.parts);
    buffer_free(&completion.choices);
    join_claim_drop(target.joiner, claim);
    if (done)
        remove_pieces(target.joiner->inner, name->bucket, upload_id);
    return done;
}

static SUSPENDS bool abort_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                  struct error *error)
{
    if (!bucket_abort_upload(inner_of(store), name, upload_id, error))
        return false;
    remove_pieces(inner_of(store), name->bucket, upload_id);
    return true;
}

/* ---- pieces that nobody owns any more ---- */

/* The upload's id stands in the name, its key in the record of each piece. */
static SUSPENDS void sweep_upload(struct bucket_store *inner, struct span bucket, struct span prefix)
{
    struct buffer pieces = {0};
    struct staged_reader reader;
    struct error error;
    bool is_truncated;
    struct span id = span_take(span_skip(prefix, staged_root.size), UPLOAD_ID_BYTES - 1);
    if (prefix.size != staged_root.size + UPLOAD_ID_BYTES)
        return;
    bool found = staged_list(inner, bucket, id, 0, 1, &pieces, &is_truncated, &error) && pieces.size > 0;
    unsigned number = found ? ((const struct staged_piece *)(const void *)pieces.data)->number : 0;
    buffer_free(&pieces);
    if (!found || !staged_open(inner, bucket, id, number, &reader, &error))
        return;
    struct object_name name = {.bucket = bucket, .key = reader.key};
    bool is_orphan = !need_upload(inner, &name, id, &error) && error.code == S3_NoSuchUpload;
    staged_close(&reader);
    if (is_orphan)
        (void)staged_remove(inner, bucket, prefix, &error);
}

/* A few, from the start on or from some time of the last month: whoever begins an upload looks after those that a crash
 * left behind, even when the oldest are open. */
static SUSPENDS void sweep(struct bucket_store *inner, struct span bucket)
{
    struct arena arena;
    struct list_page page;
    struct error ignored;
    uint64_t since = (uint64_t)clock_wall_ms(clock_system()) - random_below(random_system(), SWEPT_PERIOD_MS);
    char start[STAGED_KEY_BYTES_MAX];
    int size = snprintf(start, sizeof start, "%.*s%012" PRIx64, SPAN_FORMAT(staged_root), since); /* as ids begin */
    struct list_request request = {.bucket = bucket,
                                   .prefix = staged_root,
                                   .delimiter = SPAN("/"),
                                   .after = since % 2 == 0 ? SPAN_EMPTY : span_of(start, (size_t)size),
                                   .entries_max = SWEPT_AT_ONCE};
    arena_init(&arena, UPLOAD_ARENA_BYTES);
    if (bucket_list(inner, &request, &arena, &page, &ignored)) {
        for (unsigned i = 0; i < page.count; i++)
            sweep_upload(inner, bucket, page.entries[i].key);
    }
    arena_free(&arena);
}

static SUSPENDS bool create_upload(struct bucket_store *store, const struct upload_intent *intent,
                                   char ret_id[UPLOAD_ID_BYTES], struct error *error)
{
    sweep(inner_of(store), intent->name.bucket);
    return bucket_create_upload(inner_of(store), intent, ret_id, error);
}

/* ---- buckets and lists: staged pieces do not show ---- */

static SUSPENDS bool list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error)
{
    struct list_request wanted = *request;
    for (;;) {
        if (!bucket_list(inner_of(store), &wanted, arena, ret_page, error))
            return false;
        unsigned kept = 0;
        for (unsigned i = 0; i < ret_page->count; i++) {
            if (!span_starts_with(ret_page->entries[i].key, reserved))
                ret_page->entries[kept++] = ret_page->entries[i];
        }
        bool has_hidden = kept < ret_page->count;
        ret_page->count = kept;
        if (kept > 0 || !ret_page->is_truncated || !has_hidden)
            return true;
        wanted.after = SPAN(".bale/\xff"); /* behind all that is reserved */
    }
}

static SUSPENDS bool abort_page(struct bucket_store *store, struct span bucket, unsigned *ret_count,
                                struct error *error)
{
    struct arena arena;
    struct upload_list_page page;
    struct upload_list_request request = {.bucket = bucket, .entries_max = LIST_ENTRIES_MAX};
    arena_init(&arena, 4 * UPLOAD_ARENA_BYTES);
    bool done = bucket_list_uploads(inner_of(store), &request, &arena, &page, error);
    for (unsigned i = 0; done && i < page.count; i++) {
        struct object_name name = {.bucket = bucket, .key = page.entries[i].upload.key};
        done = abort_upload(store, &name, span_from_string(page.entries[i].upload.id), error) ||
               error->code == S3_NoSuchUpload;
    }
    *ret_count = done ? page.count : 0;
    arena_free(&arena);
    return done;
}

/* Unfinished uploads go with their bucket; objects do not. */
static SUSPENDS bool delete_bucket(struct bucket_store *store, struct span bucket, struct error *error)
{
    struct arena arena;
    struct list_page page;
    struct list_request request = {.bucket = bucket, .entries_max = 1};
    arena_init(&arena, UPLOAD_ARENA_BYTES);
    bool done = list(store, &request, &arena, &page, error);
    if (done && page.count > 0)
        done = error_set(error, ERROR_CONFLICT, S3_BucketNotEmpty, "The bucket you tried to delete is not empty.");
    arena_free(&arena);
    for (unsigned count = 1; done && count > 0;)
        done = abort_page(store, bucket, &count, error);
    return done && staged_remove(inner_of(store), bucket, staged_root, error) &&
           bucket_delete(inner_of(store), bucket, error);
}

/* ---- what is passed on ---- */

static SUSPENDS bool create_bucket(struct bucket_store *store, const struct bucket_intent *intent, struct error *error)
{
    return bucket_create(inner_of(store), intent, error);
}

static SUSPENDS bool find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error)
{
    return bucket_find(inner_of(store), bucket, ret_info, error);
}

static SUSPENDS bool list_buckets(struct bucket_store *store, struct span owner, struct span prefix, struct span after,
                                  unsigned buckets_max, struct arena *arena, struct bucket_info **ret_buckets,
                                  unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    return bucket_list_buckets(inner_of(store), owner, prefix, after, buckets_max, arena, ret_buckets, ret_count,
                               ret_truncated, error);
}

static SUSPENDS bool open_object(struct bucket_store *store, const struct object_name *name,
                                 const struct open_intent *intent, struct bucket_object **ret_object,
                                 struct error *error)
{
    return bucket_open(inner_of(store), name, intent, ret_object, error);
}

static SUSPENDS bool head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    return bucket_head(inner_of(store), name, arena, ret_attributes, error);
}

static SUSPENDS bool begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error)
{
    return bucket_begin(inner_of(store), intent, ret_writer, error);
}

static SUSPENDS bool delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error)
{
    return bucket_delete_objects(inner_of(store), bucket, items, count, error);
}

static SUSPENDS bool find_upload(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                 struct arena *arena, struct upload_info *ret_upload, struct error *error)
{
    return bucket_find_upload(inner_of(store), name, upload_id, arena, ret_upload, error);
}

static SUSPENDS bool list_uploads(struct bucket_store *store, const struct upload_list_request *request,
                                  struct arena *arena, struct upload_list_page *ret_page, struct error *error)
{
    return bucket_list_uploads(inner_of(store), request, arena, ret_page, error);
}

static SUSPENDS bool find_completed(struct bucket_store *store, const struct object_name *name, struct span upload_id,
                                    struct object_attributes *ret_attributes, struct error *error)
{
    return bucket_find_completed(inner_of(store), name, upload_id, ret_attributes, error);
}

static SUSPENDS bool read_tags(struct bucket_store *store, const struct object_name *name, struct buffer *ret_tags,
                               char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    return bucket_read_tags(inner_of(store), name, ret_tags, ret_version, error);
}

static SUSPENDS bool write_tags(struct bucket_store *store, const struct object_name *name, struct span tags,
                                unsigned tags_count, char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    return bucket_write_tags(inner_of(store), name, tags, tags_count, ret_version, error);
}

/* Open objects and writers of objects are the inner store's own: what is called on them does not come by here. */
static const struct bucket_store_operations operations = {
    .create_bucket = create_bucket,
    .find_bucket = find_bucket,
    .delete_bucket = delete_bucket,
    .list_buckets = list_buckets,
    .open = open_object,
    .head = head,
    .begin = begin,
    .write = write_part,
    .abort = abort_part,
    .delete_objects = delete_objects,
    .list = list,
    .create_upload = create_upload,
    .find_upload = find_upload,
    .begin_part = begin_part,
    .commit_part = commit_part,
    .list_parts = list_parts,
    .complete_upload = complete_upload,
    .abort_upload = abort_upload,
    .list_uploads = list_uploads,
    .find_completed = find_completed,
    .read_tags = read_tags,
    .write_tags = write_tags,
};

struct bucket_store *joiner_create(struct bucket_store *inner)
{
    struct joiner *joiner = calloc(1, sizeof *joiner);
    ASSERT(joiner != NULL && inner->capabilities.part_bytes_min > 0);
    joiner->base = (struct bucket_store){&operations, inner->capabilities};
    joiner->base.capabilities.part_bytes_min = 0;
    struct bucket_capabilities *capabilities = &joiner->base.capabilities; /* its calls lead by none of these */
    capabilities->has_acls = capabilities->has_versions = capabilities->has_lock = false;
    capabilities->judges_deletions = false;
    capabilities->rewrites = false;
    joiner->inner = inner;
    pthread_mutex_init(&joiner->lock, NULL);
    return &joiner->base;
}

void joiner_destroy(struct bucket_store *store)
{
    struct joiner *joiner = (struct joiner *)store;
    pthread_mutex_destroy(&joiner->lock);
    free(joiner);
}
