/* tests/unit/tier/index_test.c -- the index and the sights: what they know, and what they let go. */
#include "tests/unit/tier/fixture.h"

#include "runtime/base/sights.h"

static uint64_t hash_of(uint64_t i)
{
    uint8_t revision[REVISION_BYTES] = {7};
    return block_hash(revision, i);
}

static struct block_place place_of(uint64_t i)
{
    return (struct block_place){.slab = (uint32_t)(i % INDEX_SLABS_MAX),
                                .unit = (uint32_t)(i * 7 % INDEX_UNITS_MAX),
                                .units = (uint32_t)(i % BLOCK_UNITS) + 1};
}

/* As full as a tier's index is (policy.h), and fuller. */
START_TEST(every_place_comes_back_as_it_was)
{
    enum { BLOCKS = 300000 };
    struct tier_index *index = index_create(BLOCKS * 10);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        struct block_place place = place_of(i);
        index_put(index, hash_of(i), &place);
    }
    unsigned found = 0;
    for (uint64_t i = 0; i < BLOCKS; i++) {
        struct block_place expected = place_of(i);
        struct block_place place;
        found += index_find(index, hash_of(i), &place) && block_place_equals(&place, &expected);
    }
    ck_assert_uint_gt(found, BLOCKS / 1000 * 999); /* four fifths of the words are set, and hardly two sets full */
    ck_assert_uint_ge(index_count(index), found);
    ck_assert_uint_le(index_count(index), BLOCKS);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        struct block_place place = place_of(i);
        unsigned uses;
        (void)index_drop(index, hash_of(i), &place, &uses);
    }
    ck_assert_uint_eq(index_count(index), 0);
    index_destroy(index);
}
END_TEST

START_TEST(uses_are_counted_up_to_three)
{
    struct tier_index *index = index_create(1 << 16);
    struct block_place place = place_of(5);
    struct block_place other = place_of(6);
    unsigned uses;
    index_put(index, hash_of(1), &place);
    index_count_use(index, hash_of(1), &other); /* of a place that it does not have */
    ck_assert(!index_drop(index, hash_of(1), &other, &uses));
    for (unsigned i = 0; i < 2; i++)
        index_count_use(index, hash_of(1), &place);
    ck_assert(index_drop(index, hash_of(1), &place, &uses) && uses == 2);
    ck_assert(!index_drop(index, hash_of(1), &place, &uses));
    index_put(index, hash_of(1), &place);
    for (unsigned i = 0; i < 10; i++)
        index_count_use(index, hash_of(1), &place);
    ck_assert(index_find(index, hash_of(1), &other) && block_place_equals(&place, &other));
    index_put(index, hash_of(1), &place); /* written anew: it begins again */
    ck_assert(index_drop(index, hash_of(1), &place, &uses) && uses == 0);
    index_destroy(index);
}
END_TEST

START_TEST(a_full_set_lets_the_least_used_go)
{
    struct tier_index *index = index_create(1); /* one set or two */
    struct block_place place = place_of(1);
    struct block_place found;
    index_put(index, hash_of(0), &place);
    index_count_use(index, hash_of(0), &place);
    for (uint64_t i = 1; i < 1000; i++)
        index_put(index, hash_of(i), &place);
    ck_assert(index_find(index, hash_of(0), &found));
    ck_assert(index_find(index, hash_of(999), &found));
    ck_assert_uint_le(index_count(index), index_words(index));
    index_destroy(index);
}
END_TEST

START_TEST(what_was_seen_is_remembered_for_a_while)
{
    enum { REMEMBERED = 16000 };
    struct sights *sights = sights_create(REMEMBERED);
    ck_assert(!sights_note(sights, hash_of(1)));
    ck_assert(sights_note(sights, hash_of(1)));
    ck_assert(sights_note(sights, hash_of(1)));
    unsigned remembered = 0;
    for (uint64_t i = 0; i < REMEMBERED / 2; i++)
        (void)sights_note(sights, hash_of(i));
    for (uint64_t i = 0; i < REMEMBERED / 2; i++)
        remembered += sights_note(sights, hash_of(i));
    ck_assert_uint_gt(remembered, REMEMBERED / 2 / 100 * 95);
    for (uint64_t i = 0; i < 4 * REMEMBERED; i++)
        (void)sights_note(sights, hash_of(1000000 + i));
    remembered = 0;
    for (uint64_t i = 0; i < REMEMBERED / 2; i++)
        remembered += sights_note(sights, hash_of(i));
    ck_assert_uint_lt(remembered, REMEMBERED / 2 / 100);
    sights_destroy(sights);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("index");
    tcase_add_test(all, every_place_comes_back_as_it_was);
    tcase_add_test(all, uses_are_counted_up_to_three);
    tcase_add_test(all, a_full_set_lets_the_least_used_go);
    tcase_add_test(all, what_was_seen_is_remembered_for_a_while);
    Suite *suite = suite_create("tier index");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
