/* s3client/s3client.h -- a client of S3: one call, one answer, on a fiber. Needs nothing of Bale above runtime/.
 *
 *     // once for the process
 *     struct s3_credential_source *source = s3_credentials_create_static(SPAN("AKID"), SPAN("secret"), SPAN_EMPTY,
 * &error); struct s3_endpoint *endpoint = s3_endpoint_create(
 *         &(struct s3_endpoint_settings){.region = "eu-central-1", .credentials = source, .offload = offload}, &error);
 *     // once for each shard, on its thread
 *     struct s3_client *client = s3_client_create(endpoint, &(struct s3_client_settings){0});
 *
 *     // on a fiber of the shard: 1 KiB of an object
 *     struct http_field range = {SPAN("range"), SPAN("bytes=0-1023")};
 *     struct s3_call call = {.kind = S3_GET_OBJECT, .bucket = SPAN("photos"), .key = SPAN("2026/cat.jpg"),
 *                            .headers = &range, .headers_count = 1, .repeat = S3_REPEAT};
 *     struct s3_answer answer;
 *     if (!s3_client_call(client, &call, &answer, &error))
 *         return answer.status == 404 ? nothing_there() : false;
 *     size_t size;
 *     bool ok;
 *     while ((ok = s3_answer_read(&answer, bytes, sizeof bytes, &size, &error)) && size > 0)
 *         use(bytes, size);
 *     s3_answer_close(&answer);
 *
 * Typed calls (lists, uploads, multi-delete, which speak XML) are in s3client/operations.h.
 *
 * What the client does by itself: signs; keeps connections; resolves names off the shard; counts the clock's offset in
 * when the backend says that it is wrong; fetches credentials anew, once, when they have expired; bounds requests under
 * way, and halves the bound when it is told to slow down. What it never does by itself: send a request a second time of
 * which a byte was sent, unless the call says S3_REPEAT or the backend's answer proves that nothing was applied.
 *
 * Back-pressure: bytes of a body are received only by s3_answer_read, straight into the caller's memory. Cancelling the
 * fiber ends every wait; the connection is cut. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"
#include "runtime/fiber/fiber.h"
#include "runtime/metrics.h"
#include "s3client/credential_source.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/http_field.h"

#include <stdbool.h>
#include <stdint.h>

struct offload;

/* ---- kinds of requests ---- */

enum s3_kind {
#define S3_KIND(kind, name, verb, traits) S3_##kind,
#include "s3client/kinds.def"
#undef S3_KIND
    S3_KINDS,
};

enum s3_kind_trait {
    S3_KIND_READ = 1 << 0,
    S3_KIND_BODY = 1 << 1,
    S3_KIND_SLOW = 1 << 2,
};

const char *s3_kind_name(enum s3_kind kind);
/* It changes nothing, and may be sent twice. */
bool s3_kind_reads(enum s3_kind kind);

/* A set of kinds. */
#define S3_ON(kind) ((uint64_t)1 << (kind))
#define S3_ON_ALL (~(uint64_t)0)
/* What makes an object, and so takes its encryption and its storage class. */
#define S3_ON_CREATION (S3_ON(S3_PUT_OBJECT) | S3_ON(S3_COPY_OBJECT) | S3_ON(S3_CREATE_UPLOAD))

/* ---- endpoint: where the backend is and who we are; one a process, shared by all shards ---- */

enum s3_addressing {
    S3_ADDRESS_PATH,    /* https://host/bucket/key */
    S3_ADDRESS_VIRTUAL, /* https://bucket.host/key */
};

/* A header for all requests of some kinds: "x-amz-request-payer" on S3_ON_ALL, encryption on S3_ON_CREATION. */
struct s3_extra_header {
    const char *name; /* lower case */
    const char *value;
    uint64_t kinds;
};

struct s3_endpoint_settings {
    const char *url;    /* "http[s]://host[:port][/path]"; NULL: AWS of the region (wire/partition.h) */
    const char *region; /* NULL: us-east-1 */
    enum s3_addressing addressing;
    const char *ca_file;                      /* PEM: believed instead of the system's authorities; NULL: those */
    struct s3_credential_source *credentials; /* outlives the endpoint; NULL: nothing is signed */
    struct offload *offload;                  /* where names are resolved; NULL: the host must be an address */
    const struct s3_extra_header *headers;    /* copied */
    unsigned headers_count;
    const struct clock *clock; /* for signatures; NULL: the system's */
};

