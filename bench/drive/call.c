/* bench/drive/call.c -- an exchange, from the connection to the last byte. */
#include "bench/drive/call.h"

#include "runtime/fiber/loop.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_BYTE_MS = 120000, KEPT_MS = 600000, UNSEEN_MS = 1000, REFUSAL_BYTES = 1024, CODE_BYTES = 64 };

static struct http_client_exchange *send_and_receive_head(const struct call *call, struct error *error)
{
    const struct http_client_reuse reuse = {.idle_ms_max = KEPT_MS, .unseen_ms_max = UNSEEN_MS};
    const struct http_client_limits limits = {
        .is_to_head = call->is_head, .first_byte_ms = FIRST_BYTE_MS, .deadline = DEADLINE_NONE};
    const struct http_client_body body = {call->pieces, call->pieces_count};
    for (;;) {
        struct http_client_exchange *exchange =
            http_client_open(call->target->http, call->target->host, &reuse, DEADLINE_NONE, error);
        if (exchange == NULL)
            return NULL;
        buffer_append(&exchange->request, call->head);
        if (http_client_perform(exchange, &body, &limits, error))
            return exchange;
        bool is_unseen = exchange->was_reused && exchange->sent_bytes == 0;
        http_client_close(exchange);
        if (!is_unseen)
            return NULL;
    }
}

/* ---- answers that are refusals ---- */

/* "NoSuchKey" of the document of an error; "" where there is none. */
static void find_code(const char *document, char ret_code[CODE_BYTES])
{
    const char *begin = strstr(document, "<Code>");
    int length = begin == NULL ? 0 : (int)strcspn(begin + 6, "<\r\n");
    (void)snprintf(ret_code, CODE_BYTES, "%.*s", length, begin == NULL ? "" : begin + 6);
}

SUSPENDS static bool refuse_status(const struct call *call, struct http_client_exchange *exchange, struct error *error)
{
    char document[REFUSAL_BYTES + 1];
    char code[CODE_BYTES];
    size_t filled = 0;
    size_t size = 1;
    while (size > 0 && filled < REFUSAL_BYTES) {
        if (!http_client_read(exchange, document + filled, REFUSAL_BYTES - filled, &size, error))
            size = 0;
        filled += size;
    }
    document[filled] = '\0';
    find_code(document, code);
    return error_set(error, ERROR_INVALID, NULL, "%s %s: status %d %s where %d should be", call->name, call->key,
                     exchange->head.status, code, call->status);
}

/* ---- answers as they should be ---- */

static bool take_piece(const struct call *call, struct call_answer *answer, struct span piece, struct error *error)
{
    if (call->content != NULL && !content_is(call->content, call->object, call->offset + answer->bytes, piece))
        return error_set(error, ERROR_DAMAGED, NULL, "%s %s: other bytes than were put, within %zu from %llu on",
                         call->name, call->key, piece.size, (unsigned long long)(call->offset + answer->bytes));
    if (call->keep != NULL)
        buffer_append(call->keep, piece);
    answer->bytes += piece.size;
    return true;
}

SUSPENDS static bool receive_body(const struct call *call, struct http_client_exchange *exchange,
                                  struct call_answer *answer, struct error *error)
{
    size_t size = 1;
    while (size > 0) {
        if (!http_client_read(exchange, call->memory, call->memory_size, &size, error))
            return error_prepend(error, "%s %s", call->name, call->key);
        if (!take_piece(call, answer, span_of(call->memory, size), error))
            return false;
    }
    uint64_t bytes = call->is_head && exchange->head.has_content_length ? exchange->head.content_length : answer->bytes;
    if (call->answer_bytes != CALL_ANY_SIZE && bytes != (uint64_t)call->answer_bytes)
        return error_set(error, ERROR_DAMAGED, NULL, "%s %s: %llu bytes where %lld should be", call->name, call->key,
                         (unsigned long long)bytes, (long long)call->answer_bytes);
    return true;
}

bool call_perform(const struct call *call, struct call_answer *ret_answer, struct error *error)
{
    struct span etag = SPAN_EMPTY;
    *ret_answer = (struct call_answer){0};
    struct http_client_exchange *exchange = send_and_receive_head(call, error);
    if (exchange == NULL)
        return error_prepend(error, "%s %s", call->name, call->key);
    bool good = exchange->head.status == call->status || refuse_status(call, exchange, error);
    if (good && http_answer_head_find(&exchange->head, SPAN("etag"), &etag))
        (void)snprintf(ret_answer->etag, sizeof ret_answer->etag, "%.*s", SPAN_FORMAT(span_take(etag, 79)));
    good = good && receive_body(call, exchange, ret_answer, error);
    http_client_close(exchange);
    return good;
}
