/* tests/unit/object/frame_cache_test.c -- who gets a place, who keeps it, that no bytes are another object's, and that
 * entries live as long as readers. */
#include "server/object/frame_cache.h"

#include "codec/format/frame.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CACHE_BYTES = 4 << 20, PIECE_BYTES = 16 << 10, PLACES = CACHE_BYTES / PIECE_BYTES };

static struct frame_cache *cache;
static struct frame_cache_counters counters;
static unsigned memories; /* that were handed over, and did not come back */
static bool is_wiped;     /* was the last one that did? */
static const struct object_name object = {.bucket = {(const uint8_t *)"bucket", 6}, .key = {(const uint8_t *)"key", 3}};

static void take_back(void *context, uint8_t *bytes, size_t size)
{
    ck_assert_ptr_eq(context, &memories);
    is_wiped = true;
    for (size_t i = 0; i < size; i++)
        is_wiped = is_wiped && bytes[i] == 0;
    memories--;
    free(bytes);
}

static void begin(uint64_t bytes_max)
{
    memset(&counters, 0, sizeof counters);
    memories = 0;
    cache = frame_cache_create(&(struct frame_cache_settings){
        .bytes_max = bytes_max, .release = take_back, .context = &memories, .counters = &counters});
    ck_assert_ptr_nonnull(cache);
}

static void set_up(void)
{
    begin(CACHE_BYTES);
}

static void tear_down(void)
{
    frame_cache_destroy(cache);
    ck_assert_uint_eq(memories, 0);
    ck_assert_uint_eq(metric_read(&counters.bytes), 0);
}

static struct object_attributes revision(const char *etag)
{
    struct object_attributes attributes = {.stored_size = 1000};
    (void)snprintf(attributes.stored_etag, sizeof attributes.stored_etag, "%s", etag);
    return attributes;
}

/* As the embedded store makes them: most of it is the same for all that a shard has written. */
static struct object_attributes numbered(uint32_t number)
{
    char text[33];
    (void)snprintf(text, sizeof text, "89abcdef01234567%08x00000000", __builtin_bswap32(number));
    return revision(text);
}

struct given {
    uint64_t offset;
    size_t size;
    uint8_t fill;
    bool is_part_wanted;
    bool is_secret;
};

static struct frame_entry *offer_held(const struct object_name *name, const struct object_attributes *attributes,
                                      const struct given *given)
{
    uint8_t *bytes = malloc(given->size);
    memset(bytes, given->fill, given->size);
    memories++;
    struct frame_entry *entry =
        frame_cache_offer(cache, &(struct decoded_frame){.name = name,
                                                         .attributes = attributes,
                                                         .offset = given->offset,
                                                         .bytes = bytes,
                                                         .size = given->size,
                                                         .is_part_wanted = given->is_part_wanted,
                                                         .is_secret = given->is_secret});
    ck_assert_uint_le(metric_read(&counters.bytes), CACHE_BYTES);
    if (entry == NULL) {
        memories--;
        free(bytes);
    }
    return entry;
}

static bool offer(const struct object_attributes *attributes, const struct given *given)
{
    struct frame_entry *entry = offer_held(&object, attributes, given);
    frame_entry_give(entry);
    return entry != NULL;
}

static bool offer_piece(uint32_t number, bool is_part_wanted)
{
    const struct object_attributes attributes = numbered(number);
    return offer(&attributes,
                 &(struct given){.size = PIECE_BYTES, .fill = (uint8_t)number, .is_part_wanted = is_part_wanted});
}

static bool is_there_at(const struct object_attributes *attributes, uint64_t first, uint64_t end)
{
    struct frame_entry *entry = frame_cache_find(cache, &object, attributes, first, end);
    frame_entry_give(entry);
    return entry != NULL;
}

static bool has_piece(uint32_t number)
{
    const struct object_attributes attributes = numbered(number);
    return is_there_at(&attributes, 0, PIECE_BYTES);
}

