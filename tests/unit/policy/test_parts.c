/* tests/unit/policy/test_parts.c -- what policies are made of: JSON, patterns, numbers, moments, networks, ARNs. */
#include "server/access/policy/json.h"
#include "server/access/policy/pattern.h"
#include "server/access/policy/values.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

/* ---- JSON ---- */

static struct arena arena;
static struct error error;

static void set_up(void)
{
    arena_init(&arena, 8 << 20);
}

static void tear_down(void)
{
    arena_free(&arena);
}

static const struct json_value *parse(const char *text)
{
    const struct json_value *value = NULL;
    return json_parse(span_from_string(text), &arena, &arena, &value, &error) ? value : NULL;
}

START_TEST(reads_json)
{
    const struct json_value *root = parse(
        "{ \"a\" : [ 1, -0.5e+3, true, null, {} ] , \"b\\u0041\\ud83d\\ude00\" : \"\\\"\\\\\\/\\b\\f\\n\\r\\t\" }\r\n");
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->count, 2);
    const struct json_value *list = json_member(root, "a");
    ck_assert_int_eq(list->kind, JSON_LIST);
    ck_assert_uint_eq(list->count, 5);
    ck_assert(span_equal(list->first->next->text, SPAN("-0.5e+3")));
    const struct json_value *text = json_member(root, "bA\xF0\x9F\x98\x80");
    ck_assert_ptr_nonnull(text);
    ck_assert(span_equal(text->text, SPAN("\"\\/\b\f\n\r\t")));
    ck_assert_ptr_null(json_member(root, "c"));
}
END_TEST

START_TEST(refuses_json)
{
    static const char *const wrong[] = {
        "",
        " {}",
        "[]",
        "\xEF\xBB\xBF{}",
        "{} x",
        "{",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":True}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"b",
        "{\"a\":\"b\\",
        "{\"a\":\"\\u",
        "{\"a\":\"\xFF\"}",
        "{\"a\":1,\"b\":2,\"a\":3}",
        "{\"a\":1,\"\\u0061\":3}",
        "{\"a\":[[[[[[[1]]]]]]]}",
        "{\"a\":1}/**/",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(parse(wrong[i]) == NULL, "%s was taken", wrong[i]);
    ck_assert_ptr_nonnull(parse("{\"a\":[[[[[[1]]]]]]}"));
}
END_TEST

/* ---- patterns ---- */

static struct pattern compile(const char *text, bool has_wildcards, bool has_variables)
{
    struct pattern pattern;
    struct pattern_needs needs = {0};
    struct pattern_syntax syntax = {.has_wildcards = has_wildcards, .has_variables = has_variables};
    ck_assert(pattern_compile(span_from_string(text), syntax, &arena, &pattern, &needs, &error));
    return pattern;
}

static bool matches(const char *pattern, const char *text)
{
    struct pattern compiled = compile(pattern, true, false);
    return pattern_match(&compiled, NULL, span_from_string(text));
}

START_TEST(wildcards)
{
    static const char *const match[][2] = {
        {"", ""},          {"*", ""},           {"*", "abc"},
        {"a*", "a"},       {"a*c", "abc"},      {"a*c", "abcbc"},
        {"*a", "aaa"},     {"a**b", "ab"},      {"?", "a"},
        {"?", "\xC3\xA4"}, {"??", "\xC3\xA4z"}, {"?", "\xFF"},
        {"*?", "ab"},      {"?*", "ab"},        {"a*b*c", "abbcc"},
        {"*b*", "abc"},    {"b/*", "b/x/y"},    {"*.jpg", "x.jpg.jpg"},
        {"*?b", "abab"},   {"a?*?c", "abbc"},
    };
    static const char *const differ[][2] = {
        {"", "a"},    {"a", ""},    {"?", ""},  {"??", "a"},  {"??", "\xC3\xA4"}, {"a*b", "a"}, {"a*b", "abc"},
        {"*a", "ab"}, {"a*a", "a"}, {"A", "a"}, {"b/*", "b"}, {"a?c", "ac"},      {"*?", ""},   {"*ab*ab", "aab"},
    };
    for (size_t i = 0; i < sizeof match / sizeof match[0]; i++)
        ck_assert_msg(matches(match[i][0], match[i][1]), "%s does not match %s", match[i][0], match[i][1]);
    for (size_t i = 0; i < sizeof differ / sizeof differ[0]; i++)
        ck_assert_msg(!matches(differ[i][0], differ[i][1]), "%s matches %s", differ[i][0], differ[i][1]);
}
END_TEST

/* 542: in a matcher that takes back more than one run, this takes longer than the universe is old. */
START_TEST(wildcards_do_not_blow_up)
{
    char pattern[2001];
    char text[1025];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "a*", 2);
    memcpy(pattern + 1999, "b", 2);
    memset(text, 'a', 1024);
    text[1024] = '\0';
    struct pattern compiled = compile(pattern, true, false);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert(!pattern_match(&compiled, NULL, span_from_string(text)));
}
END_TEST

