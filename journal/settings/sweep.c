/* journal/settings/sweep.c -- one pass over all documents of settings. */
#include "journal/settings/sweep.h"

#include "journal/settings/change.h"
#include "runtime/base/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    NOTED_MAX = 1 << 17, /* of one sweep; the rest is for the next */
    BUCKETS_PAGE = 1000,
    BUCKETS_ARENA_BYTES = 1 << 20,
    ENTRIES_AT_ONCE = 4096, /* of the journal's state; then others run */
    REQUEST_MS = 10000,
    CHANGE_MS = 30000,
};

struct sweeping {
    struct settings_sweep *sweep;
    struct journal *journal;
    const struct journal_environment *environment;
    struct journal_store *documents;
    bool knows_buckets;    /* which are there */
    struct buffer buckets; /* creation ids, sorted */
    struct buffer noted;   /* struct document_name */
    uint64_t gone;         /* the bucket whose records were removed last; 0: none */
};

static deadline_t deadline_in(const struct sweeping *sweeping, uint64_t milliseconds)
{
    return clock_monotonic_ns(sweeping->environment->clock) + milliseconds * 1000000;
}

/* ---- which buckets there are ---- */

static int compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

SUSPENDS static bool list_buckets(struct sweeping *sweeping, struct bucket_store *store, struct error *error)
{
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    struct arena arena;
    bool is_truncated = true;
    bool done = true;
    arena_init(&arena, BUCKETS_ARENA_BYTES);
    while (done && is_truncated) {
        struct bucket_info *buckets;
        unsigned count;
        arena_reset(&arena);
        done = bucket_list_buckets(store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), BUCKETS_PAGE, &arena,
                                   &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++)
            buffer_append(&sweeping->buckets, span_of(&buckets[i].creation_id, sizeof buckets[i].creation_id));
        if (done && count > 0)
            memcpy(after, buckets[count - 1].name, sizeof after);
    }
    arena_free(&arena);
    if (done && sweeping->buckets.size > 0)
        qsort(sweeping->buckets.data, sweeping->buckets.size / sizeof(uint64_t), sizeof(uint64_t), compare_ids);
    return done;
}

static bool has_bucket(const struct sweeping *sweeping, uint64_t creation_id)
{
    return !sweeping->knows_buckets ||
           (sweeping->buckets.size > 0 &&
            bsearch(&creation_id, sweeping->buckets.data, sweeping->buckets.size / sizeof creation_id,
                    sizeof creation_id, compare_ids) != NULL);
}

/* ---- one document ---- */

static int compare_names(const void *left, const void *right)
{
    const struct document_name *a = left;
    const struct document_name *b = right;
    if (a->creation_id != b->creation_id)
        return a->creation_id < b->creation_id ? -1 : 1;
    if (a->setting != b->setting)
        return a->setting < b->setting ? -1 : 1;
    return (a->document > b->document) - (a->document < b->document);
}

static bool was_noted(const struct settings_sweep *sweep, const struct document_name *name)
{
    return sweep->noted_count > 0 &&
           bsearch(name, sweep->noted, sweep->noted_count, sizeof *name, compare_names) != NULL;
}

static void note(struct sweeping *sweeping, const struct document_name *name)
{
    if (sweeping->noted.size < NOTED_MAX * sizeof *name)
        buffer_append(&sweeping->noted, span_of(name, sizeof *name));
}

static bool is_named(const struct state *state, const struct document_name *name)
{
    struct setting_record record;
    return setting_record_find(state, name->creation_id, name->setting, &record) && record.document == name->document;
}

static bool is_wanted(const struct sweeping *sweeping, const struct state *state, const struct document_name *name)
{
    return is_named(state, name) && has_bucket(sweeping, name->creation_id);
}

/* All records of a bucket that is gone. */
SUSPENDS static bool remove_records(struct sweeping *sweeping, uint64_t creation_id, struct error *error)
{
    const struct state *state = journal_state(sweeping->journal);
    sweeping->gone = creation_id;
    if (state == NULL)
        return error_set(error, ERROR_BUSY, NULL, "the journal cannot be read");
    if (!settings_are_known(state, creation_id))
        return true;
    sweeping->sweep->buckets_removed++;
    return settings_remove_bucket(sweeping->journal, sweeping->environment, creation_id,
                                  deadline_in(sweeping, CHANGE_MS), error);
}

/* ---- a page of them ---- */

/* The names that are to be removed move to the page's front. */
SUSPENDS static bool judge_page(struct sweeping *sweeping, struct store_page *page, unsigned *ret_removed,
                                struct error *error)
{
    *ret_removed = 0;
    for (unsigned i = 0; i < page->count; i++) {
        struct document_name name;
        const struct state *state = journal_state(sweeping->journal); /* changes whenever something suspends */
        if (state == NULL)
            return error_set(error, ERROR_BUSY, NULL, "the journal cannot be read");
        if (page->is_damaged[i] || !document_name_parse(span_from_string(page->names[i]), &name))
            continue; /* nobody's that we know */
        sweeping->sweep->documents++;
        if (is_wanted(sweeping, state, &name))
            continue;
        if (!was_noted(sweeping->sweep, &name)) {
            note(sweeping, &name);
            continue;
        }
        if (sweeping->gone != name.creation_id && !has_bucket(sweeping, name.creation_id) &&
            !remove_records(sweeping, name.creation_id, error))
            return false;
        memmove(page->names[(*ret_removed)++], page->names[i], JOURNAL_NAME_BYTES);
    }
    return true;
}

