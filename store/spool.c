/* store/spool.c -- the calls of a spool, and the amounts of a record as bytes. */
#include "store/spool.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

bool spool_list(struct spool *spool, struct buffer *ret_infos, struct error *error)
{
    return spool->operations->list(spool, ret_infos, error);
}

SUSPENDS bool spool_freeze(struct spool *spool, uint64_t *ret_last, struct error *error)
{
    return spool->operations->freeze(spool, ret_last, error);
}

bool spool_read(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct buffer *ret_amounts,
                struct error *error)
{
    return spool->operations->read(spool, id, record, ret_amounts, error);
}

SUSPENDS bool spool_trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error)
{
    return spool->operations->trim(spool, id, record, error);
}

SUSPENDS bool spool_remove(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error)
{
    return spool->operations->remove(spool, id, error);
}

SUSPENDS bool spool_doubt(struct spool *spool, struct error *error)
{
    return spool->operations->doubt(spool, error);
}

bool spool_is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error)
{
    return spool->operations->is_in_doubt(spool, ret_is_in_doubt, error);
}

/* ---- encoded amounts ---- */

enum { NUMBERS_BYTES = 56 }; /* behind the name */

void spool_put_amounts(struct buffer *encoded, const struct spool_amounts *amounts)
{
    uint8_t numbers[NUMBERS_BYTES];
    ASSERT(amounts->bucket.size > 0 && amounts->bucket.size <= BUCKET_NAME_BYTES_MAX);
    store_u64_le(numbers, amounts->creation_id);
    store_u64_le(numbers + 8, (uint64_t)amounts->amounts.objects);
    store_u64_le(numbers + 16, (uint64_t)amounts->amounts.original_bytes);
    store_u64_le(numbers + 24, (uint64_t)amounts->amounts.stored_bytes);
    store_u64_le(numbers + 32, (uint64_t)amounts->amounts.former_versions);
    store_u64_le(numbers + 40, (uint64_t)amounts->amounts.former_original_bytes);
    store_u64_le(numbers + 48, (uint64_t)amounts->amounts.former_stored_bytes);
    buffer_append_byte(encoded, (uint8_t)amounts->bucket.size);
    buffer_append(encoded, amounts->bucket);
    buffer_append(encoded, span_of(numbers, sizeof numbers));
}

bool spool_take_amounts(struct span *encoded, struct spool_amounts *ret_amounts, bool *ret_damaged)
{
    *ret_damaged = false;
    if (encoded->size == 0)
        return false;
    size_t name_bytes = encoded->data[0];
    if (name_bytes == 0 || name_bytes > BUCKET_NAME_BYTES_MAX || encoded->size < 1 + name_bytes + NUMBERS_BYTES) {
        *ret_damaged = true;
        return false;
    }
    const uint8_t *numbers = encoded->data + 1 + name_bytes;
    ret_amounts->bucket = span_of(encoded->data + 1, name_bytes);
    ret_amounts->creation_id = load_u64_le(numbers);
    ret_amounts->amounts.objects = (int64_t)load_u64_le(numbers + 8);
    ret_amounts->amounts.original_bytes = (int64_t)load_u64_le(numbers + 16);
    ret_amounts->amounts.stored_bytes = (int64_t)load_u64_le(numbers + 24);
    ret_amounts->amounts.former_versions = (int64_t)load_u64_le(numbers + 32);
    ret_amounts->amounts.former_original_bytes = (int64_t)load_u64_le(numbers + 40);
    ret_amounts->amounts.former_stored_bytes = (int64_t)load_u64_le(numbers + 48);
    *encoded = span_skip(*encoded, 1 + name_bytes + NUMBERS_BYTES);
    return true;
}
