/* tests/unit/config/admin_token_test.c -- which files hold a token, and which are refused. */
#include "server/process/admin_token.h"
#include "tests/unit/run_suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True: `text` in a file of this mode is the token `wanted`. */
static bool loads(const char *text, mode_t mode, const char *wanted, struct error *error)
{
    char path[] = "/tmp/bale-token-XXXXXX";
    struct admin_token token;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    bool good = admin_token_load(path, &token, error);
    (void)close(fd);
    (void)unlink(path);
    ck_assert_str_eq(token.text, good ? wanted : "");
    return good;
}

static const char longest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

START_TEST(a_line_is_a_token)
{
    struct error error;
    ck_assert(loads("0123456789abcdef\n", 0600, "0123456789abcdef", &error));
    ck_assert(loads("0123456789+/=-_~", 0400, "0123456789+/=-_~", &error));
    char line[sizeof longest + 1];
    (void)snprintf(line, sizeof line, "%s\n", longest);
    ck_assert(loads(line, 0600, longest, &error));
}
END_TEST

START_TEST(what_is_none_is_refused)
{
    static const char *const texts[] = {"",
                                        "\n",
                                        "0123456789abcde\n",
                                        "0123456789 abcdef\n",
                                        "0123456789abcdef\nanother line\n",
                                        "0123456789abcd\xc3\xa9zz\n"};
    struct error error;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert(!loads(texts[i], 0600, "", &error));
        ck_assert_int_eq(error.kind, ERROR_INVALID);
    }
    char line[sizeof longest + 8];
    (void)snprintf(line, sizeof line, "%sx\n", longest);
    ck_assert(!loads(line, 0600, "", &error));
    (void)snprintf(line, sizeof line, "%sxxxx\n", longest);
    ck_assert(!loads(line, 0600, "", &error));
}
END_TEST

START_TEST(a_file_that_others_read_is_refused)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601};
    struct error error;
    struct admin_token token;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        ck_assert(!loads("0123456789abcdef\n", modes[i], "", &error));
        ck_assert_ptr_nonnull(strstr(error.message, "others"));
    }
    ck_assert(!admin_token_load("/nonexistent/token", &token, &error));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admin token");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_line_is_a_token);
    tcase_add_test(all, what_is_none_is_refused);
    tcase_add_test(all, a_file_that_others_read_is_refused);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
