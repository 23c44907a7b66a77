/* tests/unit/s3/proxies_test.c -- --trusted-proxies: addresses and ranges, and what is none. */
#include "server/s3/request/client_address.h"
#include "tests/unit/run_suite.h"

#include <check.h>

static const struct {
    const char *text;
    unsigned count;
    unsigned bits; /* of the last one, of 128 */
} taken[] = {
    {"", 0, 0},      {"127.0.0.1", 1, 128},    {"10.0.0.0/8", 1, 104}, {"0.0.0.0/0", 1, 96},
    {"::1", 1, 128}, {"2001:db8::/32", 1, 32}, {"::/0", 1, 0},         {"10.0.0.0/8, 192.0.2.7 ,fd00::/8", 3, 8},
};

START_TEST(lists_are_taken)
{
    struct trusted_proxies proxies;
    struct error error;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        ck_assert_msg(trusted_proxies_parse(span_from_string(taken[i].text), &proxies, &error), "%s: %s", taken[i].text,
                      error.message);
        ck_assert_uint_eq(proxies.count, taken[i].count);
        if (proxies.count > 0)
            ck_assert_uint_eq(proxies.ranges[proxies.count - 1].bits, taken[i].bits);
    }
}
END_TEST

START_TEST(what_is_no_address_is_named)
{
    static const char *const wrong[] = {"localhost", "10.0.0.0/33", "10.0.0/8",      "::/129",
                                        "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8",  "1.2.3.4:80",
                                        "[::1]:80",  "10.0.0.0/8x", "127.0.0.1\t::1"};
    struct trusted_proxies proxies;
    struct error error;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!trusted_proxies_parse(span_from_string(wrong[i]), &proxies, &error), "taken: %s", wrong[i]);
        ck_assert_ptr_nonnull(strstr(error.message, wrong[i]));
    }
}
END_TEST

START_TEST(so_many_and_no_more)
{
    struct trusted_proxies proxies;
    struct buffer text;
    struct error error;
    buffer_init(&text, 0);
    for (int i = 0; i < TRUSTED_PROXIES_MAX; i++)
        buffer_append_string(&text, i == 0 ? "10.0.0.1" : ",10.0.0.1");
    ck_assert(trusted_proxies_parse(buffer_span(&text), &proxies, &error));
    buffer_append_string(&text, ",10.0.0.1");
    ck_assert(!trusted_proxies_parse(buffer_span(&text), &proxies, &error));
    buffer_free(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proxies");
    TCase *tests = tcase_create("proxies");
    tcase_add_test(tests, lists_are_taken);
    tcase_add_test(tests, what_is_no_address_is_named);
    tcase_add_test(tests, so_many_and_no_more);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
