/* tests/unit/credentials/signed_headers_test.c -- what is signed leaves no copy of its session token in memory. */
#include "s3client/credentials/signed_headers.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <sys/mman.h>

enum { TOKEN_BYTES = 900, MASK = 0x5a };

/* Of the token, which lies nowhere but where the caller has put it: never as a whole. */
static uint8_t token_byte(size_t at)
{
    return (uint8_t)('A' + ((uint32_t)at * UINT32_C(2654435761) >> 20) % 26);
}

static uint8_t masked[TOKEN_BYTES];

/* How often the middle of it is there. */
static unsigned count_everywhere(void)
{
    enum { FROM = 300, LENGTH = 64 };
    return memory_count(masked + FROM, LENGTH, MASK);
}

START_TEST(no_token_is_left_behind)
{
    static struct fetch_url url;
    static struct signed_headers headers;
    uint8_t *token = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(token, MAP_FAILED);
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        masked[i] = token_byte(i) ^ MASK;
        token[i] = token_byte(i);
    }
    ck_assert_uint_eq(count_everywhere(), 1);
    ck_assert(fetch_url_read("https://kms.eu-central-1.amazonaws.com/", &url));
    const struct signed_request request = {
        .url = &url,
        .service = "kms",
        .region = "eu-central-1",
        .content_type = "application/x-amz-json-1.1",
        .target = "TrentService.Decrypt",
        .body = SPAN("{}"),
        .access_key_id = SPAN("AKIA"),
        .secret_key = SPAN("secret"),
        .session_token = span_of(token, TOKEN_BYTES),
    };
    signed_headers_make(&request, &headers);
    ck_assert(span_starts_with(span_from_string(headers.token), SPAN("X-Amz-Security-Token: ")));
    ck_assert_uint_eq(count_everywhere(), 2); /* the caller's two */
    explicit_bzero(&headers, sizeof headers);
    (void)munmap(token, 4096);
    ck_assert_uint_eq(count_everywhere(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signed_headers");
    TCase *tests = tcase_create("signed_headers");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    if (MEMORY_IS_SEARCHED)
        tcase_add_test(tests, no_token_is_left_behind);
    return run_suite(suite);
}
