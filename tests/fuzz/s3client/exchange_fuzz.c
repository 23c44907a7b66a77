/* tests/fuzz/s3client/exchange_fuzz.c -- any bytes as what a server says to one request, head and body: the same comes
 * out however they are cut, and never more than went in. */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io_sim.h"
#include "s3client/http/http_client_private.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_BYTES_MAX = 100 << 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    bool is_answered;
    bool is_whole;
    int status;
    enum error_kind kind; /* when not whole */
    uint64_t body_bytes;
    uint64_t body_hash;
};

struct round {
    struct span said;
    size_t capacity; /* of the reader's memory */
    bool is_to_head;
    struct outcome outcome;
};

static void read_body(struct http_client_exchange *exchange, struct round *round)
{
    uint8_t bytes[600];
    struct error error;
    size_t size = 1;
    while (size > 0) {
        if (!http_client_read(exchange, bytes, round->capacity, &size, &error)) {
            round->outcome.kind = error.kind;
            return;
        }
        ASSERT(size <= round->capacity);
        for (size_t i = 0; i < size; i++)
            round->outcome.body_hash = (round->outcome.body_hash ^ bytes[i]) * 0x100000001b3;
        round->outcome.body_bytes += size;
    }
    round->outcome.is_whole = true;
    ASSERT(exchange->head.body_kind != HTTP_ANSWER_LENGTH ||
           round->outcome.body_bytes == exchange->head.content_length);
}

static void ask(void *argument)
{
    struct round *round = argument;
    struct error error;
    int ends[2];
    int buffer_bytes = 4 * INPUT_BYTES_MAX;
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    ASSERT(send(ends[1], round->said.data, round->said.size, MSG_DONTWAIT) == (ssize_t)round->said.size);
    ASSERT(shutdown(ends[1], SHUT_WR) == 0);

    struct http_client *client =
        http_client_create(&(struct http_client_settings){.kept_max = 1, .kept_ms = 1000, .progress_ms = 60000});
    struct http_client_exchange *exchange = http_client_begin(client);
    http_client_adopt(exchange, stream_from_socket(ends[0]), "host");
    buffer_append_string(&exchange->request, "GET / HTTP/1.1\r\n\r\n");
    struct http_client_body no_body = {0};
    struct http_client_limits limits = {
        .is_to_head = round->is_to_head, .first_byte_ms = 60000, .deadline = DEADLINE_NONE};
    round->outcome.is_answered = http_client_perform(exchange, &no_body, &limits, &error);
    round->outcome.kind = round->outcome.is_answered ? ERROR_NONE : error.kind;
    if (round->outcome.is_answered) {
        round->outcome.status = exchange->head.status;
        ASSERT(exchange->head.status >= 200);
        read_body(exchange, round);
    }
    http_client_close(exchange);
    http_client_destroy(client);
    (void)close(ends[1]);
    loop_stop(loop_current(), DEADLINE_NONE);
}

static struct outcome play(struct span said, uint64_t seed, size_t capacity, bool is_to_head)
{
    struct round round = {.said = said, .capacity = capacity, .is_to_head = is_to_head};
    struct error error;
    struct io_sim *sim = io_sim_create(&(struct io_sim_options){
        .seed = seed, .short_permille = seed == 0 ? 0 : 400, .not_now_permille = seed == 0 ? 0 : 200});
    struct loop *loop = loop_create(&(struct loop_options){.driver = io_sim_driver(sim), .fibers_max = 8}, &error);
    ASSERT(loop != NULL && fiber_spawn("ask", ask, &round, &error));
    loop_run(loop);
    loop_destroy(loop);
    io_sim_destroy(sim);
    return round.outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    struct span said = span_of(data + 1, size - 1);
    bool is_to_head = (data[0] & 1) != 0;
    struct outcome whole = play(said, 0, 600, is_to_head);
    ASSERT(whole.body_bytes <= said.size);
    ASSERT(whole.is_answered || !whole.is_whole);
    ASSERT(whole.is_whole == (whole.kind == ERROR_NONE));
    struct outcome pieces = play(said, size, 1 + data[0] % 37, is_to_head);
    ASSERT(pieces.is_answered == whole.is_answered && pieces.is_whole == whole.is_whole);
    ASSERT(pieces.status == whole.status && pieces.kind == whole.kind);
    ASSERT(pieces.body_bytes == whole.body_bytes && pieces.body_hash == whole.body_hash);
    return 0;
}
