/* tests/unit/embedded/intents_test.c -- what an open and a begin are asked for: conditions, revisions, frames. */
#include "codec/format/sidecar.h"
#include "store/frames.h"
#include "tests/unit/embedded/fixture.h"

#include <stdlib.h>

static const struct span bucket = SPAN("a-bucket");

static void make_bucket(struct bucket_store *store)
{
    create_bucket(store, bucket);
}

static struct object_attributes head_of(struct bucket_store *store, const char *key)
{
    struct error error;
    struct arena arena;
    struct object_attributes attributes;
    struct object_name name = name_of(bucket, text(key));
    arena_init(&arena, 1 << 16);
    ck_assert(bucket_head(store, &name, &arena, &attributes, &error));
    arena_free(&arena);
    attributes.metadata = SPAN_EMPTY;
    return attributes;
}

/* ---- open ---- */

static struct read_decision open_on(struct bucket_store *store, const char *key, struct read_condition condition,
                                    size_t body_bytes)
{
    struct error error;
    struct bucket_object *object;
    const struct open_intent intent = {.condition = &condition};
    const struct object_name name = name_of(bucket, text(key));
    ck_assert(bucket_open(store, &name, &intent, &object, &error));
    struct read_decision decision = object->decision;
    ck_assert_uint_eq(object->attributes.stored_size, body_bytes);
    if (decision.verdict != READ_PROCEED)
        ck_assert_uint_eq(object->whole_body.size, 0);
    else if (body_bytes <= 1000)
        ck_assert_uint_eq(object->whole_body.size, body_bytes);
    bucket_close(object);
    return decision;
}

static void decide_reads(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const size_t sizes[] = {1, 1000, 100000, 3000000}; /* in the catalogue, in extents, too long for one read */
    uint8_t *bytes = malloc(sizes[3]);
    make_bucket(store);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fill_bytes(i, bytes, sizes[i]);
        put(store, bucket, text("k"), span_of(bytes, sizes[i]));
        struct object_attributes now = head_of(store, "k");
        struct span etag = span_from_string(now.etag);
        struct span stored_etag = span_from_string(now.stored_etag);
        ck_assert_int_eq(open_on(store, "k", (struct read_condition){0}, sizes[i]).verdict, READ_PROCEED);
        ck_assert_int_eq(open_on(store, "k", (struct read_condition){.if_none_match = etag}, sizes[i]).verdict,
                         READ_NOT_MODIFIED);
        ck_assert_int_eq(open_on(store, "k", (struct read_condition){.if_match = etag}, sizes[i]).verdict,
                         READ_PROCEED);
        struct read_decision failed = open_on(store, "k", (struct read_condition){.if_match = text("x")}, sizes[i]);
        ck_assert_int_eq(failed.verdict, READ_PRECONDITION_FAILED);
        ck_assert_str_eq(failed.failed, "If-Match");
        ck_assert_int_eq(
            open_on(store, "k", (struct read_condition){.if_none_match = stored_etag, .is_stored_etag = true}, sizes[i])
                .verdict,
            READ_NOT_MODIFIED);
        ck_assert_int_eq(open_on(store, "k", (struct read_condition){.if_none_match = stored_etag}, sizes[i]).verdict,
                         READ_PROCEED);
        expect_body(store, bucket, text("k"), span_of(bytes, sizes[i]));
    }
    free(bytes);
}

START_TEST(an_open_decides_its_condition)
{
    with_new_store(decide_reads, NULL);
}
END_TEST

static void want_revisions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put(store, bucket, text("k"), text("one"));
    struct object_attributes first = head_of(store, "k");
    struct error error;
    struct bucket_object *object;
    const struct object_name name = name_of(bucket, text("k"));
    const struct open_intent intent = {.extent = OPEN_RANGE, .if_stored_etag = text(first.stored_etag)};
    ck_assert(bucket_open(store, &name, &intent, &object, &error));
    bucket_close(object);
    put(store, bucket, text("k"), text("one")); /* the same bytes, written anew */
    ck_assert(!bucket_open(store, &name, &intent, &object, &error));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    ck_assert_str_eq(error.code, "SlowDown");
}

START_TEST(an_open_wants_one_revision)
{
    with_new_store(want_revisions, NULL);
}
END_TEST

/* ---- begin ---- */

/* Empty: it may begin. */
static const char *begin_on(struct bucket_store *store, const char *key, struct write_condition condition)
{
    static struct error error;
    struct bucket_writer *writer;
    const struct write_intent intent = {.name = name_of(bucket, text(key)), .condition = &condition};
    if (!bucket_begin(store, &intent, &writer, &error))
        return error.code;
    bucket_abort(writer);
    return "";
}

