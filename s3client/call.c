/* s3client/call.c -- one call: attempts, and what may follow an attempt that failed.
 *
 * The rule that everything here serves: after a byte of a request has been sent, its effect is unknown until an answer
 * says otherwise. Such a request is sent again only if the call allows it, or if the answer proves that the backend has
 * refused it before doing anything. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "s3client/client_private.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"

#include <stdio.h>

enum {
    ATTEMPTS_MAX = 4,
    BACKOFF_MS_FIRST = 50,
    BACKOFF_MS_MAX = 5000,
    IDLE_MS_WRITE = 4000, /* a connection idle for longer may be closing this very moment */
    IDLE_MS_READ = 20 * 1000,
    UNSEEN_MS_READ = 500,       /* hardly a server waits less for the next request, and what is lost is asked again */
    TOKENS_PER_REPETITION = 10, /* each call earns one */
    TOKENS_MAX = 1000,
    NANOSECONDS_PER_MS = 1000000,
};

/* A call in progress; lives on the caller's stack. */
struct course {
    struct s3_client *client;
    const struct s3_call *call;
    struct s3_answer *answer;
    struct buffer *whole; /* NULL: the caller reads the body */
    size_t whole_before;  /* bytes that were in it already */
    struct s3_body_facts facts;
    unsigned repetitions;
    uint64_t generation; /* of the credentials that the last attempt was signed with */
    bool is_doubtful;    /* an attempt has ended of which nobody knows whether it was applied */
    bool wants_new_connection;
    bool has_refreshed;
    bool has_corrected_clock;
};

enum verdict {
    DONE,
    FAILED,
    AGAIN_AT_ONCE, /* nothing was applied, and the cause is gone */
    AGAIN_LATER,   /* if the call allows it */
};

static bool is_read(const struct course *course)
{
    return s3_kind_reads(course->call->kind);
}

static void count(struct course *course, enum s3_outcome outcome)
{
    metric_add(&course->client->counters.requests[course->call->kind][outcome], 1);
}

/* ---- what the answer says ---- */

static void copy_field(const struct http_answer_head *head, const char *name, char *ret_text, size_t capacity)
{
    struct span value;
    bool is_there = http_answer_head_find(head, span_from_string(name), &value) && value.size < capacity;
    if (is_there)
        memcpy(ret_text, value.data, value.size);
    ret_text[is_there ? value.size : 0] = '\0';
}

static void take_head(struct s3_answer *answer, const struct http_answer_head *head)
{
    struct span value;
    uint64_t seconds = 0;
    answer->status = head->status;
    answer->has_content_length = head->has_content_length;
    answer->content_length = head->content_length;
    answer->code[0] = '\0';
    copy_field(head, "etag", answer->etag, sizeof answer->etag);
    copy_field(head, "x-amz-request-id", answer->request_id, sizeof answer->request_id);
    copy_field(head, "x-amz-bucket-region", answer->region, sizeof answer->region);
    copy_field(head, "x-amz-version-id", answer->version, sizeof answer->version);
    answer->is_delete_marker =
        http_answer_head_find(head, SPAN("x-amz-delete-marker"), &value) && span_equal_ignore_case(value, SPAN("true"));
    answer->modified_ms = 0;
    if (http_answer_head_find(head, SPAN("last-modified"), &value))
        (void)date_parse_http(value, &answer->modified_ms);
    answer->retry_after_s = 0;
    if (http_answer_head_find(head, SPAN("retry-after"), &value) && decimal_parse_range(value, 0, INT32_MAX, &seconds))
        answer->retry_after_s = (uint32_t)seconds; /* the other form, a date, is used by none */
}

static enum s3_effect effect_of_status(int status)
{
    if (status < 300)
        return S3_APPLIED;
    if (status == 408 || status == 409 || (status >= 500 && status != 501))
        return S3_UNKNOWN;
    return S3_NOT_APPLIED;
}

/* No answer, or half of one. */
static void forget_answer(struct s3_answer *answer)
{
    unsigned attempts = answer->attempts;
    enum s3_effect effect = answer->effect;
    *answer = (struct s3_answer){.attempts = attempts, .effect = effect};
}

/* ---- why an attempt failed, and what follows ---- */

static enum s3_outcome outcome_of(const struct error *error)
{
    switch (error->kind) {
    case ERROR_TIMED_OUT:
        return S3_OUTCOME_TIMED_OUT;
    case ERROR_CANCELLED:
        return S3_OUTCOME_CANCELLED;
    default:
        return S3_OUTCOME_BROKEN;
    }
}

static bool prepend_what(const struct course *course, struct error *error)
{
    const struct s3_call *call = course->call;
    return error_prepend(error, "%s%s%.*s: %s", s3_kind_name(call->kind), call->bucket.size > 0 ? " " : "",
                         SPAN_FORMAT(call->bucket), s3_endpoint_url(course->client->endpoint));
}

