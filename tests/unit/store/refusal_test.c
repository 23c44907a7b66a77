/* tests/unit/store/refusal_test.c -- what a store cannot do reaches it never: conditions, keys, tags. */
#include "store/refusal.h"

#include "store/bucket_operations.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

static const struct span bucket = SPAN("bucket");
static struct error refusal;

/* ---- a store that notes what it is asked ---- */

static struct {
    unsigned calls;
    char keys[8][32]; /* of deletions */
    unsigned deleted;
} asked;

static bool asked_anything(struct error *error)
{
    asked.calls++;
    return error_set(error, ERROR_IO, "Asked", "the store was asked");
}

static bool open_object(struct bucket_store *base, const struct object_name *name, const struct open_intent *intent,
                        struct bucket_object **ret_object, struct error *error)
{
    (void)base, (void)name, (void)intent, (void)ret_object;
    return asked_anything(error);
}

static bool head(struct bucket_store *base, const struct object_name *name, struct arena *arena,
                 struct object_attributes *ret_attributes, struct error *error)
{
    (void)base, (void)name, (void)arena, (void)ret_attributes;
    return asked_anything(error);
}

static bool begin(struct bucket_store *base, const struct write_intent *intent, struct bucket_writer **ret_writer,
                  struct error *error)
{
    (void)base, (void)intent, (void)ret_writer;
    return asked_anything(error);
}

static bool create_upload(struct bucket_store *base, const struct upload_intent *intent, char ret_id[UPLOAD_ID_BYTES],
                          struct error *error)
{
    (void)base, (void)intent, (void)ret_id;
    return asked_anything(error);
}

static bool complete_upload(struct bucket_store *base, const struct object_name *name, struct span upload_id,
                            const struct part_choice *parts, unsigned count, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    (void)base, (void)name, (void)upload_id, (void)parts, (void)count, (void)result, (void)ret_attributes;
    return asked_anything(error);
}

static bool delete_objects(struct bucket_store *base, struct span name, struct delete_item *items, unsigned count,
                           struct error *error)
{
    (void)base, (void)name, (void)error;
    asked.calls++;
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(asked.keys[asked.deleted++], sizeof asked.keys[0], "%.*s", SPAN_FORMAT(items[i].key));
        items[i].is_deleted = true;
    }
    return true;
}

static bool read_tags(struct bucket_store *base, const struct object_name *name, struct buffer *ret_tags,
                      char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    (void)base, (void)name, (void)ret_tags, (void)ret_version;
    return asked_anything(error);
}

static bool write_tags(struct bucket_store *base, const struct object_name *name, struct span tags, unsigned tags_count,
                       char ret_version[VERSION_TEXT_BYTES], struct error *error)
{
    (void)base, (void)name, (void)tags, (void)tags_count, (void)ret_version;
    return asked_anything(error);
}

static const struct bucket_store_operations operations = {
    .open = open_object,
    .head = head,
    .begin = begin,
    .create_upload = create_upload,
    .complete_upload = complete_upload,
    .delete_objects = delete_objects,
    .read_tags = read_tags,
    .write_tags = write_tags,
};

static struct bucket_store store;

static void set_up(void)
{
    memset(&asked, 0, sizeof asked);
    store =
        (struct bucket_store){.operations = &operations, .capabilities = {.conditions = DECIDES_ALL, .has_tags = true}};
}

static struct object_name name_of(const char *key)
{
    return (struct object_name){.bucket = bucket, .key = span_from_string(key)};
}

/* ---- kinds of keys ---- */

