/* tests/unit/http/connection_test.c -- a server on a real loop and real sockets: framing, keep-alive, time-outs, ends.
 */
#include "tests/unit/http/connection_fixture.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(keeps_alive)
{
    int fd = dial();
    char first_id[33];
    for (int i = 0; i < 5; i++) {
        say(fd, "GET /host HTTP/1.1\r\nHost: me\r\n\r\n");
        STAYS(fd);
        ck_assert(strncmp(answer, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
        HAS(" GMT\r\nServer: Bale\r\n");
        HAS("Content-Length: 2\r\n\r\nme");
        HAS_NOT("Connection:");
        const char *id = strstr(answer, "x-amz-request-id: ") + strlen("x-amz-request-id: ");
        ck_assert_uint_eq(strspn(id, "0123456789abcdef"), 32);
        ck_assert(i == 0 || strncmp(first_id, id, 32) != 0);
        memcpy(first_id, id, 32);
        if (i > 2)
            (void)usleep(150000); /* parks in between */
    }
    (void)close(fd);
}
END_TEST

/* Only so many connections wait with a stack; the others park, and none of them spins. */
START_TEST(serves_many_at_once)
{
    enum { MANY = 1000 };
    static int fds[MANY];
    const struct loop_counters *loop = loop_counters(subject.loop);
    for (int i = 0; i < MANY; i++)
        fds[i] = dial();
    for (int round = 0; round < 2; round++) {
        uint64_t completions = metric_read(&loop->completions);
        for (int i = 0; i < MANY; i++)
            say(fds[i], "GET /host HTTP/1.1\r\nHost: h\r\n\r\n");
        for (int i = 0; i < MANY; i++) {
            ck_assert(recv(fds[i], answer, sizeof answer, 0) > 0);
            ck_assert(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
        }
        (void)usleep(150000);
        ck_assert_uint_lt(metric_read(&loop->completions) - completions,
                          4 * MANY + MANY / 2); /* poll, receive, send, time-out */
    }
    ck_assert_uint_eq(metric_read(&http_server_counters(subject.server)->requests), 2 * MANY);
    for (int i = 0; i < MANY; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(obeys_connection)
{
    int fd = dial();
    say(fd, "GET /host HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n");
    CLOSES(fd);
    HAS("Connection: close\r\n");
    HAS("\r\n\r\nme");
    fd = dial();
    say(fd, "GET /host HTTP/1.0\r\nHost: me\r\n\r\n");
    CLOSES(fd);
    HAS("Connection: close\r\n");
    fd = dial();
    say(fd, "GET /host HTTP/1.0\r\nHost: me\r\nConnection: keep-alive\r\n\r\n");
    STAYS(fd);
    HAS("Connection: keep-alive\r\n");
}
END_TEST

START_TEST(serves_pipelined)
{
    static char text[16384];
    for (int i = 0; i < 100; i++)
        (void)sprintf(text + strlen(text), "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n<b%03d>%s", i,
                      i % 3 == 0 ? "\r\n" : "");
    int fd = dial();
    say(fd, text);
    STAYS(fd);
    ck_assert_uint_eq(count("HTTP/1.1 200 OK"), 100);
    HAS("<b000>HTTP/1.1 200 OK");
    HAS("<b098>HTTP/1.1 200 OK");
    ck_assert(strcmp(answer + answer_size - 6, "<b099>") == 0);
    (void)close(fd);
}
END_TEST

/* One byte at a time, and cut once at every place. */
static const char pieces[] = "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
                             "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nwor\r\n2;x=y\r\nld\r\n0\r\nTrailer: x\r\n\r\n"
                             "GET /host HTTP/1.1\r\nHost: last\r\n\r\n";

static void check_pieces(void)
{
    ck_assert_msg(count("HTTP/1.1 200 OK") == 3, "%s", answer);
    HAS("\r\n\r\nhello");
    HAS("\r\n\r\nworld");
    HAS("\r\n\r\nlast");
}

START_TEST(reads_byte_by_byte)
{
    int fd = dial();
    for (size_t i = 0; i < sizeof pieces - 1; i++) {
        ck_assert(send(fd, pieces + i, 1, 0) == 1);
        (void)usleep(200);
    }
    STAYS(fd);
    check_pieces();
    (void)close(fd);
}
END_TEST

START_TEST(reads_cut_anywhere)
{
    for (size_t cut = 1; cut < sizeof pieces - 1; cut += 3) {
        int fd = dial();
        ck_assert(send(fd, pieces, cut, 0) == (ssize_t)cut);
        (void)usleep(2000);
        say(fd, pieces + cut);
        (void)shutdown(fd, SHUT_WR); /* half-closed: the answers come all the same */
        CLOSES(fd);
        check_pieces();
        (void)close(fd);
    }
}
END_TEST

START_TEST(reads_large_bodies)
{
    static char body[300000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i * 7 % 26);
    int fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
    ck_assert(send(fd, body, sizeof body, 0) == sizeof body);
    STAYS(fd);
    HAS("Content-Length: 300000\r\n");
    ck_assert(memcmp(answer + answer_size - sizeof body, body, sizeof body) == 0);

    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0, size = 1; at < sizeof body; at += size, size = size * 3 + 1) {
        char line[32];
        size = size < sizeof body - at ? size : sizeof body - at;
        (void)sprintf(line, "%zX\r\n", size);
        say(fd, line);
        ck_assert(send(fd, body + at, size, 0) == (ssize_t)size);
        say(fd, "\r\n");
    }
    say(fd, "0\r\n\r\nGET /host HTTP/1.1\r\nHost: next\r\n\r\n");
    STAYS(fd);
    ck_assert(memcmp(strstr(answer, "\r\n\r\n") + 4, body, sizeof body) == 0);
    HAS("\r\n\r\nnext");
    (void)close(fd);
}
END_TEST

START_TEST(continues_when_asked) /* statements 9, 10, 11 */
{
    int fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    STAYS(fd);
    ck_assert_str_eq(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "hello");
    STAYS(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
    HAS("\r\n\r\nhello");
    /* without waiting: no interim answer is needed */
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    STAYS(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
    /* an expectation that nobody knows is ignored */
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 200-maybe\r\n\r\nhello");
    STAYS(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
    /* a body of no bytes is continued, too, and an expectation without a body is ignored */
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    STAYS(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", 40) == 0);
    HAS_NOT("Connection: close");
    say(fd, "GET /host HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n");
    STAYS(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 200 OK", 15) == 0);
    /* refused before: no 100, and what follows is not read as a request */
    say(fd, "PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    CLOSES(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 403 Forbidden", 22) == 0);
    HAS("Connection: close\r\n");
    (void)close(fd);
}
END_TEST

START_TEST(drains_what_was_not_read) /* statement 16 */
{
    static char body[DRAIN_MAX + 1];
    static const char smuggled[] = "GET /host HTTP/1.1\r\nHost: smuggled\r\n\r\n";
    memset(body, 'x', sizeof body);
    memcpy(body, smuggled, sizeof smuggled - 1);
    int fd = dial();
    char head[128];
    (void)sprintf(head, "PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", DRAIN_MAX);
    for (int i = 0; i < 3; i++) {
        say(fd, head);
        ck_assert(send(fd, body, DRAIN_MAX, 0) == DRAIN_MAX);
        say(fd, "GET /host HTTP/1.1\r\nHost: next\r\n\r\n");
        STAYS(fd);
        ck_assert_uint_eq(count("HTTP/1.1 "), 2);
        HAS("\r\n\r\nno");
        HAS("\r\n\r\nnext");
        HAS_NOT("smuggled");
    }
    say(fd, "PUT /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(fd, "26\r\nGET /host HTTP/1.1\r\nHost: smuggled\r\n\r\n\r\n0\r\n\r\nGET /host HTTP/1.1\r\nHost: next\r\n\r\n");
    STAYS(fd);
    ck_assert_uint_eq(count("HTTP/1.1 "), 2);
    HAS_NOT("smuggled");
    /* one byte too many: the answer comes, then the end */
    (void)sprintf(head, "PUT /early HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", DRAIN_MAX + 1);
    say(fd, head);
    ck_assert(send(fd, body, DRAIN_MAX + 1, 0) == DRAIN_MAX + 1);
    CLOSES(fd);
    ck_assert_uint_eq(count("HTTP/1.1 "), 1);
    HAS("Connection: close\r\n");
    (void)close(fd);
}
END_TEST

START_TEST(ends_an_endless_chunked_body)
{
    int fd = dial();
    say(fd, "PUT /early HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    static char chunk[1005];
    (void)sprintf(chunk, "3e6\r\n");
    memset(chunk + 5, 'x', 998);
    memcpy(chunk + 1003, "\r\n", 2);
    size_t sent = 0;
    while (sent < (64 << 20) && send(fd, chunk, sizeof chunk, MSG_NOSIGNAL) > 0)
        sent += sizeof chunk;
    ck_assert_uint_lt(sent, 64 << 20); /* not even while the closed stream lingers */
    ck_assert(hear(fd, HANGS_MS) != -ETIMEDOUT);
    (void)close(fd);
}
END_TEST

START_TEST(refuses_incomplete_bodies) /* statement 14 */
{
    int fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    (void)shutdown(fd, SHUT_WR);
    CLOSES(fd);
    ck_assert(strncmp(answer, "HTTP/1.1 400 ", 13) == 0);
    HAS("\r\n\r\nIncompleteBody");
    HAS("Connection: close");
    (void)close(fd);
    fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    CLOSES(fd); /* it stalls */
    HAS("\r\n\r\nRequestTimeout");
    (void)close(fd);
    fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n");
    CLOSES(fd);
    HAS("\r\n\r\nIncompleteBody");
    (void)close(fd);
}
END_TEST

START_TEST(lets_slow_bodies_finish) /* statement 15 */
{
    int fd = dial();
    say(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
    for (int i = 0; i < 10; i++) { /* much longer than the time without progress */
        (void)usleep(PROGRESS_MS * 1000 / 4);
        say(fd, "s");
    }
    STAYS(fd);
    HAS("\r\n\r\nssssssssss");
    (void)close(fd);
}
END_TEST

START_TEST(limits_slow_heads)
{
    int fd = dial();
    say(fd, "GET /host HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 10 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++) /* trickling does not help */
        (void)usleep(HEAD_MS * 1000 / 5);
    CLOSES(fd);
    HAS("HTTP/1.1 400 ");
    HAS("x-code: RequestTimeout");
    (void)close(fd);
}
END_TEST

START_TEST(ends_idle_connections)
{
    int silent = dial();
    int used = dial();
    say(used, "GET /host HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(used);
    ck_assert(hear(used, IDLE_MS / 2) == -ETIMEDOUT);
    ck_assert(hear(used, HANGS_MS) == 0 && answer_size == 0);
    ck_assert(hear(silent, HANGS_MS) == 0 && answer_size == 0);
    (void)close(used);
    (void)close(silent);
}
END_TEST

START_TEST(refuses_bad_heads)
{
    static const struct {
        const char *text;
        const char *code;
    } bad[] = {
        {"NONSENSE\r\n\r\n", "BadRequest"},
        {"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "BadRequest"},
        {"PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
         "BadRequest"},
        {"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "NotImplemented"},
        {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "InvalidURI"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int fd = dial();
        say(fd, bad[i].text);
        CLOSES(fd);
        ck_assert(strncmp(answer, "HTTP/1.1 400 Bad Request\r\n", 26) == 0);
        char field[64];
        (void)sprintf(field, "x-code: %s\r\n", bad[i].code);
        HAS(field);
        HAS("Connection: close\r\n");
        HAS("\r\n\r\n<Error/>");
        ck_assert_uint_eq(count("HTTP/1.1 "), 1);
        (void)close(fd);
    }
    /* to HEAD without a body */
    int fd = dial();
    say(fd, "HEAD / HTTP/1.1\r\n\r\n");
    CLOSES(fd);
    HAS("Content-Length: 8\r\n");
    HAS_NOT("<Error/>");
    (void)close(fd);
}
END_TEST

START_TEST(refuses_a_long_section) /* statement 18 */
{
    static char text[HTTP_HEAD_BYTES_MAX + 4096];
    int fd = dial();
    int size = sprintf(text, "GET /host HTTP/1.1\r\nHost: h\r\nx: ");
    memset(text + size, 'a', sizeof text - (size_t)size);
    ck_assert(send(fd, text, sizeof text, 0) == sizeof text);
    CLOSES(fd);
    HAS("x-code: RequestHeaderSectionTooLarge\r\n");
    (void)close(fd);
}
END_TEST

START_TEST(reads_the_longest_head_with_its_body)
{
    static char text[HTTP_HEAD_BYTES_MAX + 4096];
    int fd = dial();
    for (int i = 0; i < 2; i++) { /* twice, as one piece and in two */
        size_t size = (size_t)sprintf(text, "PUT /echo?");
        memset(text + size, 'q', HTTP_REQUEST_LINE_BYTES_MAX - size - 9);
        size = HTTP_REQUEST_LINE_BYTES_MAX - 9;
        size += (size_t)sprintf(text + size, " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nx: ");
        memset(text + size, 'v', 8000);
        size += 8000;
        size += (size_t)sprintf(text + size, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        size_t first = i == 0 ? size : size - 12;
        ck_assert(send(fd, text, first, 0) == (ssize_t)first);
        if (i > 0)
            (void)usleep(20000);
        ck_assert(send(fd, text + first, size - first, 0) == (ssize_t)(size - first));
        STAYS(fd);
        HAS("HTTP/1.1 200 OK");
        HAS("\r\n\r\nhello");
    }
    (void)close(fd);
}
END_TEST

START_TEST(sends_bodies)
{
    int fd = dial();
    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("Content-Length: 12\r\n\r\nabcdabcdabcd");
    HAS("x-split: a  Set-Cookie: b\r\n"); /* no field is born of a value */
    HAS_NOT("500");
    say(fd, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("Content-Length: 12\r\n");
    ck_assert(strcmp(answer + answer_size - 4, "\r\n\r\n") == 0);
    say(fd, "GET /none HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("Content-Length: 0\r\n\r\n");
    say(fd, "GET /chunked HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n4\r\nabcd\r\n4\r\nabcd\r\n0\r\n\r\n");
    HAS_NOT("Content-Length");
    say(fd, "HEAD /chunked HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    ck_assert(strcmp(answer + answer_size - 4, "\r\n\r\n") == 0);
    say(fd, "GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CLOSES(fd);
    HAS("Connection: close\r\n\r\nabcdabcdabcd");
    HAS_NOT("chunked");
    (void)close(fd);
}
END_TEST

START_TEST(sends_no_body_where_there_is_none) /* statement 4 */
{
    int fd = dial();
    say(fd, "GET /204 HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("HTTP/1.1 204 No Content\r\n");
    HAS_NOT("Content-Length");
    say(fd, "GET /304 HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("HTTP/1.1 304 Not Modified\r\n");
    HAS_NOT("ignored");
    HAS_NOT("Content-Length");
    say(fd, "HEAD /missing HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("HTTP/1.1 404 Not Found\r\n");
    HAS("Content-Length: 4\r\n");
    HAS_NOT("what");
    say(fd, "GET /missing HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(fd);
    HAS("\r\n\r\nwhat");
    (void)close(fd);
}
END_TEST

START_TEST(cuts_what_it_cannot_keep) /* statement 32 */
{
    int fd = dial();
    say(fd, "GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(hear(fd, HANGS_MS) == -ECONNRESET);
    (void)close(fd);
    fd = dial();
    say(fd, "GET /silent HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(hear(fd, HANGS_MS) == -ECONNRESET && answer_size == 0);
    (void)close(fd);
    for (int i = 0; i < 3000 && metric_read(&http_server_counters(subject.server)->connections_open) > 0; i++)
        (void)usleep(10000);
    ck_assert_uint_eq(metric_read(&http_server_counters(subject.server)->connections_cut), 2);
}
END_TEST

START_TEST(gives_up_on_readers_that_do_not_read)
{
    int fd = dial();
    say(fd, "GET /endless HTTP/1.1\r\nHost: h\r\n\r\n"); /* nobody reads it */
    (void)usleep(200000);
    for (int i = 0; i < 3000 && metric_read(&http_server_counters(subject.server)->connections_open) > 0; i++)
        (void)usleep(10000);
    const struct http_counters *counters = http_server_counters(subject.server);
    ck_assert_uint_eq(metric_read(&counters->connections_open), 0);
    (void)close(fd);
}
END_TEST

START_TEST(counts)
{
    const struct http_counters *counters = http_server_counters(subject.server);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial();
        say(fds[i], i == 2 ? "bad\r\n" : "GET /host HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    CLOSES(fds[2]);
    STAYS(fds[0]);
    STAYS(fds[1]);
    ck_assert_uint_eq(metric_read(&counters->connections), 3);
    ck_assert_uint_eq(metric_read(&counters->requests), 2);
    ck_assert_uint_eq(metric_read(&counters->bad_heads), 1);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    for (int i = 0; i < 3000 && metric_read(&counters->connections_open) > 0; i++)
        (void)usleep(10000);
    ck_assert_uint_eq(metric_read(&counters->connections_open), 0);
    ck_assert_uint_eq(metric_read(&subject.ended), 3);
}
END_TEST

START_TEST(stops_gracefully)
{
    int parked = dial();
    int warm = dial();
    int busy = dial();
    say(parked, "GET /host HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(parked);
    (void)usleep(200000);
    say(warm, "GET /host HTTP/1.1\r\nHost: h\r\n\r\n");
    STAYS(warm);
    say(busy, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /host HTTP/1.1\r\nHost: never\r\n\r\n");
    (void)usleep(50000);
    post_stop();
    ck_assert(hear(parked, 1500) == 0 && answer_size == 0);
    ck_assert(hear(warm, 1500) == 0 && answer_size == 0);
    CLOSES(busy);
    HAS("Connection: close\r\n");
    HAS("\r\n\r\nslow");
    HAS_NOT("never");
    (void)close(parked);
    (void)close(warm);
    (void)close(busy);
    stop_loop();
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("connection");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, start_server, stop_server);
    tcase_add_test(tcase, keeps_alive);
    tcase_add_test(tcase, serves_many_at_once);
    tcase_add_test(tcase, obeys_connection);
    tcase_add_test(tcase, serves_pipelined);
    tcase_add_test(tcase, reads_byte_by_byte);
    tcase_add_test(tcase, reads_cut_anywhere);
    tcase_add_test(tcase, reads_large_bodies);
    tcase_add_test(tcase, continues_when_asked);
    tcase_add_test(tcase, drains_what_was_not_read);
    tcase_add_test(tcase, ends_an_endless_chunked_body);
    tcase_add_test(tcase, refuses_incomplete_bodies);
    tcase_add_test(tcase, lets_slow_bodies_finish);
    tcase_add_test(tcase, limits_slow_heads);
    tcase_add_test(tcase, ends_idle_connections);
    tcase_add_test(tcase, refuses_bad_heads);
    tcase_add_test(tcase, refuses_a_long_section);
    tcase_add_test(tcase, reads_the_longest_head_with_its_body);
    tcase_add_test(tcase, sends_bodies);
    tcase_add_test(tcase, sends_no_body_where_there_is_none);
    tcase_add_test(tcase, cuts_what_it_cannot_keep);
    tcase_add_test(tcase, gives_up_on_readers_that_do_not_read);
    tcase_add_test(tcase, counts);
    TCase *stopping = tcase_create("stopping"); /* stops its server itself */
    tcase_set_timeout(stopping, 30);
    tcase_add_checked_fixture(stopping, start_server, NULL);
    tcase_add_test(stopping, stops_gracefully);
    Suite *suite = suite_create("http connection");
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, stopping);
    return run_suite(suite);
}
