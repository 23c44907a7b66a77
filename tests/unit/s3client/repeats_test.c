/* tests/unit/s3client/repeats_test.c -- what is sent again and what is not; what is known of a lost request; slowing
 * down, clocks, credentials. */
#include "runtime/io/io.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "tests/unit/s3client/script.h"

#include <stdio.h>
#include <string.h>

static char text[4096];

static uint64_t count_of(enum s3_kind kind, enum s3_outcome outcome)
{
    return metric_read(&s3_client_counters(client)->requests[kind][outcome]);
}

static struct s3_call write_once(void)
{
    static const struct span body = {(const uint8_t *)"body", 4};
    struct s3_call call = call_of(S3_PUT_OBJECT, "key");
    call.body = &body;
    call.body_count = 1;
    return call;
}

static bool attempt(struct s3_call *call)
{
    bool ok = s3_client_call(client, call, &answer, &error);
    s3_answer_close(&answer);
    return ok;
}

/* ---- lost answers ---- */

static void lost(void)
{
    PLAY({.then = THEN_CLOSE}, {.then = THEN_RESET}, {.answer = error_text(500, "InternalError")},
         {.answer = error_text(503, "SlowDown")}, {.answer = "HTTP/1.1 200 OK\r\nContent-Le", .then = THEN_CLOSE});
    struct s3_call call = write_once();
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(!attempt(&call));
        ck_assert_int_eq(answer.effect, S3_UNKNOWN);
        ck_assert_uint_eq(answer.attempts, 1);
        ck_assert_int_eq(answer.status, i == 2 ? 500 : i == 3 ? 503 : 0);
    }
    expect_played();
}

START_TEST(a_write_is_never_sent_twice)
{
    on_script(false, lost);
    on_script(true, lost);
}
END_TEST

static void repeated(void)
{
    PLAY({.then = THEN_CLOSE}, {.answer = error_text(500, "InternalError")},
         {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbroken", .then = THEN_CLOSE},
         {.answer = http_text(200, "", "complete")});
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    struct buffer body;
    buffer_init(&body, 100);
    buffer_append_string(&body, "before ");
    call.repeat = S3_REPEAT;
    EXPECT(s3_client_call_whole(client, &call, &body, &answer, &error));
    ck_assert(span_equal(buffer_span(&body), SPAN("before complete")));
    ck_assert_uint_eq(answer.attempts, 4);
    buffer_free(&body);
    ck_assert_uint_eq(metric_read(&s3_client_counters(client)->repeats), 3);

    for (unsigned i = 0; i < 4; i++)
        PLAY({.then = THEN_CLOSE});
    ck_assert(!attempt(&call));
    ck_assert_uint_eq(answer.attempts, 4);
    expect_played();
    PLAY({.answer = error_text(400, "InvalidArgument")}, {.answer = error_text(404, "NoSuchKey")},
         {.answer = error_text(409, "OperationAborted")});
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(!attempt(&call));
        ck_assert_uint_eq(answer.attempts, 1);
    }
    expect_played();
}

START_TEST(what_may_be_repeated_is)
{
    on_script(false, repeated);
    on_script(true, repeated);
}
END_TEST

/* A write that may be repeated, and whose own first attempt stands in its way. */
static void doubtful(void)
{
    PLAY({.then = THEN_CLOSE}, {.answer = error_text(412, "PreconditionFailed")},
         {.answer = error_text(412, "PreconditionFailed")}, {.then = THEN_CLOSE}, {.answer = http_text(200, "", "")});
    struct s3_call call = write_once();
    call.repeat = S3_REPEAT;
    ck_assert(!attempt(&call));
    ck_assert_int_eq(answer.status, 412);
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);
    ck_assert_uint_eq(answer.attempts, 2);
    ck_assert(!attempt(&call));
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    EXPECT(attempt(&call));
    ck_assert_int_eq(answer.effect, S3_APPLIED);
    ck_assert_uint_eq(script_seen[4].body_bytes, 4);
    expect_played();
}

