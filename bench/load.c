/* bench/load.c -- the load generator: connections as small state machines around one epoll. */
#include "bench/load.h"

#include "runtime/base/clock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 256 << 10, HEAD_BYTES_MAX = 8 << 10 };

enum answer_state { ANSWER_HEAD, ANSWER_BODY, ANSWER_CHUNK_SIZE, ANSWER_CHUNK_END, ANSWER_TRAILER };

struct client {
    int fd;
    unsigned number;
    bool is_idle;
    bool wants_write;
    struct load_request request;
    struct buffer scratch;
    uint64_t head_sent;
    uint64_t body_sent;
    uint64_t started_ns;
    enum answer_state state;
    char line[HEAD_BYTES_MAX]; /* the head, or a chunk's size line, as far as it came */
    size_t line_size;
    int status;
    bool must_close;
    uint64_t body_left; /* of the body, or of the chunk */
    uint64_t body_received;
    bool is_wrong; /* the body does not begin as it must */
};

struct load {
    const struct load_plan *plan;
    struct load_result *result;
    int epoll;
    struct client *clients;
    unsigned busy;
    uint64_t started; /* requests */
    uint64_t deadline_ns;
    float *latencies_ms;
    uint64_t latencies_capacity;
    uint8_t *received;
};

static uint64_t now_ns(void)
{
    return clock_monotonic_ns(clock_system());
}

static void fail(struct load *load, const char *what, const struct client *client)
{
    if (load->result->failures++ == 0)
        snprintf(load->result->first_failure, sizeof load->result->first_failure, "%s (status %d): %.200s", what,
                 client->status, client->line);
}

static void watch(struct load *load, struct client *client, bool wants_write, int operation)
{
    if (operation == EPOLL_CTL_MOD && client->wants_write == wants_write)
        return;
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0u), .data.ptr = client};
    client->wants_write = wants_write;
    if (epoll_ctl(load->epoll, operation, client->fd, &event) != 0) {
        perror("http_load: epoll_ctl");
        exit(2);
    }
}

static void connect_client(struct load *load, struct client *client)
{
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 ||
        connect(client->fd, (const struct sockaddr *)&load->plan->address, sizeof load->plan->address) != 0) {
        perror("http_load: connect");
        exit(2);
    }
    int on = 1;
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(load, client, false, EPOLL_CTL_ADD);
}

static void reconnect(struct load *load, struct client *client)
{
    (void)close(client->fd);
    connect_client(load, client);
}

/* What of the request is next on the wire. */
static struct span next_piece(const struct client *client)
{
    const struct load_request *request = &client->request;
    if (client->head_sent < request->head.size)
        return span_skip(request->head, client->head_sent);
    if (client->body_sent == request->body_bytes)
        return SPAN_EMPTY;
    struct span piece = span_skip(request->body, client->body_sent % request->body.size);
    return span_take(piece, request->body_bytes - client->body_sent);
}

/* False: the connection is broken. */
static bool send_more(struct load *load, struct client *client)
{
    for (struct span piece; (piece = next_piece(client)).size > 0;) {
        bool is_last = piece.size == client->request.body_bytes - client->body_sent || client->request.body_bytes == 0;
        ssize_t sent = send(client->fd, piece.data, piece.size, MSG_NOSIGNAL | MSG_DONTWAIT | (is_last ? 0 : MSG_MORE));
        if (sent < 0) {
            bool is_full = errno == EAGAIN || errno == EWOULDBLOCK;
            watch(load, client, is_full, EPOLL_CTL_MOD);
            return is_full;
        }
        load->result->sent_bytes += (uint64_t)sent;
        if (client->head_sent < client->request.head.size)
            client->head_sent += (uint64_t)sent;
        else
            client->body_sent += (uint64_t)sent;
    }
    watch(load, client, false, EPOLL_CTL_MOD);
    return true;
}

static bool is_over(const struct load *load)
{
    if (load->plan->requests_max != 0 && load->started >= load->plan->requests_max)
        return true;
    return load->deadline_ns != 0 && now_ns() >= load->deadline_ns;
}

