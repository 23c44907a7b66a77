/* tests/unit/wire/test_uri.c -- percent-encoding, steps through a query. */
#include "s3client/wire/uri.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static void expect_encoded(const char *text, enum uri_encoding encoding, const char *expected)
{
    struct buffer out;
    buffer_init(&out, 0);
    uri_encode(&out, span_from_string(text), encoding);
    buffer_append_byte(&out, '\0');
    ck_assert_str_eq((const char *)out.data, expected);
    buffer_free(&out);
}

START_TEST(encodes_all_but_unreserved)
{
    expect_encoded("AZaz09-._~", URI_ENCODE_ALL, "AZaz09-._~");
    expect_encoded("a b/c", URI_ENCODE_ALL, "a%20b%2Fc");
    expect_encoded("a b/c", URI_ENCODE_KEEP_SLASH, "a%20b/c");
    expect_encoded("!'()*+", URI_ENCODE_ALL, "%21%27%28%29%2A%2B"); /* statement 55 */
    expect_encoded("\xc3\xa4\x01\x7f", URI_ENCODE_ALL, "%C3%A4%01%7F");
}
END_TEST

START_TEST(encoding_uses_a_limit_to_its_last_byte)
{
    struct buffer out;
    buffer_init(&out, 7);
    uri_encode(&out, SPAN("abcd/"), URI_ENCODE_ALL);
    ck_assert(!out.overflow);
    ck_assert_uint_eq(out.size, 7);
    buffer_clear(&out);
    uri_encode(&out, SPAN("abcde/"), URI_ENCODE_ALL);
    ck_assert(out.overflow);
    ck_assert_uint_eq(out.size, 0);
    buffer_free(&out);
}
END_TEST

START_TEST(decodes_once)
{
    uint8_t text[32];
    size_t size;
    ck_assert(uri_decode(SPAN("a%2525+%c3%A4"), text, &size)); /* statements 26 and 27 */
    ck_assert(span_equal(span_of(text, size), SPAN("a%25+\xc3\xa4")));
    ck_assert(uri_decode_form(SPAN("a+b%2B"), text, &size));
    ck_assert(span_equal(span_of(text, size), SPAN("a b+")));
    ck_assert(!uri_decode(SPAN("a%"), text, &size));
    ck_assert(!uri_decode(SPAN("a%4"), text, &size));
    ck_assert(!uri_decode(SPAN("a%4g"), text, &size));
    ck_assert(uri_decode(SPAN_EMPTY, text, &size));
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(knows_what_is_encoded)
{
    ck_assert(uri_is_encoded(SPAN_EMPTY));
    ck_assert(uri_is_encoded(SPAN("AZaz09-._~")));
    ck_assert(uri_is_encoded(SPAN("AKID%2F20130524%2Fus-east-1")));
    ck_assert(uri_is_encoded(SPAN("%C3%A4%20%25")));
    ck_assert(!uri_is_encoded(SPAN("a/b")));
    ck_assert(!uri_is_encoded(SPAN("a+b")));
    ck_assert(!uri_is_encoded(SPAN("a%2fb"))); /* lower case */
    ck_assert(!uri_is_encoded(SPAN("%c3%a4")));
    ck_assert(!uri_is_encoded(SPAN("%7E"))); /* needs no escape */
    ck_assert(!uri_is_encoded(SPAN("%41")));
    ck_assert(!uri_is_encoded(SPAN("a%2")));
    ck_assert(!uri_is_encoded(SPAN("a%")));
    ck_assert(!uri_is_encoded(SPAN("%GG")));
}
END_TEST

START_TEST(decodes_where_it_lies)
{
    uint8_t text[] = "a%2Fb%20%C3%A4z";
    size_t size;
    ck_assert(uri_decode(span_of(text, sizeof text - 1), text, &size));
    ck_assert(span_equal(span_of(text, size), SPAN("a/b \xc3\xa4z")));
}
END_TEST

START_TEST(steps_through_a_query)
{
    struct span query = SPAN("a=b&&c&d=e=f&=g");
    size_t position = 0;
    struct span name;
    struct span value;
    bool has_value;
    ck_assert(uri_query_next(query, &position, &name, &value, &has_value));
    ck_assert(span_equal(name, SPAN("a")) && span_equal(value, SPAN("b")) && has_value);
    ck_assert(uri_query_next(query, &position, &name, &value, &has_value));
    ck_assert(span_equal(name, SPAN("c")) && value.size == 0 && !has_value);
    ck_assert(uri_query_next(query, &position, &name, &value, &has_value));
    ck_assert(span_equal(name, SPAN("d")) && span_equal(value, SPAN("e=f")) && has_value);
    ck_assert(uri_query_next(query, &position, &name, &value, &has_value));
    ck_assert(name.size == 0 && span_equal(value, SPAN("g")));
    ck_assert(!uri_query_next(query, &position, &name, &value, &has_value));
    ck_assert(!uri_query_next(query, &position, &name, &value, &has_value));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uri");
    TCase *tests = tcase_create("uri");
    tcase_add_test(tests, encodes_all_but_unreserved);
    tcase_add_test(tests, encoding_uses_a_limit_to_its_last_byte);
    tcase_add_test(tests, decodes_once);
    tcase_add_test(tests, knows_what_is_encoded);
    tcase_add_test(tests, decodes_where_it_lies);
    tcase_add_test(tests, steps_through_a_query);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
