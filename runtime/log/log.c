/* runtime/log/log.c -- rings of finished lines, one for each thread, and the thread that writes them out.
 *
 * A line is put together in memory of its thread and then copied, whole, into the thread's ring: one producer, one
 * consumer, two counters of bytes. The writer hands the kernel what lies between them, without looking at it. It
 * pauses between rounds, so that lines gather, and sleeps when a round found nothing; a producer wakes it out of its
 * sleep, and out of a pause only when its ring is half full. A ring outlives its thread and goes to the next one that
 * begins. */
#include "runtime/log/log.h"

#include "runtime/base/assert.h"
#include "runtime/base/clock.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/thread.h"
#include "runtime/log/log_line.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_BYTES = 256 << 10, /* a power of two */
    PAUSE_MS = 20,
    MESSAGE_BYTES_MAX = 1024,
};

struct line_ring {
    struct line_ring *next; /* set once, before it is published */
    _Atomic bool is_orphan; /* its thread has ended */
    struct log_line line;   /* the thread's own */
    alignas(64) _Atomic uint64_t produced;
    alignas(64) _Atomic uint64_t consumed;
    alignas(64) uint8_t bytes[RING_BYTES];
};

enum writer_state { WRITER_WORKS, WRITER_PAUSES, WRITER_SLEEPS };

static struct {
    struct line_ring *_Atomic rings;
    _Atomic bool is_running;
    _Atomic bool is_stopping;
    _Atomic enum writer_state state;
    _Atomic uint64_t dropped;
    _Atomic enum log_level least;
    _Atomic enum log_format format;
    uint64_t dropped_told; /* the writer's */
    int fd;
    sem_t wake;
    pthread_t writer;
} logger = {.least = LOG_INFO, .format = LOG_TEXT};

static _Thread_local struct line_ring *own_ring;
static pthread_key_t thread_end;
static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;

/* ---- the producer: any thread ---- */

static void abandon_ring(void *ring)
{
    atomic_store(&((struct line_ring *)ring)->is_orphan, true);
}

static void make_thread_end(void)
{
    ASSERT(pthread_key_create(&thread_end, abandon_ring) == 0);
}

static struct line_ring *adopt_ring(void)
{
    for (struct line_ring *ring = atomic_load(&logger.rings); ring != NULL; ring = ring->next) {
        bool orphan = true;
        if (atomic_compare_exchange_strong(&ring->is_orphan, &orphan, false))
            return ring;
    }
    struct line_ring *ring = aligned_alloc(alignof(struct line_ring), sizeof *ring);
    ASSERT(ring != NULL);
    memset(ring, 0, offsetof(struct line_ring, bytes));
    struct line_ring *first = atomic_load(&logger.rings);
    do {
        ring->next = first;
    } while (!atomic_compare_exchange_weak(&logger.rings, &first, ring));
    return ring;
}

static struct line_ring *ring_of_thread(void)
{
    if (own_ring == NULL) {
        (void)pthread_once(&thread_end_once, make_thread_end);
        own_ring = adopt_ring();
        (void)pthread_setspecific(thread_end, own_ring);
    }
    return own_ring;
}

static void wake_writer(size_t filled)
{
    enum writer_state state = atomic_load(&logger.state);
    if (state == WRITER_WORKS || (state == WRITER_PAUSES && filled < RING_BYTES / 2))
        return;
    if (atomic_compare_exchange_strong(&logger.state, &state, WRITER_WORKS))
        (void)sem_post(&logger.wake);
}

static void queue_line(struct line_ring *ring, struct span line)
{
    uint64_t produced = atomic_load_explicit(&ring->produced, memory_order_relaxed);
    size_t filled = (size_t)(produced - atomic_load_explicit(&ring->consumed, memory_order_acquire));
    if (RING_BYTES - filled < line.size) {
        atomic_fetch_add(&logger.dropped, 1);
        wake_writer(RING_BYTES);
        return;
    }
    size_t at = produced % RING_BYTES;
    size_t before_wrap = line.size < RING_BYTES - at ? line.size : RING_BYTES - at;
    memcpy(ring->bytes + at, line.data, before_wrap);
    memcpy(ring->bytes, line.data + before_wrap, line.size - before_wrap);
    atomic_store(&ring->produced, produced + line.size); /* sequentially consistent: see sleep_until_woken */
    wake_writer(filled + line.size);
}

static void write_to_stderr(struct span line)
{
    while (line.size > 0) {
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        if (written < 0 && errno != EINTR)
            return;
        if (written > 0)
            line = span_skip(line, (size_t)written);
    }
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, unsigned count)
{
    if (level > atomic_load_explicit(&logger.least, memory_order_relaxed))
        return;
    struct line_ring *ring = ring_of_thread();
    struct span line = log_line_build(&ring->line, atomic_load_explicit(&logger.format, memory_order_relaxed),
                                      loop_wall_ms(), level, event, fields, count);
    if (atomic_load_explicit(&logger.is_running, memory_order_acquire))
        queue_line(ring, line);
    else
        write_to_stderr(line);
}