/* The request or its answer got lost on the way. */
static enum verdict lost(struct course *course, struct http_client_exchange *exchange, struct error *error)
{
    bool was_sent = exchange->sent_bytes > 0;
    bool was_reused = exchange->was_reused;
    http_client_close(exchange);
    forget_answer(course->answer);
    if (!was_sent && was_reused && error->kind == ERROR_CLOSED) {
        course->wants_new_connection = true; /* it was closed before it saw anything of us */
        return AGAIN_AT_ONCE;
    }
    count(course, outcome_of(error));
    course->answer->attempts += was_sent;
    course->is_doubtful |= was_sent && !is_read(course);
    course->answer->effect = was_sent ? S3_UNKNOWN : S3_NOT_APPLIED;
    course->wants_new_connection = true;
    (void)prepend_what(course, error);
    if (error->kind == ERROR_CANCELLED)
        return FAILED;
    /* That a connection has grown old is no sign of trouble. */
    bool is_stale = was_reused && error->kind == ERROR_CLOSED && course->call->repeat == S3_REPEAT;
    if (!is_stale || course->repetitions > 0)
        return AGAIN_LATER;
    course->repetitions++;
    return AGAIN_AT_ONCE;
}

/* An answer to HEAD has no code, and a clock that is wrong is refused with a plain 403: the date tells. */
static bool is_skewed(const struct course *course, struct span date)
{
    enum { SKEW_MS = 5 * 60 * 1000 };
    int64_t theirs;
    if (course->answer->code[0] != '\0' || course->answer->status != 403 || !date_parse_http(date, &theirs))
        return strcmp(course->answer->code, S3_RequestTimeTooSkewed) == 0;
    int64_t apart = theirs - s3_endpoint_now_ms(course->client->endpoint);
    return apart > SKEW_MS || apart < -SKEW_MS;
}

/* The same of expired credentials: there 400 must do, and what it costs to be wrong is one request. */
static bool is_expired(const struct course *course)
{
    const char *code = course->answer->code;
    bool is_silent = code[0] == '\0' && course->answer->status == 400;
    return is_silent || strcmp(code, "ExpiredToken") == 0 || strcmp(code, "ExpiredTokenException") == 0 ||
           strcmp(code, "TokenRefreshRequired") == 0;
}

static bool correct_clock(struct course *course, const struct http_answer_head *head)
{
    struct span date;
    if (course->has_corrected_clock || !http_answer_head_find(head, SPAN("date"), &date) || !is_skewed(course, date))
        return false;
    course->has_corrected_clock = s3_endpoint_correct_clock(course->client->endpoint, date);
    if (course->has_corrected_clock)
        metric_add(&course->client->counters.clock_corrections, 1);
    return course->has_corrected_clock;
}

SUSPENDS static bool refresh_credentials(struct course *course)
{
    struct s3_credential_source *source = course->client->endpoint->credentials;
    struct error ignored; /* what the backend said says more */
    deadline_t deadline = deadline_after_ms(course->client->settings.first_byte_ms);
    if (course->call->deadline != 0 && course->call->deadline < deadline)
        deadline = course->call->deadline;
    if (course->has_refreshed || source == NULL || source->operations->refresh == NULL || !is_expired(course))
        return false;
    course->has_refreshed = true;
    if (!source->operations->refresh(source, course->generation, deadline, &ignored))
        return false;
    metric_add(&course->client->counters.credential_refreshes, 1);
    return true;
}

static bool may_pass(int status, const char *code)
{
    return status == 429 || status == 408 || status == 500 || (status >= 502 && status <= 504) ||
           strcmp(code, S3_RequestTimeout) == 0;
}

/* The backend has answered with an error. */
SUSPENDS static enum verdict refused(struct course *course, struct http_client_exchange *exchange, struct error *error)
{
    struct s3_answer *answer = course->answer;
    s3_refusal_read(exchange, course->call, answer, error);
    bool is_corrected = correct_clock(course, &exchange->head);
    if (s3_outcome_of_status(answer->status) == S3_OUTCOME_SLOW_DOWN)
        s3_window_halve(&course->client->window, exchange->sent_ns);
    http_client_close(exchange);
    answer->effect = effect_of_status(answer->status);
    if (answer->effect == S3_UNKNOWN)
        course->is_doubtful |= !is_read(course);
    if (is_corrected || refresh_credentials(course))
        return AGAIN_AT_ONCE;
    return may_pass(answer->status, answer->code) ? AGAIN_LATER : FAILED;
}

/* ---- one attempt ---- */

