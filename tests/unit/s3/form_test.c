/* tests/unit/s3/form_test.c -- web forms: their bodies in pieces of every size, and their policies. */
#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/form/form_policy.h"
#include "server/s3/form/multipart.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define TYPE "multipart/form-data; boundary=B-"
#define HEAD(name) "--B-\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static struct error error;

/* ---- the body: what it holds, as text; in windows that grow by `piece` bytes ---- */

static const char *read_body(const char *type, struct span body, size_t piece)
{
    static char text[4096];
    size_t used = 0;
    size_t start = 0;
    size_t end = 0;
    struct multipart multipart;
    text[0] = 0;
    error = (struct error){0};
    if (!multipart_begin(&multipart, span_from_string(type), &error))
        return error.code;
    for (;;) {
        struct multipart_step step;
        struct span window = span_take(span_skip(body, start), end - start);
        if (!multipart_next(&multipart, window, end == body.size, &step, &error))
            return error.code;
        start += step.used;
        if (step.kind == MULTIPART_MORE)
            end = body.size - end < piece ? body.size : end + piece;
        if (step.kind == MULTIPART_PART)
            used += (size_t)snprintf(text + used, sizeof text - used, "[%.*s|%.*s:", SPAN_FORMAT(step.name),
                                     SPAN_FORMAT(step.filename));
        if (step.kind == MULTIPART_DATA)
            used += (size_t)snprintf(text + used, sizeof text - used, "%.*s", SPAN_FORMAT(step.data));
        if (step.kind == MULTIPART_PART_END)
            used += (size_t)snprintf(text + used, sizeof text - used, "]");
        if (step.kind == MULTIPART_END)
            return text;
        ck_assert(used < sizeof text);
    }
}

START_TEST(bodies_in_pieces) /* statement 557 */
{
    static const struct {
        const char *body;
        const char *expected;
    } bodies[] = {
        {HEAD("a") "1\r\n" HEAD("b") "\r\n--B---\r\n", "[a|:1][b|:]"},
        {HEAD("a") "1\r\n--B---", "[a|:1]"},
        {"some\r\n--text\r\n" HEAD("a") "1\r\n--B---epilogue", "[a|:1]"},
        {"\r\n" HEAD("a") "1\r\n--B---", "[a|:1]"},
        {"--B- \t\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B---", "[a|:1]"},
        {HEAD("a") "1\r\n--B-x\r\n--B\r\n\r\n--B---", "[a|:1\r\n--B-x\r\n--B\r\n]"},
        {HEAD("a") "\r\r\n--B---", "[a|:\r]"},
        {"--B-\r\nX: y\r\ncontent-disposition:form-data ; filename=\"a;b\\\"c\" ;name=n\r\nContent-Type: t\r\n\r\n"
         "\r\n--B---",
         "[n|a;b\\\"c:]"},
        {"--B-\r\nContent-Disposition: form-data; name=\"C:\\x\"\r\n\r\n\r\n--B---", "[C:\\x|:]"},
        {"--B---", ""},
        {"", S3_MalformedPOSTRequest},
        {"--B-", S3_MalformedPOSTRequest},
        {HEAD("a") "1", S3_MalformedPOSTRequest},
        {HEAD("a") "1\r\n--B-\r\n", S3_MalformedPOSTRequest},
        {HEAD("a") "1\r\n--B- x", S3_MalformedPOSTRequest},
        {"--B-\r\n\r\n1\r\n--B---", S3_MalformedPOSTRequest},
        {"--B-\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B---", S3_MalformedPOSTRequest},
        {HEAD("") "1\r\n--B---", S3_MalformedPOSTRequest},
        {"--B-\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n1\r\n--B---", S3_MalformedPOSTRequest},
        {"--B-\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--B---", S3_MalformedPOSTRequest},
        {"--B-\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n--B---",
         S3_MalformedPOSTRequest},
        {"--B-\r\nbroken\r\n\r\n1\r\n--B---", S3_MalformedPOSTRequest},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct span body = span_from_string(bodies[i].body);
        for (size_t piece = 1; piece <= body.size + 1; piece++)
            ck_assert_str_eq(read_body(TYPE, body, piece), bodies[i].expected);
    }
}
END_TEST

START_TEST(bodies_are_bounded)
{
    static char body[2 * MULTIPART_HEADERS_BYTES_MAX];
    size_t used = (size_t)snprintf(body, sizeof body, "--B-\r\nX: ");
    memset(body + used, 'x', MULTIPART_HEADERS_BYTES_MAX);
    (void)snprintf(body + used + MULTIPART_HEADERS_BYTES_MAX, 64, "\r\n\r\n");
    ck_assert_str_eq(read_body(TYPE, span_from_string(body), 100), S3_MalformedPOSTRequest);
}
END_TEST