static void start_request(struct load *load, struct client *client)
{
    if (is_over(load)) {
        client->is_idle = true;
        load->busy--;
        return;
    }
    buffer_clear(&client->scratch);
    client->request = (struct load_request){0};
    load->plan->make(load->plan->context, client->number, load->started++, &client->scratch, &client->request);
    client->head_sent = client->body_sent = client->body_received = client->body_left = 0;
    client->state = ANSWER_HEAD;
    client->line_size = 0;
    client->status = 0;
    client->must_close = client->is_wrong = false;
    client->started_ns = now_ns();
    if (!send_more(load, client))
        fail(load, "the connection broke while sending", client);
}

static void note_latency(struct load *load, float ms)
{
    uint64_t count = load->result->exchanges++;
    if (count == load->latencies_capacity) {
        load->latencies_capacity = count == 0 ? 1 << 16 : count * 2;
        load->latencies_ms = realloc(load->latencies_ms, load->latencies_capacity * sizeof *load->latencies_ms);
        if (load->latencies_ms == NULL)
            abort();
    }
    load->latencies_ms[count] = ms;
}

static void end_exchange(struct load *load, struct client *client)
{
    note_latency(load, (float)(now_ns() - client->started_ns) / 1e6f);
    if (client->status != client->request.status)
        fail(load, "another status than expected", client);
    else if (client->body_received < client->request.answer_bytes_min)
        fail(load, "a shorter body than expected", client);
    else if (client->is_wrong)
        fail(load, "another body than expected", client);
    bool is_sent = client->body_sent == client->request.body_bytes;
    if (client->must_close || !is_sent)
        reconnect(load, client);
    start_request(load, client);
}

static const char *field(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    return found == NULL ? NULL : found + strlen(name);
}

/* The head is complete and ends with a zero: what follows it? */
static void read_head(struct client *client)
{
    client->status = atoi(client->line + 9); // NOLINT(cert-err34-c): 0 is a status that no request expects
    const char *length = field(client->line, "\r\ncontent-length:");
    const char *connection = field(client->line, "\r\nconnection:");
    client->must_close = connection != NULL && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0;
    bool has_body = client->status != 204 && client->status != 304;
    if (has_body && length == NULL && field(client->line, "\r\ntransfer-encoding: chunked") != NULL) {
        client->state = ANSWER_CHUNK_SIZE;
    } else {
        client->body_left = has_body && length != NULL ? strtoull(length, NULL, 10) : 0;
        client->state = ANSWER_BODY;
    }
    client->line_size = 0;
}

/* Takes bytes up to and with a line end (or the empty line of a head) into client->line; true when it is complete. */
static bool take_line(struct client *client, struct span *input, const char *end)
{
    size_t end_size = strlen(end);
    while (input->size > 0 && client->line_size < sizeof client->line - 1) {
        client->line[client->line_size++] = (char)input->data[0];
        *input = span_skip(*input, 1);
        if (client->line_size >= end_size && memcmp(client->line + client->line_size - end_size, end, end_size) == 0) {
            client->line[client->line_size] = '\0';
            return true;
        }
    }
    return false;
}

static void take_body(struct client *client, struct span *input)
{
    struct span piece = span_take(*input, client->body_left);
    struct span expected = client->request.answer_start;
    if (client->body_received < expected.size) {
        struct span rest = span_take(span_skip(expected, client->body_received), piece.size);
        client->is_wrong |= memcmp(rest.data, piece.data, rest.size) != 0;
    }
    client->body_left -= piece.size;
    client->body_received += piece.size;
    *input = span_skip(*input, piece.size);
}

