/* tests/unit/replay/replay_test.c -- small logs, and what a tier would have had of them. */
#include "tools/bale/replay/replay.h"

#include "runtime/base/buffer.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t disk_bytes = 64 << 20;

static bool replay(const char *lines, struct replay_figures *ret_figures, struct error *error)
{
    char path[] = "/tmp/bale-replay-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(lines, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    bool done = replay_log(path, disk_bytes, ret_figures, error);
    (void)unlink(path);
    return done;
}

static struct replay_figures replayed(const char *lines)
{
    struct replay_figures figures;
    struct error error;
    bool done = replay(lines, &figures, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return figures;
}

#define OWN(key, etag, range) \
    "t info request bucket=b key=" key " stored_etag=" etag " stored_size=200000 stored_range=" range "\n"

START_TEST(the_third_read_is_near)
{
    struct replay_figures figures = replayed(OWN("k", "e", "0-199999") OWN("k", "e", "0-199999")
                                                 OWN("k", "e", "0-199999") OWN("k", "e", "100-199"));
    ck_assert_uint_eq(figures.reads, 4);
    ck_assert_uint_eq(figures.reads_near, 2);
    ck_assert_uint_eq(figures.bytes, 600100);
    ck_assert_uint_eq(figures.bytes_near, 200100);
    ck_assert_uint_eq(figures.keys, 1);
    ck_assert_uint_eq(figures.tier.blocks_written, 4);
    ck_assert(!figures.tier.was_full);
}
END_TEST

START_TEST(of_what_was_written_here_the_second_is)
{
    struct replay_figures figures = replayed(
        "t info request operation=PutObject bucket=b key=k status=200\n" OWN("k", "e", "0-9") OWN("k", "e", "0-9"));
    ck_assert_uint_eq(figures.bytes_near, 10);
}
END_TEST

START_TEST(blocks_are_kept_not_objects)
{
    struct replay_figures figures = replayed(OWN("k", "e", "0-9") OWN("k", "e", "0-9") OWN("k", "e", "65000-66000"));
    ck_assert_uint_eq(figures.bytes_near, 65472 - 65000);
    ck_assert_uint_eq(figures.reads_near, 0);
    ck_assert_uint_eq(figures.opens_near, 1);
}
END_TEST

START_TEST(another_revision_is_another_body)
{
    struct replay_figures figures =
        replayed(OWN("k", "e", "0-9") OWN("k", "e", "0-9") OWN("k", "f", "0-9") OWN("k", "f", "0-9"));
    ck_assert_uint_eq(figures.bytes_near, 0);
    figures = replayed(OWN("k", "e", "0-9") OWN("k", "e", "0-9") OWN("l", "e", "0-9"));
    ck_assert_uint_eq(figures.bytes_near, 0);
    ck_assert_uint_eq(figures.keys, 2);
}
END_TEST

#define ACCESS(operation, sent)                                                                         \
    "o b [06/Feb/2019:00:01:57 +0000] 192.0.2.3 r id " operation " k \"GET /b/k HTTP/1.1\" 200 - " sent \
    " 5000 1 1 \"-\" \"agent\" - h SigV4 c AuthHeader e TLSv1.3 - -\n"

START_TEST(writes_of_an_access_log_make_revisions)
{
    static const char reads[] = ACCESS("REST.GET.OBJECT", "5000") ACCESS("REST.GET.OBJECT", "5000")
        ACCESS("REST.GET.OBJECT", "5000") ACCESS("REST.GET.OBJECT", "77");
    static const char between[] = ACCESS("REST.GET.OBJECT", "5000") ACCESS("REST.GET.OBJECT", "5000")
        ACCESS("REST.PUT.OBJECT", "-") ACCESS("REST.GET.OBJECT", "5000");
    struct replay_figures figures = replayed(reads);
    ck_assert_uint_eq(figures.bytes_near, 5000);
    ck_assert_uint_eq(figures.reads_unplaced, 1);
    ck_assert_uint_eq(replayed(between).bytes_near, 0);
}
END_TEST

START_TEST(a_line_without_end_and_one_that_is_too_long)
{
    struct buffer lines = {0};
    buffer_append_string(&lines, OWN("k", "e", "0-9") OWN("k", "e", "0-9"));
    for (unsigned i = 0; i < REPLAY_LINE_BYTES_MAX + 10; i++)
        buffer_append_byte(&lines, 'x');
    buffer_append_string(&lines, "\nt info request bucket=b key=k stored_etag=e stored_size=200000 stored_range=0-9");
    buffer_append_byte(&lines, '\0');
    struct replay_figures figures = replayed((const char *)lines.data);
    ck_assert_uint_eq(figures.lines, 3);
    ck_assert_uint_eq(figures.bytes_near, 10);
    buffer_free(&lines);
}
END_TEST

START_TEST(a_log_without_reads_is_refused)
{
    struct replay_figures figures;
    struct error error;
    ck_assert(!replay("t info request bucket=b key=k status=200\n", &figures, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "no line of it"));
    ck_assert(!replay_log("/nowhere/log", disk_bytes, &figures, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/log"));
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("replay");
    tcase_add_test(all, the_third_read_is_near);
    tcase_add_test(all, of_what_was_written_here_the_second_is);
    tcase_add_test(all, blocks_are_kept_not_objects);
    tcase_add_test(all, another_revision_is_another_body);
    tcase_add_test(all, writes_of_an_access_log_make_revisions);
    tcase_add_test(all, a_line_without_end_and_one_that_is_too_long);
    tcase_add_test(all, a_log_without_reads_is_refused);
    Suite *suite = suite_create("replay");
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
