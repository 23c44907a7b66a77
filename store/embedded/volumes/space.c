/* store/embedded/volumes/space.c -- which blocks of the volumes are taken: the table `space`. */
#include "store/embedded/volumes/space.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "s3client/wire/s3_error.h"
#include "store/embedded/volumes/bitmap.h"
#include "store/embedded/volumes/volume.h"

#include <stdlib.h>

enum { PART_KEY_BYTES = 8 };

struct space_part {
    struct space_part *next;
    uint32_t volume;
    uint32_t part;
    bool is_changed;
    bool is_lost; /* its row is damaged, and stays so */
    uint64_t taken[SPACE_PART_BLOCKS / 64];
};

static void make_key(uint32_t volume, uint32_t part, uint8_t ret_key[PART_KEY_BYTES])
{
    store_u32_be(ret_key, volume);
    store_u32_be(ret_key + 4, part);
}

/* A row that is found by its key, and does not match its checksum. */
static bool is_damaged_in_place(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t part)
{
    uint8_t key[PART_KEY_BYTES];
    make_key(volume, part, key);
    MDB_val lmdb_key = {.mv_size = sizeof key, .mv_data = key};
    MDB_val value;
    return mdb_get(txn, catalogue->space, &lmdb_key, &value) == 0;
}

/* All of a part that is damaged counts as taken, and so does one that is missing beside a damaged row. */
static bool read_part(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t part,
                      uint64_t ret_taken[SPACE_PART_BLOCKS / 64], bool *ret_is_lost, struct error *error)
{
    *ret_is_lost = false;
    uint8_t key[PART_KEY_BYTES];
    make_key(volume, part, key);
    struct span value;
    switch (catalogue_get(txn, catalogue->space, span_of(key, sizeof key), &value, error)) {
    case LOOKUP_MISSING:
        memset(ret_taken, 0, SPACE_PART_BYTES);
        return true;
    case LOOKUP_FOUND:
        if (value.size == SPACE_PART_BYTES) {
            memcpy(ret_taken, value.data, SPACE_PART_BYTES);
            return true;
        }
        break;
    default:
        if (error->kind != ERROR_DAMAGED)
            return false;
    }
    memset(ret_taken, 0xff, SPACE_PART_BYTES);
    *ret_is_lost = true;
    return true;
}

void space_change_begin(struct space_change *change, MDB_txn *txn, const struct catalogue *catalogue)
{
    *change = (struct space_change){.txn = txn, .catalogue = catalogue};
}

static struct space_part *find_part(struct space_change *change, uint32_t volume, uint32_t number, struct error *error)
{
    struct space_part **chain = &change->chains[(volume * 31 + number) % SPACE_CHAINS];
    for (struct space_part *part = *chain; part != NULL; part = part->next) {
        if (part->volume == volume && part->part == number)
            return part;
    }
    struct space_part *part = malloc(sizeof *part);
    ASSERT(part != NULL);
    *part = (struct space_part){.next = *chain, .volume = volume, .part = number};
    if (!read_part(change->txn, change->catalogue, volume, number, part->taken, &part->is_lost, error)) {
        free(part);
        return NULL;
    }
    *chain = part;
    return part;
}

static bool set_blocks(struct space_change *change, struct extent extent, bool value, struct error *error)
{
    uint32_t block = extent.block;
    uint32_t left = extent.count;
    while (left > 0) {
        struct space_part *part = find_part(change, extent.volume, block / SPACE_PART_BLOCKS, error);
        if (part == NULL)
            return false;
        uint32_t first = block % SPACE_PART_BLOCKS;
        uint32_t count = left < SPACE_PART_BLOCKS - first ? left : SPACE_PART_BLOCKS - first;
        block += count;
        left -= count;
        if (part->is_lost && !value)
            continue;
        if (!bitmap_is(part->taken, first, count, !value))
            return error_set(error, ERROR_DAMAGED, S3_InternalError,
                             "Blocks %u+%u of volume %u are %s already. Run `bale check`.", block - count, count,
                             extent.volume, value ? "taken" : "free");
        bitmap_fill(part->taken, first, count, value);
        part->is_changed = true;
        change->taken_blocks += value ? (int64_t)count : -(int64_t)count;
    }
    return true;
}

bool space_take(struct space_change *change, struct extent extent, struct error *error)
{
    return set_blocks(change, extent, true, error);
}

bool space_free(struct space_change *change, struct extent extent, struct error *error)
{
    return set_blocks(change, extent, false, error);
}

bool space_change_write(struct space_change *change, struct error *error)
{
    for (unsigned i = 0; i < SPACE_CHAINS; i++) {
        for (struct space_part *part = change->chains[i]; part != NULL; part = part->next) {
            uint8_t key[PART_KEY_BYTES];
            make_key(part->volume, part->part, key);
            if (part->is_changed &&
                !catalogue_put_beside(change->txn, change->catalogue->space, span_of(key, sizeof key),
                                      span_of(part->taken, SPACE_PART_BYTES), error))
                return false;
        }
    }
    return true;
}