START_TEST(variables)
{
    struct span values[CONDITION_KEYS_COUNT] = {[KEY_username] = SPAN("a*b"), [KEY_prefix] = SPAN_EMPTY};
    struct pattern pattern = compile("home/${aws:username}/*${s3:prefix}", true, true);
    ck_assert(pattern_match(&pattern, values, SPAN("home/a*b/x")));
    ck_assert(!pattern_match(&pattern, values, SPAN("home/axb/x")));
    pattern = compile("${*}${?}${$}{}", true, true);
    ck_assert(pattern_is_fixed(&pattern));
    ck_assert(pattern_match(&pattern, NULL, SPAN("*?${}")));
    ck_assert(!pattern_match(&pattern, NULL, SPAN("ab${}")));
    pattern = compile("${aws:username}", true, false);
    ck_assert(pattern_match(&pattern, NULL, SPAN("${aws:username}")));

    struct pattern_needs needs = {0};
    struct pattern_syntax syntax = {.has_variables = true};
    ck_assert(!pattern_compile(SPAN("${aws:nobody}"), syntax, &arena, &pattern, &needs, &error));
    ck_assert(!pattern_compile(SPAN("${aws:username"), syntax, &arena, &pattern, &needs, &error));
    ck_assert(!pattern_compile(SPAN("${s3:ExistingObjectTag/a}"), syntax, &arena, &pattern, &needs, &error));
}
END_TEST

