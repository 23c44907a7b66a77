/* tests/unit/transfer/tree_path_test.c -- which keys are paths, and how they come apart. */
#include "tests/unit/run_suite.h"
#include "tools/bale/transfer/local_file.h"
#include "tools/bale/transfer/tree_path.h"

#include <check.h>
#include <string.h>

static void expect_split(struct span path, const char *folder, const char *name)
{
    struct span found_folder;
    struct span found_name;
    struct error error;
    ck_assert_msg(tree_path_split(path, &found_folder, &found_name, &error), "%.*s: %s", SPAN_FORMAT(path),
                  error.message);
    ck_assert(span_equal(found_folder, span_from_string(folder)));
    ck_assert(span_equal(found_name, span_from_string(name)));
}

static void expect_refused(struct span path)
{
    struct span folder;
    struct span name;
    struct error error;
    ck_assert_msg(!tree_path_split(path, &folder, &name, &error), "%.*s", SPAN_FORMAT(path));
    ck_assert_int_eq(error.kind, ERROR_INVALID);
}

START_TEST(paths_come_apart)
{
    expect_split(SPAN("a"), "", "a");
    expect_split(SPAN("a/b"), "a", "b");
    expect_split(SPAN("a/b/c d"), "a/b", "c d");
    expect_split(SPAN("a/b/"), "a/b", "");
    expect_split(SPAN("..."), "", "...");
    expect_split(SPAN(".hidden/..x"), ".hidden", "..x");
    expect_split(SPAN("a\\b"), "", "a\\b");
}
END_TEST

START_TEST(what_is_no_path_is_refused)
{
    static const char *const WRONG[] = {"",
                                        "/",
                                        "/a",
                                        "a//b",
                                        "//",
                                        ".",
                                        "..",
                                        "../a",
                                        "a/..",
                                        "a/../b",
                                        "./a",
                                        "a/./b",
                                        "a/..//",
                                        "../",
                                        "a/../",
                                        "x.bale-part",
                                        "x.bale-log",
                                        ".bale-part",
                                        "a/x.bale-part/b"};
    for (unsigned i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        expect_refused(span_from_string(WRONG[i]));
    expect_refused(SPAN("a\0b"));
    expect_refused(SPAN("\0"));
    expect_refused(SPAN("a\0/b"));
}
END_TEST

START_TEST(names_are_bounded)
{
    char long_name[2 * NAME_MAX + 2];
    memset(long_name, 'x', sizeof long_name);
    struct span folder;
    struct span name;
    struct error error;
    ck_assert(tree_path_split(span_of(long_name, LOCAL_FILE_NAME_BYTES_MAX), &folder, &name, &error));
    expect_refused(span_of(long_name, LOCAL_FILE_NAME_BYTES_MAX + 1));
    long_name[NAME_MAX] = '/';
    ck_assert(tree_path_split(span_of(long_name, NAME_MAX + 2), &folder, &name, &error));
    long_name[NAME_MAX] = 'x';
    long_name[NAME_MAX + 1] = '/';
    expect_refused(span_of(long_name, NAME_MAX + 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transfer-tree-path");
    TCase *tests = tcase_create("tree_path");
    tcase_add_test(tests, paths_come_apart);
    tcase_add_test(tests, what_is_no_path_is_refused);
    tcase_add_test(tests, names_are_bounded);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
