/* tests/unit/codec/crc_test.c -- the three CRCs against published check values and a bit-by-bit reference. */
#include "codec/format/crc.h"
#include "codec/format/vector_state.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

static uint64_t reference(uint64_t crc, uint64_t polynomial, uint64_t mask, struct span bytes)
{
    crc ^= mask;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    }
    return crc ^ mask;
}

START_TEST(check_values)
{
    struct span digits = SPAN("123456789");
    ck_assert_uint_eq(crc32_update(0, digits), 0xcbf43926);
    ck_assert_uint_eq(crc32c_update(0, digits), 0xe3069283);
    ck_assert_uint_eq(crc64nvme_update(0, digits), UINT64_C(0xae8b14860a799888));
}
END_TEST

START_TEST(crc32c_vectors_of_the_format)
{
    static const uint8_t zeros[32];
    ck_assert_uint_eq(crc32c_update(0, SPAN_EMPTY), 0);
    ck_assert_uint_eq(crc32c_update(0, SPAN("hello")), 2591144780);
    ck_assert_uint_eq(crc32c_update(0, SPAN(" world")), 2785451388);
    ck_assert_uint_eq(crc32c_update(0, SPAN("hello world")), 3381945770);
    ck_assert_uint_eq(crc32c_update(0, span_of(zeros, sizeof zeros)), 0x8a9136aa);
}
END_TEST

/* Every length around the strides of the folding, every alignment, and in two pieces. */
START_TEST(all_agree_with_the_reference)
{
    enum { SIZE = 1000 };
    uint8_t *bytes = malloc(SIZE);
    uint32_t random = 1;
    for (size_t i = 0; i < SIZE; i++) {
        random = random * 1103515245 + 12345;
        bytes[i] = (uint8_t)(random >> 16);
    }
    for (size_t size = 0; size + 16 <= SIZE; size += size < 300 ? 1 : 37) {
        struct span all = span_of(bytes + size % 16, size);
        struct span first = span_take(all, size * 2 / 3);
        struct span second = span_skip(all, first.size);
        ck_assert_uint_eq(crc32_update(0, all), reference(0, 0xedb88320, 0xffffffff, all));
        ck_assert_uint_eq(crc32c_update(0, all), reference(0, 0x82f63b78, 0xffffffff, all));
        ck_assert_uint_eq(crc64nvme_update(0, all), reference(0, UINT64_C(0x9a6c9329ac4bc9b5), UINT64_MAX, all));
        ck_assert_uint_eq(crc32_update(crc32_update(0, first), second), crc32_update(0, all));
        ck_assert_uint_eq(crc32c_update(crc32c_update(0, first), second), crc32c_update(0, all));
        ck_assert_uint_eq(crc64nvme_update(crc64nvme_update(0, first), second), crc64nvme_update(0, all));
    }
    free(bytes);
}
END_TEST

/* Every way to cut a text in two, empty halves too. */
START_TEST(combined_halves_are_the_whole)
{
    struct span text = SPAN("the CRC of two pieces, one behind the other, is found from theirs and a length");
    for (size_t cut = 0; cut <= text.size; cut++) {
        struct span first = span_take(text, cut);
        struct span second = span_skip(text, cut);
        ck_assert_uint_eq(crc32_combine(crc32_update(0, first), crc32_update(0, second), second.size),
                          crc32_update(0, text));
        ck_assert_uint_eq(crc32c_combine(crc32c_update(0, first), crc32c_update(0, second), second.size),
                          crc32c_update(0, text));
        ck_assert_uint_eq(crc64nvme_combine(crc64nvme_update(0, first), crc64nvme_update(0, second), second.size),
                          crc64nvme_update(0, text));
    }
}
END_TEST

