/* s3client/credentials/fetch.c -- libcurl's easy interface, with everything bounded. */
#include "s3client/credentials/fetch.h"

#include "runtime/base/assert.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 3000 };

void fetch_prepare(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    ASSERT(code == CURLE_OK);
}

/* ---- one transfer ---- */

struct transfer {
    const struct search *search;
    CURL *curl;
    struct curl_slist *headers;
    struct buffer *body;
    char reason[CURL_ERROR_SIZE];
};

static size_t take_body(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    buffer_append(transfer->body, span_of(bytes, one * size));
    return transfer->body->overflow ? 0 : one * size;
}

static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct transfer *transfer = context;
    (void)a, (void)b, (void)c, (void)d;
    return search_is_cut(transfer->search);
}

static void set_headers(struct transfer *transfer, const struct fetch_request *request)
{
    for (unsigned i = 0; i < FETCH_HEADERS_MAX && request->headers[i] != NULL; i++) {
        transfer->headers = curl_slist_append(transfer->headers, request->headers[i]);
        ASSERT(transfer->headers != NULL);
    }
    transfer->headers = curl_slist_append(transfer->headers, "Expect:"); /* and no waiting for 100 */
    (void)curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, transfer->headers);
}

/* They have tokens and signatures. What libcurl has sent lies in buffers of its own until these are used again. */
static void wipe_headers(struct transfer *transfer)
{
    for (struct curl_slist *line = transfer->headers; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(transfer->headers);
}

static void set_method(CURL *curl, const struct fetch_request *request)
{
    if (strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body.size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.data);
    } else if (strcmp(request->method, "PUT") == 0) { /* without a body, said as a length of 0 */
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "PUT");
    }
}

static void set_all(struct transfer *transfer, const struct fetch_request *request, uint64_t timeout_ms)
{
    CURL *curl = transfer->curl;
    const char *ca_file = transfer->search->options->ca_file;
    uint64_t connect_ms = timeout_ms < CONNECT_MS ? timeout_ms : CONNECT_MS;
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "bale/" BALE_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->reason);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* who looks up a name without end is not waited for */
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    if (!request->has_proxy)
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (ca_file != NULL && ca_file[0] != '\0')
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file); /* the system's folder of certificates stays */
    set_method(curl, request);
    set_headers(transfer, request);
}

static bool explain(const struct transfer *transfer, const struct fetch_request *request, CURLcode code,
                    struct error *error)
{
    char url[160];
    const char *reason = transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(code);
    keys_quote(span_take(span_from_string(request->url), strcspn(request->url, "?")), url, sizeof url);
    if (transfer->body->overflow)
        return error_set(error, ERROR_TOO_LARGE, NULL, "%s answers with more than 64 KiB", url);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(error, ERROR_CANCELLED, NULL, "%s was not waited for", url);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(error, ERROR_TIMED_OUT, NULL, "%s does not answer: %s", url, reason);
    return error_set(error, ERROR_IO, NULL, "%s cannot be asked: %s", url, reason);
}

/* 0: the deadline of the search has passed. */
static uint64_t time_left_ms(const struct search *search, uint64_t timeout_ms)
{
    uint64_t now = clock_monotonic_ns(clock_system());
    uint64_t left_ms = search->deadline <= now ? 0 : (search->deadline - now) / 1000000;
    return left_ms < timeout_ms ? left_ms : timeout_ms;
}

bool fetch(const struct search *search, const struct fetch_request *request, struct fetch_answer *ret_answer,
           struct error *error)
{
    *ret_answer = (struct fetch_answer){0};
    buffer_init(&ret_answer->body, FETCH_ANSWER_BYTES_MAX);
    bool has_room =
        buffer_reserve(&ret_answer->body, FETCH_ANSWER_BYTES_MAX); /* nothing moves: see fetch_answer_free */
    ASSERT(has_room);
    uint64_t timeout_ms = time_left_ms(search, request->timeout_ms);
    if (search_is_cut(search))
        return error_set(error, ERROR_CANCELLED, NULL, "%.100s was not asked any more", request->url);
    if (timeout_ms == 0)
        return error_set(error, ERROR_TIMED_OUT, NULL, "there was no time left to ask %.100s", request->url);
    struct transfer *transfer = calloc(1, sizeof *transfer);
    ASSERT(transfer != NULL);
    *transfer = (struct transfer){.search = search, .curl = curl_easy_init(), .body = &ret_answer->body};
    ASSERT(transfer->curl != NULL);
    set_all(transfer, request, timeout_ms);
    CURLcode code = curl_easy_perform(transfer->curl);
    bool done = code == CURLE_OK || explain(transfer, request, code, error);
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    ret_answer->status = (unsigned)status;
    curl_easy_cleanup(transfer->curl);
    wipe_headers(transfer);
    free(transfer);
    return done;
}

void fetch_answer_free(struct fetch_answer *answer)
{
    if (answer->body.data != NULL)
        explicit_bzero(answer->body.data, answer->body.size);
    buffer_free(&answer->body);
}

/* ---- URLs ---- */

/* Copies one part; false: it is not there, or does not fit. */
static bool take_part(CURLU *url, CURLUPart part, unsigned flags, char *ret_text, size_t capacity)
{
    char *text = NULL;
    bool is_there = curl_url_get(url, part, &text, flags) == CURLUE_OK && strlen(text) < capacity;
    if (is_there)
        memcpy(ret_text, text, strlen(text) + 1);
    curl_free(text);
    return is_there;
}

static bool has_user(CURLU *url)
{
    char *user = NULL;
    bool is_there = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK;
    curl_free(user);
    return is_there;
}

static void take_off_brackets(char *host)
{
    size_t size = strlen(host);
    if (size < 2 || host[0] != '[' || host[size - 1] != ']')
        return;
    memmove(host, host + 1, size - 2);
    host[size - 2] = '\0';
}

bool fetch_url_read(const char *url, struct fetch_url *ret_url)
{
    char scheme[8];
    char port[8];
    *ret_url = (struct fetch_url){0};
    for (const char *at = url; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~')
            return false;
    }
    CURLU *parsed = curl_url();
    ASSERT(parsed != NULL);
    bool done = strlen(url) < FETCH_URL_BYTES && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                take_part(parsed, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
                (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                take_part(parsed, CURLUPART_HOST, 0, ret_url->host, sizeof ret_url->host) &&
                take_part(parsed, CURLUPART_PATH, 0, ret_url->path, sizeof ret_url->path);
    if (done && !has_user(parsed)) {
        bool has_port = take_part(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, port, sizeof port);
        (void)snprintf(ret_url->authority, sizeof ret_url->authority, "%s%s%s", ret_url->host, has_port ? ":" : "",
                       has_port ? port : "");
        ret_url->is_https = strcmp(scheme, "https") == 0;
        take_off_brackets(ret_url->host);
    } else {
        done = false;
    }
    curl_url_cleanup(parsed);
    return done;
}