struct s3_endpoint;

/* Checks what can be checked without a request: the URL, the authorities' file. NULL with a sentence. */
struct s3_endpoint *s3_endpoint_create(const struct s3_endpoint_settings *settings, struct error *error);
/* When all its clients are gone. */
void s3_endpoint_destroy(struct s3_endpoint *endpoint);
/* "https://host:port", as it is, for messages. */
const char *s3_endpoint_url(const struct s3_endpoint *endpoint);
const char *s3_endpoint_region(const struct s3_endpoint *endpoint);
bool s3_endpoint_is_secure(const struct s3_endpoint *endpoint);
/* Says in the log that settings.ca_file is of no use to it, if one was given to an endpoint without TLS. That is no
 * error: one file is given to all tools of a machine, as AWS_CA_BUNDLE is. */
void s3_endpoint_say_unused(const struct s3_endpoint *endpoint, const char *ca_file);
/* How far the backend's clock is ahead of ours, as its last complaint had it. */
int64_t s3_endpoint_clock_offset_ms(const struct s3_endpoint *endpoint);
/* The backend's clock, as far as we know it: ours, put right by its complaints, which begin at a quarter of an hour.
 * What it dates is to be compared with this. Monotonic time is ours. Lives as long as the endpoint; any thread. */
const struct clock *s3_endpoint_clock(const struct s3_endpoint *endpoint);
/* How long ago the last answer came that shows that all is well: 2xx or 304, to any client of this endpoint, to half a
 * second. UINT64_MAX: none has. */
uint64_t s3_endpoint_silent_ms(const struct s3_endpoint *endpoint);

/* ---- client: one shard's connections, limits and counters ---- */

/* 0 in a member: the default in brackets. */
struct s3_client_settings {
    unsigned requests_max;              /* under way at once, from being sent until the head of their answer [256] */
    unsigned connections_kept_max;      /* idle ones [64] */
    uint64_t connect_ms;                /* one connection: all addresses, and TLS [3,000] */
    uint64_t first_byte_ms;             /* from the request's last byte to the answer's head [10,000] */
    uint64_t first_byte_slow_ms;        /* the same, of S3_KIND_SLOW [600,000] */
    uint64_t progress_ms;               /* a body that does not move, in either direction [30,000] */
    uint64_t queue_ms;                  /* waiting for one's turn under requests_max [30,000] */
    const struct random_source *random; /* jitter; NULL: the system's */
};

struct s3_client;

/* On the shard's thread, as everything below. */
struct s3_client *s3_client_create(struct s3_endpoint *endpoint, const struct s3_client_settings *settings);
/* No call may be under way and no answer open. */
void s3_client_destroy(struct s3_client *client);
struct s3_endpoint *s3_client_endpoint(const struct s3_client *client);

/* ---- a call ---- */

enum s3_repeat {
    S3_ONCE, /* at most one request that the backend may have acted on */
    /* Also after a lost answer, a time-out, 429 and 5xx: up to 4 requests, with full jitter, while repetitions are at
     * most a tenth of all requests. For what may happen twice with the same result. */
    S3_REPEAT,
};

/* Of the query; sent encoded, in any order. */
struct s3_parameter {
    struct span name;
    struct span value;
};

enum {
    S3_HEADERS_MAX = 64,
    S3_PARAMETERS_MAX = 16,
    S3_PIECES_MAX = 1 << 16,
    S3_REQUEST_HEAD_BYTES_MAX = 16 << 10, /* beyond: ERROR_TOO_LARGE, nothing is sent */
    S3_ANSWER_HEAD_BYTES_MAX = 64 << 10,
    S3_ERROR_BODY_BYTES_MAX = 64 << 10,
};

