/* runtime/tls.h -- the server's side of TLS 1.2 and 1.3: certificate, key, and turning a plain stream into a secure
 * one.
 *
 * A tls_server is made once and shared by all shards. tls_server_load replaces certificate and key as a whole;
 * connections that exist keep theirs, and session tickets stay valid. After stream_secure the verbs of stream.h work as
 * before, encrypted.
 *
 * Memory of an idle connection: 14 KiB, OpenSSL's state (21 after a burst of 2000 at once); its buffers and ours have
 * been given back (tls_memory.h). While bytes move: a block of 24 KiB in, three out. Time-outs are of idleness as in
 * stream.h, but a record of at most 16 KiB must come whole within four times as long. Source: RFC 8446, RFC 5246, the
 * manual pages of OpenSSL 3.0. */
#pragma once

#include "runtime/stream.h"

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
