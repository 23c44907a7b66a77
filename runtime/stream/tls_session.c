/* runtime/stream/tls_session.c -- TLS records between OpenSSL and the socket.
 *
 * OpenSSL sees a BIO over two buffers of ours: what was received and not yet read, what is to be sent. It never does
 * I/O itself and nothing suspends inside of it; WANT_READ and WANT_WRITE mean that this file receives or sends, and
 * calls it again. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop_private.h"
#include "runtime/stream/stream_private.h"
#include "runtime/stream/tls_memory.h"
#include "runtime/stream/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

enum {
    OUTGOING_BLOCKS = 3, /* four records and some */
    PRIVATE_KEY_OPERATIONS_PER_TURN = 4,
    /* OpenSSL goes on reading while there is no data in what it reads (key updates, refused renegotiations), and each
     * such record costs microseconds: after so many reads others get their turn. A record takes two. */
    READS_PER_CALL = 64,
    /* Bytes that arrive start the time-out of idleness anew, but only a whole record is progress: it may take so many
     * times that long. */
    RECORD_PATIENCE = 4,
    GOODBYE_MS = 1000,
};

struct tls_session {
    SSL *ssl;
    struct stream *stream;
    /* Received, not yet taken by OpenSSL. A block, or NULL while there is nothing. */
    uint8_t *incoming;
    size_t incoming_start;
    size_t incoming_end;
    unsigned reads_left; /* of this call of OpenSSL */
    /* Made by OpenSSL, not yet sent: blocks. */
    struct outgoing {
        uint8_t *block;
        size_t size;
    } outgoing[OUTGOING_BLOCKS];
    unsigned outgoing_count;
    bool may_compute; /* the handshake has its share of this turn */
    bool is_at_end;   /* the peer's FIN was seen */
    bool is_broken;   /* a send has failed in the middle of a record */
    bool is_paused;   /* a send has met an answer in the middle of a record, and may go on */
};

/* ---- the BIO ---- */

static size_t unread(const struct tls_session *session)
{
    return session->incoming_end - session->incoming_start;
}

