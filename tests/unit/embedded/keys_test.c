/* tests/unit/embedded/keys_test.c -- keys of up to 1024 bytes against a sorted array: get, list, delimiter, marker,
 * delete. Keys share long prefixes around the lengths where a row ends and a group begins (505, 1010). */
#include "tests/unit/embedded/fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 1200, QUERIES = 600 };
static const struct span bucket = SPAN("bucket");

struct model {
    struct bucket_store *store;
    struct random_seeded state;
    struct random_source random;
    uint8_t bytes[KEYS][OBJECT_KEY_BYTES_MAX];
    struct span keys[KEYS]; /* sorted, no two alike */
    bool is_there[KEYS];
    unsigned count;
    unsigned next; /* of the fibers that put */
};

static uint8_t random_letter(struct model *model)
{
    static const uint8_t letters[] = {'a', 'a', 'b', '/', '/', '0', 0x01, 0xff, 0xfe, ' '};
    return letters[random_below(&model->random, sizeof letters)];
}

/* Short ones, and ones whose first 500 to 1010 bytes are the same. */
static struct span random_key(struct model *model, uint8_t *ret_bytes)
{
    static const unsigned shared[] = {0, 0, 0, 498, 503, 504, 505, 506, 507, 511, 1004, 1008, 1009, 1010, 1011, 1016};
    size_t size = shared[random_below(&model->random, sizeof shared / sizeof shared[0])];
    uint8_t filler = random_below(&model->random, 4) == 0 ? 0xff : 'p';
    memset(ret_bytes, filler, size);
    if (size > 20 && random_below(&model->random, 3) == 0)
        ret_bytes[size / 2] = '/';
    size_t more = random_below(&model->random, size == 0 ? 6 : 9);
    if (size + more > OBJECT_KEY_BYTES_MAX)
        more = OBJECT_KEY_BYTES_MAX - size;
    if (size + more == 0)
        more = 1;
    for (size_t i = 0; i < more; i++)
        ret_bytes[size + i] = random_letter(model);
    return span_of(ret_bytes, size + more);
}

static int compare_keys(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

static void make_keys(struct model *model, uint64_t seed)
{
    model->random = random_seeded(&model->state, seed);
    static struct span all[KEYS];
    for (unsigned i = 0; i < KEYS; i++)
        all[i] = random_key(model, model->bytes[i]);
    qsort(all, KEYS, sizeof all[0], compare_keys);
    model->count = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        if (i == 0 || !span_equal(all[i], all[i - 1]))
            model->keys[model->count++] = all[i];
    }
}

/* ---- the model's own listing, as plainly as can be ---- */

struct expected {
    struct span key;
    bool is_prefix;
};

static bool find_common(const struct list_request *request, struct span key, struct span *ret_prefix)
{
    for (size_t i = request->prefix.size; request->delimiter.size > 0 && i + request->delimiter.size <= key.size; i++) {
        if (span_starts_with(span_skip(key, i), request->delimiter)) {
            *ret_prefix = span_take(key, i + request->delimiter.size);
            return true;
        }
    }
    return false;
}

static unsigned expected_page(const struct model *model, const struct list_request *request, struct expected *ret_page,
                              bool *ret_truncated)
{
    unsigned count = 0;
    *ret_truncated = false;
    for (unsigned i = 0; i < model->count; i++) {
        struct span key = model->keys[i];
        struct expected entry = {key, false};
        if (!model->is_there[i] || !span_starts_with(key, request->prefix) || span_compare(key, request->after) <= 0)
            continue;
        entry.is_prefix = find_common(request, key, &entry.key);
        if (entry.is_prefix && span_equal(entry.key, request->after))
            continue;
        if (entry.is_prefix && count > 0 && span_equal(ret_page[count - 1].key, entry.key))
            continue;
        if (count == request->entries_max) {
            *ret_truncated = count > 0;
            return count;
        }
        ret_page[count++] = entry;
    }
    return count;
}