void space_change_end(struct space_change *change)
{
    for (unsigned i = 0; i < SPACE_CHAINS; i++) {
        while (change->chains[i] != NULL) {
            struct space_part *part = change->chains[i];
            change->chains[i] = part->next;
            free(part);
        }
    }
}

bool space_load(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks, uint64_t *ret_taken,
                bool *ret_is_whole, struct error *error)
{
    uint64_t taken[SPACE_PART_BLOCKS / 64];
    bool is_lost;
    *ret_is_whole = true;
    for (uint32_t block = 0; block < blocks; block += SPACE_PART_BLOCKS) {
        if (!read_part(txn, catalogue, volume, block / SPACE_PART_BLOCKS, taken, &is_lost, error))
            return false;
        if (is_lost && !is_damaged_in_place(txn, catalogue, volume, block / SPACE_PART_BLOCKS))
            return error_set(error, ERROR_DAMAGED, S3_InternalError,
                             "What is free of volume %u is damaged. Run `bale check`.", volume);
        uint32_t count = blocks - block < SPACE_PART_BLOCKS ? blocks - block : SPACE_PART_BLOCKS;
        memcpy(ret_taken + block / 64, taken, BITMAP_WORDS(count) * 8);
        *ret_is_whole &= !is_lost;
    }
    return true;
}

bool space_forget(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                  struct error *error)
{
    for (uint32_t part = 0; part * SPACE_PART_BLOCKS < blocks; part++) {
        uint8_t key[PART_KEY_BYTES];
        make_key(volume, part, key);
        if (!catalogue_delete_beside(txn, catalogue->space, span_of(key, sizeof key), error))
            return false;
    }
    return true;
}

static bool has_all_parts(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks)
{
    bool has_all = true;
    for (uint32_t part = 0; has_all && part * SPACE_PART_BLOCKS < blocks; part++) {
        uint8_t key[PART_KEY_BYTES];
        struct span value;
        struct error ignored;
        make_key(volume, part, key);
        has_all = catalogue_get(txn, catalogue->space, span_of(key, sizeof key), &value, &ignored) == LOOKUP_FOUND ||
                  is_damaged_in_place(txn, catalogue, volume, part);
    }
    return has_all;
}

/* Then no damaged row is one that is missed, and new ones may come between. */
static bool has_all_volumes(MDB_txn *txn, const struct catalogue *catalogue)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    struct span row;
    bool has_all = true;
    if (mdb_cursor_open(txn, catalogue->volumes, &cursor) != 0)
        return false;
    while (has_all && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
        has_all = volume_row_is_sound(&key, &value, &row) &&
                  has_all_parts(txn, catalogue, load_u32_be(key.mv_data), load_u32_le(row.data + 4));
    mdb_cursor_close(cursor);
    return has_all;
}

static bool store_part(MDB_txn *txn, const struct catalogue *catalogue, struct span key, struct span part,
                       struct error *error)
{
    if (catalogue_put_beside(txn, catalogue->space, key, part, error))
        return true;
    return error->kind == ERROR_DAMAGED && catalogue_has_place(txn, catalogue->space, key) &&
           has_all_volumes(txn, catalogue) && catalogue_put(txn, catalogue->space, key, part, 0, error);
}

bool space_store(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                 const uint64_t *taken, struct error *error)
{
    for (uint32_t block = 0; block < blocks; block += SPACE_PART_BLOCKS) {
        uint32_t count = blocks - block < SPACE_PART_BLOCKS ? blocks - block : SPACE_PART_BLOCKS;
        uint64_t part[SPACE_PART_BLOCKS / 64] = {0};
        memcpy(part, taken + block / 64, BITMAP_WORDS(count) * 8);
        uint8_t key[PART_KEY_BYTES];
        make_key(volume, block / SPACE_PART_BLOCKS, key);
        if (!store_part(txn, catalogue, span_of(key, sizeof key), span_of(part, sizeof part), error))
            return false;
    }
    return true;
}

bool space_claim_missing(MDB_txn *txn, const struct catalogue *catalogue, uint32_t volume, uint32_t blocks,
                         struct error *error)
{
    uint8_t part[SPACE_PART_BYTES];
    memset(part, 0xff, sizeof part);
    for (uint32_t block = 0; block < blocks; block += SPACE_PART_BLOCKS) {
        uint8_t key[PART_KEY_BYTES];
        struct span value;
        make_key(volume, block / SPACE_PART_BLOCKS, key);
        enum lookup found = catalogue_get(txn, catalogue->space, span_of(key, sizeof key), &value, error);
        if (found == LOOKUP_FAILED ||
            (found == LOOKUP_MISSING &&
             !catalogue_put_beside(txn, catalogue->space, span_of(key, sizeof key), span_of(part, sizeof part), error)))
            return false;
    }
    return true;
}

bool space_row_is_sound(const MDB_val *key, const MDB_val *value)
{
    struct span bitmap;
    struct error ignored;
    return catalogue_check(key, value, &bitmap, &ignored) && key->mv_size == PART_KEY_BYTES &&
           bitmap.size == SPACE_PART_BYTES;
}
