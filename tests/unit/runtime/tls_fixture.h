/* tests/unit/runtime/tls_fixture.h -- TLS streams against OpenSSL's own client, over real sockets.
 *
 * The client is blocking and runs on a thread of its own; certificates are made here, so that nothing expires. */
#pragma once

#include "runtime/fiber/loop.h"
#include "runtime/stream/tls.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/runtime/certificates.h"

#include <check.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/* ---- certificates ---- */

extern char folder[];
extern char certificate_path[64];
extern char key_path[64];

/* With a good pair in it. */
void make_folder(void);
void remove_folder(void);

/* ---- the server: greets plain speakers, echoes, parks between lines ---- */

extern struct tls_server *server;
extern struct loop *serving;
extern unsigned parked;
/* As long as one may take, and until more of a record is there. */
extern uint64_t handshake_ms;
extern uint64_t record_ms;

/* Runs the client on its thread while the loop serves; it returns NULL or what went wrong. */
void serve(void *(*run)(void *unused));

/* ---- the client ---- */

int dial(void);
/* Takes the session over. */
SSL *dial_secure(SSL_CTX *context, SSL_SESSION *session);
void hang_up(SSL *ssl);
bool echoes(SSL *ssl, const uint8_t *bytes, size_t size);