static void check_page(struct model *model, const struct list_request *request)
{
    struct arena arena;
    arena_init(&arena, 8 << 20);
    struct list_page page;
    struct error error;
    bool done = bucket_list(model->store, request, &arena, &page, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    struct expected *expected = malloc(sizeof *expected * KEYS);
    bool is_truncated;
    unsigned count = expected_page(model, request, expected, &is_truncated);
    ck_assert_uint_eq(page.count, count);
    ck_assert(page.is_truncated == is_truncated);
    for (unsigned i = 0; i < count; i++) {
        ck_assert(span_equal(page.entries[i].key, expected[i].key));
        ck_assert(page.entries[i].is_prefix == expected[i].is_prefix);
        if (!expected[i].is_prefix)
            ck_assert_uint_eq(page.entries[i].original_size, expected[i].key.size);
    }
    free(expected);
    arena_free(&arena);
}

static void check_random_pages(struct model *model)
{
    uint8_t after[OBJECT_KEY_BYTES_MAX];
    uint8_t prefix[OBJECT_KEY_BYTES_MAX];
    static const char *const delimiters[] = {"", "/", "a", "//", "p", "ppp", "\xff", "b/"};
    for (unsigned i = 0; i < QUERIES; i++) {
        struct list_request request = {.bucket = bucket, .entries_max = 1000};
        if (random_below(&model->random, 3) == 0)
            request.entries_max = (unsigned)random_below(&model->random, 12);
        request.delimiter = text(delimiters[random_below(&model->random, 8)]);
        if (random_below(&model->random, 2) == 0) {
            request.prefix = random_key(model, prefix);
            request.prefix = span_take(request.prefix, random_below(&model->random, request.prefix.size + 1));
        }
        switch (random_below(&model->random, 4)) {
        case 0:
            request.after = random_key(model, after);
            break;
        case 1:
            request.after = model->keys[random_below(&model->random, model->count)];
            break;
        case 2: /* a common prefix of the page before */
            (void)find_common(&request, model->keys[random_below(&model->random, model->count)], &request.after);
            break;
        default:
            break;
        }
        check_page(model, &request);
    }
}

/* Statement 249: any page size walks through the same set. */
static void check_walks(struct model *model, struct span delimiter)
{
    static const unsigned sizes[] = {1, 2, 7, 1000};
    struct expected *expected = malloc(sizeof *expected * KEYS);
    bool is_truncated;
    struct list_request request = {.bucket = bucket, .delimiter = delimiter, .entries_max = KEYS};
    unsigned total = expected_page(model, &request, expected, &is_truncated);
    for (unsigned i = 0; i < 4; i++) {
        struct arena arena;
        struct error error;
        struct list_page page = {.is_truncated = true};
        arena_init(&arena, 64 << 20);
        request.entries_max = sizes[i];
        request.after = SPAN_EMPTY;
        unsigned seen = 0;
        while (page.is_truncated) {
            ck_assert(bucket_list(model->store, &request, &arena, &page, &error));
            for (unsigned j = 0; j < page.count; j++, seen++)
                ck_assert(span_equal(page.entries[j].key, expected[seen].key));
            if (page.count > 0)
                request.after = page.entries[page.count - 1].key;
        }
        ck_assert_uint_eq(seen, total);
        arena_free(&arena);
    }
    free(expected);
}

/* ---- changing the set ---- */

static void put_some(unsigned index, void *argument)
{
    (void)index;
    struct model *model = argument;
    while (model->next < model->count) {
        unsigned i = model->next++;
        if (model->is_there[i])
            continue;
        model->is_there[i] = true;
        put(model->store, bucket, model->keys[i], model->keys[i]); /* the body is the key */
    }
}

static void put_all(struct model *model)
{
    model->next = 0;
    run_fibers(64, put_some, model);
}

/* One in `share` of the keys, those that are not there too. */
static void delete_some(struct model *model, unsigned share)
{
    struct delete_item *items = calloc(DELETE_ITEMS_MAX, sizeof *items);
    struct error error;
    for (unsigned first = 0; first < model->count; first += DELETE_ITEMS_MAX) {
        unsigned count = 0;
        for (unsigned i = first; i < model->count && i < first + DELETE_ITEMS_MAX; i++) {
            if (random_below(&model->random, share) != 0)
                continue;
            items[count++] = (struct delete_item){.key = model->keys[i]};
            model->is_there[i] = false;
        }
        ck_assert(bucket_delete_objects(model->store, bucket, items, count, &error));
        for (unsigned i = 0; i < count; i++)
            ck_assert(items[i].is_deleted);
    }
    free(items);
}

static void check_gets(struct model *model)
{
    for (unsigned i = 0; i < model->count; i++) {
        if (model->is_there[i])
            expect_body(model->store, bucket, model->keys[i], model->keys[i]);
        else
            expect_missing(model->store, bucket, model->keys[i]);
    }
}

static void run_model(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct model *model = calloc(1, sizeof *model);
    struct error error;
    model->store = store;
    make_keys(model, *(uint64_t *)argument);
    create_bucket(store, bucket);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("bucket0"), .owner = text("alice")},
                            &error)); /* neighbours that must not show */
    put(store, text("bucket0"), text("zzz"), text("z"));
    put_all(model);
    check_gets(model);
    check_random_pages(model);
    check_walks(model, SPAN_EMPTY);
    check_walks(model, text("/"));
    for (unsigned round = 0; round < 3; round++) {
        delete_some(model, round == 1 ? 8 : 2);
        check_gets(model);
        check_random_pages(model);
        if (round == 1)
            put_all(model);
    }
    delete_some(model, 1); /* to the last: then not even an empty group is left, and the bucket can go */
    bool deleted = bucket_delete(store, bucket, &error);
    ck_assert_msg(deleted, "%s", deleted ? "" : error.message);
    free(model);
}

START_TEST(keys_behave_like_a_sorted_array)
{
    uint64_t seed = 20 + (uint64_t)_i;
    with_new_store(run_model, &seed);
}
END_TEST

/* A marker may be longer than any key, end with the delimiter, and share its beginning with long keys. */
static void list_behind_long_markers(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static uint8_t bytes[8000];
    struct error error;
    create_bucket(store, bucket);
    memset(bytes, 'a', sizeof bytes);
    put(store, bucket, span_of(bytes, OBJECT_KEY_BYTES_MAX), text("long"));
    put(store, bucket, text("b"), text("short"));
    for (size_t size = OBJECT_KEY_BYTES_MAX - 1; size <= sizeof bytes; size = size < 1600 ? size + 1 : size + 999) {
        bytes[size - 1] = '/';
        struct arena arena;
        struct list_page page;
        arena_init(&arena, 1 << 20);
        struct list_request request = {
            .bucket = bucket, .delimiter = text("/"), .after = span_of(bytes, size), .entries_max = 10};
        ck_assert(bucket_list(store, &request, &arena, &page, &error));
        ck_assert_uint_eq(page.count, size > OBJECT_KEY_BYTES_MAX ? 1 : 2); /* '/' is less than 'a' */
        ck_assert(span_equal(page.entries[page.count - 1].key, text("b")));
        arena_free(&arena);
        bytes[size - 1] = 'a';
    }
}

START_TEST(markers_may_be_longer_than_keys)
{
    with_new_store(list_behind_long_markers, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded keys");
    TCase *tests = tcase_create("keys");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, markers_may_be_longer_than_keys);
    tcase_add_loop_test(tests, keys_behave_like_a_sorted_array, 0, amount(3, 1));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
