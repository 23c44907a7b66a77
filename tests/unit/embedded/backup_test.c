/* tests/unit/embedded/backup_test.c -- a lost catalogue comes back from a copy, and from volumes what is newer: bodies,
 * and objects of parts. */
#include "tests/unit/embedded/uploads.h"

#include "codec/format/frame.h"
#include "codec/format/sidecar.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct span bucket = SPAN("bucket");
static const struct test_part parts[] = {{1, 11, 300000}, {2, 12, 5}};

struct scene {
    char open_upload[UPLOAD_ID_BYTES];
};

static void put_seeded(struct bucket_store *store, const char *key, uint64_t seed, size_t size)
{
    uint8_t *body = malloc(size);
    fill_bytes(seed, body, size);
    put(store, bucket, text(key), span_of(body, size));
    free(body);
}

static void expect_seeded(struct bucket_store *store, const char *key, uint64_t seed, size_t size)
{
    uint8_t *body = malloc(size);
    fill_bytes(seed, body, size);
    expect_body(store, bucket, text(key), span_of(body, size));
    free(body);
}

static void fill_before(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct scene *scene = argument;
    struct error error;
    create_bucket(store, bucket);
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text(".system"), .owner = text("")}, &error));
    put(store, text(".system"), text("key"), text("of the journal"));
    put_seeded(store, "small", 1, 100);
    put_seeded(store, "small-deleted", 2, 100);
    put_seeded(store, "large", 3, 50000);
    put_seeded(store, "large-replaced", 4, 50000);
    char id[UPLOAD_ID_BYTES];
    begin_upload(store, bucket, text("of-parts"), id);
    for (unsigned i = 0; i < 2; i++)
        put_part(store, bucket, text("of-parts"), id, &parts[i]);
    complete(store, bucket, text("of-parts"), id, parts, 2);
    begin_upload(store, bucket, text("unfinished"), scene->open_upload);
    put_part(store, bucket, text("unfinished"), scene->open_upload, &parts[0]);
}

static void change_after(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    ck_assert(bucket_create(store, &(struct bucket_intent){.name = text("new-bucket"), .owner = text("bob")}, &error));
    ck_assert(try_delete(store, bucket, text("small-deleted"), &error));
    put_seeded(store, "large-replaced", 5, 60000);
    put_seeded(store, "large-new", 6, 70000);
    put_seeded(store, "small-new", 7, 100);
}

static void expect_scene(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct scene *scene = argument;
    struct error error;
    struct bucket_info info;
    expect_seeded(store, "small", 1, 100);
    expect_seeded(store, "large", 3, 50000);
    expect_parts(store, bucket, text("of-parts"), parts, 2);
    expect_seeded(store, "large-replaced", 5, 60000); /* by its label */
    expect_seeded(store, "large-new", 6, 70000);
    expect_missing(store, bucket, text("small-new")); /* was in the catalogue alone */
    expect_seeded(store, "small-deleted", 2, 100);    /* the copy does not know better */
    ck_assert(bucket_find(store, text("new-bucket"), &info, &error));
    ck_assert_str_eq(info.owner, "bob");
    ck_assert(!bucket_find(store, text(".system"), &info, &error)); /* the journal has gone on: it begins anew */
    complete(store, bucket, text("unfinished"), scene->open_upload, parts, 1);
    expect_parts(store, bucket, text("unfinished"), parts, 1);
}

