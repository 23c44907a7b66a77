/* journal/savings/ledger.c -- the savings ledger: records into ops, and figures out of a state and the spools. */
#include "journal/savings/ledger.h"

#include "journal/savings/rules.h"
#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

enum { KEY_BYTES_MAX = BUCKET_NAME_BYTES_MAX + 1 + 8, SUMS_VALUE_BYTES = 48 };

static const struct counter {
    const char *table;
    size_t offset; /* in struct ledger_amounts */
} COUNTERS[] = {
    {"objects", offsetof(struct ledger_amounts, objects)},
    {"original_bytes", offsetof(struct ledger_amounts, original_bytes)},
    {"stored_bytes", offsetof(struct ledger_amounts, stored_bytes)},
    {"former_versions", offsetof(struct ledger_amounts, former_versions)},
    {"former_original_bytes", offsetof(struct ledger_amounts, former_original_bytes)},
    {"former_stored_bytes", offsetof(struct ledger_amounts, former_stored_bytes)},
};
enum { COUNTERS_COUNT = sizeof COUNTERS / sizeof COUNTERS[0] };

static int64_t *amount_of(const struct counter *counter, struct ledger_amounts *amounts)
{
    return (int64_t *)(void *)((uint8_t *)amounts + counter->offset);
}

/* ---- keys ---- */

static struct span make_key(struct span bucket, uint64_t creation_id, uint8_t ret_key[KEY_BYTES_MAX])
{
    ASSERT(bucket.size <= BUCKET_NAME_BYTES_MAX);
    memcpy(ret_key, bucket.data, bucket.size);
    ret_key[bucket.size] = 0;
    store_u64_le(ret_key + bucket.size + 1, creation_id);
    return span_of(ret_key, bucket.size + 9);
}

static bool take_key(struct span key, struct span *ret_bucket, uint64_t *ret_creation_id)
{
    if (key.size < 10 || key.size > KEY_BYTES_MAX || key.data[key.size - 9] != 0)
        return false;
    *ret_bucket = span_take(key, key.size - 9);
    *ret_creation_id = load_u64_le(key.data + key.size - 8);
    return true;
}

/* ---- records ---- */

static void put_counters(struct buffer *ops, struct spool_amounts *amounts)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct span key = make_key(amounts->bucket, amounts->creation_id, bytes);
    for (unsigned i = 0; i < COUNTERS_COUNT; i++) {
        int64_t amount = *amount_of(&COUNTERS[i], &amounts->amounts);
        if (amount != 0)
            op_put_counter_add(ops, SPACE_LEDGER, span_from_string(COUNTERS[i].table), key, amount);
    }
}

static bool damaged(struct error *error)
{
    return error_set(error, ERROR_DAMAGED, NULL, "A record of the ledger's spool is damaged. Run `bale check`.");
}

bool ledger_put_record(struct buffer *ops, const struct journal_id *spool, uint64_t record, struct span encoded,
                       struct error *error)
{
    struct buffer inner;
    struct spool_amounts amounts;
    bool is_damaged;
    buffer_init(&inner, 0);
    while (spool_take_amounts(&encoded, &amounts, &is_damaged))
        put_counters(&inner, &amounts);
    if (!is_damaged)
        op_put_spool_record(ops, spool, record, buffer_span(&inner));
    buffer_free(&inner);
    return !is_damaged || damaged(error);
}

struct ledger_amounts ledger_in_state(const struct state *state, struct span bucket, uint64_t creation_id)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct span key = make_key(bucket, creation_id, bytes);
    struct ledger_amounts amounts;
    for (unsigned i = 0; i < COUNTERS_COUNT; i++)
        *amount_of(&COUNTERS[i], &amounts) =
            state_counter(state, SPACE_LEDGER, span_from_string(COUNTERS[i].table), key);
    return amounts;
}

/* ---- sums ---- */

void ledger_sums_free(struct ledger_sums *sums)
{
    entries_free(&sums->entries);
}