START_TEST(a_refusal_after_a_lost_answer_is_no_proof)
{
    on_script(false, doubtful);
}
END_TEST

static void budget(void)
{
    struct s3_call call = call_of(S3_GET_OBJECT, "key");
    call.repeat = S3_REPEAT;
    for (unsigned i = 0; i < 17; i++) /* ten repetitions to begin with, and a tenth of one for each call */
        PLAY({.answer = error_text(500, "InternalError")});
    unsigned attempts = 0;
    for (unsigned i = 0; i < 7; i++) {
        ck_assert(!attempt(&call));
        attempts += answer.attempts;
    }
    ck_assert_uint_eq(attempts, 17);
    ck_assert_uint_ge(metric_read(&s3_client_counters(client)->repeats_withheld), 3);
}

START_TEST(repetitions_have_a_budget)
{
    on_script(false, budget);
}
END_TEST

/* ---- kept connections that have gone ---- */

static void stale(void)
{
    PLAY({.answer = http_text(200, "", "one"), .then = THEN_CLOSE}, {.answer = http_text(200, "", "two")},
         {.then = THEN_CLOSE}, {.answer = http_text(200, "", "three")}, {.answer = http_text(200, "", "four")},
         {.then = THEN_CLOSE});
    EXPECT(get("key", text, sizeof text));
    (void)io_sleep_until(deadline_after_ms(50)); /* it closes, and we can see that */
    struct s3_call call = write_once();
    EXPECT(attempt(&call));
    ck_assert_uint_eq(metric_read(&s3_client_connection_counters(client)->connections_found_closed), 1);

    /* It closes the moment that the request arrives: repeated at once, if at all. */
    struct s3_call read = call_of(S3_GET_OBJECT, "key");
    read.repeat = S3_REPEAT;
    EXPECT(attempt(&read));
    ck_assert_uint_eq(answer.attempts, 2);
    ck_assert_msg(metric_read(&s3_client_counters(client)->repeats) == 0, "%s", error.message);
    EXPECT(attempt(&call));
    ck_assert(!attempt(&call));
    ck_assert_int_eq(answer.effect, S3_UNKNOWN);
    ck_assert_uint_eq(answer.attempts, 1);
    expect_played();
}

START_TEST(a_closed_connection_is_noticed)
{
    on_script(false, stale);
    on_script(true, stale);
}
END_TEST

static void unreachable(void)
{
    struct s3_endpoint *nowhere =
        s3_endpoint_create(&(struct s3_endpoint_settings){.url = "http://127.0.0.1:1"}, &error);
    struct s3_client *lonely = s3_client_create(nowhere, &client_settings);
    struct s3_call call = write_once();
    call.repeat = S3_REPEAT;
    ck_assert(!s3_client_call(lonely, &call, &answer, &error));
    ck_assert_int_eq(error.kind, ERROR_IO);
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    ck_assert_uint_eq(answer.attempts, 0);
    ck_assert_ptr_nonnull(strstr(error.message, "127.0.0.1:1"));
    ck_assert_ptr_nonnull(strstr(error.message, "refused"));
    ck_assert_uint_eq(metric_read(&s3_client_counters(lonely)->requests[S3_PUT_OBJECT][S3_OUTCOME_UNREACHED]), 4);
    s3_client_destroy(lonely);
    s3_endpoint_destroy(nowhere);
}

START_TEST(nothing_is_applied_where_nobody_listens)
{
    on_script(false, unreachable);
}
END_TEST

/* ---- slowing down ---- */

static unsigned finished;

static void call_in_fiber(void *unused)
{
    (void)unused;
    struct s3_call call = call_of(S3_HEAD_OBJECT, "key");
    struct s3_answer mine;
    struct error my_error;
    if (s3_client_call(client, &call, &mine, &my_error))
        s3_answer_close(&mine);
    finished++;
}