static int bio_read(BIO *bio, char *ret_bytes, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    size_t there = unread(session);
    BIO_clear_retry_flags(bio);
    if (there == 0 && session->is_at_end)
        return 0;
    if (there == 0 || session->reads_left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = there < (size_t)size ? there : (size_t)size;
    memcpy(ret_bytes, session->incoming + session->incoming_start, take);
    session->incoming_start += take;
    session->reads_left--;
    return (int)take;
}

/* Where the next byte goes, or NULL when all blocks are full. */
static struct outgoing *make_room(struct tls_session *session)
{
    unsigned count = session->outgoing_count;
    if (count > 0 && session->outgoing[count - 1].size < TLS_BLOCK_BYTES)
        return &session->outgoing[count - 1];
    if (count == OUTGOING_BLOCKS)
        return NULL;
    session->outgoing[count] = (struct outgoing){tls_block_take(), 0};
    session->outgoing_count++;
    return &session->outgoing[count];
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    struct span rest = span_of(bytes, (size_t)size);
    BIO_clear_retry_flags(bio);
    while (rest.size > 0) {
        struct outgoing *outgoing = make_room(session);
        if (outgoing == NULL)
            break;
        size_t room = TLS_BLOCK_BYTES - outgoing->size;
        struct span piece = span_take(rest, room);
        memcpy(outgoing->block + outgoing->size, piece.data, piece.size);
        outgoing->size += piece.size;
        rest = span_skip(rest, piece.size);
    }
    if (rest.size < (size_t)size)
        return size - (int)rest.size;
    BIO_set_retry_write(bio);
    return -1;
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

struct tls_session *tls_session_create(SSL *ssl, struct stream *stream)
{
    struct tls_session *session = calloc(1, sizeof *session);
    BIO *bio = BIO_new(bio_kind);
    ASSERT(session != NULL && bio != NULL);
    session->ssl = ssl;
    session->stream = stream;
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return session;
}

static void drop_outgoing(struct tls_session *session)
{
    while (session->outgoing_count > 0)
        tls_block_give_back(session->outgoing[--session->outgoing_count].block);
}

static void drop_incoming(struct tls_session *session)
{
    if (session->incoming != NULL)
        tls_block_give_back(session->incoming);
    session->incoming = NULL;
}

const char *tls_session_version(const struct tls_session *session)
{
    return SSL_version(session->ssl) >= TLS1_3_VERSION ? "1.3" : "1.2";
}

const char *tls_session_cipher(const struct tls_session *session)
{
    return SSL_get_cipher_name(session->ssl);
}

void tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    drop_incoming(session);
    drop_outgoing(session);
    free(session);
}

bool tls_session_has_bytes(const struct tls_session *session)
{
    return unread(session) > 0 || SSL_has_pending(session->ssl);
}

void tls_session_rest(struct tls_session *session)
{
    if (unread(session) == 0)
        drop_incoming(session);
}

/* ---- the socket ---- */

static unsigned outgoing_pieces(const struct tls_session *session, struct span ret_pieces[OUTGOING_BLOCKS])
{
    for (unsigned i = 0; i < session->outgoing_count; i++)
        ret_pieces[i] = span_of(session->outgoing[i].block, session->outgoing[i].size);
    return session->outgoing_count;
}

/* What OpenSSL has made goes out; then the blocks are free for others, while they are in the cache. */
SUSPENDS static bool flush(struct tls_session *session, uint64_t idle_ms, struct error *error)
{
    struct span pieces[OUTGOING_BLOCKS];
    unsigned count = outgoing_pieces(session, pieces);
    if (count == 0)
        return true;
    session->is_broken = !stream_send_plain(session->stream, pieces, count, idle_ms, error);
    drop_outgoing(session);
    return !session->is_broken;
}

SUSPENDS static bool fill(struct tls_session *session, deadline_t deadline, struct error *error)
{
    ASSERT(unread(session) == 0);
    if (session->incoming == NULL)
        session->incoming = tls_block_take();
    session->incoming_start = session->incoming_end = 0;
    if (!stream_receive_plain(session->stream, session->incoming, TLS_BLOCK_BYTES, deadline, &session->incoming_end,
                              error))
        return false;
    session->is_at_end = session->incoming_end == 0;
    return true;
}

static bool is_fatal(int trouble)
{
    return trouble != SSL_ERROR_NONE && trouble != SSL_ERROR_WANT_READ && trouble != SSL_ERROR_WANT_WRITE &&
           trouble != SSL_ERROR_WANT_CLIENT_HELLO_CB && trouble != SSL_ERROR_ZERO_RETURN;
}

/* Before anything suspends: the queue of errors belongs to the thread. */
static bool fail(struct error *error, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
    return error_set(error, ERROR_CLOSED, NULL, "%s: %s", what, text == NULL ? "the peer went away" : text);
}

static void before_call(struct tls_session *session)
{
    ERR_clear_error();
    session->reads_left = READS_PER_CALL;
}

/* ---- handshake ---- */

/* A private-key operation takes a good part of a millisecond: a burst of new connections must not hold up everybody
 * else. */
static bool take_share_of_turn(void)
{
    static _Thread_local uint64_t turn;
    static _Thread_local unsigned operations;
    uint64_t now = atomic_load_explicit(&loop_counters(loop_here())->turns, memory_order_relaxed);
    if (now != turn) {
        turn = now;
        operations = 0;
    }
    return operations++ < PRIVATE_KEY_OPERATIONS_PER_TURN;
}

int tls_session_meet_client(SSL *ssl, int *ret_alert, void *context)
{
    struct tls_session *session = BIO_get_data(SSL_get_rbio(ssl));
    (void)ret_alert;
    (void)context;
    bool may_compute = session->may_compute || take_share_of_turn();
    session->may_compute = false; /* a second ClientHello, after a HelloRetryRequest, asks again */
    return may_compute ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_RETRY;
}

SUSPENDS static bool await_share_of_turn(struct tls_session *session, deadline_t deadline, struct error *error)
{
    do {
        fiber_yield();
        if (fiber_is_cancelled())
            return error_set(error, ERROR_CANCELLED, NULL, "TLS handshake: cancelled");
        if (loop_now_ns() >= deadline)
            return error_set(error, ERROR_TIMED_OUT, NULL, "TLS handshake: too many at once");
    } while (!take_share_of_turn());
    session->may_compute = true;
    return true;
}

/* The first byte of TLS is that of a handshake record, 22; HTTP begins with the letter of a method. */
static bool is_plain_text(const struct tls_session *session)
{
    uint8_t first = unread(session) > 0 ? session->incoming[session->incoming_start] : 0;
    return (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
}

/* What OpenSSL asks for before it can go on; false: the handshake has failed. */
SUSPENDS static bool help_handshake(struct tls_session *session, int trouble, deadline_t deadline, struct error *error)
{
    switch (trouble) {
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        return await_share_of_turn(session, deadline, error);
    case SSL_ERROR_WANT_READ:
        if (unread(session) == 0)
            return fill(session, deadline, error);
        fiber_yield_if_due();
        return true;
    default: /* WANT_WRITE: all has been sent */
        return true;
    }
}

/* The commonest reasons, and those that somebody can do something about. */
static bool explain_certificate(long verified, struct error *error)
{
    switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return error_set(error, ERROR_DENIED, NULL,
                         "its certificate has expired and must be renewed, unless this machine's clock is wrong");
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return error_set(error, ERROR_DENIED, NULL,
                         "its certificate is not valid yet, unless this machine's clock is wrong");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return error_set(error, ERROR_DENIED, NULL, "its certificate is that of another host");
    default:
        return error_set(error, ERROR_DENIED, TLS_UNKNOWN_AUTHORITY, "its certificate is not believed: %s",
                         X509_verify_cert_error_string(verified));
    }
}

static bool explain_connect(const struct tls_session *session, struct error *error)
{
    long verified = SSL_get_verify_result(session->ssl);
    int reason = ERR_GET_REASON(ERR_peek_error());
    if (verified != X509_V_OK)
        return explain_certificate(verified, error);
    if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG)
        return error_set(error, ERROR_INVALID, NULL, "it does not speak TLS");
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING || ERR_peek_error() == 0)
        return error_set(error, ERROR_CLOSED, NULL, "it closed the connection during the TLS handshake");
    (void)fail(error, "TLS handshake");
    error->kind = ERROR_INVALID;
    return false;
}

