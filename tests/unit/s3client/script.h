/* tests/unit/s3client/script.h -- a server on the test's own loop that answers as a script says, and a client of it. */
#pragma once

#include "s3client/http/http_client.h"
#include "s3client/operations.h"
#include "tests/unit/runtime/fixture.h"

#include <stddef.h>

/* One request and what becomes of it. */
struct step {
    const char *answer; /* its bytes; NULL: none */
    size_t size;        /* of the answer; 0: up to its zero */
    enum { READ_WHOLE, READ_HEAD } reads;
    unsigned delay_ms; /* before the answer */
    unsigned
        piece_bytes; /* the answer goes out in pieces of this size, each a millisecond after the other; 0: at once */
    enum {
        THEN_KEEP,
        THEN_CLOSE,
        THEN_RESET,
        THEN_READ_REST, /* of the request; after it, `last_answer` */
        THEN_STAY,      /* says and reads nothing more, until the other side ends */
    } then;
    const char *last_answer;
};

/* What has arrived. */
struct seen {
    char head[24 << 10];
    size_t body_bytes;
    char body[4096]; /* its beginning */
    unsigned connection;
};

enum { SEEN_MAX = 64 };
extern struct seen script_seen[SEEN_MAX];
extern unsigned script_seen_count;
extern unsigned script_connections;
extern uint64_t script_sent_bytes; /* of answers */

extern struct s3_client *client;
extern struct s3_endpoint *endpoint;
extern struct s3_answer answer;
extern struct error error;
extern struct arena arena;

/* For the tests that want others than the fixture's. */
extern struct s3_endpoint_settings endpoint_settings;
extern struct s3_client_settings client_settings;
/* For tests that wait for the end of the client's patience; it has more than a busy machine needs in the others. */
extern const struct s3_client_settings short_times;

/* Runs body on a fiber with client and server; plain, or over TLS. */
void on_script(bool is_secure, void (*body)(void));
/* The steps for the requests to come, in the order in which they arrive. */
void play(const struct step *steps, unsigned count);
#define PLAY(...) \
    play((const struct step[]){__VA_ARGS__}, sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))
/* All steps have been taken, and nobody came once more. */
void expect_played(void);

/* "HTTP/1.1 STATUS X\r\nFIELDS Content-Length: ...\r\n\r\nBODY"; lives until the test ends. `fields` with CRLF. */
const char *http_text(int status, const char *fields, const char *body);
const char *error_text(int status, const char *code);

struct s3_call call_of(enum s3_kind kind, const char *key);
/* The call with the whole body, of which only the size and the bytes' sum are kept. */
bool get(const char *key, char *ret_text, size_t capacity);

#define EXPECT(condition) ck_assert_msg(condition, "%s", error.message)