static bool is_too_large(const struct buffer *whole, struct error *error)
{
    (void)error_set(error, ERROR_TOO_LARGE, NULL, "the answer is larger than %zu bytes", whole->limit);
    return false;
}

SUSPENDS static bool read_whole(struct course *course, struct http_client_exchange *exchange, struct error *error)
{
    enum { LEAST = 8192 };
    struct buffer *whole = course->whole;
    size_t room_max = whole->limit == 0 ? SIZE_MAX / 2 : whole->limit - whole->size;
    if (exchange->head.body_kind == HTTP_ANSWER_LENGTH) {
        if (exchange->head.content_length > room_max)
            return is_too_large(whole, error);
        (void)buffer_reserve(whole, (size_t)exchange->head.content_length);
    }
    for (;;) {
        uint8_t beyond;
        size_t left = whole->limit == 0 ? LEAST : whole->limit - whole->size;
        size_t size;
        if (whole->size == whole->capacity && left > 0)
            (void)buffer_reserve(whole, left < LEAST ? left : LEAST);
        size_t room = whole->capacity - whole->size;
        if (!http_client_read(exchange, room > 0 ? whole->data + whole->size : &beyond, room > 0 ? room : 1, &size,
                              error))
            return false;
        if (size == 0)
            return true;
        if (room == 0)
            return is_too_large(whole, error);
        whole->size += size;
    }
}

SUSPENDS static enum verdict answered(struct course *course, struct http_client_exchange *exchange, struct error *error)
{
    struct s3_client *client = course->client;
    struct s3_answer *answer = course->answer;
    answer->attempts++;
    take_head(answer, &exchange->head);
    count(course, s3_outcome_of_status(answer->status));
    metric_observe_us(&client->counters.first_byte[course->call->kind], (loop_now_ns() - exchange->sent_ns) / 1000);
    if (answer->status < 300 || answer->status == 304)
        s3_endpoint_note_answer(client->endpoint);
    if (answer->status >= 300)
        return refused(course, exchange, error);
    answer->effect = S3_APPLIED;
    if (course->whole == NULL) {
        answer->exchange = exchange;
        return DONE;
    }
    if (read_whole(course, exchange, error)) {
        http_client_close(exchange);
        return DONE;
    }
    /* Done, but what the backend says of it is lost. */
    course->whole->size = course->whole_before;
    course->is_doubtful |= !is_read(course);
    bool is_final = error->kind == ERROR_TOO_LARGE || error->kind == ERROR_CANCELLED;
    http_client_close(exchange);
    (void)prepend_what(course, error);
    return is_final ? FAILED : AGAIN_LATER;
}

static deadline_t deadline_of(const struct course *course)
{
    return course->call->deadline == 0 ? DEADLINE_NONE : course->call->deadline;
}

static uint64_t first_byte_ms(const struct course *course)
{
    const struct s3_client_settings *settings = &course->client->settings;
    bool is_slow = (s3_kind_entry(course->call->kind)->traits & S3_KIND_SLOW) != 0;
    if (course->call->first_byte_ms != 0)
        return course->call->first_byte_ms;
    return is_slow ? settings->first_byte_slow_ms : settings->first_byte_ms;
}

/* A read may be lost: it costs another request. What writes takes only a connection that is sure to live. */
SUSPENDS static struct http_client_exchange *open_exchange(struct course *course, struct error *error)
{
    char memory[DIAL_HOST_BYTES_MAX + 1];
    const char *host = s3_request_host(course->client->endpoint, course->call, memory);
    if (host == NULL) {
        (void)error_set(error, ERROR_INVALID, NULL, "the bucket's name is too long for a host");
        return NULL;
    }
    const struct http_client_reuse reuse = {
        .idle_ms_max = course->wants_new_connection ? 0
                       : is_read(course)            ? IDLE_MS_READ
                                                    : IDLE_MS_WRITE,
        .unseen_ms_max = is_read(course) && course->call->repeat == S3_REPEAT ? UNSEEN_MS_READ : 0,
    };
    return http_client_open(course->client->http, host, &reuse, deadline_of(course), error);
}

