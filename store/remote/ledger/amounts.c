/* store/remote/ledger/amounts.c -- lines in the order of their first amounts, and a hash table of their numbers. */
#include "store/remote/ledger/amounts.h"

#include "codec/format/crc.h"
#include "runtime/base/assert.h"
#include "store/ledger_uncertain.h"

#include <stdlib.h>

enum { LINES_LEAST = 4 };

void amounts_table_free(struct amounts_table *table)
{
    free(table->lines);
    free(table->places);
    *table = (struct amounts_table){0};
}

/* Where the line is noted, or is to be: the first place from its hash on that is its own or free. */
static unsigned *find_place(const struct amounts_table *table, struct span bucket, uint64_t creation_id)
{
    unsigned mask = 2 * table->capacity - 1;
    unsigned place = crc32c_update((uint32_t)creation_id, bucket) & mask;
    for (unsigned number; (number = table->places[place]) != 0; place = (place + 1) & mask) {
        const struct amounts_line *line = &table->lines[number - 1];
        if (line->creation_id == creation_id && span_equal(bucket, span_from_string(line->bucket)))
            break;
    }
    return &table->places[place];
}

/* Capacities are powers of two. */
static void grow(struct amounts_table *table)
{
    table->capacity = table->capacity == 0 ? LINES_LEAST : 2 * table->capacity;
    table->lines = realloc(table->lines, table->capacity * sizeof *table->lines);
    free(table->places);
    table->places = calloc((size_t)2 * table->capacity, sizeof *table->places);
    ASSERT(table->lines != NULL && table->places != NULL);
    for (unsigned i = 0; i < table->count; i++) {
        const struct amounts_line *line = &table->lines[i];
        *find_place(table, span_from_string(line->bucket), line->creation_id) = i + 1;
    }
}

static struct amounts_line *find_or_make_line(struct amounts_table *table, struct span bucket, uint64_t creation_id)
{
    if (table->count == table->capacity)
        grow(table);
    unsigned *place = find_place(table, bucket, creation_id);
    if (*place == 0) {
        struct amounts_line *line = &table->lines[table->count++];
        *line = (struct amounts_line){.creation_id = creation_id};
        memcpy(line->bucket, bucket.data, bucket.size);
        *place = table->count;
    }
    return &table->lines[*place - 1];
}

void amounts_table_add(struct amounts_table *table, struct span bucket, uint64_t creation_id,
                       const struct ledger_amounts *amounts)
{
    ASSERT(bucket.size > 0 && bucket.size <= BUCKET_NAME_BYTES_MAX);
    ledger_amounts_add(&find_or_make_line(table, bucket, creation_id)->amounts, amounts);
}

void amounts_table_add_uncertain(struct amounts_table *table, struct span bucket)
{
    const struct ledger_amounts one = {.objects = 1};
    amounts_table_add(table, bucket, LEDGER_UNCERTAIN_ID, &one);
}

void amounts_table_move(struct amounts_table *to, struct amounts_table *from)
{
    for (unsigned i = 0; i < from->count; i++) {
        const struct amounts_line *line = &from->lines[i];
        amounts_table_add(to, span_from_string(line->bucket), line->creation_id, &line->amounts);
    }
    amounts_table_free(from);
}

bool amounts_table_is_zero(const struct amounts_table *table)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (!ledger_amounts_are_zero(&table->lines[i].amounts))
            return false;
    }
    return true;
}

void amounts_table_encode(const struct amounts_table *table, struct buffer *ret_encoded)
{
    for (unsigned i = 0; i < table->count; i++) {
        const struct amounts_line *line = &table->lines[i];
        const struct spool_amounts amounts = {span_from_string(line->bucket), line->creation_id, line->amounts};
        if (!ledger_amounts_are_zero(&line->amounts))
            spool_put_amounts(ret_encoded, &amounts);
    }
}

struct span amounts_take_record(struct span *encoded)
{
    struct span rest = *encoded;
    struct spool_amounts amounts;
    bool is_damaged;
    for (unsigned i = 0; i < SPOOL_RECORD_BUCKETS_MAX && spool_take_amounts(&rest, &amounts, &is_damaged); i++)
        ;
    struct span record = span_take(*encoded, encoded->size - rest.size);
    *encoded = rest;
    return record;
}
