/* server/object/object_upload.c -- checks the parts that a client names, adds up their hashes, joins their frames'
 * sizes. */
#include "server/object/object_upload.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"
#include "server/keys/object_seal.h"
#include "server/object/codecs_private.h"
#include "store/frames.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WALK_ROWS_MAX = 1000,     /* over S3 a call is a request */
    INDEX_BYTES_A_FRAME = 32, /* in S4's sidecar, the largest of what stores make */
};

/* ---- the parts of an upload, in order ---- */

void part_walk_begin(struct part_walk *walk, struct object_codecs *codecs, struct bucket_store *store,
                     const struct object_name *name, const struct upload_info *upload, unsigned after,
                     unsigned parts_max)
{
    *walk = (struct part_walk){.codecs = codecs,
                               .store = store,
                               .name = name,
                               .upload = upload,
                               .after = after,
                               .left = parts_max,
                               .has_more = parts_max > 0};
    arena_init(&walk->arena, PART_WALK_BYTES_MAX);
}

static bool show_part(struct part_walk *walk, struct part_attributes *part, struct error *error)
{
    if (walk->secret.seal.mode != SEAL_PLAIN)
        return part_secret_show(walk->codecs->settings.keyring, walk->secret.seal.key, part, error);
    return part->seal.size == 0 ||
           error_set(error, ERROR_DAMAGED, S3_InternalError, "A part is encrypted, of an upload that is not.");
}

SUSPENDS static bool read_page(struct part_walk *walk, struct error *error)
{
    unsigned rows = walk->left < WALK_ROWS_MAX ? walk->left : WALK_ROWS_MAX;
    arena_reset(&walk->arena);
    walk->position = 0;
    walk->count = 0;
    if (!object_upload_open_seal(walk->codecs, walk->store, walk->name, walk->upload->seal, NULL, &walk->secret,
                                 error) ||
        !bucket_list_parts(walk->store, walk->name, span_from_string(walk->upload->id), walk->after, rows, &walk->arena,
                           &walk->parts, &walk->count, &walk->has_more, error))
        return false;
    for (unsigned i = 0; i < walk->count; i++) {
        if (!show_part(walk, &walk->parts[i], error))
            return false;
        fiber_yield_if_due();
    }
    return true;
}

SUSPENDS bool part_walk_next(struct part_walk *walk, const struct part_attributes **ret_part, struct error *error)
{
    *ret_part = NULL;
    if (walk->position == walk->count) {
        if (!walk->has_more)
            return true;
        if (!read_page(walk, error))
            return false;
        if (walk->count == 0)
            return true;
        walk->left -= walk->count;
        walk->has_more = walk->has_more && walk->left > 0;
        walk->after = walk->parts[walk->count - 1].number;
    }
    *ret_part = &walk->parts[walk->position++];
    return true;
}

void part_walk_end(struct part_walk *walk)
{
    upload_secret_end(&walk->secret);
    arena_free(&walk->arena);
}

/* Up to the part of that number; NULL when it is not there. Parts before it are passed over. */
SUSPENDS static bool walk_to(struct part_walk *walk, unsigned number, const struct part_attributes **ret_part,
                             struct error *error)
{
    do {
        if (!part_walk_next(walk, ret_part, error))
            return false;
    } while (*ret_part != NULL && (*ret_part)->number < number);
    if (*ret_part != NULL && (*ret_part)->number > number) {
        walk->position--; /* the next choice may mean it */
        *ret_part = NULL;
    }
    return true;
}

/* ---- what the parts make together ---- */

/* Sums over the parts so far. */
struct totals {
    struct md5_sum md5s;
    struct checksum_sum composite;
    struct checksum_value full;
    bool has_full; /* every part has a checksum that can be combined, all of one algorithm */
    unsigned count;
};

static bool refuse_part(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidPart,
                     "One or more of the specified parts could not be found. The part might not have been uploaded, or "
                     "the specified entity tag might not have matched the part's entity tag.");
}

static bool equals(const struct checksum_value *a, const struct checksum_value *b)
{
    return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, checksum_size(a->algorithm)) == 0;
}

static bool check_part(const struct part_attributes *part, const struct part_choice *choice,
                       const struct checksum_value *claimed, bool is_last, struct upload_plan *plan,
                       struct error *error)
{
    if (part == NULL || memcmp(part->md5, choice->md5, MD5_BYTES) != 0 ||
        (claimed->algorithm != CHECKSUM_NONE && !equals(claimed, &part->checksum))) {
        (void)refuse_part(error);
        return false; /* in so many words: what follows reads the part */
    }
    if (is_last || part->original_size >= UPLOAD_PART_BYTES_LEAST)
        return true;
    plan->refused_size = part->original_size;
    return error_set(error, ERROR_INVALID, S3_EntityTooSmall,
                     "Your proposed upload is smaller than the minimum allowed size");
}

