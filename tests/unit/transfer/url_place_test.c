/* tests/unit/transfer/url_place_test.c -- what a URL is cut into. */
#include "tests/unit/run_suite.h"
#include "tools/bale/transfer/url_place.h"

#include <check.h>

START_TEST(urls_come_apart)
{
    static const struct {
        const char *url, *origin, *target, *name;
    } urls[] = {
        {"https://host/key", "https://host", "/key", "key"},
        {"http://[::1]:80/a%20b/c+d?X-Amz-Signature=a%2Fb&x", "http://[::1]:80", "/a%20b/c+d?X-Amz-Signature=a%2Fb&x",
         "a b/c+d"},
        {"http://host/?q=/a#b", "http://host", "/?q=/a", ""},
        {"http://host/a#b?c", "http://host", "/a", "a"},
        {"http://host/..%2F", "http://host", "/..%2F", "../"},
    };
    for (unsigned i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct url_place place;
        struct error error;
        ck_assert(url_place_is(urls[i].url));
        ck_assert_msg(url_place_read(urls[i].url, &place, &error), "%s", urls[i].url);
        ck_assert_str_eq(place.origin, urls[i].origin);
        ck_assert(span_equal(place.target, span_from_string(urls[i].target)));
        ck_assert(span_equal(place.name, span_from_string(urls[i].name)));
        url_place_free(&place);
    }
}
END_TEST

START_TEST(others_are_refused)
{
    static const char *const urls[] = {"http://host",     "http://host?a/b",   "http://host#/a", "http://host/%",
                                       "http://host/%zz", "http://host/a%00b", "http://host/%4"};
    for (unsigned i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct url_place place;
        struct error error;
        ck_assert_msg(!url_place_read(urls[i], &place, &error), "%s", urls[i]);
        ck_assert_int_eq(error.kind, ERROR_INVALID);
    }
    ck_assert(!url_place_is("s3://bucket/key") && !url_place_is("ftp://host/key") && !url_place_is("https:/host/key"));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("url_place");
    tcase_add_test(all, urls_come_apart);
    tcase_add_test(all, others_are_refused);
    Suite *suite = suite_create("places of URLs");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
