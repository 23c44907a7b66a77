/* tests/unit/object/rewrite_test.c -- an object is read and packed anew until somebody cuts it off, or finds damage. */
#include "server/object/codecs_private.h"
#include "server/object/object_rewrite.h"
#include "tests/unit/object/bodies.h"

#include <stdlib.h>

enum { BODY_BYTES = 3 << 20, LEVEL = 5 };

static struct memory_store store;
static struct object_codecs *codecs;

static bool begin(const bool *is_cut_off, struct object_rewrite **ret_rewrite, struct error *error)
{
    const struct object_rewrite_intent intent = {.name = name_of("key"), .level = LEVEL, .is_cut_off = is_cut_off};
    return object_rewrite_begin(codecs, &store.store, &intent, ret_rewrite, error);
}

static void expect_failure(const bool *is_cut_off, enum error_kind kind)
{
    struct object_rewrite *rewrite;
    struct error error;
    ck_assert(!begin(is_cut_off, &rewrite, &error));
    ck_assert_int_eq(error.kind, kind);
    ck_assert_uint_eq(store.writers, 0);
    ck_assert_uint_eq(codecs->memory.used, 0);
}

static void ends_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    struct object_rewrite *rewrite;
    struct error error;
    bool is_cut_off = false;
    uint8_t *text = make_text(BODY_BYTES);
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    struct memory_object *object = must_upload(codecs, &store, "key", span_of(text, BODY_BYTES));

    ck_assert(begin(&is_cut_off, &rewrite, &error));
    ck_assert_str_eq(object_rewrite_found(rewrite)->stored_etag, object->attributes.stored_etag);
    object_rewrite_abort(rewrite);
    ck_assert_uint_eq(store.writers, 0);

    is_cut_off = true;
    expect_failure(&is_cut_off, ERROR_CANCELLED);
    object->body.data[object->body.size / 2] ^= 1;
    expect_failure(NULL, ERROR_DAMAGED);

    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(text);
}
LOOP_TEST(a_rewrite_ends, ends_body)

int main(void)
{
    Suite *suite = suite_create("rewrite");
    TCase *tests = tcase_create("rewrite");
    tcase_add_test(tests, a_rewrite_ends);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
