/* tests/unit/tier/block_test.c -- blocks and tables prove what they are; what they are not, they never prove. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/byteorder.h"

static const uint8_t secret[TIER_KEY_BYTES] = "a secret of thirty-two bytes....";

static struct block_revision some_revision(const char *key, const char *etag, uint64_t size, int64_t modified_ms)
{
    struct hmac_sha256_key prepared;
    struct object_attributes attributes = {.stored_size = size, .modified_ms = modified_ms};
    const struct object_name name = {.bucket = SPAN("bucket"), .key = span_from_string(key)};
    hmac_sha256_prepare(&prepared, span_of(secret, sizeof secret));
    strcpy(attributes.stored_etag, etag);
    return block_revision_of(&prepared, &name, &attributes);
}

static bool are_equal(struct block_revision a, struct block_revision b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

START_TEST(everything_that_pins_bytes_is_in_the_revision)
{
    struct block_revision one = some_revision("key", "etag", 100, 5000);
    ck_assert(are_equal(one, some_revision("key", "etag", 100, 5999))); /* backends say seconds */
    ck_assert(!are_equal(one, some_revision("kez", "etag", 100, 5000)));
    ck_assert(!are_equal(one, some_revision("keye", "tag", 100, 5000)));
    ck_assert(!are_equal(one, some_revision("key", "etah", 100, 5000)));
    ck_assert(!are_equal(one, some_revision("key", "etag", 101, 5000)));
    ck_assert(!are_equal(one, some_revision("key", "etag", 100, 6000)));
}
END_TEST

START_TEST(the_last_block_has_what_is_left)
{
    struct block_revision revision = {.stored_size = 2 * BLOCK_PAYLOAD_BYTES + 1};
    struct block_name name = block_of(&revision, 0);
    ck_assert_uint_eq(block_payload_bytes(&name), BLOCK_PAYLOAD_BYTES);
    name.number = 2;
    ck_assert_uint_eq(block_payload_bytes(&name), 1);
    ck_assert_uint_eq(block_units(1), 1);
    ck_assert_uint_eq(block_units(BLOCK_UNIT_BYTES - BLOCK_HEADER_BYTES), 1);
    ck_assert_uint_eq(block_units(BLOCK_UNIT_BYTES - BLOCK_HEADER_BYTES + 1), 2);
    ck_assert_uint_eq(block_units(BLOCK_PAYLOAD_BYTES), BLOCK_UNITS);
    ck_assert_uint_eq(block_number_at(BLOCK_PAYLOAD_BYTES - 1), 0);
    ck_assert_uint_eq(block_number_at(BLOCK_PAYLOAD_BYTES), 1);
}
END_TEST

START_TEST(a_block_is_itself_and_no_other)
{
    enum { SIZE = 5000 };
    static uint8_t payload[SIZE];
    static uint8_t block[2 * BLOCK_UNIT_BYTES];
    struct block_revision revision = some_revision("key", "etag", SIZE, 5000);
    struct block_name name = block_of(&revision, 0);
    fill_stored(1, 0, payload, SIZE);
    block_write(&name, span_of(payload, SIZE), 77, block);
    struct span bytes = span_of(block, sizeof block);
    ck_assert(block_check(bytes, &name));

    struct block_name found;
    uint64_t second;
    ck_assert(block_read_name(bytes, &found, &second));
    ck_assert(are_equal(found.revision, revision) && found.number == 0 && second == 77);

    struct block_revision other = some_revision("key", "other", SIZE, 5000);
    struct block_name wrong = block_of(&other, 0);
    ck_assert(!block_check(bytes, &wrong));
    wrong = name;
    wrong.number = 1;
    ck_assert(!block_check(bytes, &wrong));
    wrong = name;
    wrong.revision.stored_size++;
    ck_assert(!block_check(bytes, &wrong));
    ck_assert(!block_check(span_of(block, BLOCK_UNIT_BYTES), &name));
    ck_assert(!block_check(span_of(block, 10), &name));
}
END_TEST