SUSPENDS static bool sweep_page(struct sweeping *sweeping, struct store_page *page, struct error *error)
{
    unsigned removed;
    if (!judge_page(sweeping, page, &removed, error))
        return false;
    if (removed > 0 && sweeping->documents->delete_names(sweeping->documents, page->names, removed,
                                                         deadline_in(sweeping, REQUEST_MS)) != STORE_DONE)
        return error_set(error, ERROR_BUSY, NULL, "documents of settings could not be removed");
    sweeping->sweep->documents_removed += removed;
    return true;
}

SUSPENDS static bool sweep_pages(struct sweeping *sweeping, struct store_page *page, struct error *error)
{
    char after[JOURNAL_NAME_BYTES] = "";
    do {
        if (sweeping->documents->list(sweeping->documents, "", after, page, deadline_in(sweeping, REQUEST_MS)) !=
            STORE_DONE)
            return error_set(error, ERROR_BUSY, NULL, "documents of settings could not be listed");
        if (page->count == 0)
            return true;
        memcpy(after, page->names[page->count - 1], sizeof after);
        if (!sweep_page(sweeping, page, error))
            return false;
    } while (page->is_truncated);
    return true;
}

/* ---- records without documents ---- */

SUSPENDS static bool judge_records(struct sweeping *sweeping, const struct buffer *creation_ids, struct error *error)
{
    for (size_t at = 0; at < creation_ids->size; at += sizeof(uint64_t)) {
        struct document_name records = {0};
        memcpy(&records.creation_id, creation_ids->data + at, sizeof records.creation_id);
        if (has_bucket(sweeping, records.creation_id))
            continue;
        if (!was_noted(sweeping->sweep, &records))
            note(sweeping, &records);
        else if (!remove_records(sweeping, records.creation_id, error))
            return false;
    }
    return true;
}

SUSPENDS static bool sweep_records(struct sweeping *sweeping, struct error *error)
{
    struct journal_scheduler *scheduler = sweeping->environment->scheduler;
    struct state_walk walk = {0};
    struct buffer creation_ids;
    buffer_init(&creation_ids, 0);
    bool has_more = true;
    bool done = true;
    while (has_more && done) {
        const struct state *state = journal_state(sweeping->journal); /* changes whenever something suspends */
        buffer_clear(&creation_ids);
        has_more = state != NULL && settings_list_buckets(state, &walk, ENTRIES_AT_ONCE, &creation_ids);
        done = state != NULL || error_set(error, ERROR_BUSY, NULL, "the journal cannot be read");
        done = done && judge_records(sweeping, &creation_ids, error) &&
               (scheduler->sleep_until(scheduler, deadline_in(sweeping, 0)) ||
                error_set(error, ERROR_BUSY, NULL, "the journal is stopping"));
    }
    buffer_free(&creation_ids);
    return done;
}

/* ---- the whole ---- */

static void take_notes(struct sweeping *sweeping)
{
    struct settings_sweep *sweep = sweeping->sweep;
    sweep->noted_count = sweeping->noted.size / sizeof *sweep->noted;
    sweep->noted = realloc(sweep->noted, sweeping->noted.size + 1);
    ASSERT(sweep->noted != NULL);
    if (sweep->noted_count == 0)
        return;
    memcpy(sweep->noted, sweeping->noted.data, sweeping->noted.size);
    qsort(sweep->noted, sweep->noted_count, sizeof *sweep->noted, compare_names);
}

bool settings_sweep(struct settings_sweep *sweep, struct journal *journal,
                    const struct journal_environment *environment, struct journal_store *documents,
                    struct bucket_store *store, struct error *error)
{
    struct sweeping sweeping = {.sweep = sweep, .journal = journal, .environment = environment, .documents = documents};
    struct store_page *page = malloc(sizeof *page);
    ASSERT(page != NULL);
    buffer_init(&sweeping.buckets, 0);
    buffer_init(&sweeping.noted, 0);
    sweep->documents = 0;
    sweeping.knows_buckets = store->capabilities.lists_all;
    bool done = (!sweeping.knows_buckets || list_buckets(&sweeping, store, error)) && journal_flush(journal, error) &&
                (!journal_has_unread(journal) ||
                 error_set(error, ERROR_BUSY, NULL, "the journal has segments that cannot be read")) &&
                sweep_pages(&sweeping, page, error) && (!sweeping.knows_buckets || sweep_records(&sweeping, error));
    if (done)
        take_notes(&sweeping);
    else
        sweep->noted_count = 0; /* what was noted must be seen again, twice */
    buffer_free(&sweeping.buckets);
    buffer_free(&sweeping.noted);
    free(page);
    return done;
}

void settings_sweep_free(struct settings_sweep *sweep)
{
    free(sweep->noted);
    *sweep = (struct settings_sweep){0};
}