static void add_full(struct totals *totals, const struct part_attributes *part)
{
    if (totals->count == 0) {
        totals->has_full = checksum_can_combine(part->checksum.algorithm);
        totals->full = part->checksum;
        return;
    }
    totals->has_full = totals->has_full && part->checksum.algorithm == totals->full.algorithm;
    if (totals->has_full)
        checksum_combine(&totals->full, &part->checksum, part->original_size);
}

static bool add_part(struct totals *totals, const struct part_attributes *part, struct upload_plan *plan,
                     struct error *error)
{
    struct object_attributes *whole = &plan->attributes;
    md5_update(&totals->md5s, span_of(part->md5, MD5_BYTES));
    if (part->checksum.algorithm != CHECKSUM_NONE)
        checksum_update(&totals->composite, span_of(part->checksum.bytes, checksum_size(part->checksum.algorithm)));
    add_full(totals, part);
    totals->count++;
    whole->crc32c = crc32c_combine(whole->crc32c, part->crc32c, part->original_size);
    whole->original_size += part->original_size;
    whole->stored_size += part->stored_size;
    plan->frames_count += frames_count(part->frames);
    buffer_append(&plan->frames, part->frames);
    return whole->original_size <= UPLOAD_BYTES_MAX ||
           error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                     "Your proposed upload exceeds the maximum allowed object size.");
}

static void format_etag(struct md5_sum *md5s, unsigned count, char ret_etag[ETAG_TEXT_BYTES])
{
    uint8_t digest[MD5_BYTES];
    md5_end(md5s, digest);
    hex_encode(span_of(digest, sizeof digest), ret_etag);
    (void)snprintf(ret_etag + 2 * sizeof digest, ETAG_TEXT_BYTES - 2 * sizeof digest, "-%u", count);
}

void object_upload_etag(const struct part_choice *parts, unsigned count, char ret_etag[ETAG_TEXT_BYTES])
{
    struct md5_sum md5s;
    md5_begin(&md5s);
    for (unsigned i = 0; i < count; i++)
        md5_update(&md5s, span_of(parts[i].md5, MD5_BYTES));
    format_etag(&md5s, count, ret_etag);
}

/* The checksum of the whole, as the upload was begun: over the parts' checksums, or of all bytes. When the parts have
 * none in common that can be combined (the client named none, and sent them as it pleased), the CRC-32C, which each has
 * in any case. */
static void end_checksum(struct totals *totals, const struct upload_info *upload, struct object_attributes *whole)
{
    if (upload->checksum_algorithm != CHECKSUM_NONE && upload->checksum_type == CHECKSUM_COMPOSITE) {
        checksum_end(&totals->composite, &whole->checksum);
        whole->checksum.type = CHECKSUM_COMPOSITE;
        whole->checksum.parts_count = totals->count;
    } else if (totals->has_full) {
        whole->checksum = totals->full;
    } else {
        whole->checksum = (struct checksum_value){.algorithm = CHECKSUM_CRC32C};
        store_u32_be(whole->checksum.bytes, whole->crc32c);
    }
}

/* What parts are packed in is not kept with them: with columns, any frame may be. */
static void describe(struct totals *totals, const struct upload_info *upload, const struct object_settings *settings,
                     struct object_attributes *whole)
{
    bool is_raw = settings->codec == OBJECT_CODEC_RAW;
    whole->layout = is_raw ? LAYOUT_RAW : LAYOUT_FRAMED;
    whole->codec = is_raw ? CODEC_PASSTHROUGH : CODEC_ZSTD;
    whole->is_s4 = !is_raw;
    whole->may_have_columns = settings->columns;
    whole->is_multipart = true;
    whole->is_size_known = true;
    whole->has_crc32c = true;
    whole->parts_count = totals->count;
    whole->metadata = upload->metadata;
    whole->lock = upload->lock;
    whole->owner = upload->owner;
    whole->acl = upload->acl;
    whole->tags_count = metadata_count(upload->tags);
    end_checksum(totals, upload, whole);
    format_etag(&totals->md5s, totals->count, whole->etag);
}

/* ---- what is encrypted ---- */

/* A store knows an encrypted part by this attempt to send it, not by its MD5; what the object keeps of it is sealed. */
struct sealed_plan {
    struct part_choice *tokens;
    struct object_part *parts;
    unsigned count;
    struct buffer seals; /* of the parts, one behind the other */
    struct sha256_sum map;
    uint8_t seal[SEAL_RECORD_BYTES_MAX]; /* of the object */
};

static void sealed_plan_free(struct sealed_plan *sealed)
{
    if (sealed == NULL)
        return;
    buffer_free(&sealed->seals);
    free(sealed->tokens);
    free(sealed->parts);
    free(sealed);
}

