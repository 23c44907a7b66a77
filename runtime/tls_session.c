/* runtime/tls_session.c -- TLS records between OpenSSL and the socket.
 *
 * OpenSSL sees a BIO over two buffers of ours: what was received and not yet read, what is to be sent. It never does
 * I/O itself and nothing suspends inside of it; WANT_READ and WANT_WRITE mean that this file receives or sends, and
 * calls it again. */
#include "runtime/base/assert.h"
#include "runtime/io.h"
#include "runtime/loop_private.h"
#include "runtime/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    RECORD_BYTES = 16 << 10,             /* plain text of one record */
    INCOMING_BYTES = RECORD_BYTES + 512, /* a record with its header and tag */
    OUTGOING_BYTES = 4 * (RECORD_BYTES + 256),
    PRIVATE_KEY_OPERATIONS_PER_TURN = 4,
};

struct tls_session {
    SSL *ssl;
    int fd;
    /* Received, not yet taken by OpenSSL. NULL while there is nothing. */
    uint8_t *incoming;
    size_t incoming_start;
    size_t incoming_end;
    /* Made by OpenSSL, not yet sent. NULL while there is nothing. */
    uint8_t *outgoing;
    size_t outgoing_size;
    bool is_at_end; /* the peer's FIN was seen */
};

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *ret_bytes, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t there = session->incoming_end - session->incoming_start;
    if (there == 0) {
        if (!session->is_at_end)
            BIO_set_retry_read(bio);
        return session->is_at_end ? 0 : -1;
    }
    size_t take = there < (size_t)size ? there : (size_t)size;
    memcpy(ret_bytes, session->incoming + session->incoming_start, take);
    session->incoming_start += take;
    return (int)take;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (session->outgoing == NULL) {
        session->outgoing = malloc(OUTGOING_BYTES);
        ASSERT(session->outgoing != NULL);
    }
    size_t room = OUTGOING_BYTES - session->outgoing_size;
    if (room == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    size_t take = room < (size_t)size ? room : (size_t)size;
    memcpy(session->outgoing + session->outgoing_size, bytes, take);
    session->outgoing_size += take;
    return (int)take;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_kind;

__attribute__((constructor)) static void make_bio_kind(void)
{
    bio_kind = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    ASSERT(bio_kind != NULL);
    BIO_meth_set_read(bio_kind, bio_read);
    BIO_meth_set_write(bio_kind, bio_write);
    BIO_meth_set_ctrl(bio_kind, bio_control);
}

/* ---- life ---- */

struct tls_session *tls_session_create(SSL *ssl, int fd)
{
    struct tls_session *session = calloc(1, sizeof *session);
    BIO *bio = BIO_new(bio_kind);
    ASSERT(session != NULL && bio != NULL);
    session->ssl = ssl;
    session->fd = fd;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session->incoming);
    free(session->outgoing);
    free(session);
}

bool tls_session_has_bytes(const struct tls_session *session)
{
    return session->incoming_end > session->incoming_start || SSL_has_pending(session->ssl);
}

void tls_session_rest(struct tls_session *session)
{
    if (session->incoming_end == session->incoming_start) {
        free(session->incoming);
        session->incoming = NULL;
    }
    if (session->outgoing_size == 0) {
        free(session->outgoing);
        session->outgoing = NULL;
    }
}

/* ---- the socket ---- */

SUSPENDS static bool flush(struct tls_session *session, deadline_t deadline, uint64_t idle_ms, struct error *error)
{
    size_t sent = 0;
    while (sent < session->outgoing_size) {
        deadline_t until = idle_ms == 0 ? deadline : deadline_after_ms(idle_ms);
        int64_t result = io_send(session->fd, session->outgoing + sent, session->outgoing_size - sent, until);
        if (result < 0)
            return error_set_errno(error, (int)-result, "sending TLS records");
        sent += (size_t)result;
    }
    session->outgoing_size = 0;
    return true;
}

SUSPENDS static bool fill(struct tls_session *session, deadline_t deadline, struct error *error)
{
    ASSERT(session->incoming_start == session->incoming_end);
    if (session->incoming == NULL) {
        session->incoming = malloc(INCOMING_BYTES);
        ASSERT(session->incoming != NULL);
    }
    int64_t result = io_receive(session->fd, session->incoming, INCOMING_BYTES, deadline);
    if (result < 0)
        return error_set_errno(error, (int)-result, "receiving TLS records");
    session->incoming_start = 0;
    session->incoming_end = (size_t)result;
    session->is_at_end = result == 0;
    return true;
}

