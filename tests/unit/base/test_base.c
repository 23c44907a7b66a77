/* tests/unit/base/test_base.c -- the vocabulary of runtime/base: text, numbers, buffers, arenas, lists, randomness. */
#include "runtime/base/arena.h"
#include "runtime/base/base64.h"
#include "runtime/base/buffer.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/decimal.h"
#include "runtime/base/error.h"
#include "runtime/base/hex.h"
#include "runtime/base/list.h"
#include "runtime/base/random.h"
#include "runtime/base/siphash.h"
#include "runtime/base/utf8.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

START_TEST(decimal_reads_what_it_writes_and_refuses_the_rest)
{
    static const uint64_t values[] = {0, 7, 10, 4294967296, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char digits[DECIMAL_BYTES_MAX];
        uint64_t value = 1;
        ck_assert(decimal_parse(span_of(digits, decimal_format(values[i], digits)), &value));
        ck_assert_uint_eq(value, values[i]);
    }
    uint64_t value;
    static const char *const wrong[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!decimal_parse(span_from_string(wrong[i]), &value), "%s", wrong[i]);
    ck_assert(decimal_parse(SPAN("00042"), &value) && value == 42);
    ck_assert(!decimal_parse_range(SPAN("11"), 1, 10, &value));
    ck_assert(decimal_parse_range(SPAN("10"), 1, 10, &value));
}
END_TEST

START_TEST(hex_is_lower_case_out_and_either_case_in)
{
    char text[6];
    hex_encode(SPAN("\x00\xab\xff"), text);
    ck_assert_mem_eq(text, "00abff", 6);
    uint8_t bytes[3];
    ck_assert(hex_decode(SPAN("00ABfF"), bytes, 3));
    ck_assert_mem_eq(bytes, "\x00\xab\xff", 3);
    ck_assert(!hex_decode(SPAN("00abf"), bytes, 3));
    ck_assert(!hex_decode(SPAN("00abfg"), bytes, 3));
}
END_TEST

START_TEST(base64_is_canonical_both_ways)
{
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}}; /* RFC 4648, section 10 */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = strlen(cases[i].bytes);
        char text[16];
        base64_encode(span_from_string(cases[i].bytes), text);
        ck_assert_mem_eq(text, cases[i].text, BASE64_ENCODED_BYTES(size));
        uint8_t bytes[16];
        ck_assert(base64_decode(span_from_string(cases[i].text), bytes, size));
        ck_assert_mem_eq(bytes, cases[i].bytes, size);
    }
    uint8_t bytes[16];
    static const char *const wrong[] = {"Zh==", "Zm9=", "Zg=", "Zg", "Z===", "Zg==Zg==", "Zm 9", "====", "Zg=A"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (size_t size = 0; size <= 3; size++)
            ck_assert_msg(!base64_decode(span_from_string(wrong[i]), bytes, size), "%s as %zu bytes", wrong[i], size);
}
END_TEST

START_TEST(base64_for_names)
{
    static const uint8_t bytes[] = {0xff, 0xee, 0xdd, 0xcc, 0xbb};
    static const char *const texts[] = {"", "_w", "_-4", "_-7d", "_-7dzA", "_-7dzLs"};
    for (size_t size = 0; size <= sizeof bytes; size++) {
        char text[BASE64_URL_BYTES(sizeof bytes)];
        uint8_t again[sizeof bytes];
        base64_url_encode(span_of(bytes, size), text);
        ck_assert(span_equal(span_of(text, BASE64_URL_BYTES(size)), span_from_string(texts[size])));
        ck_assert(base64_url_decode(span_from_string(texts[size]), again, size));
        ck_assert_mem_eq(again, bytes, size);
        ck_assert(!base64_url_decode(span_from_string(texts[size]), again, size + 1));
    }
    uint8_t bytes_out[2];
    ck_assert(!base64_url_decode(SPAN("_x"), bytes_out, 1)); /* bits that mean nothing */
    ck_assert(!base64_url_decode(SPAN("/w"), bytes_out, 1));
}
END_TEST

START_TEST(base64_round_trips_random_bytes)
{
    struct random_seeded state;
    struct random_source source = random_seeded(&state, 42);
    for (size_t size = 0; size < 100; size++) {
        uint8_t bytes[100];
        uint8_t again[100];
        char text[BASE64_ENCODED_BYTES(100)];
        random_fill(&source, bytes, size);
        base64_encode(span_of(bytes, size), text);
        ck_assert(base64_decode(span_of(text, BASE64_ENCODED_BYTES(size)), again, size));
        ck_assert(span_equal(span_of(bytes, size), span_of(again, size)));
    }
}
END_TEST

static void count_up(void *context, void *ret_bytes, size_t size)
{
    uint32_t *next = context;
    for (size_t i = 0; i < size / sizeof *next; i++, (*next)++)
        memcpy((uint8_t *)ret_bytes + i * sizeof *next, next, sizeof *next);
}

