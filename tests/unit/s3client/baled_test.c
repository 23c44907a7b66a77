/* tests/unit/s3client/baled_test.c -- every typed call against a real server. */
#include "runtime/base/arena.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/http/http_client.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "tests/unit/runtime/fixture.h"
#include "tests/unit/s3client/baled.h"

#include <stdio.h>
#include <string.h>

enum { PART_BYTES = 5 << 20, BULK_BYTES = 3 << 20 };

static struct error error;
static struct arena arena;
static struct s3_client *client;
static struct s3_answer answer;
static uint16_t port;

/* ---- around each test ---- */

static void (*body_of_test)(void);

static void run_body(void *unused)
{
    (void)unused;
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    struct s3_credential_source *source = s3_credentials_create_static(
        span_from_string(BALED_ACCESS_KEY), span_from_string(BALED_SECRET_KEY), SPAN_EMPTY, &error);
    ck_assert_ptr_nonnull(source);
    struct s3_endpoint *endpoint =
        s3_endpoint_create(&(struct s3_endpoint_settings){.url = url, .credentials = source}, &error);
    ck_assert_msg(endpoint != NULL, "%s", error.message);
    client = s3_client_create(endpoint, &(struct s3_client_settings){0});
    arena_init(&arena, 8 << 20);
    body_of_test();
    arena_free(&arena);
    s3_client_destroy(client);
    s3_endpoint_destroy(endpoint);
    s3_credentials_destroy(source);
}

static void on_client(void (*body)(void))
{
    body_of_test = body;
    run_on_loop(run_body, NULL);
}

static void start(void)
{
    static const char *const options[] = {"--raw", NULL};
    port = baled_start(options);
}

/* ---- small steps ---- */

#define EXPECT(condition) ck_assert_msg(condition, "%s", error.message)

static struct s3_call call_of(enum s3_kind kind, const char *key)
{
    return (struct s3_call){.kind = kind, .bucket = SPAN("box"), .key = span_from_string(key)};
}

static void make_bucket(void)
{
    struct s3_call call = call_of(S3_CREATE_BUCKET, "");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
}

static void put(const char *key, const char *text)
{
    struct s3_call call = call_of(S3_PUT_OBJECT, key);
    struct span body = span_from_string(text);
    call.body = &body;
    call.body_count = 1;
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.effect, S3_APPLIED);
    s3_answer_close(&answer);
}

static void expect_text(const char *key, const char *text)
{
    struct buffer body;
    struct s3_call call = call_of(S3_GET_OBJECT, key);
    call.repeat = S3_REPEAT;
    buffer_init(&body, 1 << 20);
    EXPECT(s3_client_call_whole(client, &call, &body, &answer, &error));
    ck_assert_uint_eq(body.size, strlen(text));
    ck_assert_mem_eq(body.data, text, body.size);
    buffer_free(&body);
}

/* ---- objects ---- */

static void objects(void)
{
    make_bucket();
    put("a key with ~everything+&=%/ä\x01", "some text");
    expect_text("a key with ~everything+&=%/ä\x01", "some text");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.etag, "\"552e21cd4cd9918678e3c1a0df491bc3\"");
    ck_assert_uint_eq(answer.attempts, 1);

    struct s3_call call = call_of(S3_HEAD_OBJECT, "a key with ~everything+&=%/ä\x01");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert(answer.has_content_length && answer.content_length == 9);
    struct span value;
    ck_assert(s3_answer_find(&answer, "last-modified", &value) && value.size > 20);
    s3_answer_close(&answer);

    call = call_of(S3_HEAD_OBJECT, "nothing");
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.status, 404);
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    ck_assert_ptr_eq(error.code, S3_NoSuchKey);

    call = call_of(S3_GET_OBJECT, "nothing");
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_str_eq(answer.code, "NoSuchKey");
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);

    call = call_of(S3_DELETE_OBJECT, "a key with ~everything+&=%/ä\x01");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.status, 204);
    s3_answer_close(&answer);
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections), 1);
}

START_TEST(puts_gets_heads_and_deletes)
{
    on_client(objects);
}
END_TEST