/* ---- which ---- */

START_TEST(finds_a_frame_by_any_of_its_bytes)
{
    const uint64_t first = 3 * FRAME_ORIGINAL_BYTES + 77;
    const struct object_attributes attributes = revision("etag");
    ck_assert(offer(&attributes,
                    &(struct given){.offset = first, .size = FRAME_ORIGINAL_BYTES, .fill = 9, .is_part_wanted = true}));
    const uint64_t end = first + FRAME_ORIGINAL_BYTES;
    struct frame_entry *entry = frame_cache_find(cache, &object, &attributes, first + 5, first + 6);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(frame_entry_offset(entry), first);
    ck_assert(frame_entry_bytes(entry).size == FRAME_ORIGINAL_BYTES && frame_entry_bytes(entry).data[5] == 9);
    frame_entry_give(entry);
    ck_assert(is_there_at(&attributes, first, end) && is_there_at(&attributes, end - 1, end));
    ck_assert(!is_there_at(&attributes, first - 1, first + 1) && !is_there_at(&attributes, end - 1, end + 1));
    ck_assert(!is_there_at(&attributes, end, end + 1) && !is_there_at(&attributes, 0, 1));
    ck_assert(!is_there_at(&attributes, first, first) && !is_there_at(&attributes, 0, UINT64_MAX));
    ck_assert(!is_there_at(&attributes, UINT64_MAX - 1, UINT64_MAX));
    ck_assert_uint_eq(metric_read(&counters.hits), 3);
    ck_assert_uint_eq(metric_read(&counters.misses), 1);
}
END_TEST

START_TEST(knows_other_stored_bytes_from_these)
{
    const struct object_attributes here = revision("etag");
    ck_assert(offer(&here, &(struct given){.size = 5, .is_part_wanted = true}) && is_there_at(&here, 0, 5));
    const struct object_attributes others[] = {revision("etah"), revision("eta"), revision("etag2"), revision("")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert(!is_there_at(&others[i], 0, 5));
    /* the very same bytes, said to be something else */
    static struct object_attributes said[5];
    for (size_t i = 0; i < 5; i++)
        said[i] = here;
    said[0].stored_size++;
    said[1].original_size++;
    said[2].codec++;
    said[3].layout = LAYOUT_FRAMED;
    said[4].etag[0] = 'e';
    for (size_t i = 0; i < 5; i++)
        ck_assert(!is_there_at(&said[i], 0, 5));
    ck_assert(is_there_at(&here, 0, 5));
    ck_assert(!offer(&others[3], &(struct given){.size = 5, .is_part_wanted = true})); /* nobody could tell it again */
}
END_TEST

/* Two bodies may be made to have one MD5: a key's entry is never another key's. */
START_TEST(knows_other_objects_from_this)
{
    const struct object_name others[] = {{.bucket = SPAN("bucket"), .key = SPAN("kex")},
                                         {.bucket = SPAN("bucker"), .key = SPAN("key")},
                                         {.bucket = SPAN("buckets"), .key = SPAN("ey")},
                                         {.bucket = SPAN("bucket"), .key = SPAN("ke")}};
    const struct object_attributes attributes = revision("etag");
    ck_assert(offer(&attributes, &(struct given){.size = 5, .is_part_wanted = true}));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_ptr_null(frame_cache_find(cache, &others[i], &attributes, 0, 5));
}
END_TEST

/* Whoever may write chooses names and contents, and could make every find slow if only a part of a name counted. */
START_TEST(names_alike_are_spread)
{
    enum { NAMES = 4000 };
    tear_down();
    begin(16 << 20);
    const struct object_attributes attributes = revision("one content under all names");
    for (unsigned i = 0; i < NAMES; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%06u/the same end of every name", i);
        const struct object_name name = {.bucket = SPAN("bucket"), .key = span_from_string(key)};
        frame_entry_give(offer_held(&name, &attributes, &(struct given){.size = 1, .is_part_wanted = true}));
    }
    ck_assert_uint_ge(metric_read(&counters.bytes), NAMES << 10);
    ck_assert_uint_le(frame_cache_longest_chain(cache), 12); /* about one each; a longer one hardly ever */
}
END_TEST

/* ---- who comes in ---- */

START_TEST(takes_what_is_wanted_whole_when_it_comes_again)
{
    ck_assert(!offer_piece(1, false) && !has_piece(1));
    ck_assert(offer_piece(1, false) && has_piece(1));
    ck_assert(!offer_piece(1, false)); /* two readers may have decoded it at one time */
    ck_assert_uint_eq(metric_read(&counters.misses), 3);
}
END_TEST

START_TEST(leaves_out_what_does_not_fit)
{
    const struct object_attributes attributes = revision("etag");
    tear_down();
    begin(FRAME_ORIGINAL_BYTES);
    ck_assert(!offer(&attributes, &(struct given){.size = FRAME_ORIGINAL_BYTES, .is_part_wanted = true}));
    ck_assert(offer(&attributes, &(struct given){.size = FRAME_ORIGINAL_BYTES / 2, .is_part_wanted = true}));
    tear_down();
    begin(0);
    ck_assert(!offer(&attributes, &(struct given){.size = 1, .is_part_wanted = true}));
    ck_assert_uint_eq(metric_read(&counters.misses), 0);
}
END_TEST

START_TEST(wipes_what_is_secret)
{
    const struct object_attributes open = revision("open");
    const struct object_attributes sealed = revision("sealed");
    ck_assert(offer(&open, &(struct given){.size = 5, .fill = 7, .is_part_wanted = true}));
    tear_down();
    ck_assert(!is_wiped);
    begin(CACHE_BYTES);
    ck_assert(offer(&sealed, &(struct given){.size = 5, .fill = 7, .is_part_wanted = true, .is_secret = true}));
    tear_down();
    ck_assert(is_wiped);
    set_up();
}
END_TEST

/* ---- who stays ---- */

static unsigned count_pieces(uint32_t first, uint32_t count)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < count; i++)
        found += has_piece(first + i);
    return found;
}