void log_message(enum log_level level, const char *format, ...)
{
    if (level > atomic_load_explicit(&logger.least, memory_order_relaxed))
        return;
    char text[MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct log_field field = {.name = "text", .kind = LOG_FIELD_TEXT, .text = span_from_string(text)};
    log_write(level, "message", &field, 1);
}

/* ---- the consumer: the writer thread ---- */

/* How many of the bytes went out; 0: none ever will. */
static size_t write_pieces(const struct iovec *pieces, int count)
{
    for (;;) {
        ssize_t written = writev(logger.fd, pieces, count);
        if (written >= 0)
            return (size_t)written;
        if (errno == EAGAIN) {
            struct pollfd descriptor = {.fd = logger.fd, .events = POLLOUT};
            (void)poll(&descriptor, 1, -1);
        } else if (errno != EINTR) {
            return 0;
        }
    }
}

static void count_lost_lines(const struct line_ring *ring, uint64_t from, uint64_t to)
{
    for (; from != to; from++) {
        if (ring->bytes[from % RING_BYTES] == '\n')
            atomic_fetch_add(&logger.dropped, 1);
    }
}

/* All lines that are complete now; true when there were any. */
static bool drain(struct line_ring *ring)
{
    uint64_t consumed = atomic_load_explicit(&ring->consumed, memory_order_relaxed);
    uint64_t produced = atomic_load(&ring->produced);
    bool any = consumed != produced;
    while (consumed != produced) {
        size_t at = consumed % RING_BYTES;
        size_t size = (size_t)(produced - consumed);
        size_t before_wrap = size < RING_BYTES - at ? size : RING_BYTES - at;
        struct iovec pieces[2] = {{ring->bytes + at, before_wrap}, {ring->bytes, size - before_wrap}};
        size_t written = write_pieces(pieces, 2);
        if (written == 0) {
            count_lost_lines(ring, consumed, produced);
            written = size;
        }
        consumed += written;
        atomic_store_explicit(&ring->consumed, consumed, memory_order_release);
    }
    return any;
}

static bool drain_all(void)
{
    bool any = false;
    for (struct line_ring *ring = atomic_load(&logger.rings); ring != NULL; ring = ring->next)
        any |= drain(ring);
    return any;
}

static bool is_all_drained(void)
{
    for (struct line_ring *ring = atomic_load(&logger.rings); ring != NULL; ring = ring->next) {
        if (atomic_load_explicit(&ring->consumed, memory_order_relaxed) != atomic_load(&ring->produced))
            return false;
    }
    return true;
}

static void tell_dropped(void)
{
    static struct log_line line;
    uint64_t dropped = atomic_load(&logger.dropped);
    if (dropped == logger.dropped_told)
        return;
    struct log_field field = {
        .name = "count", .kind = LOG_FIELD_NUMBER, .number = (int64_t)(dropped - logger.dropped_told)};
    struct span text = log_line_build(&line, atomic_load(&logger.format), clock_wall_ms(clock_system()), LOG_WARNING,
                                      "log_dropped", &field, 1);
    while (text.size > 0) {
        struct iovec piece = {(void *)(uintptr_t)text.data, text.size};
        size_t written = write_pieces(&piece, 1);
        if (written == 0)
            return; /* told when it can be told */
        text = span_skip(text, written);
    }
    logger.dropped_told = dropped;
}

static void pause_writer(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PAUSE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    atomic_store(&logger.state, WRITER_PAUSES);
    (void)sem_clockwait(&logger.wake, CLOCK_MONOTONIC, &until);
    atomic_store(&logger.state, WRITER_WORKS);
}

/* A producer publishes its line and then reads the state; the writer publishes the state and then looks for lines: one
 * of the two sees the other. */
static void sleep_until_woken(void)
{
    atomic_store(&logger.state, WRITER_SLEEPS);
    if (is_all_drained() && !atomic_load(&logger.is_stopping))
        (void)sem_wait(&logger.wake);
    atomic_store(&logger.state, WRITER_WORKS);
}

static void *run_writer(void *unused)
{
    (void)unused;
    for (;;) {
        bool is_last = atomic_load(&logger.is_stopping);
        bool any = drain_all();
        tell_dropped();
        if (is_last)
            return NULL;
        if (any)
            pause_writer();
        else
            sleep_until_woken();
    }
}

bool log_start(int fd, enum log_format format, enum log_level least, struct error *error)
{
    ASSERT(!atomic_load(&logger.is_running));
    logger.fd = fd;
    atomic_store(&logger.format, format);
    atomic_store(&logger.least, least);
    atomic_store(&logger.is_stopping, false);
    atomic_store(&logger.state, WRITER_WORKS);
    ASSERT(sem_init(&logger.wake, 0, 0) == 0);

    if (!thread_start("log", run_writer, NULL, &logger.writer, error))
        return false;
    atomic_store_explicit(&logger.is_running, true, memory_order_release);
    return true;
}

void log_stop(void)
{
    if (!atomic_exchange(&logger.is_running, false))
        return;
    atomic_store(&logger.is_stopping, true);
    (void)sem_post(&logger.wake);
    (void)pthread_join(logger.writer, NULL);
    (void)drain_all(); /* from threads that were in the middle of a line */
    (void)sem_destroy(&logger.wake);
}

uint64_t log_dropped(void)
{
    return atomic_load(&logger.dropped);
}
