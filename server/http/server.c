/* server/http/server.c -- what one shard's connections share: the pool of work memory, counters, request ids, the date.
 */
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"
#include "server/http/connection_private.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { KEPT_ARENA_BYTES_MAX = 64 << 10, KEPT_HEAD_BYTES_MAX = 16 << 10 };

struct http_server *http_server_create(const struct http_settings *settings, struct error *error)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        (void)error_set(error, ERROR_BUSY, NULL, "no memory for the HTTP server");
        return NULL;
    }
    server->settings = *settings;
    list_init(&server->connections);
    server->id_prefix = random_u64(random_system());
    server->id_next = random_u64(random_system());
    uint64_t prefix = __builtin_bswap64(server->id_prefix);
    hex_encode(span_of(&prefix, sizeof prefix), server->id_prefix_text);
    return server;
}

static void free_work(struct http_work *work)
{
    arena_free(&work->arena);
    buffer_free(&work->answer.head);
    (void)munmap(work, sizeof *work);
}

void http_server_destroy(struct http_server *server)
{
    if (server == NULL)
        return;
    ASSERT(server->connections_count == 0);
    while (server->unused != NULL) {
        struct http_work *work = server->unused;
        server->unused = work->next;
        free_work(work);
    }
    free(server);
}

unsigned http_server_connections(const struct http_server *server)
{
    return server->connections_count;
}

const struct http_counters *http_server_counters(const struct http_server *server)
{
    return &server->counters;
}

/* Mapped, not allocated: what a burst of connections needed goes back to the system, wherever it lies. */
static struct http_work *make_work(const struct http_server *server)
{
    struct http_work *work = mmap(NULL, sizeof *work, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (work == MAP_FAILED)
        return NULL;
    arena_init(&work->arena, server->settings.arena_bytes_max);
    buffer_init(&work->answer.head, HTTP_ANSWER_HEAD_BYTES_MAX);
    return work;
}

struct http_work *http_work_take(struct http_server *server, struct http_connection *connection)
{
    struct http_work *work = server->unused;
    if (work != NULL) {
        server->unused = work->next;
        server->unused_count--;
    } else {
        work = make_work(server);
        if (work == NULL)
            return NULL;
    }
    work->connection = connection;
    work->used = work->filled = 0;
    return work;
}

void http_work_give_back(struct http_server *server, struct http_work *work)
{
    if (server->unused_count == HTTP_WORK_KEPT_MAX) {
        free_work(work);
        return;
    }
    arena_reset(&work->arena);
    if (work->arena.total > KEPT_ARENA_BYTES_MAX)
        arena_free(&work->arena);
    if (work->answer.head.capacity > KEPT_HEAD_BYTES_MAX)
        buffer_free(&work->answer.head);
    work->next = server->unused;
    server->unused = work;
    server->unused_count++;
}

/* A counter, so that none comes twice, scrambled (splitmix64, a bijection), so that it tells nothing; the random prefix
 * keeps shards and starts apart. */
void http_server_next_id(struct http_server *server, char ret_id[33])
{
    uint64_t mixed = server->id_next++ * 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    memcpy(ret_id, server->id_prefix_text, sizeof server->id_prefix_text);
    hex_encode(span_of(&mixed, sizeof mixed), ret_id + sizeof server->id_prefix_text);
    ret_id[32] = 0;
}

struct span http_server_date(struct http_server *server)
{
    time_t second = (time_t)(loop_wall_ms() / 1000);
    if (server->date_size == 0 || second != server->date_second) {
        struct tm parts;
        (void)gmtime_r(&second, &parts);
        server->date_size =
            strftime(server->date, sizeof server->date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\nServer: Bale\r\n", &parts);
        server->date_second = second;
    }
    return span_of(server->date, server->date_size);
}
