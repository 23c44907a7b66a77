/* tests/unit/keys/keyring_test.c -- keyrings made, changed and read, and every file that is refused. */
#include "server/keys/keyring.h"

#include "runtime/base/hex.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;
static char folder[] = "/tmp/keyring-test-XXXXXX";
static char path[64];

static void set_up(void)
{
    strcpy(folder, "/tmp/keyring-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/keyring", folder);
}

static void tear_down(void)
{
    (void)unlink(path);
    ck_assert_int_eq(rmdir(folder), 0); /* and so nothing else was left */
}

static void expect_active(const struct keyring *keyring, const char *id)
{
    char text[KEYRING_ID_TEXT_BYTES];
    keyring_id_format(keyring_active(keyring)->id, text);
    ck_assert_str_eq(text, id);
}

/* Keys stay what they are through every change of the file. */
START_TEST(life_of_a_file)
{
    char first[KEYRING_ID_TEXT_BYTES];
    char second[KEYRING_ID_TEXT_BYTES];
    struct stat status;
    ck_assert(keyring_create(path, random_system(), first, &error));
    ck_assert(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600);
    struct keyring *one = keyring_load(path, &error);
    ck_assert_ptr_nonnull(one);
    ck_assert_uint_eq(keyring_count(one), 1);
    expect_active(one, first);

    ck_assert(keyring_add(path, random_system(), second, &error));
    ck_assert_str_ne(first, second);
    struct keyring *two = keyring_load(path, &error);
    ck_assert_uint_eq(keyring_count(two), 2);
    expect_active(two, first);
    ck_assert_mem_eq(keyring_active(two), keyring_active(one), sizeof(struct seal_keys));

    ck_assert(keyring_activate(path, span_from_string(second), &error));
    struct keyring *changed = keyring_load(path, &error);
    expect_active(changed, second);
    const struct seal_keys *old = keyring_find(changed, keyring_active(one)->id);
    ck_assert_mem_eq(old, keyring_active(one), sizeof(struct seal_keys));
    ck_assert_mem_ne(old->wrap, keyring_active(changed)->wrap, AES_KEY_BYTES);
    keyring_free(one);
    keyring_free(two);
    keyring_free(changed);
}
END_TEST

