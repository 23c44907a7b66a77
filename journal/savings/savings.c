/* journal/savings/savings.c -- gathers the ledger's figures by name, and writes them as JSON. */
#include "journal/savings/savings.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

void savings_free(struct savings *savings)
{
    free(savings->rows);
    *savings = (struct savings){0};
}

void savings_add(struct savings *savings, struct span bucket, const struct ledger_amounts *amounts)
{
    ASSERT(bucket.size <= BUCKET_NAME_BYTES_MAX);
    if (savings->count == savings->capacity) {
        savings->capacity = savings->capacity == 0 ? 64 : 2 * savings->capacity;
        savings->rows = realloc(savings->rows, savings->capacity * sizeof *savings->rows);
        ASSERT(savings->rows != NULL);
    }
    struct savings_row *row = &savings->rows[savings->count++];
    *row = (struct savings_row){.amounts = *amounts};
    memcpy(row->bucket, bucket.data, bucket.size);
    ledger_amounts_add(&savings->total.amounts, amounts);
}

void savings_add_sums(struct savings *savings, const struct ledger_sums *sums)
{
    struct spool_amounts amounts;
    size_t at = 0;
    while (ledger_sums_next(sums, &at, &amounts))
        savings_add(savings, amounts.bucket, &amounts.amounts);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct savings_row *)a)->bucket, ((const struct savings_row *)b)->bucket);
}

void savings_finish(struct savings *savings)
{
    if (savings->count == 0)
        return;
    qsort(savings->rows, savings->count, sizeof *savings->rows, compare_rows);
    size_t last = 0;
    for (size_t i = 1; i < savings->count; i++) {
        if (compare_rows(&savings->rows[last], &savings->rows[i]) == 0)
            ledger_amounts_add(&savings->rows[last].amounts, &savings->rows[i].amounts);
        else
            savings->rows[++last] = savings->rows[i];
    }
    savings->count = last + 1;
}

/* ---- doubts ---- */

static const struct {
    const char *name, *text;
} DOUBTS[SAVINGS_DOUBTS] = {
    [SAVINGS_LOST] = {"lost",
                      "damage has taken objects that are counted, or amounts that were not counted yet: `bale savings "
                      "--recount`"},
    [SAVINGS_CUT_OFF] = {"cut-off", "the journal has lost records that it had taken over: `bale savings --recount`"},
    [SAVINGS_DAMAGED] = {"damaged", "a record that waits to be counted is damaged: `bale savings --recount`"},
    [SAVINGS_QUARANTINE] = {"quarantine",
                            "segments of the journal are in quarantine, and what they hold of other stores is not "
                            "counted: `bale journal --release`"},
};

const char *savings_doubt_name(enum savings_doubt doubt)
{
    return DOUBTS[doubt].name;
}

const char *savings_doubt_text(enum savings_doubt doubt)
{
    return DOUBTS[doubt].text;
}

static bool has_cut_off(const struct state *state, struct spool *spool, bool *ret_has, struct error *error)
{
    struct buffer infos;
    buffer_init(&infos, 0);
    bool done = spool_list(spool, &infos, error);
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    *ret_has = false;
    for (size_t i = 0; done && i < infos.size / sizeof *info; i++)
        *ret_has |= ledger_spool_is_cut_off(state, &info[i]);
    buffer_free(&infos);
    return done;
}

bool savings_find_doubts(const struct state *state, const struct head *head, const struct ledger_sums *sums,
                         struct spool *spool, bool ret_doubts[SAVINGS_DOUBTS], struct error *error)
{
    ret_doubts[SAVINGS_DAMAGED] = sums->lacks_records;
    ret_doubts[SAVINGS_QUARANTINE] = head != NULL && head->quarantine_count > 0;
    return spool_is_in_doubt(spool, &ret_doubts[SAVINGS_LOST], error) &&
           has_cut_off(state, spool, &ret_doubts[SAVINGS_CUT_OFF], error);
}

bool savings_are_exact(const bool doubts[SAVINGS_DOUBTS])
{
    for (unsigned i = 0; i < SAVINGS_DOUBTS; i++) {
        if (doubts[i])
            return false;
    }
    return true;
}

/* ---- JSON ---- */

static void put_string(struct buffer *text, const char *string)
{
    buffer_append_byte(text, '"');
    for (; *string != '\0'; string++) {
        uint8_t byte = (uint8_t)*string;
        if (byte < 0x20 || byte == 0x7f)
            buffer_append_format(text, "\\u%04x", byte);
        else
            buffer_append_format(text, byte == '"' || byte == '\\' ? "\\%c" : "%c", byte);
    }
    buffer_append_byte(text, '"');
}

static void put_figures(struct buffer *text, const struct savings_row *row)
{
    const struct ledger_amounts *amounts = &row->amounts;
    buffer_append_format(text, "\"objects\":%lld,\"original_bytes\":%lld,\"stored_bytes\":%lld,",
                         (long long)amounts->objects, (long long)amounts->original_bytes,
                         (long long)amounts->stored_bytes);
    buffer_append_format(text,
                         "\"former_versions\":%lld,\"former_original_bytes\":%lld,\"former_stored_bytes\":%lld,"
                         "\"uncertain\":%llu}",
                         (long long)amounts->former_versions, (long long)amounts->former_original_bytes,
                         (long long)amounts->former_stored_bytes, (unsigned long long)row->uncertain);
}

void savings_put_json(const struct savings *savings, struct buffer *text)
{
    buffer_append_string(text, "{\"buckets\":[");
    for (size_t i = 0; i < savings->count; i++) {
        buffer_append_string(text, i == 0 ? "{\"bucket\":" : ",{\"bucket\":");
        put_string(text, savings->rows[i].bucket);
        buffer_append_byte(text, ',');
        put_figures(text, &savings->rows[i]);
    }
    buffer_append_string(text, "],\"total\":{");
    put_figures(text, &savings->total);
    buffer_append_format(text, ",\"exact\":%s,\"why_not\":[", savings_are_exact(savings->doubts) ? "true" : "false");
    bool is_first = true;
    for (unsigned i = 0; i < SAVINGS_DOUBTS; i++) {
        if (!savings->doubts[i])
            continue;
        if (!is_first)
            buffer_append_byte(text, ',');
        put_string(text, DOUBTS[i].text);
        is_first = false;
    }
    buffer_append_string(text, "]}\n");
}
