/* store/embedded/ledger/ledger_count.c -- what the rows add up to, bucket by bucket: one walk over the tables of
 * objects and of former versions.
 *
 * Rows are counted by group, because that is how they lie. The versions of a key give their sum to the group that the
 * key is in; then each group of long keys gives its sum to the group whose row names it; a group's number is greater
 * than that of the group it was made in, so from the last to the first every sum is whole before it is passed on. */
#include "store/embedded/ledger/ledger_count.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "store/embedded/catalogue/version_rows.h"
#include "store/embedded/ledger/spool_rows.h"

#include <stdlib.h>

struct group_sum {
    uint64_t group;
    struct ledger_amounts amounts;
};

/* A row of `parent` leads on to `group`. */
struct group_link {
    uint64_t group;
    uint64_t parent;
};

struct ledger_counter {
    struct buffer sums;           /* struct group_sum each, by number */
    struct buffer links;          /* struct group_link each */
    struct buffer versions;       /* struct group_sum each, of groups of versions, by number */
    struct buffer versions_links; /* struct group_link each: to the group that the key is in */
};

static uint64_t group_of(const MDB_val *key)
{
    uint64_t group = 0;
    for (unsigned i = 0; i < KEY_GROUP_BYTES; i++)
        group = group << 8 | ((const uint8_t *)key->mv_data)[i];
    return group;
}

static struct group_sum *last_sum(struct ledger_counter *counter)
{
    return counter->sums.size == 0
               ? NULL
               : (struct group_sum *)(void *)(counter->sums.data + counter->sums.size - sizeof(struct group_sum));
}

static void count_row(struct ledger_counter *counter, const MDB_val *key, const MDB_val *value)
{
    struct row_shape shape;
    struct span object;
    struct row row;
    struct error ignored;
    if (key->mv_size < KEY_GROUP_BYTES || !row_open(span_of(key->mv_data, key->mv_size),
                                                    span_of(value->mv_data, value->mv_size), &shape, &object, &ignored))
        return;
    uint64_t group = group_of(key);
    struct group_sum *sum = last_sum(counter);
    if (sum == NULL || sum->group != group) {
        const struct group_sum fresh = {.group = group};
        buffer_append(&counter->sums, span_of(&fresh, sizeof fresh));
        sum = last_sum(counter);
    }
    if (shape.has_group) {
        const struct group_link link = {shape.group, group};
        buffer_append(&counter->links, span_of(&link, sizeof link));
    }
    if (!shape.has_object || !row_decode_object(object, &row, &ignored))
        return;
    const struct ledger_amounts amounts = row_amounts(&row);
    ledger_amounts_add(&sum->amounts, &amounts);
}

/* ---- former versions ---- */

static void add_to(struct buffer *sums, uint64_t group, const struct ledger_amounts *amounts)
{
    struct group_sum *last =
        sums->size == 0 ? NULL : (struct group_sum *)(void *)(sums->data + sums->size - sizeof(struct group_sum));
    if (last != NULL && last->group == group) {
        ledger_amounts_add(&last->amounts, amounts);
        return;
    }
    const struct group_sum fresh = {group, *amounts};
    buffer_append(sums, span_of(&fresh, sizeof fresh));
}

static void count_version(struct ledger_counter *counter, const MDB_val *key, const MDB_val *value)
{
    struct span object;
    struct row row;
    struct error ignored;
    if (key->mv_size != VERSION_KEY_BYTES || !catalogue_check(key, value, &object, &ignored) ||
        !row_decode_object(object, &row, &ignored))
        return;
    const struct ledger_amounts amounts = row_amounts(&row);
    add_to(&counter->versions, load_u64_be(key->mv_data), &amounts);
}

/* A key with versions: its group may hold no current object. */
static void count_versioned(struct ledger_counter *counter, const MDB_val *key, const MDB_val *value)
{
    static const struct ledger_amounts nothing;
    struct row_shape shape;
    struct span object;
    struct version_group versions;
    struct error ignored;
    if (key->mv_size < KEY_GROUP_BYTES || !row_open(span_of(key->mv_data, key->mv_size),
                                                    span_of(value->mv_data, value->mv_size), &shape, &object, &ignored))
        return;
    uint64_t group = group_of(key);
    add_to(&counter->sums, group, &nothing);
    if (shape.has_group) {
        const struct group_link link = {shape.group, group};
        buffer_append(&counter->links, span_of(&link, sizeof link));
    }
    if (shape.has_object && version_group_decode(object, &versions)) {
        const struct group_link link = {versions.number, group};
        buffer_append(&counter->versions_links, span_of(&link, sizeof link));
    }
}

