/* tests/unit/bench/content_test.c -- bodies: how zstd packs them, that they are the same again, and that others are
 * not.
 */
#include "bench/job/content.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zstd.h>

/* Of the first `size` bytes of an object, which does not begin where a run does. */
static double ratio_of(const struct content *content, size_t size)
{
    struct span *pieces = calloc(content_pieces_max(content, size), sizeof *pieces);
    unsigned count = content_pieces(content, 5, 0, size, pieces);
    char *bytes = malloc(size);
    char *packed = malloc(ZSTD_compressBound(size));
    size_t filled = 0;
    for (unsigned i = 0; i < count; i++) {
        memcpy(bytes + filled, pieces[i].data, pieces[i].size);
        filled += pieces[i].size;
    }
    ck_assert_uint_eq(filled, size);
    size_t packed_size = ZSTD_compress(packed, ZSTD_compressBound(size), bytes, size, 1);
    ck_assert(!ZSTD_isError(packed_size));
    free(pieces);
    free(bytes);
    free(packed);
    return (double)size / (double)packed_size;
}

START_TEST(zstd_at_level_1_packs_n_to_one)
{
    static const unsigned ratios[] = {1, 2, 4, 7, 10, 20};
    static const size_t sizes[] = {16 << 10, 64 << 10, 1 << 20};
    for (unsigned i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        struct content content;
        content_make(&content, ratios[i], 1);
        for (unsigned j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            double found = ratio_of(&content, sizes[j]);
            ck_assert_msg(found > ratios[i] * 0.9 && found < ratios[i] * 1.1, "%u to one, %zu bytes: %f", ratios[i],
                          sizes[j], found);
        }
        content_free(&content);
    }
}
END_TEST

START_TEST(pieces_are_the_object_wherever_one_begins)
{
    struct content content;
    struct span pieces[4];
    content_make(&content, 3, 1);
    ck_assert_uint_le(content_pieces_max(&content, CONTENT_POOL_BYTES + 1000), 4);
    for (uint64_t object = 0; object < 50; object++) {
        uint64_t offset = object * 123457;
        unsigned count = content_pieces(&content, object, offset, CONTENT_POOL_BYTES + 1000, pieces);
        for (unsigned i = 0; i < count; i++) {
            ck_assert_uint_gt(pieces[i].size, 0);
            ck_assert(content_is(&content, object, offset, pieces[i]));
            offset += pieces[i].size;
        }
        ck_assert_uint_eq(offset, object * 123457 + CONTENT_POOL_BYTES + 1000);
    }
    content_free(&content);
}
END_TEST

START_TEST(other_bytes_are_noticed)
{
    struct content content;
    uint8_t copy[2048];
    content_make(&content, 1, 1);
    memcpy(copy, content_at(&content, 3, 0).data, sizeof copy);
    ck_assert(content_is(&content, 3, 0, span_of(copy, sizeof copy)));
    ck_assert(!content_is(&content, 4, 0, span_of(copy, sizeof copy)));
    ck_assert(!content_is(&content, 3, 1, span_of(copy, sizeof copy)));
    for (unsigned i = 0; i < sizeof copy; i += 97) {
        copy[i] ^= 1;
        ck_assert(!content_is(&content, 3, 0, span_of(copy, sizeof copy)));
        copy[i] ^= 1;
    }
    content_free(&content);
}
END_TEST

START_TEST(files_stand_behind_each_other)
{
    struct content content;
    struct error error;
    char folder[] = "/tmp/bale-bench-content-XXXXXX";
    char paths[128];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    for (unsigned i = 0; i < 2; i++) {
        FILE *file = fopen(i == 0 ? "a" : "b", "w");
        ck_assert_int_ge(fputs(i == 0 ? "first" : "second", file), 0);
        ck_assert_int_eq(fclose(file), 0);
    }
    ck_assert_msg(content_load(&content, "a, b", &error), "%s", error.message);
    ck_assert_uint_eq(content.pool_size, 11);
    ck_assert_mem_eq(content.pool, "firstsecond", 11);
    ck_assert(content_is(&content, 9, 4, content_at(&content, 9, 4 + 11)));
    content_free(&content);
    ck_assert(!content_load(&content, "a,missing", &error));
    ck_assert(!content_load(&content, "/dev/null", &error));
    (void)snprintf(paths, sizeof paths, "rm -r %s", folder);
    ck_assert_int_eq(system(paths), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("content");
    TCase *tests = tcase_create("content");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, zstd_at_level_1_packs_n_to_one);
    tcase_add_test(tests, pieces_are_the_object_wherever_one_begins);
    tcase_add_test(tests, other_bytes_are_noticed);
    tcase_add_test(tests, files_stand_behind_each_other);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