START_TEST(reach)
{
    static const struct {
        const char *pattern;
        bool itself;
        bool below;
    } cases[] = {
        {"bucket", true, false},   {"bucket/*", false, true},     {"*", true, true},          {"*/*", false, true},
        {"buck*", true, true},     {"bucket/a?c", false, true},   {"other", false, false},    {"other/*", false, false},
        {"bucket?*", false, true}, {"bucket2", false, false},     {"b?cket", true, false},    {"*t", true, true},
        {"*x", false, true},       {"${aws:userid}", true, true}, {"bucket*/x", false, true}, {"", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool itself;
        bool below;
        struct pattern pattern = compile(cases[i].pattern, true, true);
        ck_assert(pattern_reach(&pattern, SPAN("bucket"), &arena, &itself, &below));
        ck_assert_msg(itself == cases[i].itself && below == cases[i].below, "%s", cases[i].pattern);
    }
}
END_TEST

/* ---- values ---- */

START_TEST(numbers)
{
    static const char *const wrong[] = {"", "x", "1x", ".5", "1.", "0x10", "inf", "nan", "1e999", " 1", "1e", "--1"};
    char zeros[100];
    double number;
    ck_assert(value_parse_number(SPAN("-12.5e1"), &number) && number == -125.0);
    ck_assert(value_parse_number(SPAN("007"), &number) && number == 7.0);
    memset(zeros, '0', sizeof zeros);
    memcpy(zeros + sizeof zeros - 4, "1000", 4);
    ck_assert(value_parse_number(span_of((const uint8_t *)zeros, sizeof zeros), &number) && number == 1000.0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!value_parse_number(span_from_string(wrong[i]), &number), "%s", wrong[i]);
}
END_TEST

START_TEST(moments)
{
    static const struct {
        const char *text;
        int64_t moment_ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"1970-02", 31 * INT64_C(86400000)},
        {"0", 0},
        {"1400000000", INT64_C(1400000000000)},
        {"2013-12-15T12:00:00Z", INT64_C(1387108800000)},
        {"2013-12-15T12:00Z", INT64_C(1387108800000)},
        {"2013-12-15T13:30:00.5+01:30", INT64_C(1387108800500)},
        {"2013-12-15T11:00:00.123456789-01:00", INT64_C(1387108800123)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
    };
    static const char *const wrong[] = {
        "",
        "x",
        "2013-13-01",
        "2013-00-01",
        "2013-02-29",
        "2013-12-15T12:00:00",
        "0000-01-01",
        "2013-12-32",
        "13-12-15",
        "2013-12-1",
        "2013-12-15T24:00:00Z",
        "2013-12-15T12:00:60Z",
        "-1",
        "1.5",
        "2013-12-15Z",
        "2013-12-15T12Z",
        "2013-12-15T12:00:00.Z",
        "2013-12-15T12:00:00ZZ",
    };
    int64_t moment_ms;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(value_parse_moment(span_from_string(cases[i].text), &moment_ms), "%s", cases[i].text);
        ck_assert_msg(moment_ms == cases[i].moment_ms, "%s: %lld", cases[i].text, (long long)moment_ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!value_parse_moment(span_from_string(wrong[i]), &moment_ms), "%s", wrong[i]);
}
END_TEST

static bool is_within(const char *address, const char *text)
{
    struct network network;
    struct network asked;
    ck_assert_msg(value_parse_network(span_from_string(text), &network), "%s", text);
    ck_assert(value_parse_network(span_from_string(address), &asked));
    return network_has(&network, &asked);
}

START_TEST(networks)
{
    static const char *const wrong[] = {"",           "10.0.0", "10.0.0.0/33", "10.0.0.0/",          "10.0.0.0/-1",
                                        "10.0.0.256", "a::b::", "::/129",      "::ffff:10.0.0.0/95", "10.0.0.0/8/8",
                                        "10.*",       "::1 "};
    ck_assert(is_within("10.1.2.3", "10.1.2.3"));
    ck_assert(is_within("10.1.2.3", "10.0.0.0/8"));
    ck_assert(is_within("10.1.2.3", "10.9.9.9/8")); /* bits behind the prefix */
    ck_assert(is_within("10.1.2.3", "0.0.0.0/0"));
    ck_assert(is_within("10.1.2.3", "10.1.2.2/31"));
    ck_assert(!is_within("10.1.2.3", "10.1.2.4/31"));
    ck_assert(!is_within("11.1.2.3", "10.0.0.0/8"));
    ck_assert(is_within("::ffff:10.1.2.3", "10.0.0.0/8")); /* 520 */
    ck_assert(is_within("10.1.2.3", "::ffff:10.0.0.0/104"));
    ck_assert(!is_within("10.1.2.3", "::/0"));
    ck_assert(!is_within("2001:db8::1", "0.0.0.0/0"));
    ck_assert(is_within("2001:db8::1", "2001:DB8::/32"));
    ck_assert(!is_within("2001:db9::1", "2001:db8::/32"));
    struct network network;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!value_parse_network(span_from_string(wrong[i]), &network), "%s", wrong[i]);
}
END_TEST

START_TEST(arns)
{
    struct span parts[ARN_PARTS];
    ck_assert(value_split_arn(SPAN("arn:aws:iam::1:user/a:b"), false, parts));
    ck_assert(span_equal(parts[5], SPAN("user/a:b")));
    ck_assert(!value_split_arn(SPAN("arn:aws:iam::1"), false, parts));
    ck_assert(value_split_arn(SPAN("arn:aws:iam::${aws:PrincipalAccount}:root"), true, parts));
    ck_assert(span_equal(parts[4], SPAN("${aws:PrincipalAccount}")));
    ck_assert(!value_split_arn(SPAN("arn:aws:iam::${a:b:root"), true, parts));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy parts");
    TCase *tests = tcase_create("parts");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, reads_json);
    tcase_add_test(tests, refuses_json);
    tcase_add_test(tests, wildcards);
    tcase_add_test(tests, wildcards_do_not_blow_up);
    tcase_add_test(tests, variables);
    tcase_add_test(tests, reach);
    tcase_add_test(tests, numbers);
    tcase_add_test(tests, moments);
    tcase_add_test(tests, networks);
    tcase_add_test(tests, arns);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
