/* runtime/tls_private.h -- one connection's TLS session, between stream.c and OpenSSL. */
#pragma once

#include "runtime/tls.h"

#include <openssl/ssl.h>

struct tls_session;

/* A new server-side SSL with the certificate of the moment, or NULL. */
SSL *tls_server_open(struct tls_server *server);

/* Takes the SSL over. */
struct tls_session *tls_session_create(SSL *ssl, int fd);
void tls_session_free(struct tls_session *session);

SUSPENDS bool tls_session_accept(struct tls_session *session, deadline_t deadline, struct error *error);
/* As stream_receive and stream_send. */
SUSPENDS bool tls_session_receive(struct tls_session *session, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                                  size_t *ret_size, struct error *error);
SUSPENDS bool tls_session_send(struct tls_session *session, struct span bytes, bool is_last, uint64_t idle_ms,
                               struct error *error);
/* Sends close_notify, as far as that goes without trouble. */
SUSPENDS void tls_session_end(struct tls_session *session);

/* Bytes that need no further receiving are at hand: a parked stream would not be woken for them. */
bool tls_session_has_bytes(const struct tls_session *session);
/* Gives back what an idle session does not need. */
void tls_session_rest(struct tls_session *session);
