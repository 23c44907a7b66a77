/* tests/unit/runtime/dial_test.c -- names and addresses, good and bad. The resolver is a stand-in: getaddrinfo of this
 * program. */
#include "runtime/io/io.h"
#include "runtime/stream/dial.h"
#include "runtime/stream/listener.h"
#include "tests/unit/runtime/fixture.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct error error;
static struct offload *offload;
static struct dialer *dialer;
static struct listener *listener;
static uint16_t port;

/* ---- the resolver ---- */

static atomic_uint questions;
static atomic_bool is_broken;

/* As glibc gives them: in one piece of memory each. */
static struct addrinfo *address_of(uint32_t host, struct addrinfo *next)
{
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *made = calloc(1, sizeof *made);
    made->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    made->info = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_addr = (struct sockaddr *)&made->address,
                                   .ai_addrlen = sizeof made->address,
                                   .ai_next = next};
    return &made->info;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    (void)service;
    (void)hints;
    questions++;
    if (is_broken)
        return EAI_AGAIN;
    if (strcmp(name, "127.0.0.1") == 0 || strcmp(name, "one.test") == 0)
        *ret = address_of(INADDR_LOOPBACK, NULL);
    else if (strcmp(name, "two.test") == 0) /* nobody listens on the first one */
        *ret = address_of(INADDR_LOOPBACK + 8, address_of(INADDR_LOOPBACK, NULL));
    else if (strcmp(name, "slow.test") == 0 && usleep(5000000) == 0)
        *ret = address_of(INADDR_LOOPBACK, NULL);
    else
        return EAI_NONAME;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* ---- around each test ---- */

static void accept_and_close(void *stream)
{
    stream_close(stream);
    listener_connection_ended(listener);
}

static void (*body_of_test)(void);

static void run_body(void *unused)
{
    (void)unused;
    int fd;
    atomic_store(&questions, 0);
    atomic_store(&is_broken, false);
    ck_assert(listener_bind("127.0.0.1:0", 1, &fd, &port, &error));
    listener = listener_start(fd, 100, accept_and_close, &error);
    offload = offload_create("names", 2, 16, &error);
    dialer = dialer_create(offload);
    atomic_store(&questions, 0); /* listener_bind asks too */
    body_of_test();
    listener_close(listener);
}

static void on_loop(void (*body)(void))
{
    body_of_test = body;
    run_on_loop(run_body, NULL);
    offload_destroy(offload);
    dialer_destroy(dialer);
}

static bool reaches(const char *host, uint64_t ms)
{
    struct stream *stream = dialer_connect(dialer, host, port, deadline_after_ms(ms), &error);
    if (stream != NULL)
        stream_close(stream);
    return stream != NULL;
}

/* ---- tests ---- */

static void addresses(void)
{
    ck_assert_msg(reaches("127.0.0.1", 1000), "%s", error.message);
    ck_assert_uint_eq(questions, 0);
    ck_assert(!reaches("::1", 1000)); /* listens on the other family only, or there is none */
    ck_assert_int_eq(error.kind, ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "::1:"));
    struct dialer *without_names = dialer_create(NULL);
    ck_assert_ptr_null(dialer_connect(without_names, "one.test", port, deadline_after_ms(1000), &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    dialer_destroy(without_names);
}

START_TEST(addresses_need_no_resolver)
{
    on_loop(addresses);
}
END_TEST

static void names(void)
{
    ck_assert_msg(reaches("one.test", 1000), "%s", error.message);
    ck_assert_msg(reaches("one.test", 1000), "%s", error.message);
    ck_assert_uint_eq(questions, 1); /* remembered */
    for (unsigned i = 0; i < 4; i++)
        ck_assert_msg(reaches("two.test", 1000), "%s", error.message);
    ck_assert_uint_eq(questions, 2);
    ck_assert(!reaches("nobody.test", 1000));
    ck_assert_int_eq(error.kind, ERROR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(error.message, "nobody.test"));
    atomic_store(&is_broken, true);
    ck_assert(!reaches("other.test", 1000));
    ck_assert_int_eq(error.kind, ERROR_IO);
    ck_assert_msg(reaches("one.test", 1000), "%s", error.message);
}

START_TEST(names_are_remembered_and_every_address_is_tried)
{
    on_loop(names);
}
END_TEST

static unsigned reached;

static void reach_slow(void *unused)
{
    (void)unused;
    struct error mine;
    struct stream *stream = dialer_connect(dialer, "slow.test", port, deadline_after_ms(30000), &mine);
    reached += stream != NULL;
    if (stream != NULL)
        stream_close(stream);
}

static void slow_names(void)
{
    uint64_t before = loop_now_ns();
    ck_assert(!reaches("slow.test", 50));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    ck_assert_uint_lt(loop_now_ns() - before, 4500 * 1000000ULL); /* the look-up goes on without us */
    for (unsigned i = 0; i < 5; i++)
        spawn("reach", reach_slow, NULL);
    while (reached < 5)
        (void)io_sleep_until(deadline_after_ms(5));
    ck_assert_uint_eq(questions, 1); /* one look-up for all of them */
}

START_TEST(a_slow_resolver_holds_up_nobody)
{
    on_loop(slow_names);
}
END_TEST

static void deadlines(void)
{
    /* A queue of connections that is full lets further ones hang. */
    int door = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    ck_assert_int_eq(bind(door, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(door, 0), 0);
    ck_assert_int_eq(getsockname(door, (struct sockaddr *)&address, &size), 0);
    struct stream *first =
        dialer_connect(dialer, "127.0.0.1", ntohs(address.sin_port), deadline_after_ms(60000), &error);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(dialer_connect(dialer, "127.0.0.1", ntohs(address.sin_port), deadline_after_ms(60), &error));
    ck_assert_int_eq(error.kind, ERROR_TIMED_OUT);
    stream_abort(first);
    (void)close(door);
    ck_assert_ptr_null(dialer_connect(dialer, "127.0.0.1", ntohs(address.sin_port), deadline_after_ms(60), &error));
    ck_assert_int_eq(error.kind, ERROR_IO);
    ck_assert_ptr_nonnull(strstr(error.message, "refused"));
}

START_TEST(connecting_ends_at_its_deadline)
{
    on_loop(deadlines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dial");
    TCase *cases = tcase_create("dial");
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, addresses_need_no_resolver);
    tcase_add_test(cases, names_are_remembered_and_every_address_is_tried);
    tcase_add_test(cases, a_slow_resolver_holds_up_nobody);
    tcase_add_test(cases, connecting_ends_at_its_deadline);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