static struct ledger_amounts load_amounts(const struct entry *entry)
{
    struct ledger_amounts amounts = {0};
    if (entry == NULL)
        return amounts;
    for (unsigned i = 0; i < COUNTERS_COUNT; i++)
        *amount_of(&COUNTERS[i], &amounts) = (int64_t)load_u64_le(entry_value(entry).data + (size_t)i * 8);
    return amounts;
}

static void put_sum(struct ledger_sums *sums, struct span key, uint64_t hash, struct ledger_amounts *amounts)
{
    uint8_t value[SUMS_VALUE_BYTES];
    for (unsigned i = 0; i < COUNTERS_COUNT; i++)
        store_u64_le(value + (size_t)i * 8, (uint64_t)*amount_of(&COUNTERS[i], amounts));
    (void)entries_put(&sums->entries, key, hash, span_of(value, sizeof value));
}

static void add_under(struct ledger_sums *sums, struct span key, const struct ledger_amounts *amounts)
{
    uint64_t hash = entries_hash(key);
    struct ledger_amounts sum = load_amounts(entries_find(&sums->entries, key, hash));
    ledger_amounts_add(&sum, amounts);
    put_sum(sums, key, hash, &sum);
}

void ledger_sums_add(struct ledger_sums *sums, const struct spool_amounts *amounts)
{
    uint8_t bytes[KEY_BYTES_MAX];
    add_under(sums, make_key(amounts->bucket, amounts->creation_id, bytes), &amounts->amounts);
}

bool ledger_sums_add_record(struct ledger_sums *sums, struct span encoded, struct error *error)
{
    struct spool_amounts amounts;
    bool is_damaged;
    while (spool_take_amounts(&encoded, &amounts, &is_damaged))
        ledger_sums_add(sums, &amounts);
    return !is_damaged || damaged(error);
}

struct ledger_amounts ledger_sums_find(const struct ledger_sums *sums, struct span bucket, uint64_t creation_id)
{
    uint8_t bytes[KEY_BYTES_MAX];
    struct span key = make_key(bucket, creation_id, bytes);
    return load_amounts(entries_find(&sums->entries, key, entries_hash(key)));
}

bool ledger_sums_next(const struct ledger_sums *sums, size_t *at, struct spool_amounts *ret_amounts)
{
    for (const struct entry *entry; (entry = entries_next(&sums->entries, at)) != NULL;) {
        ret_amounts->amounts = load_amounts(entry);
        if (take_key(entry_key(entry), &ret_amounts->bucket, &ret_amounts->creation_id))
            return true;
    }
    return false;
}

/* ---- the state ---- */

/* Which counter of the ledger an entry of a state is, and of which key; NULL: none. */
static const struct counter *find_counter(struct span entry_key, struct span *ret_key)
{
    if (entry_key.size < 3 || entry_key.data[0] != SPACE_LEDGER || entry_key.data[1] != TYPE_COUNTER)
        return NULL;
    size_t table_bytes = entry_key.data[2];
    struct span table = span_take(span_skip(entry_key, 3), table_bytes);
    *ret_key = span_skip(entry_key, 3 + table_bytes);
    for (unsigned i = 0; i < COUNTERS_COUNT; i++) {
        if (span_equal(table, span_from_string(COUNTERS[i].table)))
            return &COUNTERS[i];
    }
    return NULL;
}

void ledger_sums_add_state(struct ledger_sums *sums, const struct state *state)
{
    struct state_walk walk = {0};
    for (const struct entry *entry; (entry = state_next(state, &walk)) != NULL;) {
        struct span key;
        const struct counter *counter = find_counter(entry_key(entry), &key);
        if (counter == NULL || entry->value_size != 8)
            continue;
        struct ledger_amounts amounts = {0};
        *amount_of(counter, &amounts) = (int64_t)load_u64_le(entry_value(entry).data);
        add_under(sums, key, &amounts);
    }
}

/* ---- spools ---- */