START_TEST(keeps_a_working_set)
{
    for (unsigned turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < PLACES / 2; i++)
            (void)offer_piece(i, false);
    ck_assert_uint_eq(count_pieces(0, PLACES / 2), PLACES / 2);
}
END_TEST

/* A working set that was used survives downloads, pieces at random, and a walk in small ranges. */
START_TEST(a_scan_drives_out_nothing)
{
    enum { HOT = PLACES / 2, FAR = 1 << 20 };
    for (unsigned turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < HOT; i++)
            (void)offer_piece(i, false);
    for (uint32_t i = 0; i < 8 * PLACES; i++)
        ck_assert(!offer_piece(FAR + i, false));
    ck_assert_uint_eq(count_pieces(0, HOT), HOT);
    for (uint32_t i = 0; i < 8 * PLACES; i++) {
        ck_assert(offer_piece(2 * FAR + i, true));
        for (unsigned times = 0; times < 64; times++)
            ck_assert(has_piece(2 * FAR + i)); /* the rest of it, before the next one comes */
    }
    ck_assert_uint_eq(count_pieces(0, HOT), HOT);
}
END_TEST

/* Twice what there is room for, again and again: whatever came in would go before its turn comes. */
START_TEST(a_scan_that_is_repeated_drives_out_nothing)
{
    enum { HOT = PLACES / 2, FAR = 1 << 20 };
    for (unsigned turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < HOT; i++)
            (void)offer_piece(i, false);
    for (unsigned turn = 0; turn < 4; turn++)
        for (uint32_t i = 0; i < 2 * PLACES; i++)
            ck_assert(!offer_piece(FAR + i, false));
    ck_assert_uint_eq(count_pieces(0, HOT), HOT);
}
END_TEST