/* Both kinds of elements begin with their group. */
static int by_group(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static struct group_sum *find_sum(const struct buffer *sums, uint64_t group)
{
    return sums->size == 0
               ? NULL
               : bsearch(&group, sums->data, sums->size / sizeof(struct group_sum), sizeof(struct group_sum), by_group);
}

typedef void count_each(struct ledger_counter *counter, const MDB_val *key, const MDB_val *value);

static bool count_table(struct ledger_counter *counter, MDB_txn *txn, MDB_dbi table, count_each *each,
                        struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, table, &cursor, error))
        return false;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        each(counter, &key, &value);
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "walk");
}

/* Sums of one group that come from both walks become one. */
static void join_sums(struct ledger_counter *counter)
{
    struct group_sum *sums = (struct group_sum *)(void *)counter->sums.data;
    size_t count = counter->sums.size / sizeof *sums;
    size_t kept = 0;
    if (count > 0)
        qsort(sums, count, sizeof *sums, by_group);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && sums[kept - 1].group == sums[i].group)
            ledger_amounts_add(&sums[kept - 1].amounts, &sums[i].amounts);
        else
            sums[kept++] = sums[i];
    }
    counter->sums.size = kept * sizeof *sums;
}

static bool count_rows(struct ledger_counter *counter, MDB_txn *txn, const struct catalogue *catalogue,
                       struct error *error)
{
    if (!count_table(counter, txn, catalogue->objects, count_row, error) ||
        !count_table(counter, txn, catalogue->versioned, count_versioned, error) ||
        !count_table(counter, txn, catalogue->versions, count_version, error))
        return false;
    join_sums(counter);
    const struct group_link *links = (const struct group_link *)(const void *)counter->versions_links.data;
    for (size_t i = 0; i < counter->versions_links.size / sizeof *links; i++) {
        const struct group_sum *sum = find_sum(&counter->versions, links[i].group);
        if (sum != NULL) /* the key's group was noted with the link */
            ledger_amounts_add(&find_sum(&counter->sums, links[i].parent)->amounts, &sum->amounts);
    }
    return true;
}

static void pass_on(struct ledger_counter *counter)
{
    struct group_link *links = (struct group_link *)(void *)counter->links.data;
    size_t count = counter->links.size / sizeof *links;
    if (count > 0)
        qsort(links, count, sizeof *links, by_group);
    for (size_t i = count; i-- > 0;) {
        const struct group_sum *sum = find_sum(&counter->sums, links[i].group);
        struct group_sum *parent = links[i].parent < links[i].group ? find_sum(&counter->sums, links[i].parent) : NULL;
        if (sum != NULL && parent != NULL)
            ledger_amounts_add(&parent->amounts, &sum->amounts);
    }
}

static bool put_buckets(struct ledger_counter *counter, MDB_txn *txn, const struct catalogue *catalogue,
                        struct buffer *ret_amounts, struct error *error)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int result;
    if (!catalogue_open_cursor(txn, catalogue->buckets, &cursor, error))
        return false;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct span name = span_of(key.mv_data, key.mv_size);
        struct span bytes;
        struct bucket_row row;
        struct error ignored;
        if (ledger_is_system_bucket(name) || !catalogue_check(&key, &value, &bytes, &ignored) ||
            !catalogue_decode_bucket(name, bytes, &row))
            continue;
        const struct group_sum *sum = find_sum(&counter->sums, row.number);
        if (sum == NULL || ledger_amounts_are_zero(&sum->amounts))
            continue;
        const struct spool_amounts amounts = {name, row.info.creation_id, sum->amounts};
        spool_put_amounts(ret_amounts, &amounts);
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND || catalogue_failed(result, error, "walk the buckets");
}

bool ledger_count(MDB_txn *txn, const struct catalogue *catalogue, struct buffer *ret_amounts, struct error *error)
{
    struct ledger_counter counter;
    buffer_init(&counter.sums, 0);
    buffer_init(&counter.links, 0);
    buffer_init(&counter.versions, 0);
    buffer_init(&counter.versions_links, 0);
    bool done = count_rows(&counter, txn, catalogue, error);
    if (done)
        pass_on(&counter);
    done = done && put_buckets(&counter, txn, catalogue, ret_amounts, error);
    buffer_free(&counter.sums);
    buffer_free(&counter.links);
    buffer_free(&counter.versions);
    buffer_free(&counter.versions_links);
    return done;
}