/* False: it is not in the state; then *ret_last is 0. */
static bool last_in_state(const struct state *state, const struct spool_info *info, uint64_t *ret_last)
{
    struct journal_id id;
    *ret_last = 0;
    memcpy(id.bytes, info->id, sizeof id.bytes);
    return state_spool_last(state, &id, ret_last);
}

bool ledger_spool_was_closed(const struct state *state, const struct spool_info *info)
{
    uint64_t last;
    struct journal_id id;
    memcpy(id.bytes, info->id, sizeof id.bytes);
    const struct journal_id opening = rule_open_batch_id(&id);
    const struct journal_id closing = rule_close_batch_id(&id);
    return !info->is_own && !last_in_state(state, info, &last) &&
           (state_has_batch(state, &opening) || state_has_batch(state, &closing));
}

bool ledger_spool_is_cut_off(const struct state *state, const struct spool_info *info)
{
    uint64_t last;
    bool is_in_state = last_in_state(state, info, &last);
    if (ledger_spool_was_closed(state, info))
        return false;
    return info->first != 0 ? info->first > last + 1 : is_in_state && last < info->last_frozen;
}

static bool add_one_spool(struct ledger_sums *sums, const struct state *state, struct spool *spool,
                          const struct spool_info *info, struct error *error)
{
    uint64_t sent;
    if (ledger_spool_was_closed(state, info))
        return true;
    (void)last_in_state(state, info, &sent);
    uint64_t first = info->first > sent ? info->first : sent + 1;
    uint64_t last = info->last_frozen + (info->has_open ? 1 : 0);
    struct buffer amounts;
    buffer_init(&amounts, 0);
    bool done = true;
    for (uint64_t record = first; done && info->first != 0 && record <= last; record++) {
        buffer_clear(&amounts);
        done = spool_read(spool, info->id, record, &amounts, error) &&
               ledger_sums_add_record(sums, buffer_span(&amounts), error);
        /* what the open record held may have been taken back since */
        bool is_lost = !done && (error->kind == ERROR_DAMAGED || (error->kind == ERROR_NOT_FOUND && record < last));
        sums->lacks_records |= is_lost;
        done = done || is_lost || error->kind == ERROR_NOT_FOUND;
    }
    buffer_free(&amounts);
    return done;
}

bool ledger_sums_add_spool(struct ledger_sums *sums, const struct state *state, struct spool *spool,
                           struct error *error)
{
    struct buffer infos;
    buffer_init(&infos, 0);
    bool done = spool_list(spool, &infos, error);
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; done && i < infos.size / sizeof *info; i++)
        done = add_one_spool(sums, state, spool, &info[i], error);
    buffer_free(&infos);
    return done;
}

/* ---- what must be corrected ---- */

static void put_difference(struct span key, const struct ledger_amounts *amounts, struct buffer *ret_amounts)
{
    struct spool_amounts difference = {.amounts = *amounts};
    if (!ledger_amounts_are_zero(amounts) && take_key(key, &difference.bucket, &difference.creation_id))
        spool_put_amounts(ret_amounts, &difference);
}

void ledger_sums_difference(const struct ledger_sums *wanted, const struct ledger_sums *counted,
                            struct buffer *ret_amounts)
{
    size_t at = 0;
    for (const struct entry *entry; (entry = entries_next(&wanted->entries, &at)) != NULL;) {
        struct ledger_amounts amounts = load_amounts(entry);
        struct ledger_amounts present = load_amounts(entries_find(&counted->entries, entry_key(entry), entry->hash));
        ledger_amounts_subtract(&amounts, &present);
        put_difference(entry_key(entry), &amounts, ret_amounts);
    }
    at = 0;
    for (const struct entry *entry; (entry = entries_next(&counted->entries, &at)) != NULL;) {
        if (entries_find(&wanted->entries, entry_key(entry), entry->hash) != NULL)
            continue;
        struct ledger_amounts amounts = {0};
        struct ledger_amounts present = load_amounts(entry);
        ledger_amounts_subtract(&amounts, &present);
        put_difference(entry_key(entry), &amounts, ret_amounts);
    }
}
