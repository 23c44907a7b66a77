/* tests/unit/settings/records_test.c -- records of settings in a state, changes as ops, names of documents. */
#include "journal/settings/documents.h"
#include "journal/settings/records.h"
#include "tests/unit/run_suite.h"

static const struct setting_record FIRST = {.document = 11, .crc64 = 12, .bytes = 13};
static const struct setting_record SECOND = {.document = 21, .crc64 = 22, .bytes = 23};

static struct state state;

/* As somebody wrote it whose view was `seen`. */
static void apply(const struct state *seen, uint64_t creation_id, uint8_t setting, const struct setting_record *record)
{
    static uint64_t stamp = 0x1000;
    struct buffer ops;
    uint32_t count;
    struct error error;
    const struct setting_change change = {
        .setting = setting, .is_set = record != NULL, .record = record != NULL ? *record : (struct setting_record){0}};
    buffer_init(&ops, 0);
    settings_put_changes(&ops, seen, creation_id, &change, 1, ++stamp);
    ck_assert(ops_check(buffer_span(&ops), &count, &error));
    ck_assert_uint_eq(count, 2);
    static const struct journal_id none;
    (void)state_apply_batch(&state, &none, 1, buffer_span(&ops));
    ck_assert(settings_are(&state, creation_id, &change, 1) || seen != &state);
    buffer_free(&ops);
}

static void expect(uint64_t creation_id, uint8_t setting, const struct setting_record *wanted)
{
    struct setting_record found;
    bool is_set = setting_record_find(&state, creation_id, setting, &found);
    ck_assert_int_eq(is_set, wanted != NULL);
    ck_assert(!is_set || setting_record_equal(&found, wanted));
}

START_TEST(records_come_and_go)
{
    state_init(&state, NULL, 0);
    ck_assert_uint_eq(settings_stamp(&state), 0);
    expect(7, 3, NULL);
    apply(&state, 7, 3, &FIRST);
    expect(7, 3, &FIRST);
    expect(7, 4, NULL);
    expect(8, 3, NULL);
    apply(&state, 7, 3, &SECOND);
    expect(7, 3, &SECOND);
    uint64_t stamp = settings_stamp(&state);
    apply(&state, 7, 3, NULL);
    expect(7, 3, NULL);
    ck_assert_uint_ne(settings_stamp(&state), stamp);
    apply(&state, 7, 3, NULL); /* there is nothing to remove */
    expect(7, 3, NULL);
    state_free(&state);
}
END_TEST

START_TEST(who_saw_less_changes_nothing)
{
    struct state old;
    state_init(&old, NULL, 0);
    state_init(&state, NULL, 0);
    apply(&state, 7, 3, &FIRST);
    uint64_t stamp = settings_stamp(&state);
    apply(&old, 7, 3, &SECOND);
    expect(7, 3, &FIRST);
    ck_assert_uint_ne(settings_stamp(&state), stamp); /* may have changed is enough */
    apply(&old, 7, 3, NULL);
    expect(7, 3, &FIRST);
    apply(&old, 7, 4, &SECOND);
    expect(7, 4, &SECOND);
    state_free(&state);
    state_free(&old);
}
END_TEST

static bool was_made(uint64_t document)
{
    const struct setting_change change = {.setting = 3, .is_set = true, .record = {.document = document}};
    return settings_were(&state, 7, &change, 1);
}

START_TEST(what_was_replaced_is_known_for_a_while)
{
    state_init(&state, NULL, 0);
    for (uint64_t document = 1; document <= 20; document++)
        apply(&state, 7, 3, &(struct setting_record){.document = document});
    for (uint64_t document = 1; document <= 21; document++)
        ck_assert_int_eq(was_made(document), document >= 12 && document <= 20);
    apply(&state, 7, 3, NULL);
    ck_assert(!was_made(20));
    apply(&state, 7, 3, &(struct setting_record){.document = 30});
    ck_assert(was_made(30) && !was_made(20));
    state_free(&state);
}
END_TEST

START_TEST(all_records_are_walked)
{
    state_init(&state, NULL, 0);
    uint64_t sum = 0;
    for (uint64_t id = 1; id <= 100; id++)
        apply(&state, id, (uint8_t)(id % SETTING_NUMBERS), &FIRST);
    struct state_walk walk = {0};
    uint64_t id;
    uint8_t setting;
    struct setting_record record;
    while (setting_record_next(&state, &walk, &id, &setting, &record)) {
        ck_assert_uint_eq(setting, id % SETTING_NUMBERS);
        ck_assert(setting_record_equal(&record, &FIRST));
        sum += id;
    }
    ck_assert_uint_eq(sum, 5050);
    state_free(&state);
}
END_TEST

START_TEST(a_record_of_another_shape_names_nothing)
{
    struct buffer ops;
    uint8_t key[9] = {0, 0, 0, 0, 0, 0, 0, 7, 3};
    static const struct journal_id none;
    state_init(&state, NULL, 0);
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_BUCKET, SPAN("settings"), span_of(key, sizeof key), SPAN("later")});
    (void)state_apply_batch(&state, &none, 1, buffer_span(&ops));
    buffer_free(&ops);
    expect(7, 3, &(struct setting_record){0}); /* set, and to nothing that could be read */
    state_free(&state);
}
END_TEST

START_TEST(names_of_documents)
{
    static const struct {
        const char *text;
        bool is_name;
    } cases[] = {
        {"00000000000000ff/03-0123456789abcdef", true},
        {"00000000000000fF/03-0123456789abcdef", false},
        {"00000000000000ff/3-0123456789abcdef", false},
        {"00000000000000ff/03-0123456789abcdeg", false},
        {"00000000000000ff-03-0123456789abcdef", false},
        {"00000000000000ff/03-0123456789abcdef0", false},
        {"", false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct document_name name;
        bool is_name = document_name_parse(span_from_string(cases[i].text), &name);
        ck_assert_msg(is_name == cases[i].is_name, "%s", cases[i].text);
        if (!is_name)
            continue;
        char again[JOURNAL_NAME_BYTES];
        document_name_format(&name, again);
        ck_assert_str_eq(again, cases[i].text);
        ck_assert_uint_eq(name.creation_id, 255);
        ck_assert_uint_eq(name.setting, 3);
        ck_assert(name.document == UINT64_C(0x0123456789abcdef));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings-records");
    TCase *all = tcase_create("all");
    tcase_add_test(all, records_come_and_go);
    tcase_add_test(all, who_saw_less_changes_nothing);
    tcase_add_test(all, what_was_replaced_is_known_for_a_while);
    tcase_add_test(all, all_records_are_walked);
    tcase_add_test(all, a_record_of_another_shape_names_nothing);
    tcase_add_test(all, names_of_documents);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
