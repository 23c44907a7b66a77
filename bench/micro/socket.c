/* bench/micro/socket.c -- what the kernel takes to send: a MiB written to a connection on the loopback, which a thread
 * of its own reads away. The least that answering with so many bytes can cost.
 *
 * Once with both ends on one processor, where what is read is still in its caches and so are the pages that are given
 * back; and, where there are two, once with the reader on another one, as a client is, who has to be woken there. */
#include "bench/micro/micro.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 1 << 20 };

static uint8_t bytes[PIECE_BYTES];

static void *read_away(void *argument)
{
    static uint8_t sink[PIECE_BYTES];
    int fd = *(const int *)argument;
    while (read(fd, sink, sizeof sink) > 0)
        ;
    return NULL;
}

static bool write_piece(void *state)
{
    size_t written = 0;
    while (written < sizeof bytes) {
        ssize_t size = write(*(const int *)state, bytes + written, sizeof bytes - written);
        if (size <= 0)
            return false;
        written += (size_t)size;
    }
    return true;
}

/* Two ends of a TCP connection. */
static bool connect_pair(int ret_ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret_ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret_ends[1] = -1;
    if (bind(listening, (const struct sockaddr *)&address, sizeof address) == 0 && listen(listening, 1) == 0 &&
        getsockname(listening, (struct sockaddr *)&address, &size) == 0 &&
        connect(ret_ends[0], (const struct sockaddr *)&address, sizeof address) == 0)
        ret_ends[1] = accept(listening, NULL, NULL);
    (void)close(listening);
    return ret_ends[1] >= 0;
}

static void put_on(const char *name, pthread_t thread, int processor)
{
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET((size_t)processor, &own);
    if (pthread_setaffinity_np(thread, sizeof own, &own) != 0)
        micro_fail(name, "a thread could not be put on its processor");
}

static void measure(struct micro *micro, const char *name, int writers, int readers)
{
    int ends[2];
    pthread_t reader;
    if (!connect_pair(ends) || pthread_create(&reader, NULL, read_away, &ends[1]) != 0)
        micro_fail(name, "no connection on the loopback");
    put_on(name, pthread_self(), writers);
    put_on(name, reader, readers);
    micro_measure(micro, &(struct micro_case){name, sizeof bytes, write_piece, &ends[0]});
    (void)close(ends[0]);
    (void)pthread_join(reader, NULL);
    (void)close(ends[1]);
}

/* -1: there is none. */
static int next_processor(const cpu_set_t *processors, int from)
{
    while (from < CPU_SETSIZE && !CPU_ISSET((size_t)from, processors))
        from++;
    return from < CPU_SETSIZE ? from : -1;
}

void micro_socket(struct micro *micro)
{
    static const char TOGETHER[] = "socket/write/1MiB", ACROSS[] = "socket/write-across/1MiB";
    cpu_set_t processors;
    memset(bytes, 1,
           sizeof bytes); /* memory that nobody has written is one page of zeros, however much is read of it */
    if (sched_getaffinity(0, sizeof processors, &processors) != 0)
        micro_fail(TOGETHER, "the processors of this program are unknown");
    int first = next_processor(&processors, 0);
    int second = next_processor(&processors, first + 1);
    measure(micro, TOGETHER, first, first);
    if (second >= 0)
        measure(micro, ACROSS, first, second);
    (void)sched_setaffinity(0, sizeof processors, &processors);
}
