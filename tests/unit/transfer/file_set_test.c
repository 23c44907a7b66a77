/* tests/unit/transfer/file_set_test.c -- files of one inode on two devices, and many of them. */
#include "tests/unit/run_suite.h"
#include "tools/bale/transfer/file_set.h"

#include <check.h>

static struct stat file(uint64_t device, uint64_t inode)
{
    return (struct stat){.st_dev = device, .st_ino = inode};
}

START_TEST(what_was_added_is_there)
{
    enum { MANY = 5000 };
    struct file_set set = {0};
    for (uint64_t i = 1; i <= MANY; i++) {
        struct stat added = file(i % 3, i * 64);
        ck_assert(!file_set_has(&set, &added));
        file_set_add(&set, &added);
        file_set_add(&set, &added);
    }
    ck_assert_uint_eq(set.count, MANY);
    for (uint64_t i = 1; i <= MANY; i++) {
        struct stat added = file(i % 3, i * 64);
        struct stat elsewhere = file(i % 3 + 3, i * 64);
        struct stat other = file(i % 3, i * 64 + 1);
        ck_assert(file_set_has(&set, &added));
        ck_assert(!file_set_has(&set, &elsewhere));
        ck_assert(!file_set_has(&set, &other));
    }
    file_set_free(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transfer-file-set");
    TCase *tests = tcase_create("file_set");
    tcase_add_test(tests, what_was_added_is_there);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
