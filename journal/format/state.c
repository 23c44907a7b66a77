/* journal/format/state.c -- applies ops; the only place that says what they mean. */
#include "journal/format/state.h"

#include "journal/mutation.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

/* An entry's key and where it belongs. */
struct place {
    uint8_t bytes[3 + OP_TABLE_BYTES_MAX + OP_KEY_BYTES_MAX];
};

struct located {
    struct span key;
    uint64_t hash;
    struct entries *changes;
    const struct entries *recent; /* NULL: nothing */
    const struct entries *base;
};

void state_init(struct state *state, const struct layer *base, uint64_t base_digest)
{
    *state = (struct state){.base = base, .digest = base_digest};
}

void state_free(struct state *state)
{
    layer_free(&state->changes);
}

/* ---- finding and changing one entry ---- */

static struct located locate(const struct state *state, struct place *place, uint8_t space, enum entry_type type,
                             struct span table, struct span key)
{
    ASSERT(table.size <= OP_TABLE_BYTES_MAX && key.size <= OP_KEY_BYTES_MAX);
    uint8_t *bytes = place->bytes;
    bytes[0] = space;
    bytes[1] = (uint8_t)type;
    bytes[2] = (uint8_t)table.size;
    if (table.size > 0)
        memcpy(bytes + 3, table.data, table.size);
    if (key.size > 0)
        memcpy(bytes + 3 + table.size, key.data, key.size);
    struct layer *changes = (struct layer *)&state->changes; /* written to by those who hold a state to write */
    bool is_batch = layer_expires((uint8_t)type);
    struct located located = {.key = span_of(bytes, 3 + table.size + key.size),
                              .changes = is_batch ? &changes->batches : &changes->data};
    if (state->recent != NULL)
        located.recent = is_batch ? &state->recent->batches : &state->recent->data;
    if (state->base != NULL)
        located.base = is_batch ? &state->base->batches : &state->base->data;
    located.hash = entries_hash(located.key);
    return located;
}

/* What the changes lie over. */
static const struct entry *find_below(const struct located *at)
{
    const struct entry *entry = at->recent == NULL ? NULL : entries_find(at->recent, at->key, at->hash);
    if (entry != NULL)
        return entry->is_deleted ? NULL : entry;
    return at->base == NULL ? NULL : entries_find(at->base, at->key, at->hash);
}

/* What a reader sees, or NULL. */
static const struct entry *find(const struct located *at)
{
    const struct entry *entry = entries_find(at->changes, at->key, at->hash);
    if (entry != NULL)
        return entry->is_deleted ? NULL : entry;
    return find_below(at);
}

static void put(struct state *state, const struct located *at, struct span value)
{
    const struct entry *old = find(at);
    if (old != NULL)
        state->digest -= entry_digest(old);
    state->digest += entry_digest(entries_put(at->changes, at->key, at->hash, value));
}

static void remove_entry(struct state *state, const struct located *at)
{
    const struct entry *old = find(at);
    if (old == NULL)
        return;
    state->digest -= entry_digest(old);
    if (find_below(at) != NULL)
        entries_put_deleted(at->changes, at->key, at->hash);
    else
        entries_remove(at->changes, at->key, at->hash);
}

/* ---- ops ---- */

static void add(struct state *state, const struct located *at, int64_t amount)
{
    const struct entry *old = find(at);
    uint64_t sum = (old == NULL ? 0 : load_u64_le(entry_value(old).data)) + (uint64_t)amount;
    sum = RULE(counter_clamped, (int64_t)sum < 0 ? 0 : sum, sum);
    if (sum == 0)
        remove_entry(state, at);
    else
        put(state, at, span_of(&sum, sizeof sum));
}

static void put_if(struct state *state, const struct located *at, struct span value)
{
    struct op_condition condition;
    bool is_sound = op_read_condition(value, &condition);
    ASSERT(is_sound);
    const struct entry *old = find(at);
    if (condition.is_expected != (old != NULL))
        return;
    if (old != NULL && !span_equal(entry_value(old), condition.expected))
        return;
    if (condition.has_value)
        put(state, at, condition.value);
    else
        remove_entry(state, at);
}

static void put_greater(struct state *state, const struct located *at, struct span value)
{
    const struct entry *old = find(at);
    if (old == NULL || span_compare(entry_value(old), value) < 0)
        put(state, at, value);
}