/* Also where what is left of a draw is too little, and where more is wanted than is drawn at once. */
START_TEST(random_bytes_drawn_ahead_come_once)
{
    enum { MANY = 512 };
    static struct random_ahead state;
    uint32_t next = 1;
    uint32_t last = 0;
    const struct random_source counting = {count_up, &next};
    struct random_source ahead = random_ahead(&state, &counting);
    uint32_t words[MANY];
    for (unsigned round = 0; round < 3000; round++) {
        unsigned count = round % 7 == 6 ? MANY : 1 + round % 13;
        random_fill(&ahead, words, count * sizeof *words);
        for (unsigned i = 0; i < count; i++)
            ck_assert_uint_eq(words[i], words[0] + i);
        ck_assert(count == MANY || words[0] > last);
        if (count < MANY) /* the others come past what is drawn */
            last = words[count - 1];
    }
    ck_assert_uint_lt(next, 3000 * MANY);
}
END_TEST

START_TEST(span_compares_like_s3_sorts)
{
    ck_assert_int_lt(span_compare(SPAN("a"), SPAN("a/")), 0);
    ck_assert_int_lt(span_compare(SPAN(""), SPAN("a")), 0);
    ck_assert_int_gt(span_compare(SPAN("\xff"), SPAN("zzz")), 0);
    ck_assert_int_eq(span_compare(SPAN("ab"), SPAN("ab")), 0);
    ck_assert(span_equal_ignore_case(SPAN("Content-MD5"), SPAN("content-md5")));
    ck_assert(!span_equal_ignore_case(SPAN("@"), SPAN("`"))); /* 0x40 and 0x60: no letters */
    ck_assert(span_equal(span_trim(SPAN(" \t a b \t")), SPAN("a b")));
    ck_assert_uint_eq(span_trim(SPAN(" \t ")).size, 0);
    ck_assert(span_equal_constant_time(SPAN("same"), SPAN("same")));
    ck_assert(!span_equal_constant_time(SPAN("same"), SPAN("sane")));
}
END_TEST

START_TEST(buffer_stops_at_its_limit_and_says_so)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 100; i++)
        buffer_append_string(&buffer, "0123456789");
    ck_assert(!buffer.overflow);
    ck_assert_uint_eq(buffer.size, 1000);
    buffer_append_byte(&buffer, 'x');
    ck_assert(buffer.overflow);
    ck_assert_uint_eq(buffer.size, 1000);
    buffer_clear(&buffer);
    buffer_append_format(&buffer, "%s=%d", "answer", 42);
    buffer_append_decimal(&buffer, UINT64_MAX);
    ck_assert(span_equal(buffer_span(&buffer), SPAN("answer=4218446744073709551615")));
    buffer_free(&buffer);
    buffer_free(&buffer);
    ck_assert(!buffer_reserve(&buffer, SIZE_MAX));
}
END_TEST

START_TEST(arena_serves_until_its_limit_and_again_after_reset)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    for (int round = 0; round < 3; round++) {
        size_t served = 0;
        for (void *memory; (memory = arena_allocate(&arena, 1000)) != NULL; served += 1000) {
            ck_assert_uint_eq((uintptr_t)memory % 16, 0);
            memset(memory, round, 1000);
        }
        ck_assert_uint_ge(served, 40000);
        ck_assert_uint_le(served, 64 * 1024);
        ck_assert_ptr_null(arena_allocate(&arena, 65 * 1024));
        arena_reset(&arena);
    }
    struct span copy = arena_copy(&arena, SPAN("text"));
    ck_assert_str_eq((const char *)copy.data, "text");
    ck_assert_uint_eq(copy.size, 4);
    arena_free(&arena);
}
END_TEST

START_TEST(list_keeps_order)
{
    struct item {
        int value;
        struct list_link link;
    } items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    struct list_link list;
    list_init(&list);
    list_append(&list, &items[1].link);
    list_append(&list, &items[2].link);
    list_prepend(&list, &items[0].link);
    list_remove(&items[1].link);
    ck_assert_int_eq(LIST_ELEMENT(list_take_first(&list), struct item, link)->value, 1);
    ck_assert_int_eq(LIST_ELEMENT(list_take_first(&list), struct item, link)->value, 3);
    ck_assert_ptr_null(list_take_first(&list));
}
END_TEST

START_TEST(random_is_reproducible_by_seed_and_uniform_enough)
{
    struct random_seeded one;
    struct random_seeded two;
    struct random_source first = random_seeded(&one, 1);
    struct random_source second = random_seeded(&two, 1);
    unsigned counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = random_below(&first, 7);
        ck_assert_uint_eq(value, random_below(&second, 7));
        counts[value]++;
    }
    for (int i = 0; i < 7; i++)
        ck_assert_msg(counts[i] > 9500 && counts[i] < 10500, "%d came %u times", i, counts[i]);
    ck_assert_uint_ne(random_u64(random_system()), random_u64(random_system()));
}
END_TEST