static void conditions(void)
{
    make_bucket();
    struct http_field none = {SPAN("if-none-match"), SPAN("*")};
    struct span body = SPAN("first");
    struct s3_call call = call_of(S3_PUT_OBJECT, "once");
    call.headers = &none;
    call.headers_count = 1;
    call.body = &body;
    call.body_count = 1;
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.status, 412);
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    ck_assert_int_eq(error.kind, ERROR_CONFLICT);
    ck_assert_ptr_eq(error.code, S3_PreconditionFailed);

    char etag[S3_ETAG_BYTES];
    call = call_of(S3_HEAD_OBJECT, "once");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    (void)snprintf(etag, sizeof etag, "%s", answer.etag);
    s3_answer_close(&answer);
    struct http_field same = {SPAN("if-none-match"), span_from_string(etag)};
    call = call_of(S3_GET_OBJECT, "once");
    call.headers = &same;
    call.headers_count = 1;
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.status, 304);
    ck_assert_str_eq(answer.etag, etag);
    ck_assert_uint_eq(metric_read(&s3_client_counters(client)->requests[S3_GET_OBJECT][S3_OUTCOME_NOT_MODIFIED]), 1);
}

START_TEST(tells_conditions_apart)
{
    on_client(conditions);
}
END_TEST

/* Pieces go out as they lie, come back into the caller's memory, in any cut. */
static void bulk(void)
{
    make_bucket();
    uint8_t *bytes = malloc(BULK_BYTES);
    for (size_t i = 0; i < BULK_BYTES; i++)
        bytes[i] = (uint8_t)(i * 2654435761U >> 11);
    struct span pieces[13];
    for (unsigned i = 0; i < 13; i++)
        pieces[i] = span_of(bytes + (size_t)i * BULK_BYTES / 13,
                            (size_t)(i + 1) * BULK_BYTES / 13 - (size_t)i * BULK_BYTES / 13);
    struct s3_call call = call_of(S3_PUT_OBJECT, "bulk");
    call.body = pieces;
    call.body_count = 13;
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);

    uint8_t *read = malloc(BULK_BYTES + 1);
    call = call_of(S3_GET_OBJECT, "bulk");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert_uint_eq(answer.content_length, BULK_BYTES);
    size_t total = 0;
    size_t size;
    do {
        size_t room = BULK_BYTES + 1 - total;
        EXPECT(s3_answer_read(&answer, read + total, room < 70001 ? room : 70001, &size, &error));
        total += size;
    } while (size > 0);
    ck_assert_uint_eq(total, BULK_BYTES);
    ck_assert_mem_eq(read, bytes, BULK_BYTES);
    s3_answer_close(&answer);
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections), 1);

    EXPECT(s3_client_call(client, &call, &answer, &error)); /* left in the middle: the connection is cut */
    s3_answer_close(&answer);
    put("empty", "");
    expect_text("empty", "");
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections), 2);
    free(read);
    free(bytes);
}

START_TEST(moves_large_bodies)
{
    on_client(bulk);
}
END_TEST

/* ---- lists ---- */

static void lists(void)
{
    make_bucket();
    put("a b+c", "1");
    put("d/x", "22");
    put("d/y", "333");
    put("e\x07", "4444");
    struct s3_call call = call_of(S3_LIST_OBJECTS, "");
    struct s3_list_page page;
    EXPECT(s3_client_list_objects(client, &call, &(struct s3_list_request){.delimiter = SPAN("/")}, &arena, &page,
                                  &answer, &error));
    ck_assert(page.was_encoded && !page.is_truncated);
    ck_assert_uint_eq(page.count, 3);
    ck_assert(span_equal(page.entries[0].key, SPAN("a b+c")));
    ck_assert_uint_eq(page.entries[0].size, 1);
    ck_assert_int_gt(page.entries[0].modified_ms, 1700000000000);
    ck_assert(span_equal(page.entries[0].etag, SPAN("\"c4ca4238a0b923820dcc509a6f75849b\"")));
    ck_assert(span_equal(page.entries[1].key, SPAN("e\x07")) && !page.entries[1].is_prefix);
    ck_assert(span_equal(page.entries[2].key, SPAN("d/")) && page.entries[2].is_prefix);

    EXPECT(s3_client_list_objects(client, &call, &(struct s3_list_request){.after = SPAN("a b+c"), .entries_max = 1},
                                  &arena, &page, &answer, &error));
    ck_assert(page.is_truncated && page.count == 1 && page.continuation.size > 0);
    ck_assert(span_equal(page.entries[0].key, SPAN("d/x")));
    EXPECT(s3_client_list_objects(client, &call, &(struct s3_list_request){.continuation = page.continuation}, &arena,
                                  &page, &answer, &error));
    ck_assert_uint_eq(page.count, 2);
    EXPECT(s3_client_list_objects(client, &call, &(struct s3_list_request){.prefix = SPAN("none")}, &arena, &page,
                                  &answer, &error));
    ck_assert_uint_eq(page.count, 0);

    struct s3_bucket_entry *buckets;
    unsigned count;
    call = (struct s3_call){.repeat = S3_REPEAT};
    EXPECT(s3_client_list_buckets(client, &call, &arena, &buckets, &count, &answer, &error));
    ck_assert_uint_eq(count, 1);
    ck_assert(span_equal(buckets[0].name, SPAN("box")) && buckets[0].created_ms > 1700000000000);
}

