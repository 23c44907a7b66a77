/* runtime/stream/tls.h -- TLS 1.2 and 1.3: turning a plain stream into a secure one, as server or as client.
 *
 * A tls_server or tls_client is made once and shared by all shards. After the handshake the verbs of stream.h work as
 * before, encrypted.
 *
 * Memory of an idle connection: 14 KiB, OpenSSL's state (21 after a burst of 2000 at once); its buffers and ours have
 * been given back (tls_memory.h). While bytes move: a block of 24 KiB in, three out. Time-outs are of idleness as in
 * stream.h, but a record of at most 16 KiB must come whole within four times as long. Source: RFC 8446, RFC 5246, the
 * manual pages of OpenSSL 3.0. */
#pragma once

#include "runtime/stream/stream.h"

/* ---- server: certificate and key. tls_server_load replaces both as a whole; connections that exist keep theirs, and
 * session tickets stay valid ---- */

struct tls_server;

/* PEM files: the certificate with its chain, and its key. A refusal names the file and says why: unreadable, nothing in
 * it, the key of another certificate, expired, not valid yet. NULL then. */
struct tls_server *tls_server_create(const char *certificate_path, const char *key_path, struct error *error);
/* Any thread: reads the two files again. False: the old pair stays in use. */
bool tls_server_load(struct tls_server *server, struct error *error);
void tls_server_destroy(struct tls_server *server);

/* The handshake, on the stream's fiber; `handshake_ms` bounds it as a whole. False: the stream is as insecure as before
 * and only good for closing -- or, with ERROR_INVALID, for one plain sentence: the peer spoke plain text (HTTP) to this
 * port. A shard does few private-key operations per turn of its loop; further handshakes wait for the next turn. */
SUSPENDS bool stream_secure(struct stream *stream, struct tls_server *server, uint64_t handshake_ms,
                            struct error *error);

/* ---- client: whom to believe. The peer's certificate is verified with its chain, dates and name, always; a session is
 * resumed where the peer allows it, which saves both sides the costly part ---- */

struct tls_client;

/* `authorities_path`: a PEM file with the authorities that are believed instead of the system's; NULL: the system's
 * (where OpenSSL looks for them, SSL_CERT_FILE and SSL_CERT_DIR included). NULL with a sentence when there are none. */
struct tls_client *tls_client_create(const char *authorities_path, struct error *error);
void tls_client_destroy(struct tls_client *client);

/* The error's code where other authorities might help. */
#define TLS_UNKNOWN_AUTHORITY "UnknownAuthority"

/* The handshake with `host`, a name or an address, which is what the certificate must be for; a name is sent along
 * (SNI). False: the stream is only good for closing. ERROR_DENIED: a certificate that has expired, is of another host,
 * or (TLS_UNKNOWN_AUTHORITY) of an authority that is not believed; ERROR_INVALID: the peer does not speak TLS, or none
 * of these versions. */
SUSPENDS bool stream_secure_to(struct stream *stream, struct tls_client *client, const char *host, deadline_t deadline,
                               struct error *error);
/* Was an earlier session taken up? */
bool stream_is_resumed(const struct stream *stream);
