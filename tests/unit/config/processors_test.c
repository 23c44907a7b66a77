/* tests/unit/config/processors_test.c -- how many processors there are for us, in made-up trees of /proc and /sys. */
#include "server/process/processors.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static void put(const char *path, const char *text)
{
    char whole[512];
    (void)snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void make_root(void)
{
    strcpy(root, "/tmp/bale-processors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static unsigned masked(void)
{
    cpu_set_t set;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    return (unsigned)CPU_COUNT(&set);
}

START_TEST(without_a_quota_the_mask_counts)
{
    put("proc/self/cgroup", "0::/service\n");
    put("sys/fs/cgroup/service/cpu.max", "max 100000\n");
    struct processors processors = processors_available(root);
    ck_assert_uint_eq(processors.count, masked());
    ck_assert_uint_eq(processors.masked, masked());
}
END_TEST

START_TEST(a_quota_counts_whole_and_at_least_one)
{
    put("proc/self/cgroup", "0::/service\n");
    put("sys/fs/cgroup/service/cpu.max", "50000 100000\n");
    ck_assert_uint_eq(processors_available(root).count, 1);
    put("sys/fs/cgroup/service/cpu.max", "199000 100000\n");
    ck_assert_uint_eq(processors_available(root).count, 1);
}
END_TEST

START_TEST(the_groups_above_count_too)
{
    put("proc/self/cgroup", "0::/slice/service\n");
    put("sys/fs/cgroup/slice/service/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/slice/cpu.max", "100000 100000\n");
    ck_assert_uint_eq(processors_available(root).count, 1);
}
END_TEST

START_TEST(inside_a_container_the_named_group_is_not_there)
{
    put("proc/self/cgroup", "0::/docker/0123\n");
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    ck_assert_uint_eq(processors_available(root).count, 1);
}
END_TEST

START_TEST(version_1_is_read)
{
    put("proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/service\n0::/\n");
    put("sys/fs/cgroup/cpu,cpuacct/service/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/service/cpu.cfs_period_us", "100000\n");
    ck_assert_uint_eq(processors_available(root).count, 1);
    put("sys/fs/cgroup/cpu,cpuacct/service/cpu.cfs_quota_us", "-1\n");
    ck_assert_uint_eq(processors_available(root).count, masked());
}
END_TEST

START_TEST(nothing_to_read_is_no_quota)
{
    ck_assert_uint_eq(processors_available(root).count, masked());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("processors");
    TCase *group = tcase_create("processors");
    tcase_add_checked_fixture(group, make_root, remove_root);
    tcase_add_test(group, without_a_quota_the_mask_counts);
    tcase_add_test(group, a_quota_counts_whole_and_at_least_one);
    tcase_add_test(group, the_groups_above_count_too);
    tcase_add_test(group, inside_a_container_the_named_group_is_not_there);
    tcase_add_test(group, version_1_is_read);
    tcase_add_test(group, nothing_to_read_is_no_quota);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
