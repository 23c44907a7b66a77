/* tests/unit/object/decoded_cache_test.c -- who gets a place, who keeps it, and that entries live as long as readers.
 */
#include "server/object/decoded_cache.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct decoded_cache *cache;
static const struct object_name object = {.bucket = {(const uint8_t *)"bucket", 6}, .key = {(const uint8_t *)"key", 3}};

static void set_up(void)
{
    cache = decoded_cache_create();
    ck_assert_ptr_nonnull(cache);
}

static void tear_down(void)
{
    decoded_cache_destroy(cache);
}

START_TEST(takes_in_what_comes_twice)
{
    ck_assert_ptr_null(decoded_cache_find(cache, &object, SPAN("etag")));
    decoded_cache_offer(cache, &object, SPAN("etag"), SPAN("original"));
    ck_assert_ptr_null(decoded_cache_find(cache, &object, SPAN("etag")));
    decoded_cache_offer(cache, &object, SPAN("etag"), SPAN("original"));
    struct decoded_entry *entry = decoded_cache_find(cache, &object, SPAN("etag"));
    ck_assert_ptr_nonnull(entry);
    ck_assert(span_equal(decoded_entry_bytes(entry), SPAN("original")));
    decoded_cache_give(entry);
}
END_TEST

START_TEST(knows_other_stored_bytes_from_these)
{
    for (int i = 0; i < 2; i++)
        decoded_cache_offer(cache, &object, SPAN("etag"), SPAN("original"));
    ck_assert_ptr_null(decoded_cache_find(cache, &object, SPAN("etah"))); /* written anew since */
    ck_assert_ptr_null(decoded_cache_find(cache, &object, SPAN("eta")));
}
END_TEST

/* Two bodies may be made to have one MD5: a key's entry is never another key's. */
START_TEST(knows_other_objects_from_this)
{
    const struct object_name others[] = {{.bucket = SPAN("bucket"), .key = SPAN("kex")},
                                         {.bucket = SPAN("bucker"), .key = SPAN("key")},
                                         {.bucket = SPAN("buckets"), .key = SPAN("ey")},
                                         {.bucket = SPAN("bucket"), .key = SPAN("ke")}};
    for (int i = 0; i < 2; i++)
        decoded_cache_offer(cache, &object, SPAN("etag"), SPAN("original"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_ptr_null(decoded_cache_find(cache, &others[i], SPAN("etag")));
}
END_TEST

/* As the embedded store makes them: most of it is the same for all that a shard has written. */
static struct span etag_of(uint32_t number)
{
    static char text[33];
    (void)snprintf(text, sizeof text, "89abcdef01234567%08x00000000", __builtin_bswap32(number));
    return span_from_string(text);
}

/* More objects than places: some share one, and the later takes it over while the earlier is still being sent. */
START_TEST(keeps_what_a_reader_holds)
{
    enum { OBJECTS = DECODED_CACHE_SLOTS * 4 };
    static struct decoded_entry *held[OBJECTS];
    for (uint32_t i = 0; i < OBJECTS; i++) {
        for (int turn = 0; turn < 2; turn++)
            decoded_cache_offer(cache, &object, etag_of(i), span_of(&i, sizeof i));
        held[i] = decoded_cache_find(cache, &object, etag_of(i));
        ck_assert_ptr_nonnull(held[i]);
    }
    unsigned kept = 0;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        ck_assert(span_equal(decoded_entry_bytes(held[i]), span_of(&i, sizeof i)));
        decoded_cache_give(held[i]);
        struct decoded_entry *entry = decoded_cache_find(cache, &object, etag_of(i));
        kept += entry != NULL;
        decoded_cache_give(entry);
    }
    ck_assert_uint_gt(kept, DECODED_CACHE_SLOTS / 2);
    ck_assert_uint_le(kept, DECODED_CACHE_SLOTS);
}
END_TEST

/* Fewer objects than places, read in turn: those of a set stand between the two readings of each. */
START_TEST(takes_in_a_working_set)
{
    enum { OBJECTS = DECODED_CACHE_SLOTS / 4 };
    unsigned kept = 0;
    for (int turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < OBJECTS; i++)
            decoded_cache_offer(cache, &object, etag_of(i), span_of(&i, sizeof i));
    for (uint32_t i = 0; i < OBJECTS; i++) {
        struct decoded_entry *entry = decoded_cache_find(cache, &object, etag_of(i));
        kept += entry != NULL;
        decoded_cache_give(entry);
    }
    ck_assert_uint_gt(kept, OBJECTS * 95 / 100);
}
END_TEST

START_TEST(keeps_its_entries_when_many_are_read_once)
{
    for (int i = 0; i < 2; i++)
        decoded_cache_offer(cache, &object, SPAN("etag"), SPAN("original"));
    for (uint32_t i = 0; i < DECODED_CACHE_SLOTS * 16; i++)
        decoded_cache_offer(cache, &object, etag_of(i), SPAN("other"));
    struct decoded_entry *entry = decoded_cache_find(cache, &object, SPAN("etag"));
    ck_assert_ptr_nonnull(entry);
    decoded_cache_give(entry);
}
END_TEST

START_TEST(leaves_large_ones_out)
{
    static uint8_t large[DECODED_CACHE_BYTES_MAX + 1];
    for (int i = 0; i < 3; i++) {
        decoded_cache_offer(cache, &object, SPAN("large"), span_of(large, sizeof large));
        decoded_cache_offer(cache, &object, SPAN("whole"), span_of(large, sizeof large - 1));
    }
    ck_assert_ptr_null(decoded_cache_find(cache, &object, SPAN("large")));
    struct decoded_entry *entry = decoded_cache_find(cache, &object, SPAN("whole"));
    ck_assert_ptr_nonnull(entry);
    decoded_cache_give(entry);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decoded cache");
    TCase *cases = tcase_create("decoded cache");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, takes_in_what_comes_twice);
    tcase_add_test(cases, knows_other_stored_bytes_from_these);
    tcase_add_test(cases, knows_other_objects_from_this);
    tcase_add_test(cases, keeps_what_a_reader_holds);
    tcase_add_test(cases, takes_in_a_working_set);
    tcase_add_test(cases, keeps_its_entries_when_many_are_read_once);
    tcase_add_test(cases, leaves_large_ones_out);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