START_TEST(errors_say_what_happened)
{
    struct error error;
    ck_assert(!error_set_errno(&error, ENOSPC, "writing %s", "volume 3"));
    ck_assert_int_eq(error.kind, ERROR_FULL);
    ck_assert_str_eq(error.message, "writing volume 3: No space left on device");
    ck_assert(!error_prepend(&error, "object %s", "k"));
    ck_assert_str_eq(error.message, "object k: writing volume 3: No space left on device");
    char lengthy[1000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    error_set(&error, ERROR_INVALID, "Code", "%s", lengthy);
    ck_assert_uint_eq(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
    error_prepend(&error, "%s", lengthy);
    ck_assert_uint_eq(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
}
END_TEST

START_TEST(integers_are_stored_in_the_order_that_the_name_says)
{
    uint8_t bytes[8];
    store_u32_be(bytes, 0x01020304);
    ck_assert_mem_eq(bytes, "\x01\x02\x03\x04", 4);
    ck_assert_uint_eq(load_u32_le(bytes), 0x04030201);
    store_u64_le(bytes, 0x0102030405060708);
    ck_assert_uint_eq(load_u64_be(bytes), 0x0807060504030201);
}
END_TEST

/* What CPython 3.11 has for texts of bytes, and Rust's SipHasher13 in its own tests: key 00 01 .. 0f, text 00 01 .. */
START_TEST(siphash_is_what_others_compute)
{
    static const struct {
        size_t size;
        uint64_t hash;
    } known[] = {{0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},
                 {9, 0x25a48eb36c063de4}, {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8}};
    uint8_t bytes[64];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    const struct siphash_key key = {{load_u64_le(bytes), load_u64_le(bytes + 8)}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct siphash hash = siphash_begin(&key);
        siphash_add(&hash, span_of(bytes, known[i].size));
        ck_assert_uint_eq(siphash_end(hash), known[i].hash);
    }
}
END_TEST

static uint64_t siphash_of_two(const struct siphash_key *key, struct span first, struct span second)
{
    struct siphash hash = siphash_begin(key);
    siphash_add(&hash, first);
    siphash_add(&hash, second);
    return siphash_end(hash);
}

START_TEST(siphash_knows_where_a_text_ends)
{
    const struct siphash_key key = siphash_draw_key(random_system());
    const struct siphash_key other = siphash_draw_key(random_system());
    uint64_t hash = siphash_of_two(&key, SPAN("ab"), SPAN("c"));
    ck_assert_uint_eq(hash, siphash_of_two(&key, SPAN("ab"), SPAN("c")));
    ck_assert_uint_ne(hash, siphash_of_two(&key, SPAN("a"), SPAN("bc")));
    ck_assert_uint_ne(hash, siphash_of_two(&key, SPAN("abc"), SPAN_EMPTY));
    ck_assert_uint_ne(hash, siphash_of_two(&other, SPAN("ab"), SPAN("c")));
}
END_TEST

START_TEST(knows_utf8)
{
    ck_assert(utf8_is_valid(SPAN("plain and long enough for eight")));
    ck_assert(utf8_is_valid(SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")));
    ck_assert(utf8_is_valid(SPAN_EMPTY));
    ck_assert(!utf8_is_valid(SPAN("12345678\x80")));
    ck_assert(!utf8_is_valid(SPAN("\xc0\xaf")));                /* overlong */
    ck_assert(!utf8_is_valid(SPAN("\xe0\x80\xaf")));            /* overlong */
    ck_assert(!utf8_is_valid(SPAN("\xf0\x80\x80\xaf")));        /* overlong */
    ck_assert(!utf8_is_valid(SPAN("\xed\xa0\x80")));            /* surrogate */
    ck_assert(!utf8_is_valid(SPAN("\xf4\x90\x80\x80")));        /* beyond U+10FFFF */
    ck_assert(!utf8_is_valid(SPAN("\xc3")));                    /* cut */
    ck_assert(!utf8_is_valid(SPAN("\xf0\x9f\x98")));            /* cut */
    ck_assert(utf8_is_valid(SPAN("\xed\x9f\xbf\xee\x80\x80"))); /* both neighbours of the surrogates */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *cases = tcase_create("base");
    tcase_add_test(cases, decimal_reads_what_it_writes_and_refuses_the_rest);
    tcase_add_test(cases, hex_is_lower_case_out_and_either_case_in);
    tcase_add_test(cases, base64_is_canonical_both_ways);
    tcase_add_test(cases, base64_for_names);
    tcase_add_test(cases, random_bytes_drawn_ahead_come_once);
    tcase_add_test(cases, base64_round_trips_random_bytes);
    tcase_add_test(cases, span_compares_like_s3_sorts);
    tcase_add_test(cases, buffer_stops_at_its_limit_and_says_so);
    tcase_add_test(cases, arena_serves_until_its_limit_and_again_after_reset);
    tcase_add_test(cases, list_keeps_order);
    tcase_add_test(cases, random_is_reproducible_by_seed_and_uniform_enough);
    tcase_add_test(cases, siphash_is_what_others_compute);
    tcase_add_test(cases, siphash_knows_where_a_text_ends);
    tcase_add_test(cases, errors_say_what_happened);
    tcase_add_test(cases, integers_are_stored_in_the_order_that_the_name_says);
    tcase_add_test(cases, knows_utf8);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