START_TEST(lists_objects_and_buckets)
{
    on_client(lists);
}
END_TEST

static void multi_delete(void)
{
    make_bucket();
    put("one", "1");
    put("two & <three>\n", "2");
    put("kept", "3");
    struct s3_delete_item items[] = {
        {.key = SPAN("one")},       {.key = SPAN("two & <three>\n")},
        {.key = SPAN("never was")}, {.key = SPAN("kept"), .etag = SPAN("\"00000000000000000000000000000000\"")},
        {.key = SPAN("bell\x07")},
    };
    struct s3_call call = call_of(S3_DELETE_OBJECTS, "");
    EXPECT(s3_client_delete_objects(client, &call, items, 5, &answer, &error));
    ck_assert(items[0].is_deleted && items[1].is_deleted && items[2].is_deleted);
    ck_assert(!items[3].is_deleted);
    ck_assert_int_eq(items[3].error.kind, ERROR_CONFLICT);
    ck_assert_ptr_eq(items[3].error.code, S3_PreconditionFailed);
    ck_assert(!items[4].is_deleted);
    ck_assert_int_eq(items[4].error.kind, ERROR_UNSUPPORTED);
    struct s3_list_page page;
    EXPECT(s3_client_list_objects(client, &call, &(struct s3_list_request){0}, &arena, &page, &answer, &error));
    ck_assert(page.count == 1 && span_equal(page.entries[0].key, SPAN("kept")));
}

START_TEST(deletes_many_at_once)
{
    on_client(multi_delete);
}
END_TEST

/* ---- uploads ---- */

