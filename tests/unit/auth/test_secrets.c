/* tests/unit/auth/test_secrets.c -- a customer's key is in no text that a refusal repeats. */
#include "runtime/base/base64.h"
#include "server/auth/error_details.h"
#include "server/auth/secrets.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <string.h>

#define NAME "x-amz-server-side-encryption-customer-key"
#define SOURCE_NAME "x-amz-copy-source-server-side-encryption-customer-key"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    arena_free(&arena);
}

static const struct {
    const char *canonical;
    const char *expected;
} requests[] = {
    {"", ""},
    {"GET\n/\n\nhost:h\n\nhost\nhash", "GET\n/\n\nhost:h\n\nhost\nhash"},
    {"PUT\n/b/k\n\nhost:h\n" NAME ":c2Vj&c/c==\nx-amz-date:d\n\nhost;" NAME ";x-amz-date\nhash",
     "PUT\n/b/k\n\nhost:h\n" NAME ":(hidden)\nx-amz-date:d\n\nhost;" NAME ";x-amz-date\nhash"},
    {"PUT\n/b/k\n\n" SOURCE_NAME ":c2Vj\n\n" SOURCE_NAME "\nhash",
     "PUT\n/b/k\n\n" SOURCE_NAME ":(hidden)\n\n" SOURCE_NAME "\nhash"},
    {"GET\n/b/k\n" NAME "=c2Vj&" SOURCE_NAME "=c2Vj\nhost:h\n\nhost\nhash",
     "GET\n/b/k\n" NAME "=(hidden)&" SOURCE_NAME "=(hidden)\nhost:h\n\nhost\nhash"},
    {"GET\n/b/k\na=b&X-Amz-Server-Side-Encryption-Customer-Key=c2Vj&z=\nhost:h\n\nhost\nhash",
     "GET\n/b/k\na=b&X-Amz-Server-Side-Encryption-Customer-Key=(hidden)&z=\nhost:h\n\nhost\nhash"},
    {NAME "=", NAME "=(hidden)"},
    {NAME "-md5:d\n" NAME "&", NAME "-md5:d\n" NAME "&"}, /* another header, and no value */
};

START_TEST(canonical_requests_lose_keys_alone)
{
    struct span hidden = secret_hide_canonical(&arena, span_from_string(requests[_i].canonical));
    ck_assert_msg(span_equal(hidden, span_from_string(requests[_i].expected)), "%.*s", SPAN_FORMAT(hidden));
}
END_TEST

START_TEST(policies_that_name_a_key_are_not_repeated)
{
    static const struct {
        const char *policy;
        bool is_hidden;
    } policies[] = {
        {"{\"conditions\":[{\"" NAME "\":\"c2Vj\"}]}", true},
        {"{\"conditions\":[[\"eq\",\"$X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key\",\"c2Vj\"]]}", true},
        {"{\"conditions\":[{\"bucket\":\"b\"}]}", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        char base64[512];
        struct span policy = span_from_string(policies[i].policy);
        base64_encode(policy, base64);
        struct span encoded = span_of(base64, BASE64_ENCODED_BYTES(policy.size));
        struct span expected = policies[i].is_hidden ? SPAN(SECRET_HIDDEN) : encoded;
        ck_assert(span_equal(secret_hide_policy(&arena, encoded), expected));
        expected = policies[i].is_hidden ? SPAN(SECRET_HIDDEN) : policy; /* somebody forgot to encode it */
        ck_assert(span_equal(secret_hide_policy(&arena, policy), expected));
    }
}
END_TEST

START_TEST(arguments_are_told_without_keys)
{
    struct error_details details = {0};
    error_details_add_argument(&details, NAME, SPAN("c2Vj"));
    error_details_add_argument(&details, "prefix", SPAN("p"));
    ck_assert_uint_eq(details.count, 4);
    ck_assert_str_eq(details.items[0].name, "ArgumentName");
    ck_assert(span_equal(details.items[0].value, SPAN(NAME)));
    ck_assert(span_equal(details.items[1].value, SPAN(SECRET_HIDDEN)));
    ck_assert_str_eq(details.items[3].name, "ArgumentValue");
    ck_assert(span_equal(details.items[3].value, SPAN("p")));
}
END_TEST

START_TEST(without_memory_nothing_is_told)
{
    struct arena small;
    arena_init(&small, 16);
    ck_assert_uint_eq(secret_hide_canonical(&small, SPAN("GET\n/b/k\n" NAME "=c2Vj\n")).size, 0);
    ck_assert_uint_eq(secret_hide_policy(&small, SPAN("{\"conditions\":[{\"" NAME "\":\"c2Vj\"}]}")).size, 0);
    arena_free(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *tests = tcase_create("secrets");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, canonical_requests_lose_keys_alone, 0, sizeof requests / sizeof requests[0]);
    tcase_add_test(tests, policies_that_name_a_key_are_not_repeated);
    tcase_add_test(tests, arguments_are_told_without_keys);
    tcase_add_test(tests, without_memory_nothing_is_told);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
