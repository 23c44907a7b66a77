/* tests/unit/config/test_ini.c -- INI files: nothing is cut, nothing stands twice, every refusal names its line. */
#include "runtime/base/buffer.h"
#include "server/config/ini.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_refused(const char *text, const char *expected)
{
    struct ini_file file;
    struct error error;
    ck_assert_msg(!ini_file_parse("f.ini", span_from_string(text), &file, &error), "accepted: %s", text);
    ck_assert_msg(strncmp(error.message, expected, strlen(expected)) == 0, "%s", error.message);
    ck_assert_ptr_null(file.entries);
}

static void expect_entry(const struct ini_entry *entry, unsigned line, const char *section, const char *name,
                         const char *value)
{
    ck_assert_uint_eq(entry->line, line);
    ck_assert_str_eq(entry->section, section);
    ck_assert_str_eq(entry->name, name);
    ck_assert_str_eq(entry->value, value);
}

START_TEST(reads_entries_with_their_lines)
{
    struct ini_file file;
    struct error error;
    struct span text = SPAN("\xef\xbb\xbflisten = 127.0.0.1:8014\r\n; a comment\n  # another ; one\n\n[one]\n"
                            "a=b=c;d\nempty =\n[two]  \nsecret: x/y+z==");
    ck_assert_msg(ini_file_parse("f.ini", text, &file, &error), "%s", error.message);
    ck_assert_uint_eq(file.count, 4);
    expect_entry(&file.entries[0], 1, "", "listen", "127.0.0.1:8014");
    expect_entry(&file.entries[1], 6, "one", "a", "b=c;d");
    expect_entry(&file.entries[2], 7, "one", "empty", "");
    expect_entry(&file.entries[3], 9, "two", "secret", "x/y+z==");
    ck_assert(!ini_refuse(&file, &file.entries[3], &error, "no %s", "good"));
    ck_assert_str_eq(error.message, "f.ini:9: no good");
    ini_file_free(&file);
}
END_TEST

START_TEST(refuses_what_inih_would_cut)
{
    expect_refused("a = b\nc = d ; e\n", "f.ini:2: a ; behind a space");
    expect_refused("a =\t; e\n", "f.ini:1: a ; behind a space");
    expect_refused("[a ;]\nb=1\n", "f.ini:1: a ; behind a space");
    expect_refused("[a] b\nb=1\n", "f.ini:1: nothing may follow");
    expect_refused("[a\nb=1\n", "f.ini:1: the name of the section does not end");
    expect_refused("[]\nb=1\n", "f.ini:1: the name of a section must not be empty");
    expect_refused("[ a]\nb=1\n", "f.ini:1: the name of a section must not be empty");
    expect_refused("a = 1\n  2\n", "f.ini:2: the line begins with a space");
    expect_refused("a\n", "f.ini:1: this is neither");
    expect_refused("= a\n", "f.ini:1: there is no name");
    expect_refused("a = b\rc\n", "f.ini:1: the line holds a control byte");
}
END_TEST

START_TEST(lengths_are_kept_to_the_last_byte)
{
    for (unsigned size = 180; size <= 210; size++) {
        char text[300];
        struct ini_file file;
        struct error error;
        memset(text, 'x', sizeof text);
        text[1] = '=';
        (void)snprintf(text + size, sizeof text - size, "\r\nb=2\n");
        if (size > INI_LINE_BYTES_MAX) {
            expect_refused(text, "f.ini:1: the line is longer than 190 bytes");
            continue;
        }
        ck_assert(ini_file_parse("f.ini", span_from_string(text), &file, &error));
        ck_assert_uint_eq(strlen(file.entries[0].value), size - 2);
        expect_entry(&file.entries[1], 2, "", "b", "2");
        ini_file_free(&file);
    }
    char name[51] = {0};
    char text[128];
    memset(name, 'n', 50);
    (void)snprintf(text, sizeof text, "[%s]\na=1\n", name);
    expect_refused(text, "f.ini:1: the name of the section is longer than 49");
    (void)snprintf(text, sizeof text, "%s = 1\n", name);
    expect_refused(text, "f.ini:1: the name before the = is longer than 49");
    struct ini_file file;
    struct error error;
    (void)snprintf(text, sizeof text, "[%s]\n%s=1\n", name + 1, name + 1);
    ck_assert(ini_file_parse("f.ini", span_from_string(text), &file, &error));
    expect_entry(&file.entries[0], 2, name + 1, name + 1, "1");
    ini_file_free(&file);
}
END_TEST

START_TEST(refuses_what_stands_twice_or_holds_nothing)
{
    expect_refused("a=1\nb=2\na=3\n", "f.ini:3: a stands here a second time, first in line 1.");
    expect_refused("[s]\na=1\n[t]\na=1\na=2\n", "f.ini:5: a stands here a second time, first in line 4.");
    expect_refused("[s]\na=1\n[t]\na=1\n[s]\nb=2\n",
                   "f.ini:5: the section [s] stands here a second time, first in line 1.");
    expect_refused("[s]\na=1\n[s]\nb=2\n", "f.ini:3: the section [s] stands here a second time");
    expect_refused("[s]\n[t]\na=1\n", "f.ini:1: the section is empty");
    expect_refused("[s]\na=1\n[t]\n; nothing\n", "f.ini:3: the section is empty");
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    struct ini_file file;
    struct error error;
    ck_assert(!ini_file_load("/nonexistent/x.ini", &file, &error));
    ck_assert_str_eq(error.message, "cannot open /nonexistent/x.ini: No such file or directory");
    ck_assert(!ini_file_load("/", &file, &error));
    ck_assert_str_eq(error.message, "cannot read /: Is a directory");
    ck_assert(ini_file_load("/dev/null", &file, &error));
    ck_assert_uint_eq(file.count, 0);
    ini_file_free(&file);
    ck_assert(!ini_file_load("/dev/zero", &file, &error));
    ck_assert_str_eq(error.message, "/dev/zero has more than 1048576 bytes");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ini");
    TCase *tests = tcase_create("ini");
    tcase_add_test(tests, reads_entries_with_their_lines);
    tcase_add_test(tests, refuses_what_inih_would_cut);
    tcase_add_test(tests, lengths_are_kept_to_the_last_byte);
    tcase_add_test(tests, refuses_what_stands_twice_or_holds_nothing);
    tcase_add_test(tests, files_that_cannot_be_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