START_TEST(keys_are_of_these_kinds)
{
    static char long_segment[2 + KEY_SEGMENT_BYTES + 1 + 1];
    memset(long_segment, 'x', sizeof long_segment - 1);
    long_segment[1] = '/';
    const struct {
        const char *key;
        unsigned classes;
    } cases[] = {
        {"a", 0},
        {"a/b.c/..d", 0},
        {"...", 0},
        {"\xc3\xa4/ b+%", 0},
        {"/x", KEY_LEADING_SLASH},
        {"/", KEY_LEADING_SLASH | KEY_TRAILING_SLASH},
        {"//x", KEY_LEADING_SLASH | KEY_EMPTY_SEGMENT},
        {"a//b", KEY_EMPTY_SEGMENT},
        {"a/", KEY_TRAILING_SLASH},
        {"a//", KEY_EMPTY_SEGMENT | KEY_TRAILING_SLASH},
        {".", KEY_DOT_SEGMENT},
        {"d/../e", KEY_DOT_SEGMENT},
        {"./e", KEY_DOT_SEGMENT},
        {"e/.", KEY_DOT_SEGMENT},
        {"a\tb", KEY_CONTROL_BYTES},
        {"a\x7f", KEY_CONTROL_BYTES},
        {long_segment, KEY_LONG_SEGMENT},
        {long_segment + 3, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned classes = key_classes(span_from_string(cases[i].key));
        ck_assert_msg(classes == cases[i].classes, "%s: %u", cases[i].key, classes);
        if (classes != 0)
            ck_assert_str_ne(key_class_text(classes), "");
    }
}
END_TEST

START_TEST(a_refused_key_is_neither_written_nor_found)
{
    store.capabilities.refused_keys = KEY_LEADING_SLASH | KEY_LONG_SEGMENT;
    struct bucket_writer *writer;
    struct bucket_object *object;
    struct object_attributes attributes;
    char id[UPLOAD_ID_BYTES];
    const struct write_intent intent = {.name = name_of("/x")};
    const struct upload_intent upload = {.name = name_of("/x")};
    ck_assert(!bucket_begin(&store, &intent, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "InvalidArgument");
    ck_assert(!bucket_create_upload(&store, &upload, id, &refusal));
    ck_assert_str_eq(refusal.code, "InvalidArgument");
    ck_assert(!bucket_open(&store, &intent.name, NULL, &object, &refusal));
    ck_assert_str_eq(refusal.code, "NoSuchKey");
    ck_assert(!bucket_head(&store, &intent.name, NULL, &attributes, &refusal));
    ck_assert_str_eq(refusal.code, "NoSuchKey");
    char key[KEY_SEGMENT_BYTES + 2];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    ck_assert(!bucket_begin(&store, &(struct write_intent){.name = name_of(key)}, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "KeyTooLongError");
    ck_assert_uint_eq(asked.calls, 0);

    ck_assert(!bucket_begin(&store, &(struct write_intent){.name = name_of("x")}, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "Asked");
}
END_TEST

/* ---- conditions ---- */

static bool takes(enum write_step step, struct write_condition condition)
{
    bool taken = store_takes_condition(&store, step, &condition, &refusal);
    if (!taken)
        ck_assert_str_eq(refusal.code, "NotImplemented");
    return taken;
}

START_TEST(each_condition_needs_its_verdict)
{
    const struct {
        enum write_step step;
        unsigned create;
        unsigned replace;
    } steps[] = {
        {STEP_PUT, DECIDES_PUT_CREATE, DECIDES_PUT_REPLACE},
        {STEP_COMPLETE, DECIDES_COMPLETE_CREATE, DECIDES_COMPLETE_REPLACE},
        {STEP_COPY, DECIDES_COPY_CREATE, DECIDES_COPY_REPLACE},
    };
    const struct write_condition absent = {.if_none_match = SPAN("*")};
    const struct write_condition other = {.if_none_match = SPAN("\"a\"")};
    const struct write_condition same = {.if_match = SPAN("\"a\"")};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        enum write_step step = steps[i].step;
        store.capabilities.conditions = steps[i].create;
        ck_assert(takes(step, absent) && !takes(step, same) && !takes(step, other));
        store.capabilities.conditions = steps[i].replace;
        ck_assert(!takes(step, absent) && takes(step, same) && !takes(step, other));
        store.capabilities.conditions = steps[i].create | steps[i].replace;
        ck_assert(takes(step, absent) && takes(step, same) && takes(step, other));
        store.capabilities.conditions = DECIDES_ALL & ~(steps[i].create | steps[i].replace);
        ck_assert(!takes(step, absent) && !takes(step, same) && !takes(step, other));
    }
    ck_assert(store_takes_condition(&store, STEP_PUT, NULL, &refusal));
}
END_TEST

START_TEST(a_condition_that_is_not_decided_is_not_sent)
{
    store.capabilities.conditions = DECIDES_PUT_REPLACE;
    const struct write_condition absent = {.if_none_match = SPAN("*")};
    struct bucket_writer *writer;
    ck_assert(
        !bucket_begin(&store, &(struct write_intent){.name = name_of("a"), .condition = &absent}, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    const struct object_attributes attributes = {0};
    const struct write_result result = {.attributes = &attributes, .condition = &absent};
    const struct part_choice part = {.number = 1};
    const struct object_name name = name_of("a");
    struct object_attributes stored;
    ck_assert(!bucket_complete_upload(&store, &name, SPAN("0123456789abcdef0123456789abcdef"), &part, 1, &result,
                                      &stored, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert_uint_eq(asked.calls, 0);
}
END_TEST

START_TEST(deletions_are_judged_one_by_one)
{
    const struct write_condition same = {.if_match = SPAN("\"a\"")};
    const struct write_condition size = {.has_size = true, .size = 3};
    store.capabilities.conditions = DECIDES_DELETE;
    store.capabilities.refused_keys = KEY_DOT_SEGMENT;
    struct delete_item one = {.key = SPAN("k"), .condition = &same};
    ck_assert(bucket_delete_objects(&store, bucket, &one, 1, &refusal));
    ck_assert(one.is_deleted);

    set_up();
    store.capabilities.conditions = DECIDES_DELETE;
    store.capabilities.refused_keys = KEY_DOT_SEGMENT;
    struct delete_item items[] = {
        {.key = SPAN("a")},    {.key = SPAN("b")}, {.key = SPAN("c"), .condition = &same},
        {.key = SPAN("../d")}, {.key = SPAN("e")}, {.key = SPAN("f"), .condition = &size},
    };
    ck_assert(bucket_delete_objects(&store, bucket, items, 6, &refusal));
    ck_assert_uint_eq(asked.calls, 2);
    ck_assert_uint_eq(asked.deleted, 3);
    ck_assert_str_eq(asked.keys[0], "a");
    ck_assert_str_eq(asked.keys[1], "b");
    ck_assert_str_eq(asked.keys[2], "e");
    ck_assert(!items[2].is_deleted && !items[5].is_deleted);
    ck_assert_str_eq(items[2].error.code, "NotImplemented");
    ck_assert_str_eq(items[5].error.code, "NotImplemented");
    ck_assert(items[3].is_deleted); /* it cannot be there */
}
END_TEST

/* ---- tags ---- */

START_TEST(a_store_without_tags_is_given_none)
{
    store.capabilities.has_tags = false;
    struct bucket_writer *writer;
    struct buffer tags = {0};
    const struct object_name name = name_of("a");
    ck_assert(!bucket_begin(&store, &(struct write_intent){.name = name, .tags = SPAN("tags")}, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_write_tags(&store, &name, SPAN("tags"), 1, NULL, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_read_tags(&store, &name, &tags, NULL, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert_uint_eq(asked.calls, 0);
}
END_TEST

START_TEST(a_store_without_versions_is_asked_for_none)
{
    struct bucket_writer *writer;
    const struct object_name name = name_of("a");
    const struct default_retention none = {.mode = LOCK_NONE};
    const struct retention_change change = {.mode = LOCK_GOVERNANCE, .retain_until_ms = 1};
    const struct write_intent locked = {.name = name, .lock = {.hold = HOLD_ON}};
    ck_assert(!bucket_create(&store, &(struct bucket_intent){.name = name.bucket, .versioning = VERSIONING_ENABLED},
                             &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_set_versioning(&store, name.bucket, VERSIONING_ENABLED, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_set_lock(&store, name.bucket, &none, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_write_acl(&store, &name, &(struct object_attributes){0}, SPAN("acl"), NULL, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_write_retention(&store, &name, &change, NULL, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_write_legal_hold(&store, &name, HOLD_ON, NULL, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert(!bucket_begin(&store, &locked, &writer, &refusal));
    ck_assert_str_eq(refusal.code, "NotImplemented");
    ck_assert_uint_eq(asked.calls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusal");
    TCase *tests = tcase_create("refusal");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, keys_are_of_these_kinds);
    tcase_add_test(tests, a_refused_key_is_neither_written_nor_found);
    tcase_add_test(tests, each_condition_needs_its_verdict);
    tcase_add_test(tests, a_condition_that_is_not_decided_is_not_sent);
    tcase_add_test(tests, deletions_are_judged_one_by_one);
    tcase_add_test(tests, a_store_without_tags_is_given_none);
    tcase_add_test(tests, a_store_without_versions_is_asked_for_none);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