/* True: the answer is complete. */
static bool read_answer(struct client *client, struct span *input)
{
    while (input->size > 0 || client->state == ANSWER_BODY) {
        switch (client->state) {
        case ANSWER_HEAD:
            if (take_line(client, input, "\r\n\r\n"))
                read_head(client);
            break;
        case ANSWER_BODY:
            take_body(client, input);
            return client->body_left == 0;
        case ANSWER_CHUNK_SIZE:
            if (client->body_left > 0) {
                take_body(client, input);
                if (client->body_left == 0)
                    client->state = ANSWER_CHUNK_END;
            } else if (take_line(client, input, "\r\n")) {
                client->body_left = strtoull(client->line, NULL, 16);
                client->line_size = 0;
                if (client->body_left == 0)
                    client->state = ANSWER_TRAILER;
            }
            break;
        case ANSWER_CHUNK_END:
            if (take_line(client, input, "\r\n")) {
                client->line_size = 0;
                client->state = ANSWER_CHUNK_SIZE;
            }
            break;
        case ANSWER_TRAILER:
            if (take_line(client, input, "\r\n")) {
                bool is_end = client->line_size == 2;
                client->line_size = 0;
                if (is_end)
                    return true;
            }
            break;
        }
    }
    return false;
}

static void receive_more(struct load *load, struct client *client)
{
    ssize_t size = recv(client->fd, load->received, RECEIVE_BYTES, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (size <= 0) {
        if (client->is_idle) {
            (void)epoll_ctl(load->epoll, EPOLL_CTL_DEL, client->fd, NULL);
            return;
        }
        fail(load, "the server closed the connection", client);
        reconnect(load, client);
        start_request(load, client);
        return;
    }
    load->result->received_bytes += (uint64_t)size;
    struct span input = span_of(load->received, (size_t)size);
    if (!client->is_idle && read_answer(client, &input))
        end_exchange(load, client);
}

static int compare_floats(const void *a, const void *b)
{
    float left = *(const float *)a;
    float right = *(const float *)b;
    return (left > right) - (left < right);
}

static void summarize(struct load *load)
{
    struct load_result *result = load->result;
    if (result->exchanges == 0)
        return;
    qsort(load->latencies_ms, result->exchanges, sizeof *load->latencies_ms, compare_floats);
    result->p50_ms = (double)load->latencies_ms[result->exchanges / 2];
    result->p99_ms = (double)load->latencies_ms[result->exchanges * 99 / 100];
    result->longest_ms = (double)load->latencies_ms[result->exchanges - 1];
}

static void serve_events(struct load *load)
{
    uint64_t watched_ns = now_ns();
    while (load->busy > 0) {
        struct epoll_event events[64];
        int count = epoll_wait(load->epoll, events, 64, 50);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0 && !send_more(load, client))
                fail(load, "the connection broke while sending", client);
            if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
                receive_more(load, client);
        }
        if (load->plan->every_50_ms != NULL && now_ns() - watched_ns > 50000000) {
            load->plan->every_50_ms(load->plan->context);
            watched_ns = now_ns();
        }
    }
}

struct load *load_run(const struct load_plan *plan, struct load_result *ret_result)
{
    *ret_result = (struct load_result){0};
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        abort();
    *load = (struct load){.plan = plan,
                          .result = ret_result,
                          .epoll = epoll_create1(EPOLL_CLOEXEC),
                          .clients = calloc(plan->clients, sizeof *load->clients),
                          .received = malloc(RECEIVE_BYTES)};
    if (load->clients == NULL || load->received == NULL)
        abort();
    for (unsigned i = 0; i < plan->clients; i++) {
        load->clients[i].number = i;
        connect_client(load, &load->clients[i]);
    }
    uint64_t started_ns = now_ns();
    load->deadline_ns = plan->seconds_max > 0 ? started_ns + (uint64_t)(plan->seconds_max * 1e9) : 0;
    load->busy = plan->clients;
    for (unsigned i = 0; i < plan->clients; i++)
        start_request(load, &load->clients[i]);
    serve_events(load);
    ret_result->seconds = (double)(now_ns() - started_ns) / 1e9;
    summarize(load);
    return load;
}

void load_end(struct load *load)
{
    for (unsigned i = 0; i < load->plan->clients; i++) {
        (void)close(load->clients[i].fd);
        buffer_free(&load->clients[i].scratch);
    }
    (void)close(load->epoll);
    free(load->clients);
    free(load->latencies_ms);
    free(load->received);
    free(load);
}