static void refuse_early(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put(store, bucket, text("k"), text("one"));
    struct object_attributes now = head_of(store, "k");
    struct span etag = text(now.etag);
    ck_assert_str_eq(begin_on(store, "k", (struct write_condition){.if_match = etag}), "");
    ck_assert_str_eq(begin_on(store, "k", (struct write_condition){.if_match = text("x")}), "PreconditionFailed");
    ck_assert_str_eq(begin_on(store, "k", (struct write_condition){.if_none_match = text("*")}), "PreconditionFailed");
    ck_assert_str_eq(begin_on(store, "k", (struct write_condition){.if_none_match = text("x")}), "");
    ck_assert_str_eq(begin_on(store, "new", (struct write_condition){.if_none_match = text("*")}), "");
    ck_assert_str_eq(begin_on(store, "new", (struct write_condition){.if_match = etag}), "NoSuchKey");
    struct write_condition stored = {.if_match = text(now.stored_etag), .is_stored_etag = true};
    ck_assert_str_eq(begin_on(store, "k", stored), "");
    stored.is_stored_etag = false;
    ck_assert_str_eq(begin_on(store, "k", stored), "PreconditionFailed");
}

START_TEST(a_begin_refuses_what_does_not_hold)
{
    with_new_store(refuse_early, NULL);
}
END_TEST

/* What held at the beginning is decided again at the end, by the store's own ETags too. */
static void replace_revisions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put(store, bucket, text("k"), text("one"));
    struct object_attributes first = head_of(store, "k");
    const struct write_condition is_first = {.if_match = text(first.stored_etag), .is_stored_etag = true};
    struct error error;
    struct bucket_writer *writer;
    const struct write_intent intent = {.name = name_of(bucket, text("k")), .condition = &is_first};
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, text("late"), &error));
    ck_assert(try_put(store, bucket, text("k"), text("one"), &is_first, &error)); /* overtakes, with equal bytes */
    const struct object_attributes attributes = {.original_size = 4, .is_size_known = true};
    const struct write_result result = {.attributes = &attributes, .condition = &is_first};
    struct object_attributes stored;
    ck_assert(!bucket_commit(writer, &result, &stored, &error));
    ck_assert_str_eq(error.code, "PreconditionFailed");
    expect_body(store, bucket, text("k"), text("one"));
}

START_TEST(a_commit_knows_revisions_of_equal_bytes)
{
    with_new_store(replace_revisions, NULL);
}
END_TEST

/* ---- commit ---- */

static void index_frames(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    struct buffer frames = {0};
    struct buffer kept = {0};
    frames_append(&frames, (struct frame_sizes){.original = 1000, .stored = 5});
    frames_append(&frames, (struct frame_sizes){.original = 7, .stored = 6});
    const struct object_attributes attributes = {
        .original_size = 1007, .is_size_known = true, .is_s4 = true, .layout = LAYOUT_FRAMED, .etag = "abc"};
    const struct write_result result = {.attributes = &attributes, .frames = buffer_span(&frames)};
    const struct write_intent intent = {.name = name_of(bucket, text("k"))};
    struct error error;
    struct bucket_writer *writer;
    struct object_attributes stored;
    struct bucket_object *object;
    struct sidecar sidecar;
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, text("frame frame"), &error));
    ck_assert(bucket_commit(writer, &result, &stored, &error));
    ck_assert_uint_eq(stored.sidecar_size, frames_sidecar_bytes(buffer_span(&frames)));
    ck_assert(bucket_open(store, &intent.name, NULL, &object, &error));
    ck_assert_uint_eq(object->attributes.sidecar_size, stored.sidecar_size);
    ck_assert(bucket_read_sidecar(object, &kept, &error));
    bucket_close(object);
    ck_assert(sidecar_decode(buffer_span(&kept), &sidecar, NULL));
    ck_assert_uint_eq(sidecar.entries_count, 2);
    ck_assert_uint_eq(sidecar.original_total, 1007);
    ck_assert_uint_eq(sidecar.framed_total, 11);
    buffer_free(&frames);
    buffer_free(&kept);
}

START_TEST(a_commit_makes_an_index_of_the_frames)
{
    with_new_store(index_frames, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intents");
    TCase *tests = tcase_create("intents");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, an_open_decides_its_condition);
    tcase_add_test(tests, an_open_wants_one_revision);
    tcase_add_test(tests, a_begin_refuses_what_does_not_hold);
    tcase_add_test(tests, a_commit_knows_revisions_of_equal_bytes);
    tcase_add_test(tests, a_commit_makes_an_index_of_the_frames);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
