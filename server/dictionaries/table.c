/* server/dictionaries/table.c -- entries in chains by id, in one order of use, and who waits for those being fetched.
 */
#include "server/dictionaries/table.h"

#include "runtime/base/assert.h"
#include "runtime/base/list.h"
#include "runtime/fiber/loop.h"
#include "server/dictionaries/fetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256 };

struct entry {
    struct entry *next;     /* in its chain */
    struct list_link order; /* the last used first; not in it while it is fetched */
    struct list_link waiters;
    struct dictionary *dictionary; /* NULL: being fetched */
    size_t bytes;
    char id[DICTIONARY_ID_BYTES];
    char bucket[BUCKET_NAME_BYTES_MAX + 1];
};

/* Of a fiber that sleeps until another one has fetched; on its stack. */
struct waiter {
    struct loop_message message; /* first: deliver gets it back */
    struct list_link link;
    struct loop *loop;
    struct fiber *fiber;
    struct dictionary *dictionary; /* what became of it, held; NULL: the error */
    struct error error;
    bool has_ended; /* written and read on the fiber's thread */
};

struct dictionary_table {
    pthread_mutex_t lock; /* over all; counters are written under it, and read without */
    struct entry *chains[CHAINS];
    struct list_link order;
    size_t bytes_max;
    size_t bytes;
    struct dictionary_table_counters counters;
};

struct dictionary_table *dictionary_table_create(size_t bytes_max)
{
    struct dictionary_table *table = calloc(1, sizeof *table);
    ASSERT(table != NULL && pthread_mutex_init(&table->lock, NULL) == 0); /* at start */
    list_init(&table->order);
    table->bytes_max = bytes_max;
    return table;
}

const struct dictionary_table_counters *dictionary_table_counters(const struct dictionary_table *table)
{
    return &table->counters;
}

/* ---- under the lock ---- */

/* Ids are digests: their first byte spreads them. */
static struct entry **chain_of(struct dictionary_table *table, struct span id)
{
    uint8_t first = 0;
    for (unsigned i = 0; i < 2; i++)
        first = (uint8_t)(first << 4 | (id.data[i] <= '9' ? id.data[i] - '0' : id.data[i] - 'a' + 10));
    return &table->chains[first];
}

static struct entry *find_entry(struct dictionary_table *table, struct span bucket, struct span id)
{
    for (struct entry *entry = *chain_of(table, id); entry != NULL; entry = entry->next) {
        if (span_equal(id, span_from_string(entry->id)) && span_equal(bucket, span_from_string(entry->bucket)))
            return entry;
    }
    return NULL;
}

static struct entry *add_entry(struct dictionary_table *table, struct span bucket, struct span id)
{
    struct entry *entry = calloc(1, sizeof *entry);
    ASSERT(bucket.size < sizeof entry->bucket);
    if (entry == NULL)
        return NULL;
    memcpy(entry->id, id.data, id.size);
    memcpy(entry->bucket, bucket.data, bucket.size);
    list_init(&entry->waiters);
    entry->next = *chain_of(table, id);
    *chain_of(table, id) = entry;
    return entry;
}

static void remove_entry(struct dictionary_table *table, struct entry *entry)
{
    struct entry **link = chain_of(table, span_from_string(entry->id));
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    if (entry->dictionary != NULL) {
        list_remove(&entry->order);
        table->bytes -= entry->bytes;
        dictionary_drop(entry->dictionary);
    }
    free(entry);
}

static void count_entries(struct dictionary_table *table, int added)
{
    metric_add(&table->counters.count, (uint64_t)added);
    atomic_store_explicit(&table->counters.bytes, table->bytes, memory_order_relaxed);
}

/* Holds are taken under the lock only, or by who has one: what is held once is held by the table alone. */
static void make_room(struct dictionary_table *table)
{
    struct list_link *link = table->order.previous;
    while (table->bytes > table->bytes_max && link != &table->order) {
        struct entry *entry = LIST_ELEMENT(link, struct entry, order);
        link = link->previous;
        if (!dictionary_is_held_once(entry->dictionary))
            continue;
        remove_entry(table, entry);
        metric_add(&table->counters.evicted, 1);
        count_entries(table, -1);
    }
}

/* Takes over the caller's hold. */
static void set_dictionary(struct dictionary_table *table, struct entry *entry, struct dictionary *dictionary)
{
    if (entry->dictionary == NULL) {
        list_prepend(&table->order, &entry->order);
    } else {
        table->bytes -= entry->bytes;
        dictionary_drop(entry->dictionary);
    }
    count_entries(table, entry->dictionary == NULL ? 1 : 0);
    entry->dictionary = dictionary;
    entry->bytes = sizeof *entry + dictionary_memory(dictionary);
    table->bytes += entry->bytes;
    count_entries(table, 0);
}

static struct dictionary *use(struct dictionary_table *table, struct entry *entry)
{
    list_remove(&entry->order);
    list_prepend(&table->order, &entry->order);
    return dictionary_hold(entry->dictionary);
}

/* ---- fetching, and waiting for it ---- */

static void wake(struct loop_message *message)
{
    struct waiter *waiter = (struct waiter *)(void *)message;
    waiter->has_ended = true;
    fiber_wake(waiter->fiber);
}

static void join(struct entry *entry, struct waiter *waiter)
{
    *waiter = (struct waiter){.message = {.deliver = wake}, .loop = loop_current(), .fiber = fiber_current()};
    list_append(&entry->waiters, &waiter->link);
}

