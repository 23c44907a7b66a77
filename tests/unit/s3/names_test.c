/* tests/unit/s3/names_test.c -- which names are allowed, and which are reserved. */
#include "server/s3/request/names.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

struct name_case {
    const char *name;
    bool holds;
};

static const struct name_case bucket_names[] = {
    /* statement 112 */
    {"abc", true},
    {"a.b-c.9", true},
    {"012345678901234567890123456789012345678901234567890123456789012", true},
    {"0123456789012345678901234567890123456789012345678901234567890123", false},
    {"ab", false},
    {"", false},
    {"Abc", false},
    {"a_c", false},
    {"-abc", false},
    {"abc-", false},
    {".abc", false},
    {"abc.", false},
    {"a..b", false},
    {"a.-b", true},
    {"192.168.5.4", false},
    {"999.168.5.4", false},
    {"192.168.5", true},
    {"192.168.5.4a", true},
    {"1234.168.5.4", true},
    {"xn--abc", false},
    {"abc-s3alias", false},
    {"abc def", false},
    {"abc/def", false},
};

START_TEST(bucket_names_follow_the_rules)
{
    const struct name_case *want = &bucket_names[_i];
    ck_assert_msg(bucket_name_is_valid(span_from_string(want->name)) == want->holds, "%s", want->name);
}
END_TEST

static const struct name_case climbing_keys[] = {
    /* statement 28 */
    {"../x", true},          {"..", true},        {"a/../../b", true},  {"a/..//../b", true}, {"./../b", true},
    {"//../b", true},        {"a/../b", false},   {"a/b/../..", false}, {"...", false},       {"..a/b", false},
    {"a../..b", false},      {"%2e%2e/x", false}, /* literal text: statement 27 */
    {"a\\..\\..\\b", false}, {"a/", false},       {"/", false},
};

START_TEST(keys_that_climb_are_found)
{
    const struct name_case *want = &climbing_keys[_i];
    ck_assert_msg(object_key_climbs(span_from_string(want->name)) == want->holds, "%s", want->name);
}
END_TEST

static const struct name_case reserved_keys[] = {
    {"a.s4index", true},  {".s4index", true},        {"a/b.s4index", true},  {".s4dict/x", true},
    {".s4mpu/", true},    {".bale/journal/1", true}, {".bale", false},       {".balex/y", false},
    {"x/.bale/y", false}, {"a.s4index/b", false},    {"a.s4indexes", false}, {"s4index", false},
};

START_TEST(reserved_keys_are_found)
{
    const struct name_case *want = &reserved_keys[_i];
    ck_assert_msg(object_key_is_reserved(span_from_string(want->name)) == want->holds, "%s", want->name);
}
END_TEST

static const struct name_case versions[] = {
    /* statement 150 */
    {"null", true},
    {"01G65Z755AFWAKHE12NY0CQ9FH", true},
    {"L4kqtJlcpXroDTDmpUMLUo.abc_def-0", true},
    {"", false},
    {"invalid_version_id", false},
    {"01G65Z755AFWAKHE12NY0CQ9F!", false},
    {"0123456789012345678901234567890123456789012345678901234567890123", true},
    {"01234567890123456789012345678901234567890123456789012345678901234", false}, /* 65 */
    {"3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo", true},
    {"01G65Z755AFWAKHE12NY0CQ9F=", false},
    {"01G65Z755AFWAKHE12NY0CQ9F\xc3\xa9", false},
};

START_TEST(versions_have_a_shape)
{
    const struct name_case *want = &versions[_i];
    ck_assert_msg(version_id_is_well_formed(span_from_string(want->name)) == want->holds, "%s", want->name);
}
END_TEST

START_TEST(metadata_of_the_store_is_reserved)
{
    ck_assert(metadata_name_is_reserved(SPAN("s4-codec")));
    ck_assert(metadata_name_is_reserved(SPAN("S4-Framed")));
    ck_assert(!metadata_name_is_reserved(SPAN("s4")));
    ck_assert(!metadata_name_is_reserved(SPAN("x-s4-codec")));
}
END_TEST

#define ADD(test, table) tcase_add_loop_test(tests, test, 0, sizeof(table) / sizeof(table)[0])

int main(void)
{
    Suite *suite = suite_create("s3-names");
    TCase *tests = tcase_create("names");
    ADD(bucket_names_follow_the_rules, bucket_names);
    ADD(keys_that_climb_are_found, climbing_keys);
    ADD(reserved_keys_are_found, reserved_keys);
    ADD(versions_have_a_shape, versions);
    tcase_add_test(tests, metadata_of_the_store_is_reserved);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