START_TEST(boundaries) /* statement 556 */
{
    char type[160];
    ck_assert(multipart_is_form(SPAN("Multipart/Form-Data;boundary=x")));
    ck_assert(!multipart_is_form(SPAN("multipart/mixed; boundary=x")));
    ck_assert_str_eq(read_body("multipart/form-data; charset=utf-8; BOUNDARY=\"B-\"", SPAN("--B---"), 1), "");
    ck_assert_str_eq(read_body("multipart/form-data; boundary=", SPAN("--B---"), 1), S3_MalformedPOSTRequest);
    ck_assert_str_eq(read_body("multipart/form-data; boundary=\"B-", SPAN("--B---"), 1), S3_MalformedPOSTRequest);
    for (int size = 70; size <= 71; size++) {
        char body[80];
        (void)snprintf(type, sizeof type, "multipart/form-data; boundary=%0*d", size, 0);
        (void)snprintf(body, sizeof body, "--%0*d--", size, 0);
        ck_assert_str_eq(read_body(type, span_from_string(body), 1), size == 70 ? "" : S3_MalformedPOSTRequest);
    }
}
END_TEST

START_TEST(quotes)
{
    uint8_t text[16];
    ck_assert(span_equal(span_of(text, multipart_unquote(SPAN("a\\\"b\\\\c\\d\\"), text)), SPAN("a\"b\\c\\d\\")));
}
END_TEST

/* ---- the policy ---- */

static struct arena arena;
static struct form_policy policy;

static bool parse(const char *text)
{
    static char base64[4096];
    struct span bytes = span_from_string(text);
    error = (struct error){0};
    base64_encode(bytes, base64);
    return form_policy_parse(span_of(base64, BASE64_ENCODED_BYTES(bytes.size)), &arena, &policy, &error);
}

#define POLICY(conditions) "{\"expiration\": \"2030-01-01T00:00:00Z\", \"conditions\": [" conditions "]}"

START_TEST(policies_have_ranges) /* statement 570 */
{
    ck_assert(parse(POLICY("")));
    ck_assert(policy.least_bytes == 0 && policy.most_bytes == UINT64_MAX);
    ck_assert(parse(POLICY("[\"content-length-range\", 5, 50], [\"Content-Length-Range\", \"3\", \"30\"]")));
    ck_assert(policy.least_bytes == 5 && policy.most_bytes == 30);
    ck_assert(!parse(POLICY("[\"content-length-range\", 1e1, 50]")));
    ck_assert_str_eq(error.code, S3_InvalidPolicyDocument);
}
END_TEST

static bool check(const char *conditions, const struct form_fields *fields, int64_t now_ms)
{
    char text[512];
    (void)snprintf(text, sizeof text, POLICY("%s"), conditions);
    ck_assert_msg(parse(text), "%s", error.message);
    return form_policy_check(&policy, fields, SPAN("b"), now_ms, &error);
}

START_TEST(policies_are_held_against_all_fields) /* statements 564, 566 to 569 */
{
    const int64_t end_ms = INT64_C(1893456000000);
    static const struct form_fields twice = {{{SPAN("A"), SPAN("1")}, {SPAN("a"), SPAN("2")}}, 2};
    static const struct form_fields types = {{{SPAN("content-type"), SPAN("a/b ,a/c")}}, 1};
    static const struct form_fields exempt = {{{SPAN("X-Ignore-x"), SPAN("1")},
                                               {SPAN("File"), SPAN("")},
                                               {SPAN("Policy"), SPAN("p")},
                                               {SPAN("awsAccessKeyId"), SPAN("k")}},
                                              4};
    ck_assert(check("{\"bucket\": \"b\"}", &exempt, end_ms));
    ck_assert(!check("{\"bucket\": \"b\"}", &exempt, end_ms + 1));
    ck_assert(check("{\"bucket\": \"b\"}, [\"starts-with\", \"$a\", \"\"]", &twice, 0));
    ck_assert(!check("{\"bucket\": \"b\"}, {\"a\": \"1\"}", &twice, 0));
    ck_assert(check("{\"bucket\": \"b\"}, [\"starts-with\", \"$Content-Type\", \"a/\"]", &types, 0));
    ck_assert(!check("{\"bucket\": \"b\"}, [\"starts-with\", \"$Content-Type\", \"a/b\"]", &types, 0));
    ck_assert(!check("{\"bucket\": \"c\"}", &exempt, 0));
    ck_assert(!check("", &exempt, 0));
    ck_assert_str_eq(error.code, S3_AccessDenied);
}
END_TEST

static void begin(void)
{
    arena_init(&arena, 1 << 20);
}

static void end(void)
{
    arena_free(&arena);
}

int main(void)
{
    Suite *suite = suite_create("form");
    TCase *tests = tcase_create("form");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, bodies_in_pieces);
    tcase_add_test(tests, bodies_are_bounded);
    tcase_add_test(tests, boundaries);
    tcase_add_test(tests, quotes);
    tcase_add_test(tests, policies_have_ranges);
    tcase_add_test(tests, policies_are_held_against_all_fields);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
