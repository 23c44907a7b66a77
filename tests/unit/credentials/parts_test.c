/* tests/unit/credentials/parts_test.c -- what no stand-in on loopback can show: endpoints of AWS, addresses of agents,
 * ends of keys, and a process that takes too long. */
#include "s3client/credentials/container.h"
#include "s3client/credentials/fetch.h"
#include "s3client/credentials/process.h"
#include "s3client/credentials/sts.h"
#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static _Atomic(bool) is_cut;
static struct error error;

#define ENVIRONMENT(...) ((char *const[]){__VA_ARGS__, NULL})

static struct search searching(const struct credentials_options *options)
{
    return (struct search){.options = options, .is_cut = &is_cut, .deadline = DEADLINE_NONE, .process_ms = 300};
}

/* ---- STS ---- */

static void expect_sts(char *const *environment, const char *profile_region, const char *url, const char *region)
{
    const struct credentials_options options = {.environment = environment, .region = "option-1"};
    const struct search search = searching(&options);
    struct sts_endpoint endpoint;
    ck_assert_msg(sts_find_endpoint(&search, span_from_string(profile_region), &endpoint, &error), "%s", error.message);
    ck_assert_str_eq(endpoint.url, url);
    ck_assert_str_eq(endpoint.region, region);
}

START_TEST(sts_is_where_the_region_is)
{
    expect_sts(ENVIRONMENT("AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-2"), "eu-west-3",
               "https://sts.eu-west-1.amazonaws.com", "eu-west-1");
    expect_sts(ENVIRONMENT("AWS_DEFAULT_REGION=eu-west-2"), "eu-west-3", "https://sts.eu-west-2.amazonaws.com",
               "eu-west-2");
    expect_sts(ENVIRONMENT("AWS_REGION="), "eu-west-3", "https://sts.eu-west-3.amazonaws.com", "eu-west-3");
    expect_sts(ENVIRONMENT(NULL), "", "https://sts.option-1.amazonaws.com", "option-1");
    expect_sts(ENVIRONMENT("AWS_REGION=cn-north-1"), "", "https://sts.cn-north-1.amazonaws.com.cn", "cn-north-1");
    expect_sts(ENVIRONMENT("AWS_REGION=us-gov-west-1"), "", "https://sts.us-gov-west-1.amazonaws.com", "us-gov-west-1");
    expect_sts(ENVIRONMENT("AWS_REGION=us-iso-east-1"), "", "https://sts.us-iso-east-1.c2s.ic.gov", "us-iso-east-1");
    expect_sts(ENVIRONMENT("AWS_REGION=us-isob-east-1"), "", "https://sts.us-isob-east-1.sc2s.sgov.gov",
               "us-isob-east-1");
}
END_TEST

START_TEST(only_the_global_endpoint_is_signed_for_as_us_east_1)
{
    expect_sts(ENVIRONMENT("AWS_REGION=aws-global"), "", "https://sts.amazonaws.com", "us-east-1");
    expect_sts(ENVIRONMENT("AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS=https://sts.amazonaws.com"), "",
               "https://sts.amazonaws.com", "us-east-1");
    expect_sts(ENVIRONMENT("AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS=http://localhost:1/sts"), "",
               "http://localhost:1/sts", "eu-west-1");
    expect_sts(ENVIRONMENT("AWS_ENDPOINT_URL=http://minio:9000"), "", "http://minio:9000", "option-1");
    const struct credentials_options options = {.environment = ENVIRONMENT(NULL)};
    const struct search search = searching(&options);
    struct sts_endpoint endpoint;
    ck_assert(sts_find_endpoint(&search, SPAN_EMPTY, &endpoint, &error));
    ck_assert_str_eq(endpoint.url, "https://sts.amazonaws.com");
    ck_assert_str_eq(endpoint.region, "us-east-1");
}
END_TEST

