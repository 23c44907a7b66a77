/* tests/unit/tier/memory_test.c -- blocks in memory: found, held, bounded. */
#include "tests/unit/tier/fixture.h"

static struct block_name name_of(uint64_t seed)
{
    struct block_revision revision = {.stored_size = 1000};
    memcpy(revision.bytes, &seed, sizeof seed);
    memcpy(revision.bytes + 8, &seed, sizeof seed);
    return block_of(&revision, 0);
}

static void put(struct tier_memory *memory, uint64_t seed)
{
    uint8_t payload[1000];
    struct block_name name = name_of(seed);
    fill_stored(seed, 0, payload, sizeof payload);
    memory_put(memory, &name, span_of(payload, sizeof payload));
}

static bool is_right(const struct memory_block *block, uint64_t seed)
{
    uint8_t payload[1000];
    fill_stored(seed, 0, payload, sizeof payload);
    return span_equal(memory_block_payload(block), span_of(payload, sizeof payload));
}

START_TEST(what_was_put_is_found_and_held)
{
    struct tier_memory *memory = memory_create(4 << 20);
    struct block_name name = name_of(1);
    ck_assert_ptr_null(memory_find(memory, &name));
    put(memory, 1);
    ck_assert(memory_has(memory, &name));
    struct memory_block *block = memory_find(memory, &name);
    ck_assert(block != NULL && is_right(block, 1));
    put(memory, 1); /* once more: the one that is held stays as it is */
    memory_drop(memory, &name);
    ck_assert(!memory_has(memory, &name));
    ck_assert(is_right(block, 1));
    memory_give(block);
    ck_assert_uint_eq(memory_used(memory), 0);
    memory_destroy(memory);
}
END_TEST

START_TEST(the_least_recently_used_gives_way)
{
    enum { BLOCKS = 20000, BYTES = 4 << 20 };
    struct tier_memory *memory = memory_create(BYTES);
    struct block_name hot = name_of(0);
    put(memory, 0);
    for (uint64_t seed = 1; seed <= BLOCKS; seed++) {
        put(memory, seed);
        struct memory_block *block = memory_find(memory, &hot);
        ck_assert_ptr_nonnull(block);
        memory_give(block);
        ck_assert_uint_le(memory_used(memory), BYTES);
    }
    ck_assert(memory_was_full(memory));
    struct block_name old = name_of(1);
    ck_assert(!memory_has(memory, &old));
    ck_assert_uint_gt(memory_used(memory), BYTES / 10 * 9);
    memory_destroy(memory);
}
END_TEST

START_TEST(memory_without_room_takes_nothing)
{
    struct tier_memory *memory = memory_create(0);
    put(memory, 1);
    struct block_name name = name_of(1);
    ck_assert(!memory_has(memory, &name));
    memory_destroy(memory);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("memory");
    tcase_add_test(all, what_was_put_is_found_and_held);
    tcase_add_test(all, the_least_recently_used_gives_way);
    tcase_add_test(all, memory_without_room_takes_nothing);
    Suite *suite = suite_create("tier memory");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
