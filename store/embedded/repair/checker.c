/* store/embedded/repair/checker.c -- the tools of one pass: findings, rows to drop, sets of numbers, bodies, walks. */
#include "store/embedded/repair/checker.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/key_path.h"
#include "store/embedded/volumes/bitmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10 };

/* ---- findings ---- */

void report_finding(struct embedded_report *report, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    report->damaged++;
    if (report->line != NULL)
        report->line(report->context, line);
}

const char *checker_show(struct span key, char ret_text[SHOWN_BYTES_MAX + 1])
{
    size_t size = 0;
    for (; size < key.size && size < SHOWN_BYTES_MAX; size++)
        ret_text[size] = key.data[size] >= 0x20 && key.data[size] != 0x7f ? (char)key.data[size] : '.';
    ret_text[size] = '\0';
    return ret_text;
}

const char *checker_show_key(struct span row_key, char ret_text[SHOWN_BYTES_MAX + 1])
{
    bool has_key = row_key.size > KEY_GROUP_BYTES;
    return checker_show(has_key ? span_skip(row_key, KEY_GROUP_BYTES) : SPAN_EMPTY, ret_text);
}

static void doom(struct checker *checker, MDB_dbi table, struct span row_key, enum doomed_kept kept)
{
    uint8_t head[DOOMED_HEAD_BYTES];
    store_u32_le(head, table);
    store_u16_le(head + 4, (uint16_t)row_key.size);
    head[6] = (uint8_t)kept;
    buffer_append(&checker->doomed, span_of(head, sizeof head));
    buffer_append(&checker->doomed, row_key);
}

void checker_doom(struct checker *checker, MDB_dbi table, struct span row_key)
{
    doom(checker, table, row_key, KEPT_NOTHING);
}

void checker_doom_row(struct checker *checker, MDB_dbi table, struct span row_key, bool keeps_group)
{
    doom(checker, table, row_key, keeps_group ? KEPT_GROUP : KEPT_NOTHING);
}

void checker_doom_group(struct checker *checker, MDB_dbi table, struct span row_key)
{
    doom(checker, table, row_key, KEPT_OBJECT);
}

/* ---- sets of numbers ---- */

void checker_add(struct numbers *numbers, uint64_t value)
{
    buffer_append(&numbers->values, span_of(&value, sizeof value));
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

void checker_sort(struct numbers *numbers)
{
    if (numbers->values.size > 0)
        qsort(numbers->values.data, numbers->values.size / 8, 8, compare_numbers);
}

bool checker_has(const struct numbers *numbers, uint64_t value)
{
    return numbers->values.size > 0 &&
           bsearch(&value, numbers->values.data, numbers->values.size / 8, 8, compare_numbers) != NULL;
}

uint64_t checker_most(const struct numbers *numbers)
{
    const uint64_t *values = (const uint64_t *)(const void *)numbers->values.data;
    uint64_t most = 0;
    for (size_t i = 0; i < numbers->values.size / 8; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

/* ---- bodies and rows ---- */

bool check_read_body(const struct embedded_store *store, struct span extents, uint64_t size, uint32_t *ret_crc32c)
{
    uint8_t *piece = malloc(READ_BYTES);
    ASSERT(piece != NULL);
    uint32_t crc = 0;
    for (unsigned i = 0; size > 0 && i < extents_count(extents); i++) {
        struct extent extent = extent_at(extents, i);
        struct volume *volume = volume_find(store, extent.volume);
        uint64_t at = (uint64_t)extent.block * EXTENT_BLOCK_BYTES;
        uint64_t left = (uint64_t)extent.count * EXTENT_BLOCK_BYTES;
        left = left < size ? left : size;
        while (left > 0) {
            size_t part = left < READ_BYTES ? (size_t)left : READ_BYTES;
            if (volume == NULL || pread(volume->fd, piece, part, (off_t)at) != (ssize_t)part) {
                free(piece);
                return false;
            }
            crc = crc32c_update(crc, span_of(piece, part));
            at += part;
            left -= part;
            size -= part;
        }
    }
    free(piece);
    *ret_crc32c = crc;
    return size == 0;
}

bool checker_claim(struct checker *checker, struct span extents)
{
    for (unsigned i = 0; i < extents_count(extents); i++) {
        struct extent extent = extent_at(extents, i);
        struct volume *volume = volume_find(checker->store, extent.volume);
        if (volume == NULL || extent.block > volume->blocks || extent.count > volume->blocks - extent.block)
            return false;
        uint64_t **taken = &checker->taken[extent.volume];
        if (*taken == NULL)
            *taken = calloc(BITMAP_WORDS(volume->blocks), sizeof **taken);
        ASSERT(*taken != NULL);
        if (!bitmap_is(*taken, extent.block, extent.count, false))
            return false;
        bitmap_fill(*taken, extent.block, extent.count, true);
    }
    return true;
}

uint64_t checker_group_of(struct span row_key)
{
    uint64_t group = 0;
    for (unsigned i = 0; i < KEY_GROUP_BYTES && i < row_key.size; i++)
        group = group << 8 | row_key.data[i];
    return group;
}

bool checker_may_be_named(const struct checker *checker, struct span row_key)
{
    return checker->has_lost_bucket || checker_has(&checker->groups_named, checker_group_of(row_key));
}

bool checker_walk(struct checker *checker, MDB_dbi table, checker_row *each)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(checker->txn, table, &cursor, checker->error))
        return false;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        each(checker, span_of(key.mv_data, key.mv_size), span_of(value.mv_data, value.mv_size));
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, checker->error, "walk");
}
