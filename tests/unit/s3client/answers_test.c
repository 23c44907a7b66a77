/* tests/unit/s3client/answers_test.c -- every odd answer that a server can give, plain and over TLS. */
#include "runtime/io/io.h"
#include "s3client/wire/s3_error.h"
#include "tests/unit/s3client/script.h"

#include <stdio.h>
#include <string.h>

enum { LARGE_BYTES = 64 << 20 };

static char text[4096];
static bool is_secure; /* of the running test */

static void on_both(void (*body)(void))
{
    is_secure = false;
    on_script(false, body);
    is_secure = true;
    on_script(true, body);
}

static void expect_body(const char *expected)
{
    EXPECT(get("key", text, sizeof text));
    ck_assert_str_eq(text, expected);
}

static uint64_t connections(void)
{
    return metric_read(&s3_client_connection_counters(client)->connections);
}

/* ---- how bodies end ---- */

static void framings(void)
{
    PLAY({.answer = http_text(200, "", "plain")}, {.answer = http_text(200, "", "")},
         {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nchunk\r\n3\r\ned!\r\n0\r\nTrailer: "
                    "x\r\n\r\n"},
         {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
          .piece_bytes = 1},
         {.answer = "HTTP/1.1 200\r\nContent-Length: 4\r\nContent-Length: 4\r\nconnection: Keep-Alive\r\n\r\nsame",
          .piece_bytes = 3},
         {.answer = "HTTP/1.1 204 No Content\r\n\r\n"},
         {.answer =
              "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
              "5\r\n\r\nfinal",
          .piece_bytes = 7},
         {.answer = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nold"},
         {.answer = "HTTP/1.1 200 OK\r\n\r\nuntil the end", .then = THEN_CLOSE},
         {.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlast", .then = THEN_CLOSE});
    expect_body("plain");
    expect_body("");
    expect_body("chunked!");
    expect_body("ab");
    expect_body("same");
    expect_body("");
    ck_assert_int_eq(answer.status, 204);
    expect_body("final");
    expect_body("old");
    expect_body("until the end");
    ck_assert_uint_eq(connections(), 1);
    expect_body("last");
    ck_assert_uint_eq(connections(), 2);
    expect_played();
}

START_TEST(bodies_end_in_every_way_there_is)
{
    on_both(framings);
}
END_TEST

static void without_bodies(void)
{
    PLAY({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"e\"\r\n\r\n"},
         {.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 300\r\n\r\n"},
         {.answer = "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"e\"\r\n\r\n"},
         {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}, {.answer = http_text(200, "", "still")});
    struct s3_call call = call_of(S3_HEAD_OBJECT, "key");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert(answer.has_content_length && answer.content_length == 12345);
    ck_assert_str_eq(answer.etag, "\"e\"");
    size_t size = 1;
    EXPECT(s3_answer_read(&answer, text, sizeof text, &size, &error));
    ck_assert_uint_eq(size, 0);
    s3_answer_close(&answer);
    s3_answer_close(&answer);
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_ptr_eq(error.code, S3_NoSuchKey);
    ck_assert_str_eq(answer.code, "");
    ck_assert(!get("key", text, sizeof text));
    ck_assert_int_eq(answer.status, 304);
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
    expect_body("still");
    ck_assert_uint_eq(connections(), 1);
}

START_TEST(answers_without_a_body_have_none)
{
    on_both(without_bodies);
}
END_TEST

/* ---- copies of what an answer says ---- */

static void copies(void)
{
    struct s3_call call = call_of(S3_HEAD_OBJECT, "key");
    struct s3_answer copied;
    struct span value;
    unsigned count;
    PLAY({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: \"e\"\r\nX-Amz-Meta-A: b\r\nEmpty:\r\n\r\n"},
         {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: \"other\"\r\n\r\n"});
    EXPECT(s3_client_call(client, &call, &answer, &error));
    struct s3_answer_copy *copy = s3_answer_copy(&answer);
    s3_answer_close(&answer);
    EXPECT(s3_client_call(client, &call, &answer, &error)); /* into the memory that the first one had */
    s3_answer_of_copy(copy, &copied);
    struct s3_answer_copy *again = s3_answer_copy(&copied);
    s3_answer_copy_give(copy);
    s3_answer_copy_give(again);
    ck_assert(copied.has_content_length && copied.content_length == 7);
    ck_assert_str_eq(copied.etag, "\"e\"");
    ck_assert(s3_answer_find(&copied, "x-amz-meta-a", &value) && span_equal(value, SPAN("b")));
    ck_assert(s3_answer_find(&copied, "empty", &value) && value.size == 0);
    ck_assert(!s3_answer_find(&copied, "absent", &value));
    ck_assert(s3_answer_fields(&copied, &count) != NULL);
    ck_assert_uint_eq(count, 4);
    s3_answer_close(&copied);
    s3_answer_close(&copied);
    ck_assert(s3_answer_fields(&copied, &count) == NULL);
    s3_answer_close(&answer);
}

START_TEST(a_copy_says_what_was_answered)
{
    on_both(copies);
}
END_TEST

/* ---- which bytes a 206 has ---- */

static void expect_range(const char *field, bool is_one, uint64_t first, uint64_t end, uint64_t size)
{
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    uint64_t found_first;
    uint64_t found_end;
    uint64_t found_size;
    PLAY({.answer = http_text(206, field, "x")});
    EXPECT(s3_client_call(client, &call, &answer, &error));
    ck_assert_msg(s3_answer_content_range(&answer, &found_first, &found_end, &found_size) == is_one, "%s", field);
    if (is_one)
        ck_assert_msg(found_first == first && found_end == end && found_size == size, "%s", field);
    s3_answer_close(&answer);
}

static void ranges(void)
{
    static const char *const WRONG[] = {
        "",
        "Content-Range: bytes */100\r\n",
        "Content-Range: bytes 0-9/*\r\n",
        "Content-Range: bytes 9-0/100\r\n",
        "Content-Range: bytes 0-100/100\r\n",
        "Content-Range: bytes 0-9\r\n",
        "Content-Range: bytes 0/9-100\r\n",
        "Content-Range: bytes -9/100\r\n",
        "Content-Range: items 0-9/100\r\n",
        "Content-Range: bytes 0-18446744073709551615/18446744073709551615\r\n",
        "Content-Range: bytes 0-9/18446744073709551616\r\n",
    };
    for (unsigned i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        expect_range(WRONG[i], false, 0, 0, 0);
    expect_range("Content-Range: bytes 0-9/100\r\n", true, 0, 10, 100);
    expect_range("content-range: bytes 99-99/100\r\n", true, 99, 100, 100);
    expect_range("Content-Range: bytes 5-18446744073709551613/18446744073709551614\r\n", true, 5, UINT64_MAX - 1,
                 UINT64_MAX - 1);
    expect_played();
}

START_TEST(ranges_are_read_strictly)
{
    on_both(ranges);
}
END_TEST

/* ---- what is no HTTP, or half of it ---- */

static void expect_broken(const char *bytes, size_t size, enum error_kind kind, const char *words)
{
    play(&(struct step){.answer = bytes, .size = size, .then = THEN_CLOSE}, 1);
    bool ok = get("key", text, sizeof text);
    ck_assert_msg(!ok && error.kind == kind && strstr(error.message, words) != NULL, "%.60s: %d %s", bytes, error.kind,
                  ok ? "taken" : error.message);
    ck_assert_int_eq(ok ? 0 : answer.attempts, 1);
}

static void broken(void)
{
    static const struct {
        const char *bytes;
        enum error_kind kind;
        const char *words;
    } cases[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n", ERROR_DAMAGED, "does not begin with HTTP"},
        {"HTTP/2 200\r\n\r\n", ERROR_DAMAGED, "does not begin with HTTP"},
        {"HTTP/1.1 20 OK\r\n\r\n", ERROR_DAMAGED, "status"},
        {"HTTP/1.1 2000 OK\r\n\r\n", ERROR_DAMAGED, "status"},
        {"HTTP/1.1  200 OK\r\n\r\n", ERROR_DAMAGED, "status"},
        {"HTTP/1.1 200 O\nK\r\n\r\n", ERROR_DAMAGED, "control byte"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", ERROR_DAMAGED, "differ"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nabcd", ERROR_DAMAGED, "not a number"},
        {"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nabcd", ERROR_DAMAGED, "not a number"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", ERROR_DAMAGED, "not a number"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_DAMAGED, "both"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", ERROR_DAMAGED, "not chunked"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_DAMAGED, "HTTP/1.0"},
        {"HTTP/1.1 200 OK\r\nETag: a\r\n b\r\n\r\n", ERROR_DAMAGED, "folding"},
        {"HTTP/1.1 200 OK\r\nETag : a\r\n\r\n", ERROR_DAMAGED, "name: value"},
        {"HTTP/1.1 200 OK\r\nETag: a\nb: c\r\n\r\n", ERROR_DAMAGED, "control byte"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ERROR_DAMAGED, "chunked coding"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX", ERROR_DAMAGED, "chunked coding"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", ERROR_CLOSED, "before the end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", ERROR_CLOSED, "before the end"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ERROR_CLOSED, "before the end"},
        {"HTTP/1.1 200 OK\r\nContent-Le", ERROR_CLOSED, "without an answer"},
        {"HTTP/1.1 100 Continue\r\n\r\n", ERROR_CLOSED, "without an answer"},
        {NULL, ERROR_CLOSED, "without an answer"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_broken(cases[i].bytes, 0, cases[i].kind, cases[i].words);
    static const char with_zero[] = "HTTP/1.1 200 OK\r\nETag: a\0b\r\n\r\n";
    expect_broken(with_zero, sizeof with_zero - 1, ERROR_DAMAGED, "control byte");
    expect_played();
    ck_assert_uint_eq(metric_read(&s3_client_counters(client)->requests[S3_GET_OBJECT][S3_OUTCOME_BROKEN]), 20);
}

START_TEST(what_is_no_answer_is_refused)
{
    on_both(broken);
}
END_TEST

static char *fields_of(size_t value_bytes, unsigned count)
{
    char *made = malloc(count * (value_bytes + 64) + 256);
    ck_assert_ptr_nonnull(made);
    size_t at = (size_t)sprintf(made, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
    for (unsigned i = 0; i < count; i++) {
        at += (size_t)sprintf(made + at, "x-amz-meta-%u: ", i);
        memset(made + at, 'v', value_bytes);
        at += value_bytes;
        at += (size_t)sprintf(made + at, "\r\n");
    }
    (void)sprintf(made + at, "\r\nok");
    return made;
}

static void large_heads(void)
{
    char *heads[] = {fields_of(30000, 2), fields_of(33000, 2), fields_of(1, 255), fields_of(1, 256),
                     fields_of(70000, 1)};
    PLAY({.answer = heads[0], .piece_bytes = 5000}, {.answer = heads[2]});
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    struct span value;
    ck_assert(s3_answer_find(&answer, "x-amz-meta-1", &value) && value.size == 30000 && value.data[29999] == 'v');
    size_t size;
    EXPECT(s3_answer_read(&answer, text, sizeof text, &size, &error));
    ck_assert(size >= 1 && text[0] == 'o');
    ck_assert(s3_answer_find(&answer, "x-amz-meta-0", &value) && value.size == 30000 && value.data[0] == 'v');
    s3_answer_close(&answer);
    EXPECT(s3_client_call(client, &call, &answer, &error));
    unsigned count;
    ck_assert_ptr_nonnull(s3_answer_fields(&answer, &count));
    ck_assert_uint_eq(count, 256);
    s3_answer_close(&answer);
    expect_broken(heads[1], 0, ERROR_DAMAGED, "64 KiB");
    expect_broken(heads[3], 0, ERROR_DAMAGED, "too many header fields");
    expect_broken(heads[4], 0, ERROR_DAMAGED, "64 KiB");
    for (unsigned i = 0; i < 5; i++)
        free(heads[i]);
}

START_TEST(heads_are_bounded)
{
    on_both(large_heads);
}
END_TEST

static void many_interim(void)
{
    char bytes[2048] = "";
    for (unsigned i = 0; i < 20; i++)
        strcat(bytes, "HTTP/1.1 102 Processing\r\n\r\n");
    expect_broken(bytes, 0, ERROR_DAMAGED, "interim");
}

START_TEST(interim_answers_are_bounded)
{
    on_both(many_interim);
}
END_TEST

/* ---- time ---- */

static void times(void)
{
    uint64_t before = loop_now_ns();
    PLAY({.then = THEN_STAY});
    ck_assert(!get("key", text, sizeof text));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);
    ck_assert_uint_ge(loop_now_ns() - before, 1490 * 1000000ULL);

    PLAY({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", .then = THEN_STAY});
    ck_assert(!get("key", text, sizeof text));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_ptr_nonnull(strstr(error.message, "stands still"));

    char steady[1901];
    memset(steady, 's', sizeof steady - 1);
    steady[sizeof steady - 1] = '\0';
    PLAY({.answer = http_text(200, "", steady), .piece_bytes = 1}); /* longer than progress_ms in all */
    before = loop_now_ns();
    EXPECT(get("key", text, sizeof text));
    ck_assert_uint_gt(loop_now_ns() - before, 1500 * 1000000ULL);

    PLAY({.then = THEN_STAY});
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    call.repeat = S3_REPEAT;
    call.deadline = deadline_after_ms(50);
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_uint_eq(answer.attempts, 1); /* without a deadline it had been repeated */

    PLAY({.answer = http_text(200, "", "late"), .delay_ms = 2000});
    call = call_of(S3_GET_OBJECT, "key");
    call.first_byte_ms = 30000;
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
}

START_TEST(waiting_ends)
{
    client_settings = short_times;
    on_both(times);
}
END_TEST

static struct fiber *reader;
static bool reader_has_begun;
static bool reader_has_ended;

static void read_for_ever(void *unused)
{
    (void)unused;
    struct error mine;
    struct s3_answer open;
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    char bytes[100];
    size_t size = 1;
    reader = fiber_current();
    ck_assert_msg(s3_client_call(client, &call, &open, &mine), "%s", mine.message);
    reader_has_begun = true;
    while (s3_answer_read(&open, bytes, sizeof bytes, &size, &mine) && size > 0)
        ;
    ck_assert_int_eq(mine.kind, ERROR_CANCELLED);
    s3_answer_close(&open);
    reader_has_ended = true;
}

static void cancelled(void)
{
    PLAY({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc", .then = THEN_STAY});
    reader_has_begun = reader_has_ended = false;
    spawn("read", read_for_ever, NULL);
    while (!reader_has_begun)
        (void)io_sleep_until(deadline_after_ms(1));
    (void)io_sleep_until(deadline_after_ms(50)); /* it has read what there is */
    fiber_cancel(reader);
    while (!reader_has_ended)
        (void)io_sleep_until(deadline_after_ms(1));
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections_open), 0);
}

START_TEST(cancelling_cuts_the_connection)
{
    on_both(cancelled);
}
END_TEST

/* ---- back-pressure, and bodies that nobody reads ---- */

static void back_pressure(void)
{
    char *bytes = malloc(LARGE_BYTES);
    memset(bytes, 'x', LARGE_BYTES);
    size_t head = (size_t)sprintf(bytes, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE_BYTES - 1000);
    bytes[head] = 'x';
    PLAY({.answer = bytes, .size = LARGE_BYTES - 1000 + head}, {.answer = http_text(200, "", "small")});
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    (void)io_sleep_until(deadline_after_ms(100));
    ck_assert_uint_lt(script_sent_bytes, LARGE_BYTES / 2); /* what fits into the kernel's buffers */
    size_t size;
    EXPECT(s3_answer_read(&answer, text, sizeof text, &size, &error));
    s3_answer_close(&answer); /* much is left: the connection is cut */
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections_open), 0);
    expect_body("small");
    ck_assert_uint_eq(connections(), 2);
    free(bytes);
}

START_TEST(what_is_not_read_is_not_received)
{
    on_both(back_pressure);
}
END_TEST

static void leftovers(void)
{
    static char body[30001];
    memset(body, 'y', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    PLAY({.answer = http_text(200, "", body), .piece_bytes = 9000}, {.answer = http_text(200, "", "next")},
         {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
         {.answer = http_text(200, "", "good")}, {.answer = http_text(200, "", "late"), .delay_ms = 30});
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer); /* read away in the background */
    while (metric_read(&s3_client_connection_counters(client)->connections_idle) == 0)
        (void)io_sleep_until(deadline_after_ms(1));
    expect_body("next");
    ck_assert_uint_eq(connections(), 1);
    expect_body("ok"); /* more than was asked for: the connection is not believed again */
    expect_body("good");
    ck_assert_uint_eq(connections(), 2);
}

START_TEST(small_leftovers_are_read_away_and_surplus_is_not_believed)
{
    on_both(leftovers);
}
END_TEST

/* ---- bodies of requests ---- */

static struct span large_body;

static struct s3_call upload(void)
{
    struct s3_call call = call_of(S3_PUT_OBJECT, "key");
    call.body = &large_body;
    call.body_count = 1;
    call.has_crc32c = true; /* computing takes its time, and nobody looks */
    static const uint8_t sha256[SHA256_BYTES];
    call.sha256 = sha256;
    return call;
}

static void early_answers(void)
{
    uint8_t *bytes = calloc(1, LARGE_BYTES);
    large_body = span_of(bytes, LARGE_BYTES);
    PLAY({.answer = error_text(412, "PreconditionFailed"), .reads = READ_HEAD, .then = THEN_STAY},
         {.answer = error_text(412, "PreconditionFailed"), .reads = READ_HEAD, .then = THEN_CLOSE},
         {.answer = "HTTP/1.1 100 Continue\r\n\r\n",
          .reads = READ_HEAD,
          .delay_ms = 20,
          .then = THEN_READ_REST,
          .last_answer = http_text(200, "ETag: \"e\"\r\n", "")},
         {.reads = READ_HEAD, .delay_ms = 20, .then = THEN_RESET}, {.reads = READ_HEAD, .then = THEN_STAY},
         {.answer = http_text(200, "", "")});
    struct s3_call call = upload();
    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_msg(answer.status == 412, "%d %s", is_secure, error.message);
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    ck_assert_uint_lt(metric_read(&s3_client_connection_counters(client)->bytes_sent), LARGE_BYTES / 2);
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections_open), 0);

    ck_assert(!s3_client_call(client, &call, &answer, &error)); /* the answer may get lost in the reset that follows */
    ck_assert(answer.status == 412 || (answer.status == 0 && answer.effect == S3_UNKNOWN));

    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
    ck_assert_uint_eq(script_seen[2].body_bytes, LARGE_BYTES);

    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(answer.status, 0);
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);
    ck_assert_int_eq(error.kind, ERROR_CLOSED);

    ck_assert(!s3_client_call(client, &call, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);

    large_body.size = 0;
    EXPECT(s3_client_call(client, &call, &answer, &error));
    s3_answer_close(&answer);
    ck_assert_ptr_nonnull(strstr(script_seen[5].head, "Content-Length: 0\r\n"));
    expect_played();
    free(bytes);
}

START_TEST(a_final_answer_ends_an_upload)
{
    client_settings = short_times;
    on_both(early_answers);
}
END_TEST

/* ---- errors ---- */

static void errors(void)
{
    static char large[100001];
    memset(large, 'z', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    PLAY({.answer = error_text(404, "NoSuchBucket")}, {.answer = error_text(400, "SomethingNew")},
         {.answer = http_text(403, "", "<html><body>Forbidden</body></html>")},
         {.answer = http_text(500, "", "<Error><Code>Internal")}, {.answer = http_text(400, "", large)},
         {.answer = http_text(400, "", "<!DOCTYPE a [<!ENTITY b 'cccc'>]><Error><Code>&b;</Code></Error>")},
         {.answer = http_text(301, "x-amz-bucket-region: eu-west-1\r\n",
                              "<Error><Code>PermanentRedirect</Code><Message>Elsewhere</Message></Error>")},
         {.answer = http_text(501, "", "")}, {.answer = http_text(400, "", "<Error><Code>Bad Code\n</Code></Error>")},
         {.answer = "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2b\r\n<Error><Code>OperationAborted</Code></Error>\r\n0\r\n\r\n"});
    static const struct {
        int status;
        const char *code;
        const char *known;
        enum error_kind kind;
        enum s3_effect effect;
        const char *words;
    } cases[] = {
        {404, "NoSuchBucket", S3_NoSuchBucket, ERROR_NOT_FOUND, S3_NOT_APPLIED, "It is so. (request 4711)"},
        {400, "SomethingNew", NULL, ERROR_INVALID, S3_NOT_APPLIED, "DeleteObject box/key: 400 SomethingNew"},
        {403, "", S3_AccessDenied, ERROR_DENIED, S3_NOT_APPLIED, "403"},
        {500, "", NULL, ERROR_BUSY, S3_UNKNOWN, "500"},
        {400, "", NULL, ERROR_INVALID, S3_NOT_APPLIED, "400"},
        {400, "", NULL, ERROR_INVALID, S3_NOT_APPLIED, "400"},
        {301, "PermanentRedirect", NULL, ERROR_INVALID, S3_NOT_APPLIED, "region eu-west-1"},
        {501, "", S3_NotImplemented, ERROR_UNSUPPORTED, S3_NOT_APPLIED, "501"},
        {400, "", NULL, ERROR_INVALID, S3_NOT_APPLIED, "400"},
        {409, "OperationAborted", NULL, ERROR_CONFLICT, S3_UNKNOWN, "409"},
    };
    struct s3_call call = call_of(S3_DELETE_OBJECT, "key");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert(!s3_client_call(client, &call, &answer, &error));
        ck_assert_msg(answer.status == cases[i].status && strcmp(answer.code, cases[i].code) == 0 &&
                          error.code == cases[i].known && error.kind == cases[i].kind &&
                          answer.effect == cases[i].effect && strstr(error.message, cases[i].words) != NULL,
                      "%u: %d %s, %s: %s", i, answer.status, answer.code, error.code == NULL ? "-" : error.code,
                      error.message);
        ck_assert_ptr_null(answer.exchange);
    }
    expect_played();
}

START_TEST(errors_say_what_is_known)
{
    on_both(errors);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3client-answers");
    TCase *tests = tcase_create("answers");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bodies_end_in_every_way_there_is);
    tcase_add_test(tests, answers_without_a_body_have_none);
    tcase_add_test(tests, a_copy_says_what_was_answered);
    tcase_add_test(tests, ranges_are_read_strictly);
    tcase_add_test(tests, what_is_no_answer_is_refused);
    tcase_add_test(tests, heads_are_bounded);
    tcase_add_test(tests, interim_answers_are_bounded);
    tcase_add_test(tests, waiting_ends);
    tcase_add_test(tests, cancelling_cuts_the_connection);
    tcase_add_test(tests, what_is_not_read_is_not_received);
    tcase_add_test(tests, small_leftovers_are_read_away_and_surplus_is_not_believed);
    tcase_add_test(tests, a_final_answer_ends_an_upload);
    tcase_add_test(tests, errors_say_what_is_known);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
