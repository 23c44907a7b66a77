/* server/object/forms/sealed_parts.c -- parts of encrypted objects, proved. */
#include "server/object/forms/sealed_parts.h"

#include "s3client/wire/s3_error.h"
#include "server/keys/upload_secret.h"
#include "server/object/codecs_private.h"
#include "server/object/object.h"

#include <stdlib.h>

enum { PAGE_PARTS = 1000, PAGE_BYTES_MAX = 512 << 10 };

static bool refuse_changed(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, S3_InternalError,
                     "The parts of an encrypted object are not those that it was completed from.");
}

void sealed_parts_free(struct sealed_parts *parts)
{
    free(parts->parts);
    *parts = (struct sealed_parts){0};
}

static bool take(struct sealed_parts *parts, unsigned most, const struct object_part *part, struct error *error)
{
    uint64_t first = parts->count > 0 ? parts->parts[parts->count - 1].end : 0;
    if (parts->count == most || part->seal.size < XAES_SALT_BYTES || part->original_size > UINT64_MAX - first)
        return refuse_changed(error);
    struct sealed_part *taken = &parts->parts[parts->count++];
    *taken = (struct sealed_part){.end = first + part->original_size, .number = part->number};
    memcpy(taken->salt, part->seal.data, XAES_SALT_BYTES);
    return true;
}

SUSPENDS static bool read_all(struct bucket_object *object, unsigned most, struct sealed_parts *parts,
                              struct sha256_sum *sum, struct error *error)
{
    struct arena arena;
    unsigned after = 0;
    bool has_more = true;
    bool done = true;
    arena_init(&arena, PAGE_BYTES_MAX);
    while (done && has_more) {
        struct object_part *page = NULL;
        unsigned count = 0;
        arena_reset(&arena);
        done = bucket_read_parts(object, after, PAGE_PARTS, &arena, &page, &count, &has_more, error);
        for (unsigned i = 0; done && i < count; i++) {
            part_map_hash(sum, &page[i]);
            done = take(parts, most, &page[i], error);
            after = page[i].number;
            fiber_yield_if_due();
        }
        has_more = has_more && count > 0;
    }
    arena_free(&arena);
    return done;
}

SUSPENDS bool sealed_parts_load(struct bucket_object *object, const struct object_secret *secret,
                                struct sealed_parts *ret_parts, struct error *error)
{
    uint8_t map[SHA256_BYTES];
    struct sha256_sum sum;
    *ret_parts = (struct sealed_parts){0};
    if (secret->parts_count == 0)
        return true;
    ret_parts->parts = calloc(secret->parts_count, sizeof *ret_parts->parts);
    if (ret_parts->parts == NULL)
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    sha256_begin(&sum);
    bool done = read_all(object, secret->parts_count, ret_parts, &sum, error);
    sha256_end(&sum, map);
    if (done && (ret_parts->count != secret->parts_count || memcmp(map, secret->map, sizeof map) != 0 ||
                 ret_parts->parts[ret_parts->count - 1].end != object->attributes.original_size))
        done = refuse_changed(error);
    if (!done)
        sealed_parts_free(ret_parts);
    return done;
}

const struct sealed_part *sealed_parts_find(const struct sealed_parts *parts, uint64_t offset, uint64_t *ret_first)
{
    unsigned low = 0; /* the first whose end is behind the offset: parts without a byte hold none */
    unsigned high = parts->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (parts->parts[middle].end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == parts->count)
        return NULL;
    *ret_first = low > 0 ? parts->parts[low - 1].end : 0;
    return &parts->parts[low];
}

/* ---- as clients see them ---- */

/* The numbers of what was completed ascend. */
static bool is_of(const struct sealed_parts *parts, const struct object_part *part)
{
    unsigned low = 0;
    unsigned high = parts->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (parts->parts[middle].number < part->number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < parts->count && parts->parts[low].number == part->number && part->seal.size >= XAES_SALT_BYTES &&
           memcmp(parts->parts[low].salt, part->seal.data, XAES_SALT_BYTES) == 0;
}

SUSPENDS static bool show(struct object_codecs *codecs, const struct object_secret *secret,
                          struct bucket_object *object, struct object_part *page, unsigned count, struct error *error)
{
    struct sealed_parts parts;
    if (!sealed_parts_load(object, secret, &parts, error))
        return false;
    bool shown = true;
    for (unsigned i = 0; shown && i < count; i++) {
        shown = (is_of(&parts, &page[i]) || refuse_changed(error)) &&
                part_secret_show_kept(codecs->settings.keyring, secret->parts_key, &page[i], error);
        fiber_yield_if_due();
    }
    sealed_parts_free(&parts);
    return shown;
}

SUSPENDS bool object_read_parts(struct object_codecs *codecs, struct bucket_object *object,
                                const struct object_name *name, const struct customer_key *customer, unsigned after,
                                unsigned parts_max, struct arena *arena, struct object_part **ret_parts,
                                unsigned *ret_count, bool *ret_truncated, struct error *error)
{
    struct object_secret secret;
    if (!bucket_read_parts(object, after, parts_max, arena, ret_parts, ret_count, ret_truncated, error))
        return false;
    if (object->attributes.seal.size == 0 || *ret_count == 0)
        return true;
    bool shown = object_seal_open(codecs->settings.keyring, name, customer, &object->attributes, &secret, error) &&
                 show(codecs, &secret, object, *ret_parts, *ret_count, error);
    explicit_bzero(&secret, sizeof secret);
    return shown;
}