static void tell(struct list_link *waiters, struct dictionary *dictionary, const struct error *error)
{
    for (struct list_link *link; (link = list_take_first(waiters)) != NULL;) {
        struct waiter *waiter = LIST_ELEMENT(link, struct waiter, link);
        if (dictionary != NULL)
            waiter->dictionary = dictionary_hold(dictionary);
        else
            waiter->error = *error;
        loop_post(waiter->loop, &waiter->message); /* from here on it may be gone */
    }
}

SUSPENDS static struct dictionary *fetch(struct bucket_store *store, struct span bucket, struct span id,
                                         struct error *error)
{
    struct buffer bytes;
    buffer_init(&bytes, 0);
    struct dictionary *dictionary = NULL;
    if (dictionary_fetch(store, bucket, id, &bytes, error)) {
        dictionary = dictionary_create(buffer_span(&bytes), error);
        if (dictionary == NULL)
            (void)error_prepend(error, "The object was compressed with the dictionary %.*s", SPAN_FORMAT(id));
    }
    buffer_free(&bytes);
    return dictionary;
}

SUSPENDS static struct dictionary *fetch_for_all(struct dictionary_table *table, struct entry *entry,
                                                 struct bucket_store *store, struct span bucket, struct span id,
                                                 struct error *error)
{
    struct dictionary *dictionary = fetch(store, bucket, id, error);
    pthread_mutex_lock(&table->lock);
    tell(&entry->waiters, dictionary, error);
    if (dictionary == NULL) {
        remove_entry(table, entry);
    } else {
        set_dictionary(table, entry, dictionary_hold(dictionary));
        metric_add(&table->counters.fetched, 1);
        make_room(table);
    }
    pthread_mutex_unlock(&table->lock);
    return dictionary;
}

/* False: whoever fetched was cancelled, which says nothing. */
SUSPENDS static bool wait_for_other(struct waiter *waiter, struct dictionary **ret_dictionary, struct error *error)
{
    while (!waiter->has_ended)
        fiber_suspend();
    *ret_dictionary = waiter->dictionary;
    if (waiter->dictionary == NULL)
        *error = waiter->error;
    return waiter->dictionary != NULL || waiter->error.kind != ERROR_CANCELLED;
}

SUSPENDS static struct dictionary *find(struct dictionary_table *table, struct bucket_store *store, struct span bucket,
                                        struct span id, struct error *error)
{
    for (;;) {
        struct waiter waiter;
        struct dictionary *dictionary;
        pthread_mutex_lock(&table->lock);
        struct entry *entry = find_entry(table, bucket, id);
        bool is_there = entry != NULL && entry->dictionary != NULL;
        bool is_fetched = entry != NULL && !is_there;
        if (is_there)
            dictionary = use(table, entry);
        else if (is_fetched)
            join(entry, &waiter);
        else
            entry = add_entry(table, bucket, id);
        pthread_mutex_unlock(&table->lock);
        if (is_there)
            return dictionary;
        if (entry == NULL) {
            (void)error_set(error, ERROR_BUSY, NULL, "There is no memory for a dictionary.");
            return NULL;
        }
        if (!is_fetched)
            return fetch_for_all(table, entry, store, bucket, id, error);
        if (wait_for_other(&waiter, &dictionary, error) || fiber_is_cancelled())
            return dictionary;
    }
}

static void count_failure(struct dictionary_table *table)
{
    pthread_mutex_lock(&table->lock);
    metric_add(&table->counters.failed, 1);
    pthread_mutex_unlock(&table->lock);
}

SUSPENDS struct dictionary *dictionary_table_find(struct dictionary_table *table, struct bucket_store *store,
                                                  struct span bucket, struct span id, struct error *error)
{
    struct dictionary *dictionary = NULL;
    if (dictionary_id_is_valid(id))
        dictionary = find(table, store, bucket, id, error);
    else
        (void)error_set(error, ERROR_DAMAGED, NULL, "The object names a dictionary \"%.*s\", which is no id of one.",
                        SPAN_FORMAT(id));
    if (dictionary == NULL && error->kind == ERROR_DAMAGED)
        count_failure(table);
    return dictionary;
}

SUSPENDS struct dictionary *dictionary_table_find_to_write(struct dictionary_table *table, struct bucket_store *store,
                                                           struct span bucket, struct span id, int level,
                                                           struct error *error)
{
    struct dictionary *known = dictionary_table_find(table, store, bucket, id, error);
    if (known == NULL || dictionary_can_compress(known, level))
        return known;
    struct dictionary *dictionary = dictionary_create_for_level(dictionary_bytes(known), level, error);
    dictionary_drop(known);
    if (dictionary == NULL)
        return NULL;
    pthread_mutex_lock(&table->lock);
    struct entry *entry = find_entry(table, bucket, id);
    if (entry != NULL && entry->dictionary != NULL) {
        set_dictionary(table, entry, dictionary_hold(dictionary));
        make_room(table);
    }
    pthread_mutex_unlock(&table->lock);
    return dictionary;
}

void dictionary_table_destroy(struct dictionary_table *table)
{
    if (table == NULL)
        return;
    for (struct list_link *link; (link = table->order.next) != &table->order;)
        remove_entry(table, LIST_ELEMENT(link, struct entry, order));
    (void)pthread_mutex_destroy(&table->lock);
    free(table);
}
