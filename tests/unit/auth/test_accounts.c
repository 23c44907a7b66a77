/* tests/unit/auth/test_accounts.c -- the credentials file. */
#include "server/auth/identity.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define ALICE "[alice]\naccess_key = AKIAALICE\nsecret_key = secret/of+alice=\nid = 0123abcd\nrole = readwrite\n"

START_TEST(reads_accounts)
{
    struct error error;
    struct span text = SPAN(ALICE "[reader]\nid = 0123abcd\nrole = readonly\nsecret_key=12345678\naccess_key=AKIA.0\n"
                                  "[bob]\naccess_key: BOB\nsecret_key: 12345678\n");
    struct accounts *accounts = accounts_parse("a.ini", text, &error);
    ck_assert_msg(accounts != NULL, "%s", error.message);
    ck_assert_uint_eq(accounts_count(accounts), 3);
    const struct account *alice = accounts_find(accounts, SPAN("AKIAALICE"));
    ck_assert_str_eq(alice->name, "alice");
    ck_assert_str_eq(alice->secret_key, "secret/of+alice=");
    ck_assert_str_eq(alice->id, "0123abcd");
    ck_assert_int_eq(alice->role, ROLE_READWRITE);
    const struct account *reader = accounts_find(accounts, SPAN("AKIA.0"));
    ck_assert_int_eq(reader->role, ROLE_READONLY);
    ck_assert_str_eq(reader->id, alice->id);
    const struct account *bob = accounts_find(accounts, SPAN("BOB"));
    ck_assert_str_eq(bob->id, "bob");
    ck_assert_int_eq(bob->role, ROLE_READWRITE);
    ck_assert_ptr_null(accounts_find(accounts, SPAN("AKIAALIC")));
    ck_assert_ptr_null(accounts_find(accounts, SPAN("AKIAALICEE")));
    ck_assert_ptr_null(accounts_find(accounts, SPAN_EMPTY));
    ck_assert_ptr_eq(accounts_find_id(accounts, SPAN("bob")), bob);
    ck_assert_ptr_null(accounts_find_id(accounts, SPAN("alice")));
    accounts_free(accounts);
}
END_TEST

START_TEST(refuses_with_file_and_line)
{
    static const char *const cases[][2] = {
        {"", "a.ini holds no account."},
        {"access_key = A\n", "a.ini:1: access_key stands before the first [account]."},
        {ALICE "acces_key = B\n", "a.ini:6: acces_key is not known: "},
        {"[a]\nsecret_key = 12345678\n", "a.ini:1: the account [a] has no access_key."},
        {"[a]\naccess_key = AKIA\n", "a.ini:1: the account [a] has no secret_key."},
        {"[a]\naccess_key = AK\nsecret_key = 12345678\n", "a.ini:2: access_key must have 3 to 128 characters."},
        {"[a]\naccess_key = AK/A\nsecret_key = 12345678\n", "a.ini:2: access_key may hold letters"},
        {"[a]\naccess_key = AKIA\nsecret_key = 1234567\n", "a.ini:3: secret_key must have 8 to 128"},
        {"[a]\naccess_key = AKIA\nsecret_key = 1234567\xc3\xa4\n", "a.ini:3: secret_key may hold printable"},
        {"[a]\naccess_key = AKIA\nsecret_key = 12345678\nid = a b\n", "a.ini:4: id may hold printable"},
        {"[a]\naccess_key = AKIA\nsecret_key = 12345678\nid =\n", "a.ini:4: id must have 1 to 128"},
        {"[a b]\naccess_key = AKIA\nsecret_key = 12345678\n", "a.ini:2: id may hold printable"},
        {"[a]\naccess_key = AKIA\nsecret_key = 12345678\nrole = admin\n",
         "a.ini:4: role must be readwrite or readonly, not \"admin\"."},
        {"[a]\naccess_key = AKIA\nsecret_key = 12345678\nemail = nobody\n", "a.ini:4: email must be addresses"},
        {ALICE "[b]\nsecret_key = 12345678\naccess_key = AKIAALICE\n",
         "a.ini:8: the account [alice] has the same access_key."},
        {ALICE "role = readonly\n", "a.ini:6: role stands here a second time, first in line 5."},
        {"[a]\naccess_key = AKIA\nsecret_key = 12345678 ; comment\n", "a.ini:3: a ; behind a space"},
        {ALICE "[alice]\nid = x\n", "a.ini:6: the section [alice] stands here a second time"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error error;
        struct accounts *accounts = accounts_parse("a.ini", span_from_string(cases[i][0]), &error);
        ck_assert_msg(accounts == NULL, "accepted: %s", cases[i][0]);
        ck_assert_msg(strncmp(error.message, cases[i][1], strlen(cases[i][1])) == 0, "%s", error.message);
    }
}
END_TEST

START_TEST(single_account)
{
    struct error error;
    struct accounts *accounts = accounts_single("AKIA", "12345678", &error);
    ck_assert_ptr_nonnull(accounts);
    ck_assert_str_eq(accounts_find(accounts, SPAN("AKIA"))->id, "bale");
    accounts_free(accounts);
    ck_assert_ptr_null(accounts_single("AKIA", "1234567", &error));
    ck_assert_ptr_null(accounts_single("AK,IA", "12345678", &error));
    ck_assert_ptr_null(accounts_load("/nonexistent/accounts.ini", &error));
    ck_assert_str_eq(error.message, "cannot open /nonexistent/accounts.ini: No such file or directory");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tests = tcase_create("accounts");
    tcase_add_test(tests, reads_accounts);
    tcase_add_test(tests, refuses_with_file_and_line);
    tcase_add_test(tests, single_account);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