START_TEST(large_sizes_combine)
{
    /* (a + b) + c == a + (b + c), with sizes that use the high powers. */
    const uint64_t b_size = (UINT64_C(5) << 40) + 12345;
    const uint64_t c_size = (UINT64_C(1) << 62) + 1;
    ck_assert_uint_eq(crc32_combine(crc32_combine(1, 2, b_size), 3, c_size),
                      crc32_combine(1, crc32_combine(2, 3, c_size), b_size + c_size));
    ck_assert_uint_eq(crc32c_combine(crc32c_combine(1, 2, b_size), 3, c_size),
                      crc32c_combine(1, crc32c_combine(2, 3, c_size), b_size + c_size));
    ck_assert_uint_eq(crc64nvme_combine(crc64nvme_combine(1, 2, b_size), 3, c_size),
                      crc64nvme_combine(1, crc64nvme_combine(2, 3, c_size), b_size + c_size));
}
END_TEST

/* What is in use of the vector registers' upper parts slows down all that follows (codec/format/vector_state.h). */
#if defined(__x86_64__)

static bool can_tell(void)
{
    enum { SAVES_STATE = 0xd, XGETBV_IN_USE = 1 << 2 };
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;
    return __builtin_cpu_supports("avx") && __get_cpuid_count(SAVES_STATE, 1, &eax, &ebx, &ecx, &edx) != 0 &&
           (eax & XGETBV_IN_USE) != 0;
}

__attribute__((target("avx,xsave"), noinline)) static bool are_upper_parts_in_use(void)
{
    enum { COMPONENTS_IN_USE = 1, AVX_UPPER_PARTS = 1 << 2 };
    return (_xgetbv(COMPONENTS_IN_USE) & AVX_UPPER_PARTS) != 0;
}

START_TEST(no_vector_register_stays_in_use)
{
    static const uint8_t bytes[4096];
    vector_state_clear();
    if (!can_tell() || are_upper_parts_in_use()) /* a processor may always say yes */
        return;
    (void)crc32c_update(0, span_of(bytes, sizeof bytes));
    ck_assert(!are_upper_parts_in_use());
    (void)crc32_update(0, span_of(bytes, sizeof bytes));
    ck_assert(!are_upper_parts_in_use());
}
END_TEST

#endif

START_TEST(one_wrong_bit_is_found)
{
    uint8_t text[] = "what a row says, behind its key";
    struct span bytes = span_of(text, sizeof text);
    uint32_t right = crc32c_update(0, bytes);
    uint64_t found;
    ck_assert(!crc32c_find_wrong_bit(0, sizeof text, &found));
    for (uint64_t bit = 0; bit < 8 * sizeof text; bit++) {
        text[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert(crc32c_find_wrong_bit(crc32c_update(0, bytes) ^ right, sizeof text, &found));
        ck_assert_uint_eq(found, bit);
        text[(bit / 8 + 5) % sizeof text] ^= 0x40; /* two are too many, and five bits, too */
        ck_assert(!crc32c_find_wrong_bit(crc32c_update(0, bytes) ^ right, sizeof text, &found));
        text[(bit / 8 + 9) % sizeof text] ^= 0x15;
        ck_assert(!crc32c_find_wrong_bit(crc32c_update(0, bytes) ^ right, sizeof text, &found));
        text[(bit / 8 + 9) % sizeof text] ^= 0x15;
        text[(bit / 8 + 5) % sizeof text] ^= 0x40;
        text[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (unsigned bit = 0; bit < 32; bit++) /* of the CRC itself */
        ck_assert(!crc32c_find_wrong_bit(UINT32_C(1) << bit, sizeof text, &found));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crc");
    TCase *tests = tcase_create("crc");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, check_values);
    tcase_add_test(tests, crc32c_vectors_of_the_format);
    tcase_add_test(tests, all_agree_with_the_reference);
    tcase_add_test(tests, combined_halves_are_the_whole);
    tcase_add_test(tests, large_sizes_combine);
#if defined(__x86_64__)
    tcase_add_test(tests, no_vector_register_stays_in_use);
#endif
    tcase_add_test(tests, one_wrong_bit_is_found);
    return run_suite(suite);
}
