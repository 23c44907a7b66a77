/* tests/unit/bench/job_file_test.c -- job files: what holds for which job, and every complaint with its line. */
#include "bench/drive/target.h"
#include "bench/job/job_file.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>

static const struct job_overrides NONE = {0};

static void expect_complaints(const char *text, const char *expected)
{
    struct job_list list;
    struct buffer complaints;
    buffer_init(&complaints, 0);
    ck_assert_msg(!job_list_parse("f.ini", span_from_string(text), &NONE, &list, &complaints), "accepted: %s", text);
    buffer_append_byte(&complaints, '\0');
    ck_assert_str_eq((const char *)complaints.data, expected);
    ck_assert_uint_eq(list.count, 0);
    buffer_free(&complaints);
}

static void parse(const char *text, const struct job_overrides *overrides, struct job_list *ret_list)
{
    struct buffer complaints;
    buffer_init(&complaints, 0);
    bool good = job_list_parse("f.ini", span_from_string(text), overrides, ret_list, &complaints);
    ck_assert_msg(good, "%.*s", SPAN_FORMAT(buffer_span(&complaints)));
    buffer_free(&complaints);
}

START_TEST(a_job_says_otherwise_than_global)
{
    struct job_list list;
    parse("[job one]\nrw = put\nloops = 1\nruntime = 0\n[global]\nsize = 8K\niodepth = 4\n"
          "[job two]\nsize = 1K\nrw = mixed\nrwmix = get:1,put:1\nstonewall = yes\nruntime = 90s\ndepends-on = one\n",
          &NONE, &list);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_str_eq(list.jobs[0].name, "one");
    ck_assert_uint_eq(list.jobs[0].sizes.largest, 8192);
    ck_assert_uint_eq(job_connections(&list.jobs[0]), 4);
    ck_assert_uint_eq(job_requests(&list.jobs[0]), 1000);
    ck_assert(!list.jobs[0].stonewall);
    ck_assert_uint_eq(list.jobs[1].sizes.largest, 1024);
    ck_assert_uint_eq(list.jobs[1].runtime_ms, 90000);
    ck_assert_uint_eq(list.jobs[1].mix.total, 2);
    ck_assert(list.jobs[1].stonewall);
    ck_assert_uint_eq(job_list_find(&list, "one", 1), 0);
    job_list_free(&list);
}
END_TEST

START_TEST(the_command_line_has_the_last_word)
{
    static char *const words[] = {"--size", "2K", "--objects=7", NULL};
    struct option_argument arguments[2];
    struct error error;
    struct job_list list;
    ck_assert(option_argument_read(job_options(), words, &arguments[0], &error));
    ck_assert(option_argument_read(job_options(), words + 2, &arguments[1], &error));
    const struct job_overrides overrides = {arguments, 2};
    parse("[global]\nsize = 8K\n[job one]\nobjects = 9\n", &overrides, &list);
    ck_assert_uint_eq(list.jobs[0].sizes.largest, 2048);
    ck_assert_uint_eq(list.jobs[0].objects, 7);
    job_list_free(&list);
}
END_TEST

START_TEST(all_that_is_wrong_is_said_at_once)
{
    expect_complaints(
        "[global]\nsise = 3\nrw = fly\n[job a b]\nrw = get\n[job c]\nsize = 4X\ndepends-on = z\n[x]\ny = 1\n",
        "f.ini:5: it stands in [job a b]; sections are [global] and [job NAME], with letters, digits, - "
        "and _ in the name\n"
        "f.ini:10: it stands in [x]; sections are [global] and [job NAME], with letters, digits, - and _ "
        "in the name\n"
        "f.ini:2: sise: there is no such option; bale-bench run --help lists all\n"
        "f.ini:3: rw: \"fly\" is not allowed; allowed is "
        "get|put|head|delete|list|randrange|seqrange|multipart|copy|delete-objects|mixed\n"
        "f.ini: [job c]: size: \"4X\" is no size: allowed is 4K, 1K-64K, 4K:80,1M:20 or @FILE, with sizes "
        "of up to 5G\n"
        "f.ini: [job c]: depends-on: no job z stands before it\n");
    expect_complaints("[global]\nsize = 4K\n", "f.ini: there is no [job NAME] in it\n");
    expect_complaints("[job a]\nrw\n", "f.ini:2: this is neither [section] nor name = value nor a comment.\n");
}
END_TEST

