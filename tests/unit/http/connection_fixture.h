/* tests/unit/http/connection_fixture.h -- the server that the tests of connections talk to, and their client.
 *
 * The server runs on a thread of its own; each test is a client that sends bytes and looks at what comes back. Paths
 * say what the server does: /echo, /early (answers before it reads), /stream, /chunked, /none, /short (less than it
 * promised), /endless, /204, /304, /host, /slow, /silent (no answer). */
#pragma once

#include "runtime/fiber/loop.h"
#include "runtime/stream/listener.h"
#include "server/http/connection.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

enum {
    DRAIN_MAX = 64 << 10,
    HANGS_MS = 30000,
    IDLE_MS = 3000,
    HEAD_MS = 1600,
    PROGRESS_MS = 1600,
    ANSWER_MAX = 4 << 20
};

extern struct subject {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct loop *loop;
    struct http_server *server;
    struct listener *listener;
    uint16_t port;
    metric_counter ended;
    bool is_ready;
    bool is_stopped; /* loop_stop has returned: only then may the loop be destroyed */
} subject;

/* Around each test; a test that stops the server itself does so by post_stop and stop_loop. */
void start_server(void);
void stop_server(void);
void post_stop(void); /* no new connections, and none that idles */
void stop_loop(void);

/* ---- the client ---- */

extern char answer[ANSWER_MAX]; /* what was heard last, with a zero behind it */
extern size_t answer_size;

int dial(void);
void say(int fd, const char *text);
/* What comes until the end, a reset, or `ms` of silence; returns what ended it: 0, -ECONNRESET, -ETIMEDOUT. */
int hear(int fd, int ms);
/* An answer, however long it takes to come, and what follows it closely; returns what hear does. */
int hear_answer(int fd);
/* How often the answer has this text. */
unsigned count(const char *text);

#define HAS(text) ck_assert_msg(strstr(answer, (text)) != NULL, "no %s in: %s", (text), answer)
#define HAS_NOT(text) ck_assert_msg(strstr(answer, (text)) == NULL, "%s in: %s", (text), answer)
#define CLOSES(fd) ck_assert_msg(hear(fd, HANGS_MS) == 0, "not closed: %s", answer)
#define STAYS(fd) ck_assert_msg(hear_answer(fd) == -ETIMEDOUT, "closed: %s", answer)