START_TEST(regions_and_endpoints_that_are_none)
{
    static char *const WRONG[] = {"AWS_REGION=evil.example.org/",
                                  "AWS_REGION=EU",
                                  "AWS_ENDPOINT_URL_STS=sts.amazonaws.com",
                                  "AWS_ENDPOINT_URL_STS=file:///etc/passwd",
                                  "AWS_ENDPOINT_URL_STS=http://me@sts/",
                                  "AWS_ENDPOINT_URL_STS=http://a b/",
                                  "AWS_ENDPOINT_URL_STS=http://"};
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        char *const environment[] = {WRONG[i], NULL};
        const struct credentials_options options = {.environment = environment};
        const struct search search = searching(&options);
        struct sts_endpoint endpoint;
        ck_assert_msg(!sts_find_endpoint(&search, SPAN_EMPTY, &endpoint, &error), "%s", WRONG[i]);
        ck_assert_int_eq(error.kind, ERROR_INVALID);
    }
}
END_TEST

/* ---- containers ---- */

static enum found container(char *variable, char ret_url[FETCH_URL_BYTES])
{
    char *const environment[] = {variable, NULL};
    const struct credentials_options options = {.environment = environment};
    const struct search search = searching(&options);
    return container_find_url(&search, ret_url, &error);
}

START_TEST(agents_are_asked_at_their_addresses)
{
    static const struct {
        char *variable;
        const char *url; /* NULL: refused */
    } CASES[] = {
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/1", "http://169.254.170.2/v2/credentials/1"},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=v2", NULL},
        {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/a b", NULL},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2/x", "http://169.254.170.2/x"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
         "http://169.254.170.23/v1/credentials"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::23]/v1/credentials",
         "http://[fd00:ec2::23]/v1/credentials"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[::1]:8080/", "http://[::1]:8080/"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.8.9.1/", "http://127.8.9.1/"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=https://keys.example.org/x", "https://keys.example.org/x"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.3/", NULL},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://[fd00:ec2::254]/", NULL},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://128.0.0.1/", NULL},
    };
    char url[FETCH_URL_BYTES];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        enum found found = container(CASES[i].variable, url);
        ck_assert_msg(found == (CASES[i].url != NULL ? FOUND : FOUND_FAILED), "%s", CASES[i].variable);
        if (CASES[i].url != NULL)
            ck_assert_str_eq(url, CASES[i].url);
    }
    ck_assert_int_eq(container("OTHER=1", url), FOUND_ABSENT);
}
END_TEST

/* ---- keys ---- */

START_TEST(ends_of_keys_are_read)
{
    static const struct {
        const char *text;
        int64_t expires_ms; /* -1: no time */
    } CASES[] = {
        {"2026-11-29T12:00:00Z", INT64_C(1795953600000)},
        {"2026-11-29T12:00:00.5Z", INT64_C(1795953600500)},
        {"2026-11-29T14:00:00+02:00", INT64_C(1795953600000)},
        {"2026-11-29T06:30:00-05:30", INT64_C(1795953600000)},
        {"2026-11-29T12:00:00+00:00", INT64_C(1795953600000)},
        {"2026-11-29T12:00:00.123456+00:00", INT64_C(1795953600123)},
        {"", CREDENTIALS_NEVER_EXPIRE},
        {"1795953600", -1},
        {"2026-11-29", -1},
        {"2026-11-29T12:00:00", -1},
        {"2026-11-29T12:00:00+2:00", -1},
        {"2026-13-29T12:00:00Z", -1},
        {"+00:00", -1},
        {"tomorrow", -1},
    };
    struct keys *keys = keys_create();
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        bool is_time = keys_set_expiration(keys, span_from_string(CASES[i].text), &error);
        ck_assert_msg(is_time == (CASES[i].expires_ms >= 0), "%s", CASES[i].text);
        if (is_time)
            ck_assert_msg(keys->expires_ms == CASES[i].expires_ms, "%s: %lld", CASES[i].text,
                          (long long)keys->expires_ms);
    }
    keys_free(keys);
}
END_TEST

/* ---- processes ---- */