SUSPENDS bool tls_session_connect(struct tls_session *session, deadline_t deadline, struct error *error)
{
    for (;;) {
        before_call(session);
        int result = SSL_do_handshake(session->ssl);
        int trouble = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
        struct error ignored;
        bool is_over = (is_fatal(trouble) || trouble == SSL_ERROR_ZERO_RETURN) && !explain_connect(session, error);
        uint64_t now = loop_now_ns();
        uint64_t left_ms = deadline > now ? (deadline - now) / 1000000 + 1 : 1;
        if (!flush(session, left_ms, is_over ? &ignored : error) || is_over) /* an alert says why */
            return false;
        if (trouble == SSL_ERROR_NONE)
            return true;
        if (!help_handshake(session, trouble, deadline, error))
            return false;
    }
}

SUSPENDS bool tls_session_accept(struct tls_session *session, uint64_t handshake_ms, struct error *error)
{
    deadline_t deadline = deadline_after_ms(handshake_ms);
    if (!fill(session, deadline, error)) /* nothing is computed for a peer that says nothing */
        return false;
    if (is_plain_text(session))
        return error_set(error, ERROR_INVALID, NULL, "the client spoke plain text to a TLS port");
    for (;;) {
        before_call(session);
        int result = SSL_do_handshake(session->ssl);
        int trouble = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
        struct error ignored;
        bool is_over = is_fatal(trouble) && !fail(error, "TLS handshake");
        if (!flush(session, handshake_ms, is_over ? &ignored : error) || is_over) /* an alert says goodbye */
            return false;
        if (trouble == SSL_ERROR_NONE)
            return true;
        if (!help_handshake(session, trouble, deadline, error))
            return false;
    }
}

/* ---- bytes ---- */

SUSPENDS bool tls_session_receive(struct tls_session *session, void *ret_bytes, size_t capacity, uint64_t idle_ms,
                                  size_t *ret_size, struct error *error)
{
    deadline_t last = deadline_after_ms(idle_ms * RECORD_PATIENCE);
    for (;;) {
        before_call(session);
        int result = SSL_read_ex(session->ssl, ret_bytes, capacity, ret_size);
        int trouble = result == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, result);
        if (trouble == SSL_ERROR_ZERO_RETURN || (is_fatal(trouble) && session->is_at_end)) {
            *ret_size = 0; /* a body that ends early is noticed by its length, not by a missing close_notify */
            return true;
        }
        if (is_fatal(trouble))
            return fail(error, "TLS");
        /* An answer to a key update; not behind half a record. */
        if (!session->is_paused && !session->is_broken && !flush(session, idle_ms, error))
            return false;
        if (trouble == SSL_ERROR_NONE)
            return true;
        deadline_t idle = deadline_after_ms(idle_ms);
        if (unread(session) > 0)
            fiber_yield_if_due();
        else if (trouble == SSL_ERROR_WANT_READ && !fill(session, idle < last ? idle : last, error))
            return false;
    }
}

SUSPENDS static bool send_piece(struct tls_session *session, struct span bytes, uint64_t idle_ms, struct error *error)
{
    while (bytes.size > 0) {
        size_t written = 0;
        before_call(session);
        if (SSL_write_ex(session->ssl, bytes.data, bytes.size, &written) == 1) {
            bytes = span_skip(bytes, written);
            continue;
        }
        if (SSL_get_error(session->ssl, 0) != SSL_ERROR_WANT_WRITE)
            return fail(error, "TLS");
        if (!flush(session, idle_ms, error))
            return false;
    }
    return true;
}

SUSPENDS bool tls_session_send(struct tls_session *session, const struct span *pieces, unsigned count, uint64_t idle_ms,
                               struct error *error)
{
    for (unsigned i = 0; i < count; i++) {
        if (!send_piece(session, pieces[i], idle_ms, error))
            return false;
    }
    return flush(session, idle_ms, error);
}