/* All that spans point to must stay until s3_client_call returns. */
struct s3_call {
    enum s3_kind kind;
    struct span bucket; /* empty: S3_LIST_BUCKETS */
    struct span key;    /* empty: the bucket itself. Raw bytes, encoded here */
    /* "/path?query" as it stands in a URL, encoded already; then bucket, key and query are empty. Of a URL that has its
     * signature in itself: for an endpoint without credentials. */
    struct span target;
    const struct s3_parameter *query;
    unsigned query_count;
    /* Signed, all of them. Names in lower case; Host, Authorization, Content-Length, Connection, x-amz-date,
     * x-amz-content-sha256, x-amz-security-token and the endpoint's extra headers are added here. */
    const struct http_field *headers;
    unsigned headers_count;
    const struct span *body; /* in pieces */
    unsigned body_count;
    /* What the caller knows of the body already; else it is computed where it is needed: the CRC for S3_KIND_BODY, the
     * SHA-256 wherever there is no TLS. */
    bool has_crc32c;
    uint32_t crc32c;
    const uint8_t *sha256;
    bool omits_checksum; /* no x-amz-checksum-crc32c (a backend that refuses it, a client's own checksum) */
    enum s3_repeat repeat;
    uint64_t first_byte_ms; /* 0: the client's for this kind */
    deadline_t deadline; /* of all attempts up to the answer's head; 0: none. When it passes, the connection is cut */
};

/* What is known of the effect of a call. */
enum s3_effect {
    /* Nothing was sent, or the backend has refused before it did anything (3xx, 4xx but 408 and 409). */
    S3_NOT_APPLIED,
    S3_APPLIED, /* 2xx */
    /* It was sent, at least in part, and no answer came, or one that does not tell (408, 409, 5xx); also: 412 or the
     * like after an earlier attempt of the same call that ended so. */
    S3_UNKNOWN,
};

enum {
    S3_CODE_BYTES = 64,
    S3_ETAG_BYTES = 132,
    S3_REQUEST_ID_BYTES = 64,
    S3_REGION_BYTES = 32,
    S3_VERSION_BYTES = 72, /* ids of versions have up to 64 where backends document it */
};

struct http_client_exchange;

/* Filled in by s3_client_call, whatever it returns. */
struct s3_answer {
    int status; /* of the last attempt; 0: no answer came */
    enum s3_effect effect;
    unsigned attempts;      /* requests of which at least a byte was sent */
    uint32_t retry_after_s; /* the backend's wish; 0: none */
    bool has_content_length;
    uint64_t content_length;
    /* Of the answer; "" where it has none (HEAD has no code), or one that is too long. */
    char code[S3_CODE_BYTES];
    char etag[S3_ETAG_BYTES]; /* as sent, with its quotes */
    char request_id[S3_REQUEST_ID_BYTES];
    char region[S3_REGION_BYTES];          /* x-amz-bucket-region */
    char version[S3_VERSION_BYTES];        /* x-amz-version-id */
    bool is_delete_marker;                 /* x-amz-delete-marker: true; a refusal may say so, too */
    int64_t modified_ms;                   /* Last-Modified; 0: it has none */
    struct http_client_exchange *exchange; /* NULL: closed, or a copy */
    struct s3_answer_copy *copy;           /* that its fields are of; NULL: none */
};

/* True: a status of 2xx; the answer is open and must be closed. False: *error says why, nothing is open:
 *   with a status: error->code is the S3_... constant of the backend's code (s3_error.h; NULL: not in the table), the
 *     kind goes by the status: 304 and 412 and 409 ERROR_CONFLICT, 404 ERROR_NOT_FOUND, 401 and 403 ERROR_DENIED, 429
 *     and 5xx ERROR_BUSY, 501 ERROR_UNSUPPORTED, others ERROR_INVALID. The message is for an operator, not for
 *     clients: it has the request's line, the status, the backend's code and message, its request id.
 *   without: ERROR_TIMED_OUT, ERROR_CLOSED, ERROR_CANCELLED; ERROR_IO (no connection: name, address or certificate, as
 *     the message says); ERROR_DAMAGED: what came is not HTTP; ERROR_BUSY: no turn within queue_ms; ERROR_TOO_LARGE. */
SUSPENDS bool s3_client_call(struct s3_client *client, const struct s3_call *call, struct s3_answer *ret_answer,
                             struct error *error);

