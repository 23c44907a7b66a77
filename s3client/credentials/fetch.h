/* s3client/credentials/fetch.h -- one small HTTP request by libcurl, blocking: for the thread that renews credentials.
 *
 * A connection of its own each time, no redirections, http and https only, certificates verified. An answer has at most
 * 64 KiB. */
#pragma once

#include "runtime/base/buffer.h"
#include "s3client/credentials/search.h"

enum {
    FETCH_ANSWER_BYTES_MAX = 64 << 10,
    FETCH_URL_BYTES = 1024,
    FETCH_HEADERS_MAX = 8,
};

struct fetch_request {
    const char *method; /* GET, PUT, POST */
    const char *url;
    const char *headers[FETCH_HEADERS_MAX]; /* "Name: value", without CR and LF; NULL ends them */
    struct span body;                       /* of a POST */
    uint64_t timeout_ms;                    /* of all of it; connecting has at most 3 s of that */
    bool has_proxy; /* the variables of proxies count: for what lies outside of this machine and its links */
};

struct fetch_answer {
    unsigned status;
    struct buffer body; /* belongs to the caller, also after a failure: fetch_answer_free */
};

/* True when there was an answer, whatever its status. The error names the URL: ERROR_TIMED_OUT, ERROR_CANCELLED (the
 * search is cut), ERROR_TOO_LARGE, ERROR_IO. */
bool fetch(const struct search *search, const struct fetch_request *request, struct fetch_answer *ret_answer,
           struct error *error);
/* Its body may hold secrets. */
void fetch_answer_free(struct fetch_answer *answer);

/* Of the process, once before the first request; any number of times, on one thread. */
void fetch_prepare(void);

/* The parts of a URL as the request will see them. False: it is none, is neither http nor https, names a user, or is
 * longer than FETCH_URL_BYTES allows. */
struct fetch_url {
    bool is_https;
    char host[256];      /* without brackets */
    char authority[300]; /* as a Host header has it */
    char path[FETCH_URL_BYTES];
};
bool fetch_url_read(const char *url, struct fetch_url *ret_url);
