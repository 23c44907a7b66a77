/* tests/unit/journal/bucket_of_s3_test.c -- a journal's calls as requests to an S3 server: what is sent, what answers
 * mean. That the promises of a journal hold over a real server is tested in tests/backends/fleet/replicas.py. */
#include "journal/bucket_store.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/s3client/script.h"

#include <string.h>

#define MD5_OF_BODY "\"841a2d689ad86bd1611447453c22c6fc\""
#define MD5_OF_OTHER "\"795f3202b17cb6bc3d4b771d8c6c9eaf\""

static struct journal_bucket *bucket;
static struct journal_store *store;
static bool labels_hold = true;

static void open_bucket(void)
{
    const struct journal_s3_place place = {.endpoint = endpoint,
                                           .bucket = SPAN("box"),
                                           .prefix = SPAN("below/.bale/journal/"),
                                           .labels_hold = labels_hold};
    bucket = journal_bucket_open_s3(&place);
    store = journal_bucket_store(bucket);
}

static deadline_t soon(void)
{
    return deadline_after_ms(60000);
}

static struct store_etag etag_of(const char *text)
{
    struct store_etag etag = {0};
    memcpy(etag.text, text, strlen(text));
    return etag;
}

static enum store_answer create_bell(void)
{
    return store->create(store, "bell", SPAN("body"), soon());
}

static enum store_answer read_bell(const char *known, struct buffer *ret_body, struct store_etag *ret_etag)
{
    struct store_etag etag = etag_of(known);
    *ret_etag = (struct store_etag){0};
    buffer_init(ret_body, 16);
    return store->get(store, "bell", known[0] != '\0' ? &etag : NULL, ret_body, ret_etag, soon());
}

/* ---- what is sent ---- */

static void send_all(void)
{
    struct buffer body;
    struct store_etag etag;
    const struct store_etag old = etag_of("\"any-4.thing\"");
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: \"new\"\r\n", "")}, {.answer = http_text(200, "ETag: \"newer\"\r\n", "")},
         {.answer = "HTTP/1.1 304 Not Modified\r\n\r\n"});
    ck_assert_int_eq(create_bell(), STORE_DONE);
    ck_assert_int_eq(store->replace(store, "bell", &old, SPAN("body"), &etag, soon()), STORE_DONE);
    ck_assert_str_eq(etag.text, "\"newer\"");
    ck_assert_int_eq(read_bell("\"newer\"", &body, &etag), STORE_UNCHANGED); /* without an ETag in the answer */
    buffer_free(&body);
    expect_played();
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "PUT /box/below/.bale/journal/bell HTTP/1.1"));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "if-none-match: *\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "if-match: \"any-4.thing\"\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[2].head, "if-none-match: \"newer\"\r\n"));
    ck_assert_int_eq(store->replace(store, "bell", &(struct store_etag){0}, SPAN("body"), &etag, soon()),
                     STORE_CONDITION_FAILED); /* of damage that has none, which is not sent as a write over anything */
    expect_played();
    journal_bucket_close(bucket);
}

START_TEST(a_call_is_one_request)
{
    on_script(false, send_all);
}
END_TEST

/* ---- what answers mean ---- */

static void understand(void)
{
    static const struct {
        int status;
        const char *code;
        enum store_answer meaning;
    } answers[] = {
        {412, "PreconditionFailed", STORE_CONDITION_FAILED},
        {409, "ConditionalRequestConflict", STORE_CONFLICT},
        {409, "OperationAborted", STORE_UNKNOWN},
        {403, "AccessDenied", STORE_REFUSED},
        {403, "InvalidAccessKeyId", STORE_UNKNOWN}, /* may be mended any moment */
        {400, "EntityTooLarge", STORE_REFUSED},
        {404, "NoSuchBucket", STORE_UNKNOWN},
        {404, "NoSuchKey", STORE_NOT_FOUND},
        {500, "InternalError", STORE_UNKNOWN},
        {503, "SlowDown", STORE_UNKNOWN},
        {501, "NotImplemented", STORE_REFUSED},
    };
    open_bucket();
    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        PLAY({.answer = error_text(answers[i].status, answers[i].code)});
        enum store_answer meaning = create_bell();
        ck_assert_msg(meaning == answers[i].meaning, "%d %s: %d", answers[i].status, answers[i].code, meaning);
    }
    PLAY({.then = THEN_CLOSE}, {.answer = http_text(200, "", "")}); /* no answer; one without an ETag */
    ck_assert_int_eq(create_bell(), STORE_UNKNOWN);
    ck_assert_int_eq(create_bell(), STORE_UNKNOWN);
    expect_played(); /* nothing was sent again */
    ck_assert_uint_eq(journal_bucket_counters(bucket)->unknown[JOURNAL_REQUEST_CREATE], 7);
    journal_bucket_close(bucket);
}

START_TEST(answers_say_what_is_sure)
{
    on_script(false, understand);
}
END_TEST

static void read_bodies(void)
{
    struct buffer body;
    struct store_etag etag;
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: \"1\"\r\n", "body")},
         {.answer = http_text(200, "ETag: \"2\"\r\n", "more than sixteen bytes")},
         {.answer = http_text(200, "", "no ETag")},
         {.answer = "HTTP/1.1 200 OK\r\nETag: \"3\"\r\nContent-Length: 9\r\n\r\nbroken", .then = THEN_CLOSE});
    ck_assert_int_eq(read_bell("", &body, &etag), STORE_DONE);
    ck_assert(span_equal(buffer_span(&body), SPAN("body")));
    ck_assert_str_eq(etag.text, "\"1\"");
    buffer_free(&body);
    static const enum store_answer meanings[] = {STORE_DAMAGED, STORE_DAMAGED, STORE_UNKNOWN};
    static const char *const etags[] = {"\"2\"", "", ""};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(read_bell("", &body, &etag), meanings[i]);
        ck_assert_uint_eq(body.size, 0);
        ck_assert_str_eq(etag.text, etags[i]);
        buffer_free(&body);
    }
    expect_played();
    journal_bucket_close(bucket);
}