START_TEST(every_flipped_bit_of_a_block_is_found)
{
    enum { SIZE = 300 };
    static uint8_t payload[SIZE];
    static uint8_t block[BLOCK_UNIT_BYTES];
    struct block_revision revision = some_revision("key", "etag", SIZE, 5000);
    struct block_name name = block_of(&revision, 0);
    fill_stored(2, 0, payload, SIZE);
    block_write(&name, span_of(payload, SIZE), 77, block);
    for (unsigned bit = 0; bit < 8 * (BLOCK_HEADER_BYTES + SIZE); bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(!block_check(span_of(block, sizeof block), &name), "bit %u", bit);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert(block_check(span_of(block, sizeof block), &name));
}
END_TEST

enum { ENTRIES = 400 }; /* three units of them */

START_TEST(a_table_gives_back_its_entries)
{
    static struct contents_entry entries[ENTRIES];
    for (unsigned i = 0; i < ENTRIES; i++) {
        memset(entries[i].revision, (int)i, REVISION_BYTES);
        entries[i].number = i * UINT64_C(1000000007);
        entries[i].unit = (uint16_t)(i * 3);
        entries[i].units = (uint16_t)(1 + i % BLOCK_UNITS);
    }
    size_t size = contents_bytes(ENTRIES);
    ck_assert_uint_eq(size, 3 * BLOCK_UNIT_BYTES);
    uint8_t *bytes = malloc(size);
    contents_write(entries, ENTRIES, 9, 77, bytes);
    struct span tail = span_of(bytes + size - BLOCK_UNIT_BYTES, BLOCK_UNIT_BYTES);
    uint32_t count;
    uint64_t second;
    ck_assert(contents_find(tail, 9, SLAB_BYTES_LEAST, &count, &second));
    ck_assert(count == ENTRIES && second == 77);
    ck_assert(!contents_find(tail, 8, SLAB_BYTES_LEAST, &count, &second)); /* that of another slab */
    ck_assert(!contents_find(tail, 9, 2 * BLOCK_UNIT_BYTES, &count, &second));
    ck_assert(contents_check(span_of(bytes, size), ENTRIES));
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct contents_entry entry;
        ck_assert(contents_entry(span_of(bytes, size), i, SLAB_BYTES_LEAST, &entry));
        ck_assert_mem_eq(entry.revision, entries[i].revision, REVISION_BYTES);
        ck_assert(entry.number == entries[i].number && entry.unit == entries[i].unit);
        ck_assert_uint_eq(entry.units, entries[i].units);
        ck_assert(!contents_entry(span_of(bytes, size), i, (uint64_t)entry.unit * BLOCK_UNIT_BYTES + size, &entry));
    }
    for (unsigned i = 0; i < size; i++) { /* zeroes between are nobody's */
        bool counts = i < ENTRIES * 28 || i >= size - 32;
        bytes[i] ^= 0x10;
        bool is_found = contents_find(tail, 9, SLAB_BYTES_LEAST, &count, &second) && count == ENTRIES &&
                        contents_check(span_of(bytes, size), count);
        ck_assert_msg(is_found != counts, "byte %u", i);
        bytes[i] ^= 0x10;
    }
    free(bytes);
}
END_TEST

/* A client's body may hold what looks like one. */
START_TEST(a_table_has_its_place)
{
    static uint8_t tail[2 * BLOCK_UNIT_BYTES];
    static const struct contents_entry entry = {.number = 1, .units = 1};
    uint32_t count;
    uint64_t second;
    ck_assert_uint_eq(contents_bytes(1), BLOCK_UNIT_BYTES);
    contents_write(&entry, 1, 9, 77, tail);
    ck_assert(contents_find(span_of(tail, BLOCK_UNIT_BYTES), 9, SLAB_BYTES_LEAST, &count, &second));
    ck_assert(!contents_find(span_of(tail, sizeof tail), 9, SLAB_BYTES_LEAST, &count, &second));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("block");
    tcase_add_test(all, everything_that_pins_bytes_is_in_the_revision);
    tcase_add_test(all, the_last_block_has_what_is_left);
    tcase_add_test(all, a_block_is_itself_and_no_other);
    tcase_add_test(all, every_flipped_bit_of_a_block_is_found);
    tcase_add_test(all, a_table_gives_back_its_entries);
    tcase_add_test(all, a_table_has_its_place);
    Suite *suite = suite_create("tier blocks");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