/* With a place in the window. */
SUSPENDS static enum verdict attempt_in_window(struct course *course, struct http_client_exchange **ret_exchange,
                                               struct error *error)
{
    struct s3_client *client = course->client;
    const struct s3_call *call = course->call;
    struct http_client_exchange *exchange = open_exchange(course, error);
    if (exchange == NULL) {
        count(course, error->kind == ERROR_CANCELLED ? S3_OUTCOME_CANCELLED : S3_OUTCOME_UNREACHED);
        forget_answer(course->answer);
        course->answer->effect = S3_NOT_APPLIED;
        (void)error_prepend(error, "%s %.*s", s3_kind_name(call->kind), SPAN_FORMAT(call->bucket)); /* it says where */
        return error->kind == ERROR_TIMED_OUT || error->kind == ERROR_IO ? AGAIN_LATER : FAILED;
    }
    if (!s3_request_head(client, call, &course->facts, &exchange->request, error)) {
        exchange->has_failed = true;
        http_client_close(exchange);
        return FAILED;
    }
    course->generation = client->signer.credentials == NULL ? 0 : client->signer.credentials->generation;
    struct http_client_body body = {call->body, call->body_count};
    struct http_client_limits limits = {
        .is_to_head = strcmp(s3_kind_entry(call->kind)->verb, "HEAD") == 0,
        .first_byte_ms = first_byte_ms(course),
        .deadline = deadline_of(course),
    };
    if (!http_client_perform(exchange, &body, &limits, error))
        return lost(course, exchange, error);
    *ret_exchange = exchange;
    return DONE;
}

SUSPENDS static enum verdict attempt(struct course *course, struct error *error)
{
    struct s3_client *client = course->client;
    struct http_client_exchange *exchange = NULL;
    deadline_t turn = deadline_after_ms(client->settings.queue_ms);
    if (!s3_window_enter(&client->window, deadline_of(course) < turn ? deadline_of(course) : turn, error)) {
        forget_answer(course->answer);
        (void)prepend_what(course, error);
        return FAILED;
    }
    enum verdict verdict = attempt_in_window(course, &exchange, error);
    s3_window_leave(&client->window);
    return exchange == NULL ? verdict : answered(course, exchange, error);
}

/* ---- again? ---- */

static void earn_token(struct s3_client *client)
{
    if (client->tokens < TOKENS_MAX)
        client->tokens++;
}

static bool take_tokens(struct s3_client *client)
{
    if (client->tokens < TOKENS_PER_REPETITION) {
        metric_add(&client->counters.repeats_withheld, 1);
        return false;
    }
    client->tokens -= TOKENS_PER_REPETITION;
    metric_add(&client->counters.repeats, 1);
    return true;
}

/* Full jitter: clients that failed together do not come back together. */
static uint64_t pause_ms(const struct course *course)
{
    uint64_t most = (uint64_t)BACKOFF_MS_FIRST << course->repetitions;
    uint64_t pause = random_below(course->client->settings.random, (most < BACKOFF_MS_MAX ? most : BACKOFF_MS_MAX) + 1);
    uint64_t wished = course->answer->retry_after_s * (uint64_t)1000;
    return pause > wished ? pause : wished;
}

/* False: the last attempt's error stands. */
SUSPENDS static bool wait_for_repetition(struct course *course)
{
    if (course->call->repeat != S3_REPEAT || course->repetitions + 1 >= ATTEMPTS_MAX)
        return false;
    uint64_t pause = pause_ms(course);
    deadline_t until = deadline_after_ms(pause);
    /* Who is asked to stay away for longer is better told to the caller than waited for. */
    if (pause > BACKOFF_MS_MAX || until >= deadline_of(course) || !take_tokens(course->client))
        return false;
    course->repetitions++;
    return io_sleep_until(until) == 0;
}

SUSPENDS static bool run(struct course *course, struct error *error)
{
    for (;;) {
        switch (attempt(course, error)) {
        case DONE:
            return true;
        case AGAIN_AT_ONCE:
            continue;
        case AGAIN_LATER:
            if (!wait_for_repetition(course))
                return false;
            continue;
        case FAILED:
            return false;
        }
    }
}

SUSPENDS static bool call_for(struct s3_client *client, const struct s3_call *call, struct buffer *whole,
                              struct s3_answer *ret_answer, struct error *error)
{
    struct course course = {
        .client = client,
        .call = call,
        .answer = ret_answer,
        .whole = whole,
        .whole_before = whole == NULL ? 0 : whole->size,
    };
    *ret_answer = (struct s3_answer){0};
    if (!s3_request_check(call, error))
        return false;
    s3_body_facts(client->endpoint, call, &course.facts);
    earn_token(client);
    bool ok = run(&course, error);
    /* An earlier attempt may have done what the last one was refused for. */
    if (!ok && course.is_doubtful && ret_answer->effect == S3_NOT_APPLIED)
        ret_answer->effect = S3_UNKNOWN;
    return ok;
}

SUSPENDS bool s3_client_call(struct s3_client *client, const struct s3_call *call, struct s3_answer *ret_answer,
                             struct error *error)
{
    return call_for(client, call, NULL, ret_answer, error);
}

SUSPENDS bool s3_client_call_whole(struct s3_client *client, const struct s3_call *call, struct buffer *body,
                                   struct s3_answer *ret_answer, struct error *error)
{
    return call_for(client, call, body, ret_answer, error);
}
