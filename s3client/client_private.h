/* s3client/client_private.h -- what the files of the client share. */
#pragma once

#include "runtime/fiber/wait.h"
#include "s3client/http/http_client.h"
#include "s3client/s3client.h"
#include "s3client/wire/sigv4.h"

struct s3_kind_entry {
    const char *name;
    const char *verb;
    unsigned traits;
};

const struct s3_kind_entry *s3_kind_entry(enum s3_kind kind);

/* ---- endpoint.c ---- */

enum { S3_EXTRA_HEADERS_MAX = 8 };

struct s3_endpoint {
    char *url;
    char *host;      /* to connect to; with virtual addressing what follows the bucket's name */
    char *authority; /* for the Host field: host, and the port unless it is the scheme's own */
    char *base_path; /* "" or "/path": before bucket and key */
    char *region;
    uint16_t port;
    enum s3_addressing addressing;
    struct tls_client *tls; /* NULL: plain */
    struct dialer *dialer;
    struct s3_credential_source *credentials;
    const struct clock *clock;
    struct http_field headers[S3_EXTRA_HEADERS_MAX];
    uint64_t headers_kinds[S3_EXTRA_HEADERS_MAX];
    unsigned headers_count;
    _Atomic int64_t clock_offset_ms;
    struct clock backend_clock; /* s3_endpoint_clock */
    _Atomic uint64_t answered_ns;
};

/* Milliseconds since 1970 by the backend's clock, as far as we know it. */
int64_t s3_endpoint_now_ms(const struct s3_endpoint *endpoint);
/* The backend has answered as it should. */
void s3_endpoint_note_answer(struct s3_endpoint *endpoint);
/* The backend has said what time it is. False: the offset is what it was. */
bool s3_endpoint_correct_clock(struct s3_endpoint *endpoint, struct span date);

/* ---- window.c: how many requests may be under way ---- */

struct s3_window {
    unsigned most;
    unsigned size; /* now */
    unsigned under_way;
    uint64_t changed_ns; /* when size was changed */
    struct wait_queue turns;
    struct s3_client_counters *counters;
};

void s3_window_init(struct s3_window *window, unsigned most, struct s3_client_counters *counters);
SUSPENDS bool s3_window_enter(struct s3_window *window, deadline_t deadline, struct error *error);
void s3_window_leave(struct s3_window *window);
/* A request that began at begun_ns was told to slow down. */
void s3_window_halve(struct s3_window *window, uint64_t begun_ns);

/* ---- signer.c: credentials and keys of one shard ---- */

struct s3_signer {
    struct s3_endpoint *endpoint;
    const struct s3_credentials *credentials; /* pinned, or NULL */
    char day[8];                              /* of the key */
    bool has_key;
    struct hmac_sha256_key key;
    struct buffer canonical;
    struct buffer to_sign;
};

void s3_signer_init(struct s3_signer *signer, struct s3_endpoint *endpoint);
void s3_signer_free(struct s3_signer *signer);
/* Looks for newer credentials. False: there are none. Without a source: true, and nothing is signed. */
bool s3_signer_refresh(struct s3_signer *signer, struct error *error);
/* Appends "Authorization: ...\r\n"; `timestamp` is that of x-amz-date. */
bool s3_signer_append(struct s3_signer *signer, const struct sigv4_request *request, struct span timestamp,
                      struct buffer *to, struct error *error);

/* ---- request_head.c ---- */

enum { S3_FIELDS_MAX = S3_HEADERS_MAX + S3_EXTRA_HEADERS_MAX + 8 };

/* What a head says of the body. */
struct s3_body_facts {
    uint64_t size;
    bool has_crc32c; /* a header is sent */
    uint32_t crc32c;
    bool has_sha256;              /* else UNSIGNED-PAYLOAD */
    uint8_t sha256[SHA256_BYTES]; /* of what has bytes */
};

/* Computes what the caller did not give; in slices. */
SUSPENDS void s3_body_facts(const struct s3_endpoint *endpoint, const struct s3_call *call,
                            struct s3_body_facts *ret_facts);

/* Memory for building a head; nothing suspends meanwhile. */
struct s3_head_scratch {
    struct sigv4_header fields[S3_FIELDS_MAX];
    unsigned fields_count;
    struct buffer path;  /* decoded, with the base path */
    struct buffer query; /* encoded */
    struct buffer signed_headers;
};

/* The name of the host that the call goes to, the endpoint's or made in `memory`; NULL: too long. */
const char *s3_request_host(const struct s3_endpoint *endpoint, const struct s3_call *call,
                            char memory[DIAL_HOST_BYTES_MAX + 1]);
/* Refuses what would be a different request on the wire than it is here: control bytes in headers, too much. */
bool s3_request_check(const struct s3_call *call, struct error *error);
bool s3_request_head(struct s3_client *client, const struct s3_call *call, const struct s3_body_facts *facts,
                     struct buffer *to, struct error *error);

/* ---- client.c ---- */

struct s3_client {
    struct s3_endpoint *endpoint;
    struct s3_client_settings settings; /* with the defaults filled in */
    struct http_client *http;
    struct s3_window window;
    struct s3_signer signer;
    struct s3_head_scratch scratch;
    unsigned tokens; /* of the budget for repetitions: tenths of one */
    struct s3_client_counters counters;
};

/* ---- refusal.c: answers that are errors ---- */

/* Reads the error body of exchange (bounded; what cannot be read is left out) and fills in answer->code and *error. */
SUSPENDS void s3_refusal_read(struct http_client_exchange *exchange, const struct s3_call *call,
                              struct s3_answer *answer, struct error *error);
/* The same from a document: of a 200 that is an <Error>. False: it is none. */
bool s3_refusal_parse(struct span document, char ret_code[S3_CODE_BYTES], struct buffer *ret_message);
/* error from status, answer->code and message. */
void s3_refusal_explain(const struct s3_call *call, struct s3_answer *answer, struct span message, struct error *error);
enum s3_outcome s3_outcome_of_status(int status);
