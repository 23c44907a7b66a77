/* store/remote/ledger/amounts.c -- lines of a table, searched one after the other: a process writes to few buckets in a
 * second. */
#include "store/remote/ledger/amounts.h"

#include "runtime/base/assert.h"
#include "store/ledger_uncertain.h"

#include <stdlib.h>

void amounts_table_free(struct amounts_table *table)
{
    free(table->lines);
    *table = (struct amounts_table){0};
}

static struct amounts_line *find_line(const struct amounts_table *table, struct span bucket, uint64_t creation_id)
{
    for (unsigned i = 0; i < table->count; i++) {
        struct amounts_line *line = &table->lines[i];
        if (line->creation_id == creation_id && span_equal(bucket, span_from_string(line->bucket)))
            return line;
    }
    return NULL;
}

static struct amounts_line *make_line(struct amounts_table *table, struct span bucket, uint64_t creation_id)
{
    if (table->count == SPOOL_RECORD_BUCKETS_MAX)
        return NULL;
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 4 : 2 * table->capacity;
        table->lines = realloc(table->lines, table->capacity * sizeof *table->lines);
        ASSERT(table->lines != NULL);
    }
    struct amounts_line *line = &table->lines[table->count++];
    *line = (struct amounts_line){.creation_id = creation_id};
    memcpy(line->bucket, bucket.data, bucket.size);
    return line;
}

bool amounts_table_add(struct amounts_table *table, struct span bucket, uint64_t creation_id,
                       const struct ledger_amounts *amounts)
{
    ASSERT(bucket.size > 0 && bucket.size <= BUCKET_NAME_BYTES_MAX);
    struct amounts_line *line = find_line(table, bucket, creation_id);
    if (line == NULL)
        line = make_line(table, bucket, creation_id);
    if (line != NULL)
        ledger_amounts_add(&line->amounts, amounts);
    return line != NULL;
}

bool amounts_table_add_uncertain(struct amounts_table *table, struct span bucket)
{
    const struct ledger_amounts one = {.objects = 1};
    return amounts_table_add(table, bucket, LEDGER_UNCERTAIN_ID, &one);
}

void amounts_table_move(struct amounts_table *to, struct amounts_table *from)
{
    for (unsigned i = 0; i < from->count; i++) {
        const struct amounts_line *line = &from->lines[i];
        if (!amounts_table_add(to, span_from_string(line->bucket), line->creation_id, &line->amounts))
            (void)amounts_table_add_uncertain(to, span_from_string(to->lines[0].bucket));
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

bool amounts_table_add_encoded(struct amounts_table *table, struct span encoded)
{
    struct spool_amounts amounts;
    bool is_damaged;
    while (spool_take_amounts(&encoded, &amounts, &is_damaged)) {
        if (!amounts_table_add(table, amounts.bucket, amounts.creation_id, &amounts.amounts))
            return false;
    }
    return !is_damaged;
}