static void uploads(void)
{
    make_bucket();
    uint8_t *bytes = calloc(1, PART_BYTES);
    struct s3_call call = call_of(S3_CREATE_UPLOAD, "in parts");
    struct span id;
    EXPECT(s3_client_create_upload(client, &call, &arena, &id, &answer, &error));
    ck_assert_uint_gt(id.size, 0);

    char etags[3][S3_ETAG_BYTES];
    struct span body = span_of(bytes, PART_BYTES);
    call.body = &body;
    call.body_count = 1;
    EXPECT(s3_client_upload_part(client, &call, id, 1, &answer, &error));
    memcpy(etags[0], answer.etag, S3_ETAG_BYTES);
    body.size = 7;
    EXPECT(s3_client_upload_part(client, &call, id, 3, &answer, &error));
    memcpy(etags[2], answer.etag, S3_ETAG_BYTES);
    call.body_count = 0;

    struct s3_uploads_page uploads_page;
    struct s3_call bucket = call_of(S3_LIST_UPLOADS, "");
    EXPECT(s3_client_list_uploads(client, &bucket, &(struct s3_uploads_request){.prefix = SPAN("in p")}, &arena,
                                  &uploads_page, &answer, &error));
    ck_assert(uploads_page.count == 1 && !uploads_page.is_truncated);
    ck_assert(span_equal(uploads_page.entries[0].key, SPAN("in parts")));
    ck_assert(span_equal(uploads_page.entries[0].upload_id, id));
    ck_assert(uploads_page.entries[0].initiator.size > 0 && uploads_page.entries[0].initiated_ms > 1700000000000);

    put("source", "0123456789");
    struct s3_copy_source source = {
        .bucket = SPAN("box"), .key = SPAN("source"), .has_range = true, .first = 2, .last = 4};
    struct s3_call replaced = call_of(S3_COPY_PART, "in parts");
    EXPECT(s3_client_copy_part(client, &replaced, id, 3, &source, &answer, &error));
    memcpy(etags[2], answer.etag, S3_ETAG_BYTES);
    ck_assert_uint_eq(strlen(answer.etag), 34);

    struct s3_parts_page parts_page;
    EXPECT(s3_client_list_parts(client, &call, id, 0, 1, &arena, &parts_page, &answer, &error));
    ck_assert(parts_page.count == 1 && parts_page.is_truncated && parts_page.next_marker == 1);
    ck_assert(parts_page.parts[0].number == 1 && parts_page.parts[0].size == PART_BYTES);
    EXPECT(s3_client_list_parts(client, &call, id, 1, 0, &arena, &parts_page, &answer, &error));
    ck_assert(parts_page.count == 1 && !parts_page.is_truncated && parts_page.parts[0].number == 3);
    ck_assert(span_equal(parts_page.parts[0].etag, span_from_string(etags[2])));

    struct s3_part wrong = {.number = 2, .etag = span_from_string(etags[0])};
    ck_assert(!s3_client_complete_upload(client, &call, id, &wrong, 1, &answer, &error));
    ck_assert_str_eq(answer.code, "InvalidPart");
    struct s3_part parts[] = {{.number = 1, .etag = span_from_string(etags[0])},
                              {.number = 3, .etag = span_from_string(etags[2])}};
    EXPECT(s3_client_complete_upload(client, &call, id, parts, 2, &answer, &error));
    ck_assert_ptr_nonnull(strstr(answer.etag, "-2\""));

    struct http_field tail = {SPAN("range"), SPAN("bytes=5242878-")};
    struct buffer read;
    buffer_init(&read, 100);
    call = call_of(S3_GET_OBJECT, "in parts");
    call.headers = &tail;
    call.headers_count = 1;
    EXPECT(s3_client_call_whole(client, &call, &read, &answer, &error));
    ck_assert_int_eq(answer.status, 206);
    ck_assert_uint_eq(read.size, 5);
    ck_assert_mem_eq(read.data, "\0\000234", 5);
    buffer_free(&read);

    call = call_of(S3_CREATE_UPLOAD, "given up");
    EXPECT(s3_client_create_upload(client, &call, &arena, &id, &answer, &error));
    EXPECT(s3_client_abort_upload(client, &call, id, &answer, &error));
    ck_assert(!s3_client_list_parts(client, &call, id, 0, 0, &arena, &parts_page, &answer, &error));
    ck_assert_ptr_eq(error.code, S3_NoSuchUpload);
    free(bytes);
}

START_TEST(uploads_in_parts)
{
    on_client(uploads);
}
END_TEST

static void copies_and_tags(void)
{
    make_bucket();
    put("dir/source %", "text");
    struct s3_call call = call_of(S3_COPY_OBJECT, "target");
    struct s3_copy_source source = {.bucket = SPAN("box"), .key = SPAN("dir/source %")};
    EXPECT(s3_client_copy_object(client, &call, &source, &answer, &error));
    ck_assert_str_eq(answer.etag, "\"1cb251ec0d568de6a929b520c4aed8d1\"");
    expect_text("target", "text");
    source.if_match = SPAN("\"00000000000000000000000000000000\"");
    ck_assert(!s3_client_copy_object(client, &call, &source, &answer, &error));
    ck_assert_int_eq(answer.status, 412);

    struct s3_tag tags[] = {{SPAN("color"), SPAN("blue = green")}, {SPAN("empty"), SPAN_EMPTY}};
    EXPECT(s3_client_put_tags(client, &call, tags, 2, &answer, &error));
    struct s3_tag *read;
    unsigned count;
    EXPECT(s3_client_get_tags(client, &call, &arena, &read, &count, &answer, &error));
    ck_assert_uint_eq(count, 2);
    ck_assert(span_equal(read[0].name, SPAN("color")) && span_equal(read[0].value, SPAN("blue = green")));
    EXPECT(s3_client_put_tags(client, &call, NULL, 0, &answer, &error));
    EXPECT(s3_client_get_tags(client, &call, &arena, &read, &count, &answer, &error));
    ck_assert_uint_eq(count, 0);
}

START_TEST(copies_and_tags_objects)
{
    on_client(copies_and_tags);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3client-baled");
    TCase *tests = tcase_create("calls");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, start, baled_stop);
    tcase_add_test(tests, puts_gets_heads_and_deletes);
    tcase_add_test(tests, tells_conditions_apart);
    tcase_add_test(tests, moves_large_bodies);
    tcase_add_test(tests, lists_objects_and_buckets);
    tcase_add_test(tests, deletes_many_at_once);
    tcase_add_test(tests, uploads_in_parts);
    tcase_add_test(tests, copies_and_tags_objects);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
