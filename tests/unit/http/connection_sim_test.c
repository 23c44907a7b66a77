/* tests/unit/http/connection_sim_test.c -- conversations drawn from a seed, over I/O that is short, late, torn and
 * lost.
 *
 * A client fiber sends requests with bodies of every framing and reads the answers; both ends run on one simulated
 * loop. Whatever the simulator does, an answer that arrives is the right one, in its place, and every connection
 * ends. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/io/io_sim.h"
#include "server/http/connection.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    REQUESTS = 12,
    BODY_MAX = 60000,
    DRAIN_MAX = 20000,
    IDLE_MS = 60000,
    PROGRESS_MS = 5000,
    CLIENT_MS = 30000,
    SEEDS = 30,
};

static struct {
    struct http_server *server;
    struct random_seeded random;
    struct random_source source;
    struct stream *client;
    uint8_t received[4096]; /* by the client, and not used */
    size_t received_size;
    unsigned answered;
    unsigned ended;
    bool may_fail; /* the simulator loses connections */
} scene;

static uint64_t draw(uint64_t bound)
{
    return random_below(&scene.source, bound);
}

static uint64_t hash_of(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

/* ---- the server: tells what it read, or answers without reading ---- */

SUSPENDS static void handle(struct http_exchange *exchange, void *context)
{
    static uint8_t piece[3000];
    struct error error;
    struct span index;
    uint64_t hash = 0;
    size_t total = 0;
    size_t size = 0;
    char text[96];
    (void)context;
    ASSERT(http_head_find(exchange->head, "x-index", &index));
    bool is_read = span_equal(exchange->head->path, SPAN("/read"));
    do {
        if (is_read && !http_body_read(exchange, piece, sizeof piece, &size, &error)) {
            ASSERT(exchange->must_close);
            return;
        }
        hash = hash_of(hash, piece, size);
        total += size;
    } while (size > 0);
    int text_size = snprintf(text, sizeof text, "%.*s %zu %lx", SPAN_FORMAT(index), total, (unsigned long)hash);
    struct span body = span_of(text, (size_t)text_size);
    http_response_begin(exchange, is_read ? 200 : 403);
    if (total % 2 == 0) {
        (void)http_response_finish(exchange, body, &error);
    } else if (http_response_start_body(exchange, body.size, &error) &&
               http_response_send(exchange, span_take(body, 3), &error)) {
        (void)http_response_send(exchange, span_skip(body, 3), &error);
    }
}

static void connection_ended(void *context)
{
    (void)context;
    scene.ended++;
}

SUSPENDS static void serve(void *stream)
{
    http_connection_serve(scene.server, stream, connection_ended, NULL);
}

/* ---- the client ---- */

SUSPENDS static bool send_bytes(const void *bytes, size_t size)
{
    struct error error;
    struct span piece = span_of(bytes, size);
    return stream_send(scene.client, &piece, 1, CLIENT_MS, &error);
}

/* Body bytes as they are, or as chunks of random sizes. */
SUSPENDS static bool send_body(const uint8_t *body, size_t size, bool is_chunked)
{
    if (!is_chunked)
        return send_bytes(body, size);
    for (size_t at = 0; at < size;) {
        char line[64];
        size_t chunk = 1 + draw(draw(3) == 0 ? 10 : BODY_MAX);
        chunk = chunk < size - at ? chunk : size - at;
        int line_size = snprintf(line, sizeof line, draw(4) == 0 ? "%zx;a=b\r\n" : "%zX\r\n", chunk);
        if (!send_bytes(line, (size_t)line_size) || !send_bytes(body + at, chunk) || !send_bytes("\r\n", 2))
            return false;
        at += chunk;
    }
    return draw(2) == 0 ? send_bytes("0\r\n\r\n", 5) : send_bytes("0\r\nx: y\r\n\r\n", 11);
}

/* One answer, interim or final: its status, 0 when the connection has ended. */
SUSPENDS static int receive_answer(char *ret_body, size_t capacity, bool *ret_closes)
{
    for (;;) {
        struct span all = span_of(scene.received, scene.received_size);
        uint8_t *blank = memmem(all.data, all.size, "\r\n\r\n", 4);
        size_t head = blank == NULL ? 0 : (size_t)(blank - all.data) + 4;
        uint8_t *length = head == 0 ? NULL : memmem(all.data, head, "Content-Length: ", 16);
        uint64_t body = length == NULL ? 0 : strtoull((char *)length + 16, NULL, 10);
        if (head > 0 && all.size >= head + body) {
            ASSERT(memcmp(all.data, "HTTP/1.1 ", 9) == 0 && body < capacity);
            int status = atoi((const char *)all.data + 9);
            *ret_closes = memmem(all.data, head, "Connection: close", 17) != NULL;
            memcpy(ret_body, all.data + head, body);
            ret_body[body] = 0;
            scene.received_size -= head + body;
            memmove(scene.received, all.data + head + body, scene.received_size);
            return status;
        }
        struct error error;
        size_t size;
        ASSERT(all.size < sizeof scene.received);
        if (!stream_receive(scene.client, scene.received + all.size, sizeof scene.received - all.size, CLIENT_MS, &size,
                            &error) ||
            size == 0)
            return 0;
        scene.received_size += size;
    }
}

/* False: the connection has ended, as the server said it would or because the simulator tore it. */
SUSPENDS static bool converse(unsigned index)
{
    static uint8_t body[BODY_MAX];
    char text[256];
    char expected[96];
    size_t size = draw(3) == 0 ? 0 : draw(draw(2) == 0 ? 200 : BODY_MAX);
    bool is_chunked = draw(2) == 0;
    bool is_read = draw(4) != 0;
    bool expects = draw(3) == 0;
    bool waits = expects && draw(2) == 0 && (size > 0 || is_chunked);
    bool closes = false;
    for (size_t i = 0; i < size; i++)
        body[i] = (uint8_t)random_u64(&scene.source);
    int head_size = snprintf(text, sizeof text, "PUT /%s HTTP/1.1\r\nHost: h\r\nx-index: %u\r\n%s",
                             is_read ? "read" : "not", index, expects ? "Expect: 100-continue\r\n" : "");
    head_size += is_chunked ? sprintf(text + head_size, "Transfer-Encoding: chunked\r\n\r\n")
                            : sprintf(text + head_size, "Content-Length: %zu\r\n\r\n", size);
    if (!send_bytes(text, (size_t)head_size))
        return false;
    int status = 100;
    if (waits)
        status = receive_answer(text, sizeof text, &closes);
    if (status == 100) {
        (void)send_body(body, size, is_chunked); /* the server may have hung up on it: it has said so then */
        while (status == 100)
            status = receive_answer(text, sizeof text, &closes);
    }
    if (status == 0) { /* an answer may be lost by a reset only while its body was still on the way */
        ASSERT(scene.may_fail || (!is_read && size > DRAIN_MAX / 2));
        return false;
    }
    if (scene.may_fail && status == 400) /* the head's receive timed out, said the simulator */
        return false;
    (void)snprintf(expected, sizeof expected, "%u %zu %lx", index, is_read ? size : 0,
                   is_read ? (unsigned long)hash_of(0, body, size) : 0);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(status, is_read ? 200 : 403);
    scene.answered++;
    /* how much of a chunked body there is to drain is known only afterwards */
    return !closes && (is_read || !is_chunked || size < DRAIN_MAX / 2);
}

SUSPENDS static void run_client(void *unused)
{
    (void)unused;
    unsigned index = 0;
    while (index < REQUESTS && converse(index)) {
        if (draw(3) == 0)
            (void)io_sleep_until(deadline_after_ms(draw(1000))); /* long enough to park */
        index++;
    }
    stream_close(scene.client);
    loop_stop(loop_current(), DEADLINE_NONE);
}

/* ---- a scene ---- */

static const struct http_settings settings = {
    .idle_ms = IDLE_MS,
    .head_ms = PROGRESS_MS,
    .progress_ms = PROGRESS_MS,
    .drain_bytes_max = DRAIN_MAX,
    .arena_bytes_max = 1 << 16,
    .handler = handle,
};

static void play(uint64_t seed, unsigned error_permille)
{
    struct error error;
    int ends[2];
    const struct io_sim_options options = {
        .seed = seed,
        .delay_us_max = 3000,
        .short_permille = 500,
        .error_permille = error_permille,
        .not_now_permille = 200,
    };
    memset(&scene, 0, sizeof scene);
    scene.source = random_seeded(&scene.random, seed);
    scene.may_fail = error_permille > 0;
    struct io_sim *sim = io_sim_create(&options);
    struct loop *loop =
        loop_create(&(struct loop_options){.driver = io_sim_driver(sim), .clock = io_sim_clock(sim)}, &error);
    ck_assert(loop != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    scene.server = http_server_create(&settings, &error);
    scene.client = stream_from_socket(ends[0]);
    ck_assert(fiber_spawn("server", serve, stream_from_socket(ends[1]), &error));
    ck_assert(fiber_spawn("client", run_client, NULL, &error));
    loop_run(loop);
    ck_assert_uint_eq(http_server_connections(scene.server), 0);
    ck_assert_uint_eq(scene.ended, 1);
    http_server_destroy(scene.server);
    loop_destroy(loop);
    io_sim_destroy(sim);
}

START_TEST(answers_in_spite_of_it_all)
{
    unsigned answered = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play(seed + (uint64_t)_i * SEEDS, 0);
        answered += scene.answered;
    }
    ck_assert_uint_gt(answered, SEEDS * 2);
}
END_TEST

START_TEST(ends_in_spite_of_it_all)
{
    unsigned answered = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        play(seed + (uint64_t)_i * SEEDS, 1 + (unsigned)seed % 4);
        answered += scene.answered;
    }
    ck_assert_uint_gt(answered, SEEDS / 4);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("simulated");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, answers_in_spite_of_it_all, 0, 2);
    tcase_add_loop_test(tcase, ends_in_spite_of_it_all, 0, 2);
    Suite *suite = suite_create("http connection, simulated");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
