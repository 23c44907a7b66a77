/* tests/unit/embedded/rewrite_test.c -- a body that is packed anew: other bytes, and nothing else that anybody can see,
 * whatever happened meanwhile. */
#include "s3client/wire/s3_error.h"
#include "tests/unit/embedded/ledger_fixture.h"
#include "tests/unit/embedded/uploads.h"
#include "tests/unit/fork_to_kill.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BODY_BYTES_MAX = 3 << 20, ARENA_BYTES = 1 << 20 };

static const struct span key = SPAN("key");
static uint8_t old_body[BODY_BYTES_MAX];
static uint8_t new_body[BODY_BYTES_MAX];
static struct arena arena;

/* ---- one rewrite ---- */

static void metadata_of_class(const char *class, struct buffer *ret_list)
{
    buffer_init(ret_list, 0);
    ck_assert(metadata_append(ret_list, text("content-type"), text("text/plain")));
    if (class != NULL)
        ck_assert(metadata_append(ret_list, text("x-amz-storage-class"), text(class)));
}

/* An object as clients put it: of `original` bytes, of which `size` are stored. */
static void put_object(struct bucket_store *store, uint64_t original, size_t size)
{
    struct buffer metadata;
    struct bucket_writer *writer;
    struct error error;
    struct object_attributes stored;
    metadata_of_class(NULL, &metadata);
    const struct write_intent intent = {.name = name_of(bucket, key)};
    fill_bytes(size + 1, old_body, size);
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, span_of(old_body, size), &error));
    struct object_attributes attributes = {
        .original_size = original, .is_size_known = true, .metadata = buffer_span(&metadata), .tags_count = 1};
    strcpy(attributes.etag, "00112233445566778899aabbccddeeff");
    const struct write_result result = {.attributes = &attributes, .tags = text("a=b")};
    bool done = bucket_commit(writer, &result, &stored, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    buffer_free(&metadata);
}