static bool fail(struct error *error, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
    return error_set(error, ERROR_CLOSED, NULL, "%s: %s", what, text == NULL ? "the peer went away" : text);
}

/* ---- handshake ---- */

/* A private-key operation takes a good part of a millisecond: a burst of new connections must not hold up everybody
 * else. */
SUSPENDS static void wait_for_turn(void)
{
    static _Thread_local uint64_t turn;
    static _Thread_local unsigned operations;
    for (;;) {
        uint64_t now = atomic_load_explicit(&loop_counters(loop_current())->turns, memory_order_relaxed);
        if (now != turn) {
            turn = now;
            operations = 0;
        }
        if (operations < PRIVATE_KEY_OPERATIONS_PER_TURN) {
            operations++;
            return;
        }
        fiber_yield();
    }
}

static bool spoke_plain_text(const struct tls_session *session)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return session->incoming != NULL &&
           (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST ||
            (reason == SSL_R_WRONG_VERSION_NUMBER && session->incoming[0] >= 'A' && session->incoming[0] <= 'z'));
}

SUSPENDS bool tls_session_accept(struct tls_session *session, deadline_t deadline, struct error *error)
{
    if (!fill(session, deadline, error)) /* nothing is computed for a peer that says nothing */
        return false;
    wait_for_turn();
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(session->ssl);
        int trouble = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
        if (trouble == SSL_ERROR_SSL && spoke_plain_text(session))
            return error_set(error, ERROR_INVALID, NULL, "the client spoke plain text to a TLS port");
        bool is_over = trouble != SSL_ERROR_NONE && trouble != SSL_ERROR_WANT_READ && trouble != SSL_ERROR_WANT_WRITE;
        if (is_over)
            (void)fail(error, "TLS handshake");
        struct error ignored; /* of the alert that says goodbye */
        if (!flush(session, deadline, 0, is_over ? &ignored : error) || is_over)
            return false;
        if (trouble == SSL_ERROR_NONE)
            return true;
        if (trouble == SSL_ERROR_WANT_READ && !fill(session, deadline, error))
            return false;
    }
}

/* ---- bytes ---- */

SUSPENDS bool tls_session_receive(struct tls_session *session, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                                  size_t *ret_size, struct error *error)
{
    for (;;) {
        ERR_clear_error();
        if (SSL_read_ex(session->ssl, ret_bytes, capacity, ret_size) == 1)
            return true;
        int trouble = SSL_get_error(session->ssl, 0);
        if (trouble == SSL_ERROR_ZERO_RETURN || (trouble != SSL_ERROR_WANT_WRITE && session->is_at_end)) {
            *ret_size = 0; /* a body that ends early is noticed by its length, not by a missing close_notify */
            return true;
        }
        if (trouble != SSL_ERROR_WANT_READ && trouble != SSL_ERROR_WANT_WRITE)
            return fail(error, "TLS");
        if (!flush(session, 0, idle_ms, error))
            return false;
        if (trouble == SSL_ERROR_WANT_READ && !fill(session, deadline_after_ms(idle_ms), error))
            return false;
    }
}

SUSPENDS bool tls_session_send(struct tls_session *session, struct span bytes, bool is_last, uint64_t idle_ms,
                               struct error *error)
{
    while (bytes.size > 0) {
        size_t written = 0;
        ERR_clear_error();
        if (SSL_write_ex(session->ssl, bytes.data, bytes.size, &written) == 1) {
            bytes = span_skip(bytes, written);
            continue;
        }
        if (SSL_get_error(session->ssl, 0) != SSL_ERROR_WANT_WRITE)
            return fail(error, "TLS");
        if (!flush(session, 0, idle_ms, error))
            return false;
    }
    return !is_last || flush(session, 0, idle_ms, error);
}

SUSPENDS void tls_session_end(struct tls_session *session)
{
    enum { GOODBYE_MS = 1000 };
    struct error ignored;
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl) && SSL_shutdown(session->ssl) >= 0)
        (void)flush(session, deadline_after_ms(GOODBYE_MS), 0, &ignored);
}
