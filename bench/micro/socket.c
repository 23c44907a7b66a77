/* bench/micro/socket.c -- what the kernel takes to send: a MiB written to a connection on the loopback, which a thread
 * of its own reads away. The least that answering with so many bytes can cost. */
#include "bench/micro/micro.h"

#include <arpa/inet.h>
#include <pthread.h>
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

void micro_socket(struct micro *micro)
{
    static const char NAME[] = "socket/write/1MiB";
    int ends[2];
    pthread_t reader;
    memset(bytes, 1,
           sizeof bytes); /* memory that nobody has written is one page of zeros, however much is read of it */
    if (!connect_pair(ends) || pthread_create(&reader, NULL, read_away, &ends[1]) != 0)
        micro_fail(NAME, "no connection on the loopback");
    micro_measure(micro, &(struct micro_case){NAME, sizeof bytes, write_piece, &ends[0]});
    (void)close(ends[0]);
    (void)pthread_join(reader, NULL);
    (void)close(ends[1]);
}