START_TEST(what_does_not_fit_together_is_refused)
{
    static const char *const wrong[][2] = {
        {"rw = mixed", "rwmix: rw = mixed needs it (get:45,put:15,head:30,delete:10)"},
        {"rwmix = get:1", "rwmix: it belongs to rw = mixed"},
        {"rw = mixed\nrwmix = get:1,put:1,delete:2",
         "rwmix: there are more deletes than puts: a delete takes what a put of the same job has made"},
        {"rw = mixed\nrwmix = put:1,delete-objects:1", "rwmix: delete-objects is no part of a mix: delete is"},
        {"rw = mixed\nrwmix = get:1,get:2", "rwmix: get stands here twice"},
        {"runtime = 0", "runtime: with 0 it never ends; give requests or loops"},
        {"loops = 1\nrequests = 5", "loops: requests says already when it ends"},
        {"iodepth = 200\nnumjobs = 100", "iodepth: 200 times numjobs are more than 10000 connections"},
        {"bucket = a/b", "bucket: \"a/b\" is no name of a bucket"},
        {"sign = none\nrw = put", "sign: none is for jobs that only read"},
        {"rw = multipart\nchecksum = sha256", "checksum: not with multipart"},
        {"rw = randrange\nsize = 0-1K",
         "range-size: there is no such range in any object, or none in some (size = 0-1K)"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[256];
        char expected[256];
        (void)snprintf(text, sizeof text, "[job a]\n%s\n", wrong[i][0]);
        (void)snprintf(expected, sizeof expected, "f.ini: [job a]: %s\n", wrong[i][1]);
        expect_complaints(text, expected);
    }
}
END_TEST

START_TEST(a_preparation_puts_each_object_once)
{
    struct job_list list;
    struct job preparation;
    parse("[job a]\nprepare = yes\nrw = mixed\nrwmix = get:1,put:1\nobjects = 50\nsize = 1K-9K\nrate = 100\n"
          "sign = presigned\n",
          &NONE, &list);
    job_preparation_of(&list.jobs[0], &preparation);
    ck_assert_uint_eq(job_requests(&preparation), 50);
    ck_assert_uint_eq(preparation.rw, OPERATION_PUT);
    ck_assert_uint_eq(preparation.rate, 0);
    for (uint64_t object = 0; object < 50; object++)
        ck_assert_uint_eq(job_size_of(&preparation, object), job_size_of(&list.jobs[0], object));
    job_free(&preparation);
    job_list_free(&list);
}
END_TEST

START_TEST(endpoints_are_urls)
{
    struct error error;
    ck_assert(target_check_urls("http://127.0.0.1:8014,https://[::1]:8443, http://s3.example.org/", &error));
    ck_assert_uint_eq(target_count_urls("http://a,http://b"), 2);
    ck_assert(!target_check_urls("127.0.0.1:8014", &error));
    ck_assert(!target_check_urls("http://a:0", &error));
    ck_assert(!target_check_urls("http://a:70000", &error));
    ck_assert(!target_check_urls("http://a/b", &error));
    ck_assert(!target_check_urls("http://[::1", &error));
    ck_assert(!target_check_urls("http://a,", &error));
    ck_assert(!target_check_urls("", &error));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job file");
    TCase *tests = tcase_create("job file");
    tcase_add_test(tests, a_job_says_otherwise_than_global);
    tcase_add_test(tests, the_command_line_has_the_last_word);
    tcase_add_test(tests, all_that_is_wrong_is_said_at_once);
    tcase_add_test(tests, what_does_not_fit_together_is_refused);
    tcase_add_test(tests, a_preparation_puts_each_object_once);
    tcase_add_test(tests, endpoints_are_urls);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
