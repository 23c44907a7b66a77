/* tests/unit/credentials/files_test.c -- the shared files, line by line; tests/credentials/run asks botocore the same.
 */
#include "s3client/credentials/shared_file.h"
#include "tests/unit/run_suite.h"

#include <check.h>

/* In `text`, [p] (or [profile p]) has this value for `name`. */
static void expect(enum shared_file_kind kind, const char *text, const char *name, const char *value)
{
    struct span found = shared_file_value(span_from_string(text), kind, SPAN("p"), name);
    ck_assert_msg(span_equal(found, span_from_string(value)), "%s: \"%.*s\", not \"%s\"", text, SPAN_FORMAT(found),
                  value);
}

START_TEST(values_are_trimmed_and_lose_comments)
{
    static const char *const TEXTS[] = {"[p]\nkey=v",         "[p]\nkey = v\n",         "[p]\n\tKEY\t=\tv\t\n",
                                        "[p]\r\nkey = v\r\n", "[p]\nkey: v\n",          "[p]\nkey = v # c\n",
                                        "[p]\nkey = v ;c\n",  "[p]\nkey = v\t#c = d\n", "\xef\xbb\xbf[p]\nkey = v\n"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        expect(SHARED_CREDENTIALS, TEXTS[i], "key", "v");
    expect(SHARED_CREDENTIALS, "[p]\nkey = a#b;c=d:e\n", "key", "a#b;c=d:e");
    expect(SHARED_CREDENTIALS, "[p]\nkey =\n", "key", "");
    expect(SHARED_CREDENTIALS, "[p]\nkey = # c\n", "key", "");
    expect(SHARED_CREDENTIALS, "[p]\nkey\n", "key", "");
    expect(SHARED_CREDENTIALS, "[p]\nkeys = v\n", "key", "");
    expect(SHARED_CREDENTIALS, "key = v\n[p]\n", "key", "");
    expect(SHARED_CREDENTIALS, "", "key", "");
}
END_TEST

START_TEST(the_last_one_counts)
{
    expect(SHARED_CREDENTIALS, "[p]\nkey = a\nkey = b\n", "key", "b");
    expect(SHARED_CREDENTIALS, "[p]\nkey = a\n[q]\nkey = c\n[p]\nkey = b\n", "key", "b");
    expect(SHARED_CREDENTIALS, "[p]\nkey = a\n[p]\nother = b\n", "key", "a");
}
END_TEST

START_TEST(what_is_nested_is_none_of_the_profiles_own)
{
    expect(SHARED_CONFIG, "[profile p]\nkey = a\ns3 =\n  key = b\n    key = c\n", "key", "a");
    expect(SHARED_CONFIG, "[profile p]\ns3 =\n\tkey = b\n\n# c\n\tkey = c\nkey = a\n", "key", "a");
    expect(SHARED_CONFIG, "[profile p]\ns3 =\n  key = b\n", "key", "");
    expect(SHARED_CONFIG, "[profile p]\n  s3 =\n    key = b\n  key = a\n", "key", "a");
    expect(SHARED_CONFIG, "[profile p]\n  key = a\n", "key", "a");
}
END_TEST

START_TEST(sections_are_profiles_or_not)
{
    static const char *const PROFILES[] = {"[profile p]\nkey = v\n", "[profile  \"p\"]\nkey = v\n",
                                           "[profile\tp]\nkey = v\n", "[ profile p ] ; c\nkey = v\n",
                                           "[profile 'p']\nkey = v\n"};
    static const char *const OTHERS[] = {
        "[p]\nkey = v\n",           "[profilep]\nkey = v\n",    "[profile p\nkey = v\n",  "[services p]\nkey = v\n",
        "[profile q p]\nkey = v\n", "[profile \"p]\nkey = v\n", "[profile P]\nkey = v\n", "[]\nkey = v\n",
        "[profile ]\nkey = v\n"};
    for (size_t i = 0; i < sizeof PROFILES / sizeof PROFILES[0]; i++) {
        expect(SHARED_CONFIG, PROFILES[i], "key", "v");
        ck_assert(shared_file_has_profile(span_from_string(PROFILES[i]), SHARED_CONFIG, SPAN("p")));
    }
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++) {
        expect(SHARED_CONFIG, OTHERS[i], "key", "");
        ck_assert(!shared_file_has_profile(span_from_string(OTHERS[i]), SHARED_CONFIG, SPAN("p")));
    }
    expect(SHARED_CREDENTIALS, "[profile p]\nkey = v\n", "key", "");
}
END_TEST

START_TEST(profile_default_wins_over_default)
{
    const struct span both = SPAN("[default]\nkey = a\nother = b\n[profile default]\nkey = c\n[default]\nkey = d\n");
    const struct span one = SPAN("[default]\nkey = a\n");
    struct span value = shared_file_value(both, SHARED_CONFIG, SPAN("default"), "key");
    ck_assert(span_equal(value, SPAN("c")));
    ck_assert_uint_eq(shared_file_value(both, SHARED_CONFIG, SPAN("default"), "other").size, 0);
    value = shared_file_value(one, SHARED_CONFIG, SPAN("default"), "key");
    ck_assert(span_equal(value, SPAN("a")));
    value = shared_file_value(one, SHARED_CREDENTIALS, SPAN("default"), "key");
    ck_assert(span_equal(value, SPAN("a")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shared files");
    TCase *group = tcase_create("shared files");
    tcase_add_test(group, values_are_trimmed_and_lose_comments);
    tcase_add_test(group, the_last_one_counts);
    tcase_add_test(group, what_is_nested_is_none_of_the_profiles_own);
    tcase_add_test(group, sections_are_profiles_or_not);
    tcase_add_test(group, profile_default_wins_over_default);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
