/* tests/unit/codec/customer_wrap_test.c -- wraps under customers' keys: opened by their key, for their object alone. */
#include "codec/seal/customer_wrap.h"

#include "tests/unit/codec/text.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/run_suite.h"

enum { SIZE = 12345 };

static struct aes *aes;
static struct error error;
static const uint8_t key[AES_KEY_BYTES] = {1};
static const uint8_t other_key[AES_KEY_BYTES] = {2};
static const uint8_t data_key[AES_KEY_BYTES] = {42};
static const uint8_t nonce[XAES_NONCE_BYTES] = {9, [23] = 8};
static const uint8_t name[CUSTOMER_NAME_BYTES] = "a name's hash..";
static const uint8_t other_name[CUSTOMER_NAME_BYTES] = "another's hash.";
static uint8_t wrap[CUSTOMER_WRAP_BYTES];

static void set_up(void)
{
    aes = aes_create();
    customer_wrap_make(aes, key, name, SIZE, nonce, data_key, wrap);
}

static void tear_down(void)
{
    aes_destroy(aes);
}

START_TEST(its_key_opens_it)
{
    uint8_t opened[AES_KEY_BYTES] = {0};
    ck_assert(customer_wrap_is_of(aes, key, name, wrap));
    ck_assert(customer_wrap_open(aes, key, name, SIZE, wrap, opened, &error));
    ck_assert_mem_eq(opened, data_key, sizeof opened);
}
END_TEST

START_TEST(nothing_else_opens_it)
{
    uint8_t opened[AES_KEY_BYTES];
    ck_assert(!customer_wrap_is_of(aes, other_key, name, wrap));
    ck_assert(!customer_wrap_is_of(aes, key, other_name, wrap));
    ck_assert(!customer_wrap_open(aes, other_key, name, SIZE, wrap, opened, &error));
    ck_assert(!customer_wrap_open(aes, key, other_name, SIZE, wrap, opened, &error));
    ck_assert(!customer_wrap_open(aes, key, name, CUSTOMER_SIZE_UNKNOWN, wrap, opened, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}
END_TEST

/* A bit of the nonce or of the check makes it another key's; any other is damage. */
START_TEST(each_bit_counts)
{
    uint8_t opened[AES_KEY_BYTES];
    for (unsigned bit = 0; bit < 8 * sizeof wrap; bit++) {
        bool is_told = bit / 8 < XAES_NONCE_BYTES || bit / 8 >= CUSTOMER_WRAP_BYTES - CUSTOMER_CHECK_BYTES;
        wrap[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(customer_wrap_is_of(aes, key, name, wrap) != is_told);
        ck_assert(is_told || !customer_wrap_open(aes, key, name, SIZE, wrap, opened, &error));
        wrap[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

/* The key goes with its request: neither it nor what was computed of it stays in the context. */
START_TEST(no_copy_of_the_key_stays)
{
    static const uint8_t secret[AES_KEY_BYTES] = "a customer's key, here as bytes";
    static const uint8_t masked_data_key[AES_KEY_BYTES] =
        "its object's key under the same"; /* and each bit of it turned */
    uint8_t opened[AES_KEY_BYTES];
    for (size_t i = 0; i < sizeof opened; i++)
        opened[i] = (uint8_t)~masked_data_key[i];
    customer_wrap_make(aes, secret, name, SIZE, nonce, opened, wrap);
    ck_assert_uint_eq(memory_count(secret, sizeof secret, 0), 0);
    ck_assert(customer_wrap_is_of(aes, secret, name, wrap));
    ck_assert_uint_eq(memory_count(secret, sizeof secret, 0), 0);
    explicit_bzero(opened, sizeof opened);
    ck_assert(customer_wrap_open(aes, secret, name, SIZE, wrap, opened, &error));
    ck_assert_uint_eq(memory_count(secret, sizeof secret, 0), 0);
    ck_assert_uint_eq(memory_count(masked_data_key, sizeof masked_data_key, 0xff), 1); /* what was opened */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("customer_wrap");
    TCase *tcase = tcase_create("customer_wrap");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, its_key_opens_it);
    tcase_add_test(tcase, nothing_else_opens_it);
    tcase_add_test(tcase, each_bit_counts);
    if (MEMORY_IS_SEARCHED)
        tcase_add_test(tcase, no_copy_of_the_key_stays);
    return run_suite(suite);
}