static bool sealed_plan_begin(unsigned parts_max, struct sealed_plan **ret_sealed, struct error *error)
{
    struct sealed_plan *sealed = calloc(1, sizeof *sealed);
    if (sealed != NULL) {
        buffer_init(&sealed->seals, 0);
        sha256_begin(&sealed->map);
        sealed->tokens = calloc(parts_max, sizeof *sealed->tokens);
        sealed->parts = calloc(parts_max, sizeof *sealed->parts);
        if (sealed->tokens != NULL && sealed->parts != NULL) {
            *ret_sealed = sealed;
            return true;
        }
    }
    sealed_plan_free(sealed);
    return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further upload.");
}

static void sealed_plan_add(struct sealed_plan *sealed, const struct part_attributes *part)
{
    unsigned i = sealed->count++;
    sealed->tokens[i].number = part->number;
    part_secret_token(part->seal.data, sealed->tokens[i].md5);
    sealed->parts[i] =
        (struct object_part){.number = part->number, .original_size = part->original_size, .seal = part->seal};
    part_map_hash(&sealed->map, &sealed->parts[i]);
    buffer_append(&sealed->seals, part->seal);
}

/* All parts are in: the seals no longer move. */
static void sealed_plan_end(struct sealed_plan *sealed, struct keyring *keyring, const struct object_name *name,
                            const struct upload_secret *secret, struct object_attributes *whole)
{
    uint8_t map[SHA256_BYTES];
    struct span seals = buffer_span(&sealed->seals);
    for (unsigned i = 0; i < sealed->count; i++) {
        sealed->parts[i].seal = span_take(seals, sealed->parts[i].seal.size);
        seals = span_skip(seals, sealed->parts[i].seal.size);
    }
    sha256_end(&sealed->map, map);
    struct seal_nonces nonces;
    random_fill(random_system(), &nonces, sizeof nonces);
    const struct object_sealing sealing = {.nonces = &nonces,
                                           .mode = secret->seal.mode,
                                           .key = secret->seal.key,
                                           .customer = secret->seal.customer,
                                           .kms = secret->seal.kms,
                                           .map = map};
    whole->seal = span_of(sealed->seal, object_seal_make(keyring, name, whole, &sealing, sealed->seal));
}

/* ---- the plan ---- */

SUSPENDS static bool add_choices(struct part_walk *walk, const struct upload_choices *choices, struct totals *totals,
                                 struct upload_plan *plan, struct error *error)
{
    for (unsigned i = 0; i < choices->count; i++) {
        const struct part_attributes *part;
        plan->refused = i;
        if (!walk_to(walk, choices->parts[i].number, &part, error) ||
            !check_part(part, &choices->parts[i], &choices->checksums[i], i + 1 == choices->count, plan, error) ||
            !add_part(totals, part, plan, error))
            return false;
        if (plan->sealed != NULL)
            sealed_plan_add(plan->sealed, part);
        fiber_yield_if_due();
    }
    return true;
}

SUSPENDS bool object_upload_plan(struct object_codecs *codecs, struct bucket_store *store,
                                 const struct object_name *name, const struct upload_info *upload,
                                 const struct upload_choices *choices, struct upload_plan *ret_plan,
                                 struct error *error)
{
    ASSERT(choices->count > 0);
    struct part_walk walk;
    struct totals totals = {0};
    struct upload_secret secret;
    *ret_plan = (struct upload_plan){0};
    buffer_init(&ret_plan->frames, PLAN_FRAMES_BYTES_MAX);
    if (!object_upload_open_seal(codecs, store, name, upload->seal, NULL, &secret, error))
        return false;
    if (secret.seal.mode != SEAL_PLAIN && !sealed_plan_begin(choices->count, &ret_plan->sealed, error)) {
        upload_secret_end(&secret);
        return false;
    }
    md5_begin(&totals.md5s);
    checksum_begin(&totals.composite, upload->checksum_algorithm);
    part_walk_begin(&walk, codecs, store, name, upload, choices->parts[0].number - 1, PART_NUMBER_MAX);
    bool ok = add_choices(&walk, choices, &totals, ret_plan, error);
    part_walk_end(&walk);
    if (ok)
        describe(&totals, upload, &codecs->settings, &ret_plan->attributes);
    ok = ok && kms_keyring_may_seal(codecs->settings.keyring, secret.seal.kms, error);
    if (ok && secret.seal.mode != SEAL_PLAIN)
        sealed_plan_end(ret_plan->sealed, codecs->settings.keyring, name, &secret, &ret_plan->attributes);
    upload_secret_end(&secret);
    return ok;
}

void object_upload_plan_free(struct upload_plan *plan)
{
    buffer_free(&plan->frames);
    sealed_plan_free(plan->sealed);
    plan->sealed = NULL;
}