static void append(struct state *state, const struct located *at, struct span element)
{
    const struct entry *old = find(at);
    struct span list = old == NULL ? SPAN_EMPTY : entry_value(old);
    size_t size = list.size + 4 + element.size;
    if (size > LIST_BYTES_MAX)
        return;
    uint8_t *longer = malloc(size);
    ASSERT(longer != NULL);
    if (list.size > 0)
        memcpy(longer, list.data, list.size);
    store_u32_le(longer + list.size, (uint32_t)element.size);
    if (element.size > 0)
        memcpy(longer + list.size + 4, element.data, element.size);
    put(state, at, span_of(longer, size));
    free(longer);
}

static void apply_ops(struct state *state, struct span ops, uint64_t generation);

static void record(struct state *state, const struct located *at, struct span value)
{
    const struct entry *spool = find(at);
    uint64_t n = load_u64_le(value.data);
    uint64_t last = spool == NULL ? 0 : load_u64_le(entry_value(spool).data);
    if (spool == NULL || !RULE(spool_number_lax, n > last, n == last + 1))
        return;
    put(state, at, span_take(value, 8));
    apply_ops(state, span_skip(value, 8), 0); /* nothing of a spool expires */
}

static enum entry_type type_of(enum op_kind kind)
{
    switch (kind) {
    case OP_COUNTER_ADD:
        return TYPE_COUNTER;
    case OP_MAP_PUT:
    case OP_MAP_DELETE:
    case OP_MAP_PUT_IF:
    case OP_MAP_PUT_GREATER:
        return TYPE_MAP;
    case OP_SET_ADD:
    case OP_SET_REMOVE:
        return TYPE_SET;
    case OP_LIST_APPEND:
        return TYPE_LIST;
    case OP_SPOOL_OPEN:
    case OP_SPOOL_RECORD:
    case OP_SPOOL_CLOSE:
        return TYPE_SPOOL;
    case OP_RELEASE:
        return TYPE_RELEASE;
    }
    UNREACHABLE();
}

static void apply_op(struct state *state, const struct op *op, uint64_t generation)
{
    static const uint8_t zero[8];
    struct place place;
    struct located at = locate(state, &place, op->space, type_of(op->kind), op->table, op->key);
    switch (op->kind) {
    case OP_COUNTER_ADD:
        add(state, &at, (int64_t)load_u64_le(op->value.data));
        break;
    case OP_MAP_PUT:
        put(state, &at, op->value);
        break;
    case OP_MAP_PUT_IF:
        put_if(state, &at, op->value);
        break;
    case OP_MAP_PUT_GREATER:
        put_greater(state, &at, op->value);
        break;
    case OP_SET_ADD:
        put(state, &at, SPAN_EMPTY);
        break;
    case OP_RELEASE:
        put(state, &at, span_of(&generation, sizeof generation));
        break;
    case OP_LIST_APPEND:
        append(state, &at, op->value);
        break;
    case OP_SPOOL_OPEN:
        if (find(&at) == NULL)
            put(state, &at, span_of(zero, sizeof zero));
        break;
    case OP_SPOOL_RECORD:
        record(state, &at, op->value);
        break;
    case OP_MAP_DELETE:
    case OP_SET_REMOVE:
    case OP_SPOOL_CLOSE:
        remove_entry(state, &at);
        break;
    }
}

static void apply_ops(struct state *state, struct span ops, uint64_t generation)
{
    struct cursor cursor = cursor_of(ops);
    struct op op;
    while (op_read(&cursor, &op) == OP_READ)
        apply_op(state, &op, generation);
}

static struct located locate_batch(const struct state *state, struct place *place, const struct journal_id *batch)
{
    return locate(state, place, SPACE_JOURNAL, TYPE_BATCH, SPAN_EMPTY, span_of(batch, sizeof *batch));
}

bool state_apply_batch(struct state *state, const struct journal_id *batch, uint64_t generation, struct span ops)
{
    if (!journal_id_is_zero(batch)) {
        struct place place;
        struct located at = locate_batch(state, &place, batch);
        if (find(&at) != NULL)
            return false;
        put(state, &at, span_of(&generation, sizeof generation));
    }
    apply_ops(state, ops, generation);
    return true;
}