static void take_copy(const char *path, char ret_copy[128])
{
    struct error error;
    struct stat status;
    uint64_t bytes = 0;
    (void)snprintf(ret_copy, 128, "%s.copy", path);
    bool done = embedded_backup(path, ret_copy, &bytes, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert(stat(ret_copy, &status) == 0 && (uint64_t)status.st_size == bytes && (status.st_mode & 0777) == 0600);
}

START_TEST(a_lost_catalogue_comes_back_from_a_copy)
{
    char path[64];
    char copy[128];
    char file[128];
    struct scene scene;
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    with_store(path, fill_before, &scene);
    take_copy(path, copy);
    take_copy(path, copy); /* a new one in its place */
    with_store(path, change_after, NULL);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(unlink(file), 0);
    bool is_sound = embedded_restore(path, copy, &report, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    expect_sound_store(path);
    with_store(path, expect_scene, &scene);
    expect_sound_store(path);
    ck_assert_int_eq(unlink(copy), 0);
    folder_remove(path);
}
END_TEST

/* ---- from volumes alone ---- */

static const struct test_part other_parts[] = {{3, 21, 100000}, {7, 22, 200000}, {9, 23, 1}};

/* As many as make a manifest longer than any label of a body. */
enum { MANY = 6000, FIBERS = 64 };

struct many {
    struct bucket_store *store;
    char id[UPLOAD_ID_BYTES];
};

static struct test_part *make_many(void)
{
    struct test_part *all = calloc(MANY, sizeof *all);
    ck_assert_ptr_nonnull(all);
    for (unsigned number = 1; number <= MANY; number++)
        all[number - 1] = (struct test_part){number, number, 10 + number % 1000};
    return all;
}

static void put_many(unsigned fiber, void *argument)
{
    const struct many *many = argument;
    struct test_part *all = make_many();
    for (unsigned i = fiber; i < MANY; i += FIBERS)
        put_part(many->store, bucket, text("of-many"), many->id, &all[i]);
    free(all);
}

static void complete_uploads(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char id[UPLOAD_ID_BYTES];
    create_bucket(store, bucket);
    for (unsigned i = 0; i < 2; i++) { /* the second one replaces the first */
        begin_upload(store, bucket, text("of-parts"), id);
        for (unsigned part = 0; part < 3; part++)
            put_part(store, bucket, text("of-parts"), id, &other_parts[part]);
        complete(store, bucket, text("of-parts"), id, other_parts + i, 3 - i);
    }
    begin_upload(store, bucket, text("overwritten"), id);
    put_part(store, bucket, text("overwritten"), id, &parts[0]);
    complete(store, bucket, text("overwritten"), id, parts, 1);
    put_seeded(store, "overwritten", 5, 60000);
    put_seeded(store, "of-many", 5, 60000);
    struct many many = {.store = store};
    begin_upload(store, bucket, text("of-many"), many.id);
    run_fibers(FIBERS, put_many, &many);
    struct test_part *all = make_many();
    complete(store, bucket, text("of-many"), many.id, all, MANY);
    free(all);
}

static void expect_uploads(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    expect_parts(store, bucket, text("of-parts"), other_parts + 1, 2);
    expect_seeded(store, "overwritten", 5, 60000);
    struct test_part *all = make_many();
    expect_parts(store, bucket, text("of-many"), all, MANY);
    free(all);
    ck_assert(try_delete(store, bucket, text("of-many"), &error)); /* its manifest goes with it */
    ck_assert(try_delete(store, bucket, text("of-parts"), &error));
    ck_assert(try_delete(store, bucket, text("overwritten"), &error));
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, 0);
}

START_TEST(objects_of_parts_come_back_from_volumes_alone)
{
    char path[64];
    char file[128];
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    with_store(path, complete_uploads, NULL);
    expect_sound_store(path);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(unlink(file), 0);
    bool is_sound = embedded_check(path, true, &report, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
    expect_sound_store(path);
    with_store(path, expect_uploads, NULL);
    expect_sound_store(path);
    folder_remove(path);
}
END_TEST

/* ---- sidecars, from frames ---- */

enum { FRAMES = 9, FRAME_STORED_BYTES = 20000 + FRAME_HEADER_BYTES, PADDING_BYTES = 300 };

/* Frames of one size, and padding before the last. What is in them nobody looks at. */
static void make_frames(struct buffer *body, struct sidecar_builder *sidecar)
{
    struct frame_header frame = {.kind = FRAME_DATA,
                                 .codec = 1,
                                 .original_size = FRAME_ORIGINAL_BYTES,
                                 .payload_size = FRAME_STORED_BYTES - FRAME_HEADER_BYTES,
                                 .header_size = FRAME_HEADER_BYTES};
    struct frame_header padding = {.kind = FRAME_PADDING,
                                   .payload_size = PADDING_BYTES - FRAME_PADDING_HEADER_BYTES,
                                   .header_size = FRAME_PADDING_HEADER_BYTES};
    static uint8_t bytes[FRAME_STORED_BYTES];
    for (unsigned i = 0; i < FRAMES; i++) {
        bool is_last = i == FRAMES - 1;
        memset(bytes, (int)i, sizeof bytes);
        frame_header_encode(&padding, bytes);
        if (is_last)
            buffer_append(body, span_of(bytes, PADDING_BYTES));
        frame_header_encode(&frame, bytes);
        buffer_append(body, span_of(bytes, sizeof bytes));
        sidecar_builder_add(sidecar, FRAME_ORIGINAL_BYTES, FRAME_STORED_BYTES, is_last ? PADDING_BYTES : 0);
    }
}

static void put_framed(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct buffer *sidecar = argument;
    struct sidecar_builder builder;
    struct buffer body;
    struct error error;
    struct bucket_writer *writer;
    struct write_intent intent = {.name = name_of(bucket, text("framed"))};
    buffer_init(&body, 0);
    sidecar_builder_init(&builder);
    make_frames(&body, &builder);
    sidecar_builder_encode(&builder, SPAN_EMPTY, 0, sidecar);
    struct object_attributes attributes = {.original_size = builder.original_total,
                                           .is_size_known = true,
                                           .is_s4 = true,
                                           .layout = LAYOUT_FRAMED,
                                           .codec = 1};
    struct write_result result = {.attributes = &attributes, .sidecar = buffer_span(sidecar)};
    struct object_attributes stored;
    create_bucket(store, bucket);
    ck_assert(bucket_begin(store, &intent, &writer, &error) && bucket_write(writer, buffer_span(&body), &error));
    ck_assert(bucket_commit(writer, &result, &stored, &error));
    sidecar_builder_free(&builder);
    buffer_free(&body);
}

static void expect_sidecar(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    const struct buffer *expected = argument;
    struct bucket_object *object;
    struct error error;
    struct buffer sidecar;
    struct object_name name = name_of(bucket, text("framed"));
    buffer_init(&sidecar, 0);
    ck_assert(bucket_open(store, &name, NULL, &object, &error) && bucket_read_sidecar(object, &sidecar, &error));
    ck_assert_uint_eq(object->attributes.sidecar_size, expected->size);
    ck_assert(span_equal(buffer_span(&sidecar), buffer_span(expected)));
    bucket_close(object);
    buffer_free(&sidecar);
}

START_TEST(sidecars_come_back_from_frames)
{
    char path[64];
    char file[128];
    struct error error;
    struct embedded_report report = {0};
    struct buffer sidecar;
    buffer_init(&sidecar, 0);
    folder_make(path);
    with_store(path, put_framed, &sidecar);
    with_store(path, expect_sidecar, &sidecar);
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(unlink(file), 0);
    ck_assert(embedded_check(path, true, &report, &error));
    with_store(path, expect_sidecar, &sidecar);
    expect_sound_store(path);
    buffer_free(&sidecar);
    folder_remove(path);
}
END_TEST

static void use_nothing(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)store, (void)shard, (void)argument;
}

static void expect_first(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    expect_seeded(store, "small", 1, 100);
}

START_TEST(a_copy_of_another_folder_is_refused)
{
    char path[64];
    char other[64];
    char copy[128];
    struct scene scene;
    struct error error;
    struct embedded_report report = {0};
    folder_make(path);
    folder_make(other);
    with_store(path, fill_before, &scene);
    with_store(other, use_nothing, NULL);
    take_copy(other, copy);
    ck_assert(!embedded_restore(path, copy, &report, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "no copy of this folder's catalogue"));
    ck_assert(!embedded_restore(path, "/dev/null", &report, &error));
    ck_assert(!embedded_restore(path, "/tmp/bale-no-such-file", &report, &error));
    with_store(path, expect_first, NULL); /* nothing has happened to it */
    expect_sound_store(path);
    ck_assert_int_eq(unlink(copy), 0);
    folder_remove(other);
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded backup");
    TCase *tests = tcase_create("backup");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_lost_catalogue_comes_back_from_a_copy);
    tcase_add_test(tests, objects_of_parts_come_back_from_volumes_alone);
    tcase_add_test(tests, sidecars_come_back_from_frames);
    tcase_add_test(tests, a_copy_of_another_folder_is_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