START_TEST(a_body_comes_whole_or_not)
{
    on_script(false, read_bodies);
}
END_TEST

static void slip(void)
{
    struct buffer body;
    struct store_etag etag;
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: " MD5_OF_BODY "\r\n", "")},
         {.answer = http_text(200, "ETag: " MD5_OF_OTHER "\r\n", "body")},
         {.answer = http_text(200, "ETag: " MD5_OF_BODY "\r\n", "body")});
    ck_assert_int_eq(create_bell(), STORE_DONE); /* so that is what its ETags are */
    ck_assert_int_eq(read_bell("", &body, &etag), STORE_UNKNOWN);
    ck_assert_str_eq(etag.text, "");
    buffer_free(&body);
    ck_assert_int_eq(read_bell("", &body, &etag), STORE_DONE);
    buffer_free(&body);
    ck_assert_uint_eq(journal_bucket_counters(bucket)->labels_slipped, 1);
    expect_played();
    journal_bucket_close(bucket);

    labels_hold = false;
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: \"opaque\"\r\n", "body")});
    ck_assert_int_eq(read_bell("", &body, &etag), STORE_UNKNOWN); /* nobody can tell whose it is */
    buffer_free(&body);
    expect_played();
    journal_bucket_close(bucket);
    labels_hold = true;
}

START_TEST(bytes_with_the_etag_of_others_are_no_answer)
{
    on_script(false, slip);
}
END_TEST

static void wait_too_long(void)
{
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: \"late\"\r\n", ""), .delay_ms = 5000});
    uint64_t began = loop_now_ns();
    ck_assert_int_eq(store->create(store, "bell", SPAN("body"), deadline_after_ms(50)), STORE_UNKNOWN);
    ck_assert_uint_lt(loop_now_ns() - began, UINT64_C(4500000000));
    journal_bucket_close(bucket); /* does not wait for it either */
    ck_assert_uint_lt(loop_now_ns() - began, UINT64_C(4500000000));
}

START_TEST(a_deadline_cuts)
{
    on_script(false, wait_too_long);
}
END_TEST

static void keep_versions(void)
{
    open_bucket();
    PLAY({.answer = http_text(200, "ETag: \"1\"\r\nx-amz-version-id: null\r\n", "")},
         {.answer = http_text(200, "ETag: \"2\"\r\nx-amz-version-id: L4kqtJlcpXroDTDmpUMLUo\r\n", "")});
    ck_assert_int_eq(create_bell(), STORE_DONE);
    ck_assert(!journal_bucket_keeps_versions(bucket));
    ck_assert_int_eq(create_bell(), STORE_DONE);
    ck_assert(journal_bucket_keeps_versions(bucket));
    journal_bucket_close(bucket);
}

START_TEST(a_bucket_that_keeps_versions_is_noticed)
{
    on_script(false, keep_versions);
}
END_TEST

/* ---- lists ---- */

#define LISTED(key)                                                                                   \
    "<Contents><Key>" key "</Key><Size>1</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified>" \
    "<ETag>\"e\"</ETag></Contents>"
#define PAGE(truncated, token, contents)                                                                               \
    "<?xml version=\"1.0\"?><ListBucketResult><Name>box</Name><IsTruncated>" truncated "</IsTruncated>" token contents \
    "</ListBucketResult>"

static void list_pages(void)
{
    struct store_page *page = malloc(sizeof *page);
    ck_assert_ptr_nonnull(page);
    open_bucket();
    PLAY({.answer = http_text(200, "",
                              PAGE("true", "<NextContinuationToken>t</NextContinuationToken>",
                                   LISTED("below/.bale/journal/s/1") LISTED("below/.bale/journal/s/2")))},
         {.answer = http_text(200, "", PAGE("false", "", LISTED("below/.bale/journal/s/3")))});
    ck_assert_int_eq(store->list(store, "s/", "s/2", page, soon()), STORE_DONE); /* by one that knows no start-after */
    ck_assert_uint_eq(page->count, 1);
    ck_assert_str_eq(page->names[0], "s/3");
    ck_assert(!page->is_truncated);
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "prefix=below%2F.bale%2Fjournal%2Fs%2F"));
    ck_assert_ptr_nonnull(strstr(script_seen[0].head, "start-after=below%2F.bale%2Fjournal%2Fs%2F2"));
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "continuation-token=t"));
    expect_played();
    free(page);
    journal_bucket_close(bucket);
}

START_TEST(lists_go_on_behind_a_name)
{
    on_script(false, list_pages);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal/bucket_of_s3");
    TCase *tests = tcase_create("calls");
    tcase_add_test(tests, a_call_is_one_request);
    tcase_add_test(tests, answers_say_what_is_sure);
    tcase_add_test(tests, a_body_comes_whole_or_not);
    tcase_add_test(tests, bytes_with_the_etag_of_others_are_no_answer);
    tcase_add_test(tests, a_deadline_cuts);
    tcase_add_test(tests, a_bucket_that_keeps_versions_is_noticed);
    tcase_add_test(tests, lists_go_on_behind_a_name);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