bool state_expire_some(struct state *state, uint64_t oldest, size_t *at, size_t most)
{
    if (state->base == NULL)
        return false;
    ASSERT(state->recent == NULL || layer_count(state->recent) == 0);
    const struct entries *batches = &state->base->batches;
    for (const struct entry *entry; most > 0 && (entry = entries_next(batches, at)) != NULL; most--) {
        if (load_u64_le(entry_value(entry).data) >= oldest)
            continue;
        struct located expired = {entry_key(entry), entry->hash, &state->changes.batches, NULL, batches};
        const struct entry *now = find(&expired); /* it may have expired already, and have come again */
        if (now != NULL && load_u64_le(entry_value(now).data) < oldest)
            remove_entry(state, &expired);
    }
    return most == 0;
}

void state_expire(struct state *state, uint64_t oldest)
{
    size_t at = 0;
    while (state_expire_some(state, oldest, &at, SIZE_MAX))
        ;
}

static struct located locate_release(const struct state *state, struct place *place, const struct segment_key *key)
{
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(key, stored);
    return locate(state, place, SPACE_JOURNAL, TYPE_RELEASE, SPAN_EMPTY, span_of(stored, sizeof stored));
}

/* ---- reading ---- */

/* The tables, those first that hide what is in the later ones. */
static const struct entries *table_of(const struct state *state, unsigned table)
{
    const struct layer *layers[] = {&state->changes, state->recent, state->base};
    static const struct layer none;
    const struct layer *layer = layers[table / 2] == NULL ? &none : layers[table / 2];
    return table % 2 == 0 ? &layer->batches : &layer->data;
}

static bool is_hidden(const struct state *state, unsigned table, const struct entry *entry)
{
    for (unsigned above = table % 2; above < table; above += 2) {
        if (entries_find(table_of(state, above), entry_key(entry), entry->hash) != NULL)
            return true;
    }
    return false;
}

const struct entry *state_next(const struct state *state, struct state_walk *walk)
{
    for (; walk->table < 6; walk->table++, walk->at = 0) {
        const struct entries *entries = table_of(state, walk->table);
        for (const struct entry *entry; (entry = entries_next(entries, &walk->at)) != NULL;) {
            if (!entry->is_deleted && !is_hidden(state, walk->table, entry))
                return entry;
        }
    }
    return NULL;
}

static const struct entry *look_up(const struct state *state, uint8_t space, enum entry_type type, struct span table,
                                   struct span key)
{
    struct place place;
    struct located at = locate(state, &place, space, type, table, key);
    return find(&at);
}

int64_t state_counter(const struct state *state, uint8_t space, struct span table, struct span key)
{
    const struct entry *entry = look_up(state, space, TYPE_COUNTER, table, key);
    return entry == NULL ? 0 : (int64_t)load_u64_le(entry_value(entry).data);
}

bool state_map_get(const struct state *state, uint8_t space, struct span table, struct span key, struct span *ret_value)
{
    const struct entry *entry = look_up(state, space, TYPE_MAP, table, key);
    if (entry != NULL)
        *ret_value = entry_value(entry);
    return entry != NULL;
}

bool state_set_has(const struct state *state, uint8_t space, struct span table, struct span key)
{
    return look_up(state, space, TYPE_SET, table, key) != NULL;
}

struct span state_list(const struct state *state, uint8_t space, struct span table, struct span key)
{
    const struct entry *entry = look_up(state, space, TYPE_LIST, table, key);
    return entry == NULL ? SPAN_EMPTY : entry_value(entry);
}

bool state_spool_last(const struct state *state, const struct journal_id *spool, uint64_t *ret_last)
{
    const struct entry *entry = look_up(state, SPACE_JOURNAL, TYPE_SPOOL, SPAN_EMPTY, span_of(spool, sizeof *spool));
    if (entry != NULL)
        *ret_last = load_u64_le(entry_value(entry).data);
    return entry != NULL;
}

bool state_has_batch(const struct state *state, const struct journal_id *batch)
{
    struct place place;
    struct located at = locate_batch(state, &place, batch);
    return find(&at) != NULL;
}

bool state_has_release(const struct state *state, const struct segment_key *key)
{
    struct place place;
    struct located at = locate_release(state, &place, key);
    return find(&at) != NULL;
}
