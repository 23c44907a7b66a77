/* journal/replica/layer_parts.c -- sorts, encodes, merges and loads layers of state, letting others run in between. */
#include "journal/replica/layer_parts.h"

#include "journal/replica/rules.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { RUN_ENTRIES = 1024, STEP_ENTRIES = 1024, ENTRY_COST_BYTES = 64, SLACK_BYTES = 4096 };

/* ---- order ---- */

static int by_key(const void *a, const void *b)
{
    return span_compare(entry_key(*(const struct entry *const *)a), entry_key(*(const struct entry *const *)b));
}

/* Two neighbouring runs of `from` into `to`. */
static void merge_runs(struct journal *journal, const struct entry **from, const struct entry **to, size_t begin,
                       size_t middle, size_t end)
{
    size_t left = begin;
    size_t right = middle;
    for (size_t at = begin; at < end; at++) {
        if (left < middle && (right == end || by_key(&from[left], &from[right]) <= 0))
            to[at] = from[left++];
        else
            to[at] = from[right++];
        if (at % STEP_ENTRIES == 0)
            replica_breathe(journal, STEP_ENTRIES * ENTRY_COST_BYTES);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const struct entry **merge_all(struct journal *journal, const struct entry **sorted, size_t count)
{
    const struct entry **other = calloc(count + 1, sizeof(const struct entry *));
    ASSERT(other != NULL);
    for (size_t run = RUN_ENTRIES; run < count; run *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * run) {
            merge_runs(journal, sorted, other, begin, least(begin + run, count), least(begin + 2 * run, count));
        }
        const struct entry **swap = sorted;
        sorted = other;
        other = swap;
    }
    free(other);
    return sorted;
}

/* As entries_sorted, which takes a second for a million. NULL ends it. */
static const struct entry **sort_entries(struct journal *journal, const struct entries *entries)
{
    size_t count = 0;
    size_t at = 0;
    const struct entry **sorted = calloc(entries->count + 1, sizeof(const struct entry *));
    ASSERT(sorted != NULL);
    for (const struct entry *entry; (entry = entries_next(entries, &at)) != NULL;)
        sorted[count++] = entry;
    for (size_t begin = 0; begin < count; begin += RUN_ENTRIES) {
        qsort(sorted + begin, least(RUN_ENTRIES, count - begin), sizeof(const struct entry *), by_key);
        replica_breathe(journal, RUN_ENTRIES * ENTRY_COST_BYTES);
    }
    return count <= RUN_ENTRIES ? sorted : merge_all(journal, sorted, count);
}

/* ---- writing ---- */

static void put_entries(struct journal *journal, struct state_part_writer *writer, const struct entries *entries,
                        bool keep_deleted)
{
    const struct entry **sorted = sort_entries(journal, entries);
    for (size_t i = 0; sorted[i] != NULL; i++) {
        struct part_entry entry = {entry_key(sorted[i]), entry_value(sorted[i]), sorted[i]->is_deleted};
        if (!entry.is_deleted || keep_deleted)
            state_part_put(writer, &entry);
        replica_breathe(journal, ENTRY_COST_BYTES + entry.value.size);
    }
    free(sorted);
}

/* ---- merging ---- */

struct source {
    struct state_part_reader reader;
    struct part_entry entry;
    bool has_entry;
    struct error error;
};

static bool source_open(struct source *source, struct span body, const struct part_name *name)
{
    if (!state_part_open(body, name, &source->reader, &source->error))
        return false;
    source->has_entry = state_part_next(&source->reader, &source->entry, &source->error);
    return true;
}

static void source_skip(struct source *source)
{
    source->has_entry = state_part_next(&source->reader, &source->entry, &source->error);
}

/* The first entry of both; of equal keys the newer one counts. */
static struct part_entry take_first(struct source *newer, struct source *older)
{
    int order = !older->has_entry ? -1 : !newer->has_entry ? 1 : state_part_order(newer->entry.key, older->entry.key);
    struct part_entry entry = order <= 0 ? newer->entry : older->entry;
    if (order >= 0)
        source_skip(older);
    if (order <= 0)
        source_skip(newer);
    return entry;
}

static bool merge_bodies(struct journal *journal, struct source *newer, struct source *older,
                         struct state_part_writer *writer, bool keep_deleted)
{
    while (newer->has_entry || older->has_entry) {
        struct part_entry entry = take_first(newer, older);
        if (!entry.is_deleted || keep_deleted)
            state_part_put(writer, &entry);
        replica_breathe(journal, ENTRY_COST_BYTES + entry.value.size);
    }
    struct error error;
    return newer->error.kind == ERROR_NONE && older->error.kind == ERROR_NONE && state_part_end(writer, &error);
}

static struct part_name name_of(const struct head_layer *layer)
{
    return rule_part_name(layer->generation, &layer->nonce, PART_STATE);
}

/* `bytes`: on their way at the same time, itself included. */
static enum store_answer fetch(struct journal *journal, const struct head_layer *layer, uint64_t bytes,
                               struct buffer *ret_body)
{
    struct part_name name = name_of(layer);
    char text[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    part_name_format(&name, text);
    struct journal_store *store = journal->environment.store;
    return store->get(store, text, NULL, ret_body, &etag, replica_deadline_for(journal, bytes));
}

enum merged { MERGED, NOT_NOW, LAYER_LOST /* in several readings */ };

/* The body becomes that of both. */
static enum merged merge_once(struct journal *journal, const struct part_name *name, const struct head_layer *layer,
                              bool keep_deleted, struct buffer *body)
{
    struct buffer below, merged;
    struct source *newer = calloc(2, sizeof *newer);
    struct source *older = newer + 1;
    struct state_part_writer writer;
    struct part_name layer_name = name_of(layer);
    ASSERT(newer != NULL);
    buffer_init(&below, PART_BYTES_MAX);
    buffer_init(&merged, PART_BYTES_MAX);
    enum store_answer answer = fetch(journal, layer, layer->bytes, &below);
    bool is_merged = answer == STORE_DONE && source_open(newer, buffer_span(body), name) &&
                     source_open(older, buffer_span(&below), &layer_name);
    if (is_merged) {
        state_part_begin(&writer, name, &merged);
        is_merged = merge_bodies(journal, newer, older, &writer, keep_deleted);
    }
    if (is_merged) {
        struct buffer swap = *body;
        *body = merged;
        merged = swap;
    } else {
        replica_note_part(journal, &layer_name, answer, false);
    }
    buffer_free(&below);
    buffer_free(&merged);
    free(newer);
    return is_merged ? MERGED : answer == STORE_UNKNOWN || answer == STORE_REFUSED ? NOT_NOW : LAYER_LOST;
}

static enum merged merge_with(struct journal *journal, const struct part_name *name, const struct head_layer *layer,
                              bool keep_deleted, struct buffer *body)
{
    enum merged merged = LAYER_LOST; /* damage may have happened on the way */
    for (unsigned i = 0; i < FAILED_READS_ARE_DAMAGE && merged == LAYER_LOST && !journal->is_stopping; i++)
        merged = merge_once(journal, name, layer, keep_deleted, body);
    return journal->is_stopping && merged == LAYER_LOST ? NOT_NOW : merged;
}

/* ---- all of the state ---- */

/* Both in order; of equal keys the newer one counts. */
static void put_merged(struct journal *journal, struct state_part_writer *writer, const struct entries *newer,
                       const struct entries *older)
{
    const struct entry **changed = sort_entries(journal, newer);
    const struct entry **kept = sort_entries(journal, older);
    size_t c = 0;
    size_t k = 0;
    while (changed[c] != NULL || kept[k] != NULL) {
        int order = changed[c] == NULL ? 1 : kept[k] == NULL ? -1 : by_key(&changed[c], &kept[k]);
        const struct entry *first = order <= 0 ? changed[c] : kept[k];
        struct part_entry entry = {entry_key(first), entry_value(first), first->is_deleted};
        c += order <= 0;
        k += order >= 0;
        if (!entry.is_deleted)
            state_part_put(writer, &entry);
        replica_breathe(journal, ENTRY_COST_BYTES + entry.value.size);
    }
    free(changed);
    free(kept);
}

/* One layer of all: what the head in place stands for is in memory, and it is replaced only if it still is in place. */
static bool encode_whole(struct journal *journal, const struct part_name *name, const struct layer *changes,
                         struct head *head, struct buffer *ret_body)
{
    struct state_part_writer writer;
    struct error error;
    const struct head *current = journal->shown.head;
    if (!replica_take_busy(journal))
        return false;
    bool is_same = journal->shown.is_ready && current->generation + 1 == head->generation &&
                   journal_id_equal(head_nonce(current), &head->ancestors[1].nonce) &&
                   head->dropped_count + head->layers_count <= HEAD_DROPPED_MAX;
    if (is_same) {
        buffer_clear(ret_body);
        state_part_begin(&writer, name, ret_body);
        put_merged(journal, &writer, &changes->batches, &journal->shown.base.batches);
        put_merged(journal, &writer, &changes->data, &journal->shown.base.data);
        is_same = state_part_end(&writer, &error);
    }
    replica_release_busy(journal);
    for (uint32_t i = 0; is_same && i < head->layers_count; i++)
        head->dropped[head->dropped_count++] = (struct head_dropped){head->layers[i], head->generation};
    head->layers_count = is_same ? 0 : head->layers_count;
    return is_same;
}

/* ---- a fold's part ---- */

bool layers_encode(struct journal *journal, const struct part_name *name, const struct layer *changes,
                   struct head *head, struct buffer *ret_body)
{
    struct state_part_writer writer;
    struct error error;
    state_part_begin(&writer, name, ret_body);
    put_entries(journal, &writer, &changes->batches, head->layers_count > 0);
    put_entries(journal, &writer, &changes->data, head->layers_count > 0);
    if (!state_part_end(&writer, &error))
        return false;
    uint32_t merged = 0;
    while (merged < head->layers_count && (head->layers[merged].bytes <= 2 * ret_body->size + SLACK_BYTES ||
                                           head->layers_count - merged >= HEAD_LAYERS_MAX)) {
        enum merged answer =
            head->dropped_count == HEAD_DROPPED_MAX
                ? NOT_NOW
                : merge_with(journal, name, &head->layers[merged], merged + 1 < head->layers_count, ret_body);
        if (answer != MERGED) {
            head->dropped_count -= merged; /* as it was */
            return answer == LAYER_LOST && encode_whole(journal, name, changes, head, ret_body);
        }
        head->dropped[head->dropped_count++] = (struct head_dropped){head->layers[merged], head->generation};
        merged++;
    }
    head->layers_count -= merged;
    memmove(head->layers, head->layers + merged, head->layers_count * sizeof head->layers[0]);
    return true;
}

/* ---- loading ---- */

static void put_into(struct layer *base, const struct part_entry *entry)
{
    struct entries *entries = layer_entries(base, entry->key);
    uint64_t hash = entries_hash(entry->key);
    if (entry->is_deleted)
        entries_remove(entries, entry->key, hash);
    else
        (void)entries_put(entries, entry->key, hash, entry->value);
}

/* The bodies of all layers, which are on their way at once. Each is larger than those above it together, or nearly so:
 * all take not much more room than the largest. */
struct loading {
    struct journal *journal;
    const struct head *head;
    uint64_t bytes;
    struct buffer bodies[HEAD_LAYERS_MAX];
    enum store_answer answers[HEAD_LAYERS_MAX];
};

static void fetch_layer(void *context, size_t index)
{
    struct loading *loading = context;
    buffer_init(&loading->bodies[index], PART_BYTES_MAX);
    const struct head_layer *layer = &loading->head->layers[index];
    loading->answers[index] = fetch(loading->journal, layer, loading->bytes, &loading->bodies[index]);
}

static bool load_layer(struct loading *loading, uint32_t index, struct layer *base)
{
    struct journal *journal = loading->journal;
    struct state_part_reader reader;
    struct error error;
    struct part_name name = name_of(&loading->head->layers[index]);
    enum store_answer answer = loading->answers[index];
    bool is_good =
        answer == STORE_DONE && state_part_open(buffer_span(&loading->bodies[index]), &name, &reader, &error);
    for (struct part_entry entry; is_good && state_part_next(&reader, &entry, &error);) {
        put_into(base, &entry);
        replica_breathe(journal, ENTRY_COST_BYTES + entry.value.size);
    }
    is_good = is_good && error.kind == ERROR_NONE;
    buffer_free(&loading->bodies[index]);
    replica_note_part(journal, &name, answer, is_good);
    return is_good;
}

static uint64_t digest_of(struct journal *journal, const struct layer *layer)
{
    uint64_t digest = 0;
    struct layer_walk walk = {0};
    while (layer_digest_some(layer, &walk, STEP_ENTRIES, &digest))
        replica_breathe(journal, STEP_ENTRIES * ENTRY_COST_BYTES);
    return digest;
}

/* From the oldest: each layer changes what is there. */
bool layers_load(struct journal *journal, const struct head *head, struct layer *ret_base)
{
    struct loading *loading = calloc(1, sizeof *loading);
    ASSERT(loading != NULL);
    loading->journal = journal;
    loading->head = head;
    for (uint32_t i = 0; i < head->layers_count; i++)
        loading->bytes += head->layers[i].bytes;
    bool is_good = replica_each(journal, head->layers_count, fetch_layer, loading);
    for (uint32_t i = head->layers_count; is_good && i-- > 0;)
        is_good = load_layer(loading, i, ret_base);
    for (uint32_t i = 0; i < HEAD_LAYERS_MAX; i++)
        buffer_free(&loading->bodies[i]);
    free(loading);
    if (is_good && digest_of(journal, ret_base) != head->digest) {
        replica_alarm(journal, ALARM_DIGEST);
        is_good = false;
    }
    if (!is_good)
        replica_free_layer(journal, ret_base);
    return is_good;
}