START_TEST(what_is_there_is_never_lost)
{
    char id[KEYRING_ID_TEXT_BYTES];
    char again[KEYRING_ID_TEXT_BYTES];
    ck_assert(keyring_create(path, random_system(), id, &error));
    ck_assert(!keyring_create(path, random_system(), again, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert(!keyring_activate(path, SPAN("0123456789abcdef"), &error));
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    ck_assert(!keyring_activate(path, SPAN("no id"), &error));
    struct keyring *keyring = keyring_load(path, &error);
    ck_assert_uint_eq(keyring_count(keyring), 1);
    expect_active(keyring, id);
    keyring_free(keyring);
}
END_TEST

START_TEST(a_file_takes_so_many_keys)
{
    char id[KEYRING_ID_TEXT_BYTES];
    ck_assert(keyring_create(path, random_system(), id, &error));
    for (unsigned i = 1; i < KEYRING_KEYS_MAX; i++)
        ck_assert(keyring_add(path, random_system(), id, &error));
    ck_assert(!keyring_add(path, random_system(), id, &error));
    ck_assert_int_eq(error.kind, ERROR_TOO_LARGE);
    struct keyring *keyring = keyring_load(path, &error);
    ck_assert_uint_eq(keyring_count(keyring), KEYRING_KEYS_MAX);
    keyring_free(keyring);
}
END_TEST

START_TEST(what_others_may_read_is_no_keyring)
{
    char id[KEYRING_ID_TEXT_BYTES];
    ck_assert(keyring_create(path, random_system(), id, &error));
    for (unsigned bit = 1; bit <= 040; bit <<= 1) {
        ck_assert_int_eq(chmod(path, 0600 | bit), 0);
        ck_assert_ptr_null(keyring_load(path, &error));
        ck_assert_int_eq(error.kind, ERROR_DENIED);
    }
    ck_assert_int_eq(chmod(path, 0600), 0);
}
END_TEST

START_TEST(a_missing_file_is_not_made)
{
    char id[KEYRING_ID_TEXT_BYTES];
    ck_assert_ptr_null(keyring_load(path, &error));
    ck_assert(!keyring_add(path, random_system(), id, &error));
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Keys of S4 stand beside others or alone, twice under one id, and stay where a file is changed. */
START_TEST(keys_of_s4)
{
    static const char text[] = "[s4 1]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                               "[s4 65535]\nmaterial = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    char id[KEYRING_ID_TEXT_BYTES];
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
    struct keyring *alone = keyring_load(path, &error);
    ck_assert_msg(alone != NULL, "%s", error.message);
    ck_assert_ptr_null(keyring_active(alone));
    ck_assert_uint_eq(keyring_s4_count(alone), 2);
    ck_assert(keyring_add(path, random_system(), id, &error));
    struct keyring *beside = keyring_load(path, &error);
    ck_assert_uint_eq(keyring_count(beside), 1);
    expect_active(beside, id); /* the only one */
    ck_assert_uint_eq(keyring_s4_count(beside), 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(keyring_s4_at(beside, i)->id, keyring_s4_at(alone, i)->id);
        ck_assert_mem_eq(keyring_s4_at(beside, i)->key, keyring_s4_at(alone, i)->key, AES_KEY_BYTES);
    }
    keyring_free(alone);
    keyring_free(beside);
}
END_TEST

static void take_id(const char *text, uint8_t ret_id[SEAL_KEY_ID_BYTES])
{
    ck_assert(hex_decode(span_from_string(text), ret_id, SEAL_KEY_ID_BYTES));
}

/* What is retired is read and never active again; what is destroyed is a day. */
START_TEST(keys_come_to_an_end)
{
    static const int64_t day_ms = INT64_C(1796083200000); /* 2026-12-01 */
    char first[KEYRING_ID_TEXT_BYTES];
    char second[KEYRING_ID_TEXT_BYTES];
    uint8_t id[SEAL_KEY_ID_BYTES];
    ck_assert(keyring_create(path, random_system(), first, &error));
    ck_assert(keyring_add(path, random_system(), second, &error));
    take_id(first, id);
    ck_assert(!keyring_retire(path, span_from_string(first), &error)); /* it is active */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert(!keyring_destroy(path, span_from_string(first), day_ms, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert(keyring_activate(path, span_from_string(second), &error));
    ck_assert(keyring_retire(path, span_from_string(first), &error));
    struct keyring *keyring = keyring_load(path, &error);
    ck_assert(keyring_find(keyring, id) != NULL && keyring_is_retired(keyring, id));
    ck_assert(!keyring_activate(path, span_from_string(first), &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);

    ck_assert(keyring_destroy(path, span_from_string(first), day_ms, &error));
    for (unsigned i = 0; i < 2; i++) { /* of one that had it, then of one that never did */
        ck_assert(keyring_reload(keyring, path, &error));
        ck_assert_ptr_null(keyring_find(keyring, id));
        ck_assert_str_eq(keyring_destroyed(keyring, id), "2026-12-01");
        ck_assert_uint_eq(keyring_count(keyring), 2);
        expect_active(keyring, second);
        keyring_free(keyring);
        keyring = keyring_load(path, &error);
    }
    for (unsigned i = 0; i < 3; i++) {
        struct span dead = span_from_string(first);
        ck_assert(!(i == 0   ? keyring_activate(path, dead, &error)
                    : i == 1 ? keyring_retire(path, dead, &error)
                             : keyring_destroy(path, dead, day_ms, &error)));
        ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    }
    keyring_free(keyring);
}
END_TEST

static void copy_file(const char *from, const char *to)
{
    char text[4096];
    FILE *file = fopen(from, "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof text, file);
    ck_assert(fclose(file) == 0 && size > 0 && size < sizeof text);
    file = fopen(to, "w");
    ck_assert(file != NULL && fwrite(text, 1, size, file) == size && fclose(file) == 0 && chmod(to, 0600) == 0);
}

/* Keys come, another one becomes active, and whoever has found one may use it all the while. */
START_TEST(a_keyring_is_read_again)
{
    char old[80];
    char first[KEYRING_ID_TEXT_BYTES];
    char second[KEYRING_ID_TEXT_BYTES];
    uint8_t id[SEAL_KEY_ID_BYTES];
    uint8_t missing[SEAL_KEY_ID_BYTES];
    (void)snprintf(old, sizeof old, "%s.old", path);
    ck_assert(keyring_create(path, random_system(), first, &error));
    copy_file(path, old);
    struct keyring *keyring = keyring_load(path, &error);
    const struct seal_keys *found = keyring_active(keyring);
    struct seal_keys before = *found;
    ck_assert(keyring_add(path, random_system(), second, &error));
    take_id(second, id);
    ck_assert(!keyring_missing(keyring, missing));
    keyring_note_missing(keyring, id);
    ck_assert(keyring_missing(keyring, missing));
    ck_assert_mem_eq(missing, id, sizeof id);

    ck_assert(keyring_reload(keyring, path, &error));
    ck_assert(!keyring_missing(keyring, missing));
    ck_assert_ptr_nonnull(keyring_find(keyring, id));
    expect_active(keyring, first);
    ck_assert(keyring_activate(path, span_from_string(second), &error));
    ck_assert(keyring_reload(keyring, path, &error));
    expect_active(keyring, second);
    ck_assert_ptr_eq(keyring_find(keyring, found->id), found);
    ck_assert_mem_eq(found, &before, sizeof before);

    ck_assert(!keyring_reload(keyring, old, &error)); /* it has no second key */
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert(!keyring_reload(keyring, path, &error));
    expect_active(keyring, second);
    ck_assert_uint_eq(keyring_count(keyring), 2);
    keyring_free(keyring);
    ck_assert_int_eq(unlink(old), 0);
}
END_TEST

START_TEST(what_was_destroyed_does_not_come_back)
{
    char old[80];
    char first[KEYRING_ID_TEXT_BYTES];
    char second[KEYRING_ID_TEXT_BYTES];
    (void)snprintf(old, sizeof old, "%s.old", path);
    ck_assert(keyring_create(path, random_system(), first, &error));
    ck_assert(keyring_add(path, random_system(), second, &error));
    copy_file(path, old);
    ck_assert(keyring_destroy(path, span_from_string(second), 0, &error));
    struct keyring *keyring = keyring_load(path, &error);
    ck_assert(!keyring_reload(keyring, old, &error));
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    keyring_free(keyring);
    ck_assert_int_eq(unlink(old), 0);
}
END_TEST

/* The key of 32 zeros, whose id is what SHA-256("bale key" zeros) begins with. */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ZEROS_ID "befce54d08ad0852"

#define ONE_KEY "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\nmaterial = " ZEROS "\n"

START_TEST(texts_that_are_refused)
{
    static const char *const texts[] = {
        "",
        "[keyring]\nactive = " ZEROS_ID "\n",                                               /* no such key */
        "[key " ZEROS_ID "]\nmaterial = " ZEROS "\n",                                       /* none is active */
        "[keyring]\nactive = zero\n[key " ZEROS_ID "]\nmaterial = " ZEROS "\n",             /* no id */
        "[keyring]\nactive = " ZEROS_ID "\n[key 0123456789abcdef]\nmaterial = " ZEROS "\n", /* another key's id */
        "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\nmaterial = AAAA\n",
        "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\nmaterial = B" /* one letter is wrong */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "[keyring]\nactive = " ZEROS_ID "\nuse = x\n[key " ZEROS_ID "]\nmaterial = " ZEROS "\n",
        "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\nmaterial = " ZEROS "\nuse = x\n",
        "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\nuse = read\nmaterial = " ZEROS "\n", /* it is retired */
        "[keyring]\nactive = " ZEROS_ID "\n[key " ZEROS_ID "]\ndestroyed = 2026-11-30\n",
        ONE_KEY "[key 0123456789abcdef]\nuse = read\n", /* no material */
        ONE_KEY "[key 0123456789abcdef]\ndestroyed = today\n",
        ONE_KEY "[key 0123456789abcdef]\ndestroyed = 2026-11-3\n",
        ONE_KEY "destroyed = 2026-11-30\n", /* and it has material */
        "[s4 65536]\nmaterial = " ZEROS "\n",
        "[s4 x]\nmaterial = " ZEROS "\n",
        "[s4 1]\nkey = " ZEROS "\n",
        "[keyring]\nactive = " ZEROS_ID "\n[other]\nmaterial = " ZEROS "\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct keyring *keyring = keyring_parse("k", span_from_string(texts[i]), &error);
        ck_assert_msg(keyring == NULL, "text %zu", i);
        ck_assert_ptr_null(strstr(error.message, "AAAA")); /* no refusal shows a key */
    }
    struct keyring *keyring =
        keyring_parse("k", SPAN(ONE_KEY "[key 0123456789abcdef]\ndestroyed = 2026-11-30\n"), &error);
    ck_assert_msg(keyring != NULL, "%s", error.message);
    keyring_free(keyring);
}
END_TEST

/* More at once than there are spares. */
START_TEST(contexts_come_and_go)
{
    char id[KEYRING_ID_TEXT_BYTES];
    struct aes *taken[20];
    ck_assert(keyring_create(path, random_system(), id, &error));
    struct keyring *keyring = keyring_load(path, &error);
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < 20; i++)
            ck_assert_ptr_nonnull(taken[i] = keyring_take_aes(keyring));
        for (unsigned i = 0; i < 20; i++)
            keyring_give_aes(keyring, taken[i]);
    }
    keyring_free(keyring);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keyring");
    TCase *tcase = tcase_create("keyring");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, life_of_a_file);
    tcase_add_test(tcase, what_is_there_is_never_lost);
    tcase_add_test(tcase, a_file_takes_so_many_keys);
    tcase_add_test(tcase, what_others_may_read_is_no_keyring);
    tcase_add_test(tcase, a_missing_file_is_not_made);
    tcase_add_test(tcase, texts_that_are_refused);
    tcase_add_test(tcase, contexts_come_and_go);
    tcase_add_test(tcase, keys_of_s4);
    tcase_add_test(tcase, keys_come_to_an_end);
    tcase_add_test(tcase, a_keyring_is_read_again);
    tcase_add_test(tcase, what_was_destroyed_does_not_come_back);
    return run_suite(suite);
}