static struct object_attributes head(struct bucket_store *store, const char *version)
{
    struct object_name name = name_of(bucket, key);
    struct object_attributes attributes;
    struct error error;
    name.version = text(version);
    bool done = bucket_head(store, &name, &arena, &attributes, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return attributes;
}

/* `size` other bytes instead of the body of the version that was judged. */
static bool try_rewrite_of(struct bucket_store *store, struct span of_key, const struct object_attributes *judged,
                           size_t size, const struct deletion_grounds *grounds, struct error *error)
{
    struct buffer metadata;
    struct bucket_writer *writer;
    const struct write_intent intent = {.name = name_of(bucket, of_key)};
    fill_bytes(size + 2, new_body, size);
    ck_assert(bucket_begin(store, &intent, &writer, error));
    ck_assert(bucket_write(writer, span_of(new_body, size), error));
    const struct object_attributes body = {.layout = LAYOUT_FRAMED, .codec = 1, .has_crc32c = true, .crc32c = 77};
    metadata_of_class("GLACIER_IR", &metadata);
    const struct body_rewrite rewrite = {
        .judged = judged, .body = &body, .metadata = buffer_span(&metadata), .grounds = grounds, .level_tried = 9};
    bool done = bucket_commit_rewrite(writer, &rewrite, error);
    buffer_free(&metadata);
    return done;
}

static void rewrite(struct bucket_store *store, const struct object_attributes *judged, size_t size)
{
    struct error error;
    bool done = try_rewrite_of(store, key, judged, size, NULL, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

static void expect_refused(struct bucket_store *store, const struct object_attributes *judged,
                           const struct deletion_grounds *grounds)
{
    struct error error;
    ck_assert(!try_rewrite_of(store, key, judged, 5000, grounds, &error));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
}

static void expect_stored(struct bucket_store *store, const char *version, struct span body)
{
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    struct error error;
    uint8_t *bytes = malloc(body.size + 1);
    name.version = text(version);
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    ck_assert_uint_eq(object->attributes.stored_size, body.size);
    bool done = bucket_read(object, 0, bytes, body.size, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert(span_equal(span_of(bytes, body.size), body));
    bucket_close(object);
    free(bytes);
}

/* All that a client sees, but for the class. */
static void expect_same_to_clients(const struct object_attributes *before, const struct object_attributes *after)
{
    ck_assert_str_eq(before->etag, after->etag);
    ck_assert_int_eq(before->modified_ms, after->modified_ms);
    ck_assert_uint_eq(before->original_size, after->original_size);
    ck_assert_str_eq(before->version, after->version);
    ck_assert_int_eq(before->superseded_ms, after->superseded_ms);
    ck_assert_uint_eq(before->tags_count, after->tags_count);
    ck_assert_uint_eq(before->parts_count, after->parts_count);
    ck_assert_int_eq(before->lock.hold, after->lock.hold);
    ck_assert_str_ne(before->stored_etag, after->stored_etag);
}

static void expect_class(const struct object_attributes *attributes, const char *class)
{
    struct span value;
    ck_assert(metadata_find(attributes->metadata, text("content-type"), &value));
    ck_assert(span_equal(value, text("text/plain")));
    ck_assert(metadata_find(attributes->metadata, text("x-amz-storage-class"), &value));
    ck_assert(span_equal(value, text(class)));
}

/* ---- what changes and what does not ---- */

/* Bodies in the catalogue, in one extent and in several, one into the other. */
static void sizes(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const size_t bytes[] = {10, 1500, 5000, 300000, BODY_BYTES_MAX};
    make_bucket(store);
    for (unsigned from = 0; from < 5; from++) {
        for (unsigned to = 0; to < 5; to++) {
            put_object(store, 4000000, bytes[from]);
            const struct object_attributes before = head(store, "null");
            rewrite(store, &before, bytes[to]);
            const struct object_attributes after = head(store, "");
            expect_same_to_clients(&before, &after);
            expect_class(&after, "GLACIER_IR");
            ck_assert_uint_eq(after.crc32c, 77);
            ck_assert_uint_eq(before.level_tried, 0); /* who writes a key writes it as new */
            ck_assert_uint_eq(after.level_tried, 9);
            ck_assert_int_eq(after.layout, LAYOUT_FRAMED);
            expect_stored(store, "", span_of(new_body, bytes[to]));
            EXPECT(store, 1, 4000000, (int64_t)bytes[to]);
        }
    }
    struct error error;
    struct embedded_usage usage;
    ck_assert(try_delete(store, bucket, key, &error));
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, 0); /* the old bodies went, and each of them */
}

START_TEST(only_the_body_changes)
{
    char path[64];
    folder_make(path);
    arena_init(&arena, ARENA_BYTES);
    with_store(path, sizes, NULL);
    expect_sound_store(path);
    arena_free(&arena);
    folder_remove(path);
}
END_TEST

static void download(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    enum { SIZE = 2000000 };
    struct bucket_object *object;
    struct error error;
    make_bucket(store);
    put_object(store, SIZE, SIZE);
    const struct object_name name = name_of(bucket, key);
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    uint8_t *bytes = malloc(SIZE);
    ck_assert(bucket_read(object, 0, bytes, SIZE / 2, &error));
    const struct object_attributes judged = head(store, "");
    rewrite(store, &judged, 700000);
    for (unsigned i = 0; i < 3; i++) { /* what would be written over the old blocks, if they were free */
        const struct object_attributes again = head(store, "");
        rewrite(store, &again, SIZE);
    }
    ck_assert(bucket_read(object, SIZE / 2, bytes + SIZE / 2, SIZE / 2, &error));
    ck_assert(span_equal(span_of(bytes, SIZE), span_of(old_body, SIZE)));
    bucket_close(object);
    free(bytes);
    expect_stored(store, "", span_of(new_body, SIZE));
}

START_TEST(a_download_goes_on)
{
    arena_init(&arena, ARENA_BYTES);
    with_new_store(download, NULL);
    arena_free(&arena);
}
END_TEST

/* ---- what happened meanwhile ---- */

static void meanwhile(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct object_name name = name_of(bucket, key);
    char version[VERSION_TEXT_BYTES];
    make_bucket(store);
    put_object(store, 9000, 9000);
    struct object_attributes judged = head(store, "");

    /* tags that came are kept */
    ck_assert(bucket_write_tags(store, &name, text("x=y&z=1"), 2, version, &error));
    rewrite(store, &judged, 6000);
    struct buffer tags;
    buffer_init(&tags, 0);
    ck_assert(bucket_read_tags(store, &name, &tags, version, &error));
    ck_assert(span_equal(buffer_span(&tags), text("x=y&z=1")));
    buffer_free(&tags);
    ck_assert_uint_eq(head(store, "").tags_count, 2);

    /* so is a class that it went to, of which the rewrite does not know */
    judged = head(store, "");
    struct buffer metadata;
    metadata_of_class("DEEP_ARCHIVE", &metadata);
    const struct class_change moved = {.judged = &judged, .metadata = buffer_span(&metadata)};
    name.version = text("null");
    ck_assert(bucket_change_class(store, &name, &moved, &error));
    buffer_free(&metadata);
    expect_refused(store, &judged, NULL);
    judged = head(store, "");
    expect_class(&judged, "DEEP_ARCHIVE");
    rewrite(store, &judged, 6000);

    /* the bytes that were judged are gone: by a rewrite, an overwrite, a deletion */
    expect_refused(store, &judged, NULL);
    judged = head(store, "");
    put_object(store, 9000, 9000);
    expect_refused(store, &judged, NULL);
    expect_stored(store, "", span_of(old_body, 9000));
    judged = head(store, "");
    ck_assert(try_delete(store, bucket, key, &error));
    expect_refused(store, &judged, NULL);
    expect_missing(store, bucket, key);
    EXPECT(store, 0, 0, 0);
}

START_TEST(what_came_meanwhile_stays)
{
    arena_init(&arena, ARENA_BYTES);
    with_new_store(meanwhile, NULL);
    arena_free(&arena);
}
END_TEST

static void rules(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct bucket_info info;
    char version[VERSION_TEXT_BYTES];
    make_bucket(store);
    put_object(store, 9000, 9000);
    struct object_name name = name_of(bucket, key);
    ck_assert(bucket_find(store, bucket, &info, &error));
    const struct object_attributes judged = head(store, "");
    const struct deletion_grounds grounds = {.creation_id = info.creation_id,
                                             .version = "null",
                                             .modified_ms = judged.modified_ms,
                                             .original_size = judged.original_size,
                                             .etag = judged.etag,
                                             .tags = text("a=b")};
    ck_assert(bucket_write_tags(store, &name, text("a=c"), 1, version, &error));
    expect_refused(store, &judged, &grounds);
    struct buffer metadata;
    metadata_of_class("STANDARD_IA", &metadata);
    struct class_change change = {&judged, buffer_span(&metadata), &grounds, 12};
    name.version = text("null");
    ck_assert(!bucket_change_class(store, &name, &change, &error));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);

    ck_assert(bucket_write_tags(store, &name, text("a=b"), 1, version, &error));
    ck_assert(bucket_change_class(store, &name, &change, &error));
    const struct object_attributes after = head(store, "");
    expect_class(&after, "STANDARD_IA");
    ck_assert_str_eq(after.stored_etag, judged.stored_etag); /* the bytes are the same */
    ck_assert_uint_eq(after.level_tried, 12);
    ck_assert(!bucket_change_class(store, &name, &change, &error)); /* of its class before */
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    change.judged = &after;
    change.level_tried = 0;
    ck_assert(bucket_change_class(store, &name, &change, &error));
    ck_assert_uint_eq(head(store, "").level_tried, 12); /* is not forgotten */
    expect_stored(store, "", span_of(old_body, 9000));
    put_object(store, 9000, 9000);
    ck_assert(!bucket_change_class(store, &name, &change, &error));
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    buffer_free(&metadata);
}

START_TEST(grounds_are_compared)
{
    arena_init(&arena, ARENA_BYTES);
    with_new_store(rules, NULL);
    arena_free(&arena);
}
END_TEST

/* As an encrypted object is put: its seal is all that is known of its hashes. */
static void put_sealed(struct bucket_store *store, struct span seal)
{
    struct bucket_writer *writer;
    struct error error;
    struct object_attributes stored;
    const struct write_intent intent = {.name = name_of(bucket, key), .is_sealed = true};
    const struct object_attributes attributes = {
        .original_size = 4000, .is_size_known = true, .is_s4 = true, .layout = LAYOUT_FRAMED, .seal = seal};
    const struct write_result result = {.attributes = &attributes};
    fill_bytes(7, old_body, 4000);
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, span_of(old_body, 4000), &error));
    bool done = bucket_commit(writer, &result, &stored, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

static void seals(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    struct object_name name = name_of(bucket, key);
    make_bucket(store);
    put_sealed(store, text("a seal"));
    const struct object_attributes judged = head(store, "");
    const struct seal_change change = {&judged, text("another seal")};
    name.version = text("null");
    ck_assert(bucket_change_seal(store, &name, &change, &error));
    const struct object_attributes after = head(store, "");
    ck_assert(span_equal(after.seal, text("another seal")));
    ck_assert_str_eq(after.stored_etag, judged.stored_etag);
    ck_assert_int_eq(after.modified_ms, judged.modified_ms);
    expect_stored(store, "", span_of(old_body, 4000));

    ck_assert(!bucket_change_seal(store, &name, &change, &error)); /* of its seal before */
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    put_sealed(store, text("another seal"));
    const struct seal_change late = {&after, text("a third seal")};
    ck_assert(!bucket_change_seal(store, &name, &late, &error)); /* other bytes, be the seal the same */
    ck_assert_int_eq(error.kind, ERROR_CHANGED);
    ck_assert(span_equal(head(store, "").seal, text("another seal")));
}

START_TEST(a_seal_alone_is_replaced)
{
    arena_init(&arena, ARENA_BYTES);
    with_new_store(seals, NULL);
    arena_free(&arena);
}
END_TEST

/* A newer version may have put it: nothing that this one changes takes it away. */
static void longer_seals(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    static const uint8_t longest[4 * OBJECT_SEAL_BYTES_MAX] = {1, 's'};
    struct error error;
    char version[VERSION_TEXT_BYTES];
    const struct object_name name = name_of(bucket, key);
    make_bucket(store);
    put_sealed(store, span_of(longest, sizeof longest));
    ck_assert(span_equal(head(store, "").seal, span_of(longest, sizeof longest)));
    ck_assert(bucket_write_tags(store, &name, text("a list of tags"), 1, version, &error));
    ck_assert(span_equal(head(store, "").seal, span_of(longest, sizeof longest)));
    expect_stored(store, "", span_of(old_body, 4000));
}

START_TEST(a_seal_that_is_newer_stays)
{
    arena_init(&arena, ARENA_BYTES);
    with_new_store(longer_seals, NULL);
    arena_free(&arena);
}
END_TEST

/* ---- versions, and what was completed from parts ---- */

static unsigned count_versions(struct bucket_store *store)
{
    const struct version_list_request request = {.bucket = bucket, .entries_max = 100};
    struct list_page page;
    struct error error;
    ck_assert(bucket_list_versions(store, &request, &arena, &page, &error));
    return page.count;
}

static void versions(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct error error;
    make_bucket(store);
    put_object(store, 9000, 9000); /* is the null version later */
    ck_assert(bucket_set_versioning(store, bucket, VERSIONING_ENABLED, &error));
    put_object(store, 9001, 9001);
    const struct object_attributes middle = head(store, "");
    put_object(store, 9002, 9002);
    const struct object_attributes oldest = head(store, "null");
    const struct object_attributes newest = head(store, "");
    const struct object_attributes *all[] = {&middle, &oldest, &newest};
    for (unsigned i = 0; i < 3; i++) {
        const struct object_attributes before = head(store, all[i]->version);
        rewrite(store, &before, 6000 + i);
        const struct object_attributes after = head(store, all[i]->version);
        expect_same_to_clients(&before, &after);
        expect_stored(store, all[i]->version, span_of(new_body, 6000 + i));
    }
    ck_assert_uint_eq(count_versions(store), 3);
    ck_assert_str_eq(head(store, "").version, newest.version);
    expect_agreement(store);
}

static void expect_three(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    ck_assert_uint_eq(count_versions(store), 3);
    const struct object_attributes newest = head(store, "");
    ck_assert_uint_eq(newest.original_size, 9002);
    ck_assert_uint_eq(newest.stored_size, 6002);
    expect_class(&newest, "GLACIER_IR");
}

/* The catalogue is lost: bodies that were packed anew do not come back twice, though their old bytes are there. */
static void lose_catalogue(const char *path)
{
    char file[96];
    struct embedded_report report = {0};
    struct error error;
    (void)snprintf(file, sizeof file, "%s/catalogue/data.mdb", path);
    ck_assert_int_eq(unlink(file), 0);
    bool done = embedded_check(path, true, &report, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

START_TEST(versions_keep_their_names_and_places)
{
    char path[64];
    folder_make(path);
    arena_init(&arena, ARENA_BYTES);
    with_store(path, versions, NULL);
    expect_sound_store(path);
    lose_catalogue(path);
    with_store(path, expect_three, NULL);
    arena_free(&arena);
    folder_remove(path);
}
END_TEST

static void parts_stay(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    static const struct test_part parts[] = {{1, 11, 300000}, {2, 21, 5000}, {3, 31, 70001}};
    enum { SIZE = 375001 };
    char id[UPLOAD_ID_BYTES];
    struct error error;
    make_bucket(store);
    begin_upload(store, bucket, key, id);
    for (unsigned i = 0; i < 3; i++)
        put_part(store, bucket, key, id, &parts[i]);
    complete(store, bucket, key, id, parts, 3);
    const struct object_attributes before = head(store, "");

    /* the same bytes again, so that all that expect_parts asks can be asked */
    const struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    struct bucket_writer *writer;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    ck_assert_uint_eq(object->attributes.stored_size, SIZE);
    ck_assert(bucket_read(object, 0, new_body, SIZE, &error));
    const struct write_intent intent = {.name = name};
    ck_assert(bucket_begin(store, &intent, &writer, &error));
    ck_assert(bucket_write(writer, span_of(new_body, SIZE), &error));
    const struct body_rewrite same = {
        .judged = &object->attributes, .body = &object->attributes, .metadata = object->attributes.metadata};
    bool done = bucket_commit_rewrite(writer, &same, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    bucket_close(object);
    const struct object_attributes after = head(store, "");
    ck_assert_str_ne(before.stored_etag, after.stored_etag);
    ck_assert_uint_eq(after.parts_count, 3);
    *(uint64_t *)argument = after.sidecar_size;
    expect_stored(store, "", span_of(new_body, SIZE));
    struct arena map;
    arena_init(&map, 1 << 20);
    struct object_part *read;
    unsigned count;
    bool is_truncated;
    ck_assert(bucket_open(store, &name, NULL, &object, &error));
    ck_assert(bucket_read_parts(object, 0, 100, &map, &read, &count, &is_truncated, &error));
    ck_assert_uint_eq(count, 3);
    for (unsigned i = 0; i < count; i++)
        ck_assert_uint_eq(read[i].original_size, parts[i].size);
    bucket_close(object);
    arena_free(&map);
    expect_agreement(store);
}

START_TEST(parts_can_still_be_asked_for)
{
    char path[64];
    uint64_t sidecar_bytes = 1;
    folder_make(path);
    arena_init(&arena, ARENA_BYTES);
    with_store(path, parts_stay, &sidecar_bytes);
    ck_assert_uint_eq(sidecar_bytes, 0);
    expect_sound_store(path);
    arena_free(&arena);
    folder_remove(path);
}
END_TEST

/* ---- kill -9 ---- */

static void rewrite_forever(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    int pipe = *(const int *)argument;
    static const size_t bytes[] = {100, 5000, 300000, 700000};
    for (unsigned i = 0;; i++) {
        const struct object_attributes judged = head(store, "");
        rewrite(store, &judged, bytes[i % 4]);
        arena_reset(&arena);
        if (write(pipe, "x", 1) != 1)
            _exit(3);
    }
}

static void put_first(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    make_bucket(store);
    put_object(store, 700000, 700000);
}

static void expect_whole(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    const struct object_attributes object = head(store, "");
    size_t size = (size_t)object.stored_size;
    ck_assert_uint_eq(object.original_size, 700000);
    ck_assert_str_eq(object.etag, "00112233445566778899aabbccddeeff");
    fill_bytes(object.layout == LAYOUT_RAW ? size + 1 : size + 2, new_body, size);
    expect_stored(store, "", span_of(new_body, size));
    EXPECT(store, 1, 700000, (int64_t)size);
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_le(usage.body_bytes, size < 2001 ? 0 : size + 3 * 4096); /* one body, and its label */
    arena_reset(&arena);
}

/* Kills it behind a number of rewrites that differs from round to round, and somewhere in the next one. */
static void kill_in_the_middle(const char *path, unsigned round)
{
    int ends[2];
    char byte;
    int status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork_to_kill();
    if (pid == 0) {
        close(ends[0]);
        with_store(path, rewrite_forever, &ends[1]);
        _exit(0);
    }
    close(ends[1]);
    for (unsigned i = 0; i <= round % 5; i++)
        ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    (void)usleep(round * 700 % 5000);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status));
    close(ends[0]);
}

START_TEST(a_kill_leaves_one_body_or_the_other)
{
    char path[64];
    folder_make(path);
    arena_init(&arena, ARENA_BYTES);
    with_store(path, put_first, NULL);
    for (unsigned round = 0; round < crash_rounds(12); round++) {
        kill_in_the_middle(path, round);
        with_store(path, expect_whole, NULL);
    }
    expect_sound_store(path);
    arena_free(&arena);
    folder_remove(path);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("embedded rewrite");
    TCase *tests = tcase_create("rewrite");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, begin_test, NULL);
    tcase_add_test(tests, only_the_body_changes);
    tcase_add_test(tests, a_download_goes_on);
    tcase_add_test(tests, what_came_meanwhile_stays);
    tcase_add_test(tests, grounds_are_compared);
    tcase_add_test(tests, a_seal_alone_is_replaced);
    tcase_add_test(tests, a_seal_that_is_newer_stays);
    tcase_add_test(tests, versions_keep_their_names_and_places);
    tcase_add_test(tests, parts_can_still_be_asked_for);
    tcase_add_test(tests, a_kill_leaves_one_body_or_the_other);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
