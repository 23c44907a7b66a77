/* tests/unit/wire/test_date.c -- times as S3 writes them, against the C library's calendar. */
#include "s3client/wire/date.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

START_TEST(agrees_with_the_c_library)
{
    /* a step that meets all hours, days and leap years from 1970 to 9999 */
    for (int64_t second = 0; second < 253402300800; second += 15485863) {
        time_t now = (time_t)second;
        struct tm calendar;
        gmtime_r(&now, &calendar);
        char expected[64];
        char text[DATE_TEXT_BYTES];
        int64_t parsed;
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &calendar);
        date_format_http(second * 1000, text);
        ck_assert_str_eq(text, expected);
        ck_assert(date_parse_http(span_from_string(text), &parsed));
        ck_assert_int_eq(parsed, second * 1000);
        strftime(expected, sizeof expected, "%Y%m%dT%H%M%SZ", &calendar);
        date_format_signature(second * 1000, text);
        ck_assert_str_eq(text, expected);
        ck_assert(date_parse_signature(span_from_string(text), &parsed));
        ck_assert_int_eq(parsed, second * 1000);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.123Z", &calendar);
        date_format_xml(second * 1000 + 123, text);
        ck_assert_str_eq(text, expected);
        ck_assert(date_parse_xml(span_from_string(text), &parsed));
        ck_assert_int_eq(parsed, second * 1000 + 123);
    }
}
END_TEST

START_TEST(reads_the_three_forms_of_http)
{
    const int64_t expected = 784111777000; /* RFC 9110 section 5.6.7 */
    int64_t time_ms;
    ck_assert(date_parse_http(SPAN("Sun, 06 Nov 1994 08:49:37 GMT"), &time_ms));
    ck_assert_int_eq(time_ms, expected);
    ck_assert(date_parse_http(SPAN("Sunday, 06-Nov-94 08:49:37 GMT"), &time_ms));
    ck_assert_int_eq(time_ms, expected);
    ck_assert(date_parse_http(SPAN("Sun Nov  6 08:49:37 1994"), &time_ms));
    ck_assert_int_eq(time_ms, expected);
    ck_assert(date_parse_http(SPAN("Sun, 06 Nov 1994 08:49:37 +0000"), &time_ms));
    ck_assert(!date_parse_http(SPAN("Sun, 06 Nov 1994 08:49:37"), &time_ms));
    ck_assert(!date_parse_http(SPAN("Sun, 06 Nov 1994 08:49:37 GMT "), &time_ms));
    ck_assert(!date_parse_http(SPAN("06 Nov 1994 08:49:37 GMT"), &time_ms));
    ck_assert(!date_parse_http(SPAN_EMPTY, &time_ms));
}
END_TEST

START_TEST(refuses_what_is_no_date)
{
    int64_t time_ms;
    ck_assert(date_parse_signature(SPAN("20240229T000000Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("20230229T000000Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("20231301T000000Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("20230100T000000Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("20230101T240000Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("20230101T000000"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("19691231T235959Z"), &time_ms));
    ck_assert(!date_parse_signature(SPAN("2023-01-01T00:00:00Z"), &time_ms));
    ck_assert(date_parse_xml(SPAN("2023-01-01T00:00:00Z"), &time_ms));
    ck_assert(date_parse_xml(SPAN("2009-10-12T17:50:30.5Z"), &time_ms));
    ck_assert_int_eq(time_ms % 1000, 500);
    ck_assert(!date_parse_xml(SPAN("2009-10-12T17:50:30.Z"), &time_ms));
    ck_assert(!date_parse_xml(SPAN("2009-10-12 17:50:30Z"), &time_ms));
    ck_assert(date_parse_xml(SPAN("9999-12-31T23:59:59.999Z"), &time_ms));
    ck_assert(!date_parse_xml(SPAN("9999-12-31T23:59:59-00:01"), &time_ms)); /* could not be written again */
}
END_TEST

START_TEST(reads_years_before_1970_where_asked)
{
    int64_t time_ms;
    ck_assert(!date_parse_xml(SPAN("1969-12-31T23:59:59.999Z"), &time_ms));
    ck_assert(date_parse_xml_of_any_year(SPAN("1969-12-31T23:59:59.999Z"), &time_ms));
    ck_assert_int_eq(time_ms, -1);
    ck_assert(date_parse_xml_of_any_year(SPAN("0001-01-01T00:00:00Z"), &time_ms));
    ck_assert_int_eq(time_ms, INT64_C(-62135596800000));
    ck_assert(!date_parse_xml_of_any_year(SPAN("0000-12-31T00:00:00Z"), &time_ms));
    ck_assert(date_parse_xml_of_any_year(SPAN("2023-01-01T00:00:00Z"), &time_ms));
    ck_assert(!date_parse_http(SPAN("Wed, 31 Dec 1969 23:59:59 GMT"), &time_ms));
}
END_TEST

START_TEST(clamps_what_it_cannot_write)
{
    char text[DATE_TEXT_BYTES];
    date_format_xml(-1, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    date_format_xml(INT64_MAX, text);
    ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("date");
    TCase *tests = tcase_create("date");
    tcase_add_test(tests, agrees_with_the_c_library);
    tcase_add_test(tests, reads_the_three_forms_of_http);
    tcase_add_test(tests, refuses_what_is_no_date);
    tcase_add_test(tests, reads_years_before_1970_where_asked);
    tcase_add_test(tests, clamps_what_it_cannot_write);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