/* Bytes that have come need not be data: tickets come after the handshake, key updates whenever the peer likes. */
static bool has_data_or_end(struct tls_session *session)
{
    uint8_t byte;
    size_t size;
    before_call(session);
    int result = SSL_peek_ex(session->ssl, &byte, 1, &size);
    return result == 1 || SSL_get_error(session->ssl, result) != SSL_ERROR_WANT_READ;
}

bool tls_session_is_quiet(struct tls_session *session)
{
    for (;;) {
        if (has_data_or_end(session))
            return false;
        if (unread(session) > 0) /* it had its share of reads */
            continue;
        if (session->incoming == NULL)
            session->incoming = tls_block_take();
        session->incoming_start = session->incoming_end = 0;
        int64_t received = stream_receive_now(session->stream, session->incoming, TLS_BLOCK_BYTES);
        if (received <= 0)
            return received == -EAGAIN;
        session->incoming_end = (size_t)received;
    }
}

bool tls_session_is_resumed(const struct tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

/* Skips `size` bytes of what is to be sent. */
static void drop_sent(struct tls_session *session, size_t size)
{
    unsigned first = 0;
    while (first < session->outgoing_count && size >= session->outgoing[first].size) {
        size -= session->outgoing[first].size;
        tls_block_give_back(session->outgoing[first++].block);
    }
    session->outgoing_count -= first;
    memmove(session->outgoing, session->outgoing + first, session->outgoing_count * sizeof *session->outgoing);
    if (size == 0)
        return;
    struct outgoing *rest = &session->outgoing[0];
    rest->size -= size;
    memmove(rest->block, rest->block + size, rest->size);
}

/* How far a send has come that watches for what the peer says. */
struct watched {
    size_t made; /* bytes that OpenSSL has made records of */
    size_t sent; /* of them, those whose records were handed over, at least in part */
    bool is_answered;
};

SUSPENDS static bool flush_watching(struct tls_session *session, uint64_t idle_ms, struct watched *watched,
                                    struct error *error)
{
    while (session->outgoing_count > 0) {
        struct span pieces[OUTGOING_BLOCKS];
        unsigned count = outgoing_pieces(session, pieces);
        size_t sent;
        bool is_readable;
        bool ok = stream_send_watching_plain(session->stream, pieces, count, idle_ms, &sent, &is_readable, error);
        if (sent > 0)
            watched->sent = watched->made;
        drop_sent(session, sent);
        watched->is_answered = ok && is_readable && !tls_session_is_quiet(session);
        if (!ok || watched->is_answered) {
            session->is_broken = !ok;
            session->is_paused = ok;
            return ok;
        }
    }
    session->is_paused = false;
    return true;
}

SUSPENDS static bool send_piece_watching(struct tls_session *session, struct span bytes, uint64_t idle_ms,
                                         struct watched *watched, struct error *error)
{
    while (bytes.size > 0 && !watched->is_answered) {
        size_t written = 0;
        before_call(session);
        if (SSL_write_ex(session->ssl, bytes.data, bytes.size, &written) == 1) {
            bytes = span_skip(bytes, written);
            watched->made += written;
            continue;
        }
        if (SSL_get_error(session->ssl, 0) != SSL_ERROR_WANT_WRITE)
            return fail(error, "TLS");
        if (!flush_watching(session, idle_ms, watched, error))
            return false;
    }
    return true;
}

SUSPENDS bool tls_session_send_watching(struct tls_session *session, const struct span *pieces, unsigned count,
                                        uint64_t idle_ms, size_t *ret_sent, bool *ret_answered, struct error *error)
{
    struct watched watched = {0};
    bool ok = !session->is_paused || flush_watching(session, idle_ms, &watched, error);
    for (unsigned i = 0; i < count && ok && !watched.is_answered; i++)
        ok = send_piece_watching(session, pieces[i], idle_ms, &watched, error);
    if (ok && !watched.is_answered)
        ok = flush_watching(session, idle_ms, &watched, error);
    *ret_sent = ok ? watched.made : watched.sent;
    *ret_answered = watched.is_answered;
    return ok;
}

static bool may_end(const struct tls_session *session)
{
    return !session->is_broken && !session->is_paused && SSL_is_init_finished(session->ssl);
}

void tls_session_end_now(struct tls_session *session)
{
    if (!may_end(session))
        return;
    before_call(session);
    (void)SSL_shutdown(session->ssl);
    for (unsigned i = 0; i < session->outgoing_count; i++)
        stream_send_now(session->stream, span_of(session->outgoing[i].block, session->outgoing[i].size));
}

SUSPENDS void tls_session_end(struct tls_session *session)
{
    struct error ignored;
    if (!may_end(session))
        return;
    before_call(session);
    (void)SSL_shutdown(session->ssl); /* after a failure there is an alert to send instead */
    (void)flush(session, GOODBYE_MS, &ignored);
}
