/* tests/unit/object/class_levels_test.c -- levels of storage classes as text. */
#include "server/object/class_levels.h"
#include "tests/unit/run_suite.h"

#include <string.h>

static struct class_levels levels;
static struct error error;

static void refused(const char *text, const char *words)
{
    ck_assert(!class_levels_parse(span_from_string(text), &levels, &error));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
    ck_assert_msg(strstr(error.message, words) != NULL, "%s: %s", text, error.message);
}

START_TEST(names_have_levels)
{
    ck_assert(class_levels_parse(SPAN(""), &levels, &error));
    ck_assert_int_eq(class_levels_most(&levels), 0);
    ck_assert(class_levels_parse(SPAN("GLACIER_IR=zstd:19,STANDARD_IA=zstd:1"), &levels, &error));
    ck_assert_int_eq(class_levels_find(&levels, SPAN("GLACIER_IR")), 19);
    ck_assert_int_eq(class_levels_find(&levels, SPAN("STANDARD_IA")), 1);
    ck_assert_int_eq(class_levels_find(&levels, SPAN("GLACIER")), 0);
    ck_assert_int_eq(class_levels_find(&levels, SPAN("STANDARD")), 0);
    ck_assert_int_eq(class_levels_find(NULL, SPAN("GLACIER_IR")), 0);
    ck_assert_int_eq(class_levels_most(&levels), 19);
}
END_TEST

static const char *place(struct span name)
{
    const struct storage_class *found = NULL;
    ck_assert(class_places_find(&levels.places, name, &found));
    return found == NULL ? "" : found->name;
}

START_TEST(names_have_places)
{
    const struct storage_class *ignored;
    ck_assert(class_levels_parse(SPAN("GLACIER_IR=zstd:19"), &levels, &error) && !class_levels_have_places(&levels));
    ck_assert(class_levels_parse(SPAN("GLACIER=zstd:19,backend:GLACIER_IR,SNOW=zstd:2,ONEZONE_IA=zstd:1,"
                                      "backend:STANDARD_IA"),
                                 &levels, &error));
    ck_assert(class_levels_have_places(&levels));
    ck_assert_str_eq(place(SPAN("GLACIER")), "GLACIER_IR");
    ck_assert_str_eq(place(SPAN("SNOW")), "");
    ck_assert_str_eq(place(SPAN("ONEZONE_IA")), "STANDARD_IA");
    ck_assert(!class_places_find(&levels.places, SPAN("STANDARD_IA"), &ignored));
    ck_assert(!class_places_find(NULL, SPAN("GLACIER"), &ignored));
    ck_assert_int_eq(class_levels_find(&levels, SPAN("ONEZONE_IA")), 1);
}
END_TEST

START_TEST(what_is_wrong_is_said)
{
    refused("GRANITE=zstd:3", "\"GRANITE\" is no storage class");
    refused("STANDARD=zstd:3", "--zstd-level");
    refused("GLACIER", "GLACIER=zstd:LEVEL");
    refused("GLACIER=zstd:", "from 1 to 19");
    refused("GLACIER=zstd:20", "from 1 to 19");
    refused("GLACIER=zstd:0", "from 1 to 19");
    refused("GLACIER=lz4:1", "from 1 to 19");
    refused("GLACIER=zstd:3,GLACIER=zstd:4", "named twice");
    refused("GLACIER=zstd:3,", "last comma");
    refused(",GLACIER=zstd:3", "no storage class");
    refused("backend:STANDARD_IA", "goes behind NAME=zstd:LEVEL");
    refused("GLACIER=zstd:3,backend:STANDARD_IA,backend:ONEZONE_IA", "GLACIER has backend:CLASS twice");
    refused("GLACIER=zstd:3,backend:COLD", "\"COLD\" is no storage class of a backend");
    refused("GLACIER=zstd:3,backend:STANDARD", "without backend:");
    refused("GLACIER=zstd:3,backend:GLACIER", "cannot be read at once");
    refused("GLACIER=zstd:3,backend:DEEP_ARCHIVE", "cannot be read at once");
    refused("GLACIER=zstd:3,backend:STANDARD_IA,", "last comma");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("class levels");
    TCase *all = tcase_create("all");
    tcase_add_test(all, names_have_levels);
    tcase_add_test(all, names_have_places);
    tcase_add_test(all, what_is_wrong_is_said);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
