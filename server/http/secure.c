/* server/http/secure.c -- a connection's first moment on an HTTPS port: the handshake, or a sentence for whoever speaks
 * plain HTTP. */
#include "runtime/log/log.h"
#include "server/http/connection_private.h"

#define PLAIN_SENTENCE "This port speaks HTTPS: use https:// instead of http://.\n"
_Static_assert(sizeof PLAIN_SENTENCE - 1 == 57, "PLAIN_ANSWER states the length");

#define PLAIN_ANSWER               \
    "HTTP/1.1 400 Bad Request\r\n" \
    "Server: Bale\r\n"             \
    "Content-Type: text/plain\r\n" \
    "Content-Length: 57\r\n"       \
    "Connection: close\r\n\r\n" PLAIN_SENTENCE

SUSPENDS static void answer_in_plain_text(struct http_connection *connection)
{
    struct error ignored;
    struct span answer = SPAN(PLAIN_ANSWER);
    (void)stream_send(connection->stream, &answer, 1, connection->server->settings.progress_ms, &ignored);
}

SUSPENDS bool http_connection_secure(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct error error;
    connection->handshake = fiber_current();
    bool ok = stream_secure(connection->stream, server->settings.tls, server->settings.head_ms, &error);
    connection->handshake = NULL;
    if (ok) {
        metric_add(&server->counters.handshakes, 1);
        return true;
    }
    metric_add(&server->counters.handshakes_failed, 1);
    log_message(LOG_DEBUG, "no TLS with %s: %s", stream_peer(connection->stream), error.message);
    if (error.kind == ERROR_INVALID)
        answer_in_plain_text(connection);
    return false;
}