static void window(void)
{
    const struct s3_client_counters *counters = s3_client_counters(client);
    ck_assert_uint_eq(metric_read(&counters->window), 4);
    for (unsigned i = 0; i < 8; i++)
        PLAY({.answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n", .delay_ms = 50});
    finished = 0;
    for (unsigned i = 0; i < 8; i++)
        spawn("call", call_in_fiber, NULL);
    while (script_seen_count < 4)
        (void)io_sleep_until(deadline_after_ms(1));
    ck_assert_uint_eq(script_seen_count, 4);
    ck_assert_uint_eq(metric_read(&counters->requests_queued), 4);
    while (finished < 4)
        (void)io_sleep_until(deadline_after_ms(1));
    ck_assert_uint_eq(finished, 4);
    ck_assert_uint_eq(metric_read(&counters->window), 2); /* complaints about what was under way together count once */
    while (finished < 8)
        (void)io_sleep_until(deadline_after_ms(5));
    ck_assert_uint_eq(metric_read(&counters->window), 1);
    (void)io_sleep_until(deadline_after_ms(1200));
    PLAY({.answer = http_text(200, "", "")});
    call_in_fiber(NULL);
    ck_assert_uint_eq(metric_read(&counters->window), 2);
    ck_assert_uint_eq(metric_read(&counters->requests_under_way), 0);

    PLAY({.then = THEN_STAY}, {.then = THEN_STAY}); /* both places are taken for longer than queue_ms */
    spawn("call", call_in_fiber, NULL);
    spawn("call", call_in_fiber, NULL);
    while (metric_read(&counters->requests_under_way) < 2)
        (void)io_sleep_until(deadline_after_ms(1));
    struct s3_call call = call_of(S3_HEAD_OBJECT, "key");
    ck_assert(!attempt(&call));
    ck_assert_int_eq(error.kind, ERROR_BUSY);
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    while (finished < 11)
        (void)io_sleep_until(deadline_after_ms(5));
}

START_TEST(requests_under_way_are_bounded_and_halved)
{
    client_settings = (struct s3_client_settings){
        .requests_max = 4, .connect_ms = 30000, .first_byte_ms = 3000, .progress_ms = 3000, .queue_ms = 500};
    on_script(false, window);
}
END_TEST

static void retry_after(void)
{
    PLAY({.answer = "HTTP/1.1 503 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"},
         {.answer = http_text(200, "", "")},
         {.answer = "HTTP/1.1 429 Slow Down\r\nRetry-After: 70\r\nContent-Length: 0\r\n\r\n"});
    struct s3_call call = call_of(S3_HEAD_OBJECT, "key");
    call.repeat = S3_REPEAT;
    uint64_t before = loop_now_ns();
    EXPECT(attempt(&call));
    ck_assert_uint_ge(loop_now_ns() - before, 1000 * 1000000ULL);
    before = loop_now_ns();
    ck_assert(!attempt(&call)); /* longer than anybody should wait here */
    ck_assert_uint_lt(loop_now_ns() - before, 60000 * 1000000ULL);
    ck_assert_uint_eq(answer.retry_after_s, 70);
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
}

START_TEST(retry_after_is_heeded)
{
    on_script(false, retry_after);
}
END_TEST

/* ---- clocks ---- */

static const char *refuse_clock(int status, const char *code, int64_t ahead_ms)
{
    char date[DATE_TEXT_BYTES];
    char fields[128];
    date_format_http(loop_wall_ms() + ahead_ms, date);
    (void)snprintf(fields, sizeof fields, "Date: %s\r\n", date);
    char body[128] = "";
    if (code != NULL)
        (void)snprintf(body, sizeof body, "<Error><Code>%s</Code></Error>", code);
    return http_text(status, fields, body);
}

static void date_of(const struct seen *seen, int64_t *ret_ms)
{
    const char *date = strstr(seen->head, "x-amz-date: ");
    ck_assert_ptr_nonnull(date);
    ck_assert(date_parse_signature(span_of(date + 12, 16), ret_ms));
}

static void clocks(void)
{
    enum { HOUR_MS = 3600 * 1000 };
    int64_t first;
    int64_t second;
    PLAY({.answer = refuse_clock(403, "RequestTimeTooSkewed", HOUR_MS)}, {.answer = http_text(200, "", "")},
         {.answer = http_text(200, "", "")});
    struct s3_call call = write_once(); /* refused before anything was done: this may be sent again */
    EXPECT(attempt(&call));
    ck_assert_uint_eq(answer.attempts, 2);
    date_of(&script_seen[0], &first);
    date_of(&script_seen[1], &second);
    ck_assert(second - first > HOUR_MS - 5000 && second - first < HOUR_MS + 5000);
    EXPECT(attempt(&call));
    ck_assert_uint_eq(answer.attempts, 1); /* the offset is kept */
    date_of(&script_seen[2], &second);
    ck_assert(second - first > HOUR_MS - 5000);
    ck_assert_uint_eq(metric_read(&s3_client_counters(client)->clock_corrections), 1);
    int64_t ahead_ms = clock_wall_ms(s3_endpoint_clock(endpoint)) - loop_wall_ms();
    ck_assert(ahead_ms > HOUR_MS - 5000 && ahead_ms < HOUR_MS + 5000);

    PLAY({.answer = refuse_clock(403, "RequestTimeTooSkewed", 0)},
         {.answer = refuse_clock(403, "RequestTimeTooSkewed", 0)}); /* once only */
    ck_assert(!attempt(&call));
    ck_assert_ptr_eq(error.code, S3_RequestTimeTooSkewed);
    ck_assert_uint_eq(answer.attempts, 2);

    PLAY({.answer = refuse_clock(403, NULL, 2 * HOUR_MS)}, {.answer = http_text(200, "", "")},
         {.answer = refuse_clock(403, NULL, 2 * HOUR_MS)},
         {.answer = refuse_clock(403, "RequestTimeTooSkewed", -400LL * 24 * HOUR_MS)});
    struct s3_call head = call_of(S3_HEAD_OBJECT, "key"); /* says no code, only a date */
    EXPECT(attempt(&head));
    ck_assert_uint_eq(answer.attempts, 2);
    ck_assert(!attempt(&head));
    ck_assert_uint_eq(answer.attempts, 1);
    ck_assert(!attempt(&head)); /* a clock that is a year off is not believed */
    expect_played();
}

START_TEST(a_wrong_clock_is_corrected_once)
{
    on_script(false, clocks);
}
END_TEST

/* ---- credentials ---- */

struct changing {
    struct s3_credential_source source;
    struct s3_credentials credentials[3];
    unsigned pins;
    unsigned unpins;
    unsigned refreshes;
    bool is_exhausted;
};

static const struct s3_credentials *pin(struct s3_credential_source *source, struct error *ret_error)
{
    struct changing *changing = (struct changing *)(void *)source;
    (void)ret_error;
    changing->pins++;
    return &changing->credentials[atomic_load(&source->generation) - 1];
}

static void unpin(struct s3_credential_source *source, const struct s3_credentials *credentials)
{
    (void)credentials;
    ((struct changing *)(void *)source)->unpins++;
}

SUSPENDS static bool refresh(struct s3_credential_source *source, uint64_t generation, deadline_t deadline,
                             struct error *ret_error)
{
    struct changing *changing = (struct changing *)(void *)source;
    (void)deadline;
    changing->refreshes++;
    (void)io_sleep_until(deadline_after_ms(5));
    if (changing->is_exhausted)
        return error_set(ret_error, ERROR_TIMED_OUT, NULL, "none to be had");
    if (atomic_load(&source->generation) == generation)
        atomic_fetch_add(&source->generation, 1);
    return true;
}

static const struct s3_credential_source_operations changing_operations = {pin, unpin, refresh, NULL};
static struct changing changing;

static void credentials(void)
{
    PLAY({.answer = http_text(200, "", "")}, {.answer = error_text(400, "ExpiredToken")},
         {.answer = http_text(200, "", "")}, {.answer = error_text(400, "ExpiredToken")},
         {.answer = error_text(400, "ExpiredToken")});
    struct s3_call call = write_once();
    EXPECT(attempt(&call));
    EXPECT(attempt(&call));
    ck_assert_uint_eq(answer.attempts, 2);
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "x-amz-security-token: token-1\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[1].head, "Credential=AKID1/"));
    ck_assert_ptr_nonnull(strstr(script_seen[2].head, "x-amz-security-token: token-2\r\n"));
    ck_assert_ptr_nonnull(strstr(script_seen[2].head, "Credential=AKID2/"));
    ck_assert_uint_eq(changing.refreshes, 1);
    ck_assert_uint_eq(metric_read(&s3_client_counters(client)->credential_refreshes), 1);
    ck_assert(!attempt(&call));
    ck_assert_uint_eq(answer.attempts, 2); /* refreshed once, refused again */

    changing.is_exhausted = true;
    PLAY({.answer = error_text(400, "ExpiredToken")});
    ck_assert(!attempt(&call));
    ck_assert_str_eq(answer.code, "ExpiredToken");
    ck_assert_int_eq(answer.effect, S3_NOT_APPLIED);
    expect_played();
}

START_TEST(expired_credentials_are_refreshed_once)
{
    changing.source.operations = &changing_operations;
    atomic_store(&changing.source.generation, 1);
    changing.credentials[0] = (struct s3_credentials){SPAN("AKID1"), SPAN("one"), SPAN("token-1"), 1};
    changing.credentials[1] = (struct s3_credentials){SPAN("AKID2"), SPAN("two"), SPAN("token-2"), 2};
    changing.credentials[2] = (struct s3_credentials){SPAN("AKID3"), SPAN("three"), SPAN_EMPTY, 3};
    endpoint_settings.credentials = &changing.source;
    on_script(false, credentials);
    ck_assert_uint_eq(changing.pins, changing.unpins);
}
END_TEST

static void counters(void)
{
    PLAY({.answer = http_text(200, "", "x")}, {.answer = error_text(404, "NoSuchKey")},
         {.answer = error_text(403, "AccessDenied")}, {.answer = error_text(412, "PreconditionFailed")});
    for (unsigned i = 0; i < 4; i++)
        (void)get("key", text, sizeof text);
    ck_assert_uint_eq(count_of(S3_GET_OBJECT, S3_OUTCOME_OK), 1);
    ck_assert_uint_eq(count_of(S3_GET_OBJECT, S3_OUTCOME_NOT_FOUND), 1);
    ck_assert_uint_eq(count_of(S3_GET_OBJECT, S3_OUTCOME_DENIED), 1);
    ck_assert_uint_eq(count_of(S3_GET_OBJECT, S3_OUTCOME_CONDITION), 1);
    ck_assert_str_eq(s3_kind_name(S3_GET_OBJECT), "GetObject");
    ck_assert_str_eq(s3_outcome_name(S3_OUTCOME_CONDITION), "condition");
    const struct http_client_counters *connections = s3_client_connection_counters(client);
    ck_assert_uint_eq(metric_read(&connections->connections), 1);
    ck_assert_uint_eq(metric_read(&connections->connections_reused), 3);
    ck_assert_uint_eq(metric_read(&connections->connections_idle), 1);
}

START_TEST(every_attempt_is_counted)
{
    on_script(false, counters);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3client-repeats");
    TCase *tests = tcase_create("repeats");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_write_is_never_sent_twice);
    tcase_add_test(tests, what_may_be_repeated_is);
    tcase_add_test(tests, a_refusal_after_a_lost_answer_is_no_proof);
    tcase_add_test(tests, repetitions_have_a_budget);
    tcase_add_test(tests, a_closed_connection_is_noticed);
    tcase_add_test(tests, nothing_is_applied_where_nobody_listens);
    tcase_add_test(tests, requests_under_way_are_bounded_and_halved);
    tcase_add_test(tests, retry_after_is_heeded);
    tcase_add_test(tests, a_wrong_clock_is_corrected_once);
    tcase_add_test(tests, expired_credentials_are_refreshed_once);
    tcase_add_test(tests, every_attempt_is_counted);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