START_TEST(what_is_used_on_probation_stays)
{
    ck_assert(offer_piece(0, true));
    ck_assert(offer_piece(1, true));
    ck_assert(has_piece(0));
    for (uint32_t i = 2; i < PLACES; i++)
        ck_assert(offer_piece(i, true));
    for (uint32_t i = PLACES; i < 2 * PLACES; i++)
        ck_assert(offer_piece(i, true));
    ck_assert(has_piece(0));
    ck_assert(!has_piece(1));
}
END_TEST

/* What has proved itself once, and is used no more, gives way to what is used now. */
START_TEST(a_new_working_set_takes_over)
{
    for (uint32_t set = 0; set < 3; set++)
        for (unsigned turn = 0; turn < 6; turn++)
            for (uint32_t i = 0; i < PLACES * 3 / 4; i++)
                if (!has_piece(set * PLACES + i))
                    (void)offer_piece(set * PLACES + i, false);
    ck_assert_uint_ge(count_pieces(2 * PLACES, PLACES * 3 / 4), PLACES * 3 / 4 - 2);
}
END_TEST

/* Readers hold all there is: nothing comes in, nothing goes, and all is well when they let go. */
START_TEST(keeps_what_readers_hold)
{
    static struct frame_entry *held[PLACES];
    unsigned count = 0;
    for (uint32_t i = 0; i < 2 * PLACES; i++) {
        const struct object_attributes attributes = numbered(i);
        struct frame_entry *entry = offer_held(
            &object, &attributes, &(struct given){.size = PIECE_BYTES, .fill = (uint8_t)i, .is_part_wanted = true});
        if (entry != NULL)
            held[count++] = entry;
    }
    ck_assert(count > PLACES * 9 / 10 && count < PLACES);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(frame_entry_bytes(held[i]).data[PIECE_BYTES - 1], (uint8_t)i);
        frame_entry_give(held[i]);
    }
    ck_assert(offer_piece(5 * PLACES, true) && has_piece(5 * PLACES));
}
END_TEST

/* Many tiny ones count as more than they are, and one large frame finds room among them. */
START_TEST(tiny_ones_give_way_to_a_large_one)
{
    for (uint32_t i = 0; i < CACHE_BYTES / 512; i++) {
        const struct object_attributes attributes = numbered(i);
        ck_assert(offer(&attributes, &(struct given){.size = 1, .is_part_wanted = true}));
    }
    ck_assert_uint_eq(memories, CACHE_BYTES >> 10);
    const struct object_attributes large = revision("large");
    unsigned offers = 1;
    while (!offer(&large, &(struct given){.size = FRAME_ORIGINAL_BYTES, .is_part_wanted = true}) && offers < 9)
        offers++;
    ck_assert_uint_le(offers, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame cache");
    TCase *cases = tcase_create("frame cache");
    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, finds_a_frame_by_any_of_its_bytes);
    tcase_add_test(cases, knows_other_stored_bytes_from_these);
    tcase_add_test(cases, knows_other_objects_from_this);
    tcase_add_test(cases, names_alike_are_spread);
    tcase_add_test(cases, takes_what_is_wanted_whole_when_it_comes_again);
    tcase_add_test(cases, leaves_out_what_does_not_fit);
    tcase_add_test(cases, wipes_what_is_secret);
    tcase_add_test(cases, keeps_a_working_set);
    tcase_add_test(cases, a_scan_drives_out_nothing);
    tcase_add_test(cases, a_scan_that_is_repeated_drives_out_nothing);
    tcase_add_test(cases, what_is_used_on_probation_stays);
    tcase_add_test(cases, a_new_working_set_takes_over);
    tcase_add_test(cases, keeps_what_readers_hold);
    tcase_add_test(cases, tiny_ones_give_way_to_a_large_one);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