/* The same for answers that are small: appends the whole body to `body`, up to its limit (ERROR_TOO_LARGE), and closes.
 * A body that broke off is an attempt without an answer: it is repeated as the call allows. */
SUSPENDS bool s3_client_call_whole(struct s3_client *client, const struct s3_call *call, struct buffer *body,
                                   struct s3_answer *ret_answer, struct error *error);

/* ---- an open answer ---- */

/* The first field of that name (lower case); false and empty when there is none. Valid until s3_answer_close. */
bool s3_answer_find(const struct s3_answer *answer, const char *name, struct span *ret_value);
const struct http_field *s3_answer_fields(const struct s3_answer *answer, unsigned *ret_count);

/* "bytes 0-99/1000" of a 206: bytes first .. end-1 of an object of `size` bytes. False: it has none, or one that cannot
 * be. */
bool s3_answer_content_range(const struct s3_answer *answer, uint64_t *ret_first, uint64_t *ret_end,
                             uint64_t *ret_size);

/* The next bytes of the body, at least one; 0 at its end, which is checked against the length. False: broken off
 * (ERROR_CLOSED), standing still (ERROR_TIMED_OUT), ERROR_CANCELLED, ERROR_DAMAGED; then only closing is left. */
SUSPENDS bool s3_answer_read(struct s3_answer *answer, void *ret_bytes, size_t capacity, size_t *ret_size,
                             struct error *error);
/* Never waits, may be called twice. What is left of a body: up to 64 KiB are read away in the background, for the
 * connection's sake; with more the connection is cut. */
void s3_answer_close(struct s3_answer *answer);

/* What an open answer says, without its body, for others who would ask the same: one copy, as many answers as are made
 * of it. All of them on the shard that asked. */
struct s3_answer_copy;
struct s3_answer_copy *s3_answer_copy(const struct s3_answer *answer);
size_t s3_answer_copy_bytes(const struct s3_answer_copy *copy);
/* Whoever made the copy gives it away once; answers of it live until they are closed. */
void s3_answer_copy_give(struct s3_answer_copy *copy);
/* An answer as the copied one, open, with nothing to be read. */
void s3_answer_of_copy(struct s3_answer_copy *copy, struct s3_answer *ret_answer);

/* ---- what is measured ---- */

enum s3_outcome {
    S3_OUTCOME_OK,           /* 2xx */
    S3_OUTCOME_NOT_MODIFIED, /* 304 */
    S3_OUTCOME_NOT_FOUND,    /* 404 */
    S3_OUTCOME_CONDITION,    /* 409, 412 */
    S3_OUTCOME_DENIED,       /* 401, 403 */
    S3_OUTCOME_SLOW_DOWN,    /* 429, 503 */
    S3_OUTCOME_REFUSED,      /* other 3xx and 4xx */
    S3_OUTCOME_FAILED,       /* other 5xx */
    S3_OUTCOME_TIMED_OUT,
    S3_OUTCOME_BROKEN,    /* the connection, or what came over it */
    S3_OUTCOME_CANCELLED, /* by us */
    S3_OUTCOME_UNREACHED, /* no connection */
    S3_OUTCOMES,
};

const char *s3_outcome_name(enum s3_outcome outcome);

/* Written by the shard, read by anybody. */
struct s3_client_counters {
    metric_counter requests[S3_KINDS][S3_OUTCOMES]; /* attempts, each counted once, when its head is there */
    struct metric_histogram first_byte[S3_KINDS];   /* from the first byte sent to the answer's head */
    metric_counter repeats;
    metric_counter repeats_withheld;   /* by the budget */
    metric_counter requests_under_way; /* a gauge */
    metric_counter requests_queued;    /* a gauge */
    metric_counter window;             /* a gauge: how many requests may be under way */
    metric_counter credential_refreshes;
    metric_counter clock_corrections;
};
const struct s3_client_counters *s3_client_counters(const struct s3_client *client);
/* Connections and bytes: s3client/http/http_client.h. */
struct http_client_counters;
const struct http_client_counters *s3_client_connection_counters(const struct s3_client *client);