START_TEST(a_process_has_its_time)
{
    const struct credentials_options options = {.environment = ENVIRONMENT("PATH=/usr/bin:/bin")};
    const struct search search = searching(&options);
    struct keys *keys = keys_create();
    uint64_t began_ns = clock_monotonic_ns(clock_system());
    ck_assert(!process_ask(&search, SPAN("sleep 60"), keys, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_uint_lt((clock_monotonic_ns(clock_system()) - began_ns) / 1000000, 50000);
    ck_assert(!process_ask(&search, SPAN("false"), keys, &error));
    ck_assert_str_eq(error.message, "credential_process false: ended with status 1");
    keys_free(keys);
}
END_TEST

START_TEST(commands_are_split_within_bounds)
{
    static char text[PROCESS_COMMAND_BYTES_MAX + 1];
    static char command[PROCESS_COMMAND_BYTES_MAX + 2];
    char *arguments[PROCESS_ARGUMENTS_MAX + 1];
    ck_assert(process_split(SPAN(" a \"b 'c\\\" d\"e'f\\g' \\\\h ''\t"), text, arguments, &error));
    ck_assert_str_eq(arguments[0], "a");
    ck_assert_str_eq(arguments[1], "b 'c\" def\\g");
    ck_assert_str_eq(arguments[2], "\\h");
    ck_assert_str_eq(arguments[3], "");
    ck_assert_ptr_null(arguments[4]);
    memset(command, 'x', sizeof command);
    ck_assert(process_split(span_of(command, PROCESS_COMMAND_BYTES_MAX), text, arguments, &error));
    ck_assert_uint_eq(strlen(arguments[0]), PROCESS_COMMAND_BYTES_MAX);
    ck_assert(!process_split(span_of(command, PROCESS_COMMAND_BYTES_MAX + 1), text, arguments, &error));
    for (unsigned i = 1; i < 2 * PROCESS_ARGUMENTS_MAX; i += 2)
        command[i] = ' ';
    ck_assert(process_split(span_of(command, 2 * PROCESS_ARGUMENTS_MAX), text, arguments, &error));
    command[2 * PROCESS_ARGUMENTS_MAX] = 'x';
    ck_assert(!process_split(span_of(command, 2 * PROCESS_ARGUMENTS_MAX + 1), text, arguments, &error));
    ck_assert(!process_split(SPAN("  "), text, arguments, &error));
    ck_assert(!process_split(SPAN("a\0b"), text, arguments, &error));
    ck_assert(!process_split(SPAN("a \"b"), text, arguments, &error));
}
END_TEST

/* ---- what is not waited for ---- */

/* A server that takes connections and never says a word; the time of the end comes while it is asked, or has come
 * already. */
START_TEST(from_its_end_on_nobody_waits)
{
    enum { HOUR_MS = 3600 * 1000 };
    char url[64];
    struct fetch_answer answer;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    _Atomic(deadline_t) end = clock_monotonic_ns(clock_system()) + (uint64_t)_i * 100 * 1000000;
    const struct credentials_options options = {.environment = ENVIRONMENT(NULL), .cut_from = &end};
    struct search search = searching(&options);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(bind(silent, (struct sockaddr *)&address, size) == 0 && listen(silent, 4) == 0);
    ck_assert(getsockname(silent, (struct sockaddr *)&address, &size) == 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    search.cut_from = &end;
    const struct fetch_request request = {.method = "GET", .url = url, .timeout_ms = HOUR_MS};
    ck_assert(!fetch(&search, &request, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_CANCELLED);
    ck_assert(!search_pause(&search, 1));
    fetch_answer_free(&answer);
    (void)close(silent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parts");
    TCase *group = tcase_create("parts");
    fetch_prepare();
    tcase_set_timeout(group, 30);
    tcase_add_test(group, sts_is_where_the_region_is);
    tcase_add_test(group, only_the_global_endpoint_is_signed_for_as_us_east_1);
    tcase_add_test(group, regions_and_endpoints_that_are_none);
    tcase_add_test(group, agents_are_asked_at_their_addresses);
    tcase_add_test(group, ends_of_keys_are_read);
    tcase_add_test(group, a_process_has_its_time);
    tcase_add_test(group, commands_are_split_within_bounds);
    tcase_add_loop_test(group, from_its_end_on_nobody_waits, 0, 2);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