/* ---- the frames of the whole, read again ---- */

SUSPENDS static bool join_frames(struct part_walk *walk, const struct upload_choices *choices,
                                 const struct upload_plan *plan, struct buffer *frames, struct error *error)
{
    uint64_t stored_size = 0;
    uint64_t original_size = 0;
    for (unsigned i = 0; i < choices->count; i++) {
        const struct part_attributes *part;
        if (!walk_to(walk, choices->parts[i].number, &part, error))
            return false;
        if (part == NULL)
            return refuse_part(error);
        buffer_append(frames, part->frames);
        original_size += part->original_size;
        stored_size += part->stored_size;
        fiber_yield_if_due();
    }
    if (!frames->overflow && original_size == plan->attributes.original_size &&
        stored_size == plan->attributes.stored_size && frames_count(buffer_span(frames)) == plan->frames_count)
        return true;
    return refuse_part(error); /* one was sent again meanwhile */
}

/* An encrypted part that is no longer the attempt that the plan has seen was sent again: its client may ask once more.
 */
static bool explain_sealed(struct error *error)
{
    if (error->code == NULL || strcmp(error->code, S3_InvalidPart) != 0)
        return false;
    return error_set(error, ERROR_CONFLICT, S3_ConditionalRequestConflict,
                     "A part was sent again while the upload was being completed. Try again.");
}

SUSPENDS static bool complete_with(struct bucket_store *store, const struct object_name *name,
                                   const struct upload_info *upload, const struct upload_choices *choices,
                                   const struct upload_plan *plan, struct span frames,
                                   const struct write_condition *condition, struct object_attributes *ret_attributes,
                                   struct error *error)
{
    const struct sealed_plan *sealed = plan->sealed;
    const struct write_result result = {
        .attributes = &plan->attributes,
        .frames = frames,
        .condition = condition,
        .tags = upload->tags,
        .parts = sealed != NULL ? sealed->parts : NULL,
        .parts_count = sealed != NULL ? sealed->count : 0,
    };
    const struct part_choice *parts = sealed != NULL ? sealed->tokens : choices->parts;
    return bucket_complete_upload(store, name, span_from_string(upload->id), parts, choices->count, &result,
                                  ret_attributes, error) ||
           (sealed != NULL && explain_sealed(error));
}

SUSPENDS static bool list_frames(struct object_codecs *codecs, struct bucket_store *store,
                                 const struct object_name *name, const struct upload_info *upload,
                                 const struct upload_choices *choices, const struct upload_plan *plan,
                                 struct buffer *frames, struct error *error)
{
    struct part_walk walk;
    part_walk_begin(&walk, codecs, store, name, upload, choices->parts[0].number - 1, PART_NUMBER_MAX);
    bool ok = join_frames(&walk, choices, plan, frames, error);
    part_walk_end(&walk);
    return ok;
}

SUSPENDS static bool complete_by_plan(struct object_codecs *codecs, struct bucket_store *store,
                                      const struct object_name *name, const struct upload_info *upload,
                                      const struct upload_choices *choices, const struct upload_plan *plan,
                                      const struct write_condition *condition, struct object_attributes *ret_attributes,
                                      struct error *error)
{
    if (!plan->frames.overflow)
        return complete_with(store, name, upload, choices, plan, buffer_span(&plan->frames), condition, ret_attributes,
                             error);
    if (plan->frames_count > UPLOAD_FRAMES_MAX)
        return complete_with(store, name, upload, choices, plan, SPAN_EMPTY, condition, ret_attributes, error);

    struct body_memory share; /* of the list, and of what the store makes of it */
    struct buffer frames;
    size_t bytes = (size_t)plan->frames_count * FRAME_SIZES_BYTES;
    if (!body_memory_take(codecs, 0, bytes + (size_t)plan->frames_count * INDEX_BYTES_A_FRAME, false, &share, error))
        return false;
    buffer_init(&frames, bytes);
    (void)buffer_reserve(&frames, bytes);
    bool ok = list_frames(codecs, store, name, upload, choices, plan, &frames, error) &&
              complete_with(store, name, upload, choices, plan, buffer_span(&frames), condition, ret_attributes, error);
    buffer_free(&frames);
    body_memory_give(codecs, &share);
    return ok;
}

SUSPENDS bool object_upload_complete(struct object_codecs *codecs, struct bucket_store *store,
                                     const struct object_name *name, const struct upload_info *upload,
                                     const struct upload_choices *choices, const struct upload_plan *plan,
                                     const struct write_condition *condition, struct object_attributes *ret_attributes,
                                     struct error *error)
{
    bool ok = complete_by_plan(codecs, store, name, upload, choices, plan, condition, ret_attributes, error);
    if (ok)
        object_codecs_count_sealed(codecs, object_seal_mode(&plan->attributes));
    return ok;
}
