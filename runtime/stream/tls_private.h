/* runtime/stream/tls_private.h -- one connection's TLS session, between stream.c and OpenSSL. */
#pragma once

#include "runtime/stream/tls.h"

#include <openssl/ssl.h>

struct tls_session;
struct stream;

/* A new server-side SSL with the certificate of the moment, or NULL. */
SSL *tls_server_open(struct tls_server *server);

/* A new client-side SSL for a connection to `host`, with a session to resume where there is one. NULL: no memory. */
SSL *tls_client_open(struct tls_client *client, const char *host);

/* Takes the SSL over, whose side is decided; the stream is the one below. */
struct tls_session *tls_session_create(SSL *ssl, struct stream *stream);
void tls_session_free(struct tls_session *session);
/* "1.2" or "1.3"; nothing older is spoken. */
const char *tls_session_version(const struct tls_session *session);
/* OpenSSL's name of it. */
const char *tls_session_cipher(const struct tls_session *session);

/* OpenSSL's callback when a whole ClientHello is there, before any costly computation: may it be answered now? */
int tls_session_meet_client(SSL *ssl, int *ret_alert, void *context);

SUSPENDS bool tls_session_accept(struct tls_session *session, uint64_t handshake_ms, struct error *error);
SUSPENDS bool tls_session_connect(struct tls_session *session, deadline_t deadline, struct error *error);
/* As stream_receive and stream_send. */
SUSPENDS bool tls_session_receive(struct tls_session *session, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                                  size_t *ret_size, struct error *error);
SUSPENDS bool tls_session_send(struct tls_session *session, const struct span *pieces, unsigned count, uint64_t idle_ms,
                               struct error *error);
/* As stream_send_watching. */
SUSPENDS bool tls_session_send_watching(struct tls_session *session, const struct span *pieces, unsigned count,
                                        uint64_t idle_ms, size_t *ret_sent, bool *ret_answered, struct error *error);
/* Sends close_notify, as far as that goes without trouble. */
SUSPENDS void tls_session_end(struct tls_session *session);
/* The same, as far as it goes at once. */
void tls_session_end_now(struct tls_session *session);
/* Has the peer sent neither data nor its end? Takes what can be had without waiting; tickets and the like are no data.
 */
bool tls_session_is_quiet(struct tls_session *session);
bool tls_session_is_resumed(const struct tls_session *session);

/* Bytes that need no further receiving are at hand: a parked stream would not be woken for them. */
bool tls_session_has_bytes(const struct tls_session *session);
/* Gives back what an idle session does not need. */
void tls_session_rest(struct tls_session *session);
