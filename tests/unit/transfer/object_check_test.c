/* tests/unit/transfer/object_check_test.c -- what an object is compared with, and running sums of it. */
#include "tests/unit/run_suite.h"
#include "tools/bale/transfer/object_check.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error error;

/* Of the ETag alone; nothing is asked of a server. */
static bool choose(const char *etag, bool is_keyed, enum check_wish wish, struct object_check *ret_check)
{
    struct remote_object object = {.size = 9, .is_etag_keyed = is_keyed};
    (void)snprintf(object.etag, sizeof object.etag, "%s", etag);
    return object_check_choose(NULL, &object, wish, false, ret_check, &error);
}

START_TEST(an_etag_that_is_an_md5_is_taken)
{
    static const char MD5_OF_DIGITS[] = "\"25F9E794323B453885F5181F1B624D0B\"";
    static const char *const NONE[] = {"\"\"",
                                       "\"25f9e794323b453885f5181f1b624d0\"",
                                       "\"25f9e794323b453885f5181f1b624d0bb\"",
                                       "\"25f9e794323b453885f5181f1b624d0b-\"",
                                       "\"25f9e794323b453885f5181f1b624d0b-0\"",
                                       "\"25f9e794323b453885f5181f1b624d0b-10001\"",
                                       "\"25f9e794323b453885f5181f1b624d0g\"",
                                       "x",
                                       "\""};
    struct object_check check;
    struct object_sum sum;
    char name[OBJECT_CHECK_NAME_BYTES];
    ck_assert(choose(MD5_OF_DIGITS, false, CHECK_REQUIRED, &check));
    object_check_name(&check, name);
    ck_assert_str_eq(name, "ETag (MD5)");
    ck_assert(!object_check_can_combine(&check));
    object_sum_begin(&sum, &check);
    object_sum_update(&sum, SPAN("1234"));
    object_sum_update(&sum, SPAN(""));
    object_sum_update(&sum, SPAN("56789"));
    ck_assert(object_sum_end(&sum, &error));
    object_sum_begin(&sum, &check);
    object_sum_update(&sum, SPAN("123456780"));
    ck_assert(!object_sum_end(&sum, &error) && error.kind == ERROR_DAMAGED);
    for (unsigned i = 0; i < sizeof NONE / sizeof *NONE; i++) {
        ck_assert(choose(NONE[i], false, CHECK_AUTO, &check));
        ck_assert_msg(check.algorithm == CHECKSUM_NONE, "%s", NONE[i]);
    }
}
END_TEST

START_TEST(nothing_is_only_enough_where_it_is_allowed)
{
    static const char ETAG[] = "\"25f9e794323b453885f5181f1b624d0b\"";
    struct object_check check;
    ck_assert(choose(ETAG, true, CHECK_AUTO, &check) && check.algorithm == CHECKSUM_NONE);
    ck_assert(choose(ETAG, false, CHECK_OFF, &check) && check.algorithm == CHECKSUM_NONE);
    ck_assert(!choose(ETAG, true, CHECK_REQUIRED, &check) && error.kind == ERROR_UNSUPPORTED);
}
END_TEST

/* The MD5 of "1234", "567" and "89", each hashed by itself, and of the three digests together; computed here, so that
 * only the order of things is tried. */
START_TEST(parts_are_hashed_one_by_one)
{
    static const char *const PARTS[] = {"1234", "567", "89"};
    struct object_check check = {.algorithm = CHECKSUM_MD5, .is_of_etag = true, .parts_count = 3};
    struct checksum_sum whole;
    struct checksum_value value;
    check.part_sizes = calloc(3, sizeof *check.part_sizes);
    ck_assert_ptr_nonnull(check.part_sizes);
    checksum_begin(&whole, CHECKSUM_MD5);
    for (unsigned i = 0; i < 3; i++) {
        struct checksum_sum part;
        checksum_begin(&part, CHECKSUM_MD5);
        checksum_update(&part, span_from_string(PARTS[i]));
        checksum_end(&part, &value);
        checksum_update(&whole, span_of(value.bytes, MD5_BYTES));
        check.part_sizes[i] = strlen(PARTS[i]);
    }
    checksum_end(&whole, &value);
    memcpy(check.wanted, value.bytes, MD5_BYTES);
    for (size_t piece = 1; piece <= 9; piece++) {
        struct object_sum sum;
        struct span rest = SPAN("123456789");
        object_sum_begin(&sum, &check);
        for (; rest.size > 0; rest = span_skip(rest, piece < rest.size ? piece : rest.size))
            object_sum_update(&sum, span_take(rest, piece));
        ck_assert_msg(object_sum_end(&sum, &error), "pieces of %zu: %s", piece, error.message);
    }
    object_check_free(&check);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transfer-object-check");
    TCase *tests = tcase_create("object_check");
    tcase_add_test(tests, an_etag_that_is_an_md5_is_taken);
    tcase_add_test(tests, nothing_is_only_enough_where_it_is_allowed);
    tcase_add_test(tests, parts_are_hashed_one_by_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
