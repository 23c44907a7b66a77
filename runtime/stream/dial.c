/* runtime/stream/dial.c -- names, remembered for a while, and connections to what they stand for.
 *
 * getaddrinfo may hang for a minute, and cannot be interrupted. So a fiber of its own waits for it, and whoever wants
 * to connect waits for that fiber, until a deadline; fibers of one shard that want the same name wait for the same
 * look-up. */
#include "runtime/stream/dial.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"
#include "runtime/stream/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ADDRESSES_MAX = 16,
    NAMES_MAX = 64,
    FRESH_MS = 30 * 1000,
    STALE_MS_MAX = 60 * 60 * 1000,
};

struct addresses {
    unsigned count;
    union socket_address list[ADDRESSES_MAX]; /* with no port */
};

struct name {
    char host[DIAL_HOST_BYTES_MAX + 1];
    uint64_t resolved_ns;
    unsigned turn; /* of the connections: which address is tried first */
    struct addresses addresses;
};

struct dialer {
    struct offload *offload;
    pthread_mutex_t lock; /* of all that follows */
    struct list_link lookups;
    struct name names[NAMES_MAX];
    unsigned names_count;
};

/* One question under way. Belongs to the fibers of its loop that wait for it, and to the one that asks. */
struct lookup {
    struct list_link link; /* in dialer.lookups */
    struct dialer *dialer;
    struct loop *loop;
    unsigned holders;
    struct wait_queue ended;
    bool has_ended;
    bool has_failed;
    struct error error;
    int status; /* of getaddrinfo */
    char host[DIAL_HOST_BYTES_MAX + 1];
    struct addresses addresses;
};

struct dialer *dialer_create(struct offload *offload)
{
    struct dialer *dialer = calloc(1, sizeof *dialer);
    ASSERT(dialer != NULL && pthread_mutex_init(&dialer->lock, NULL) == 0);
    dialer->offload = offload;
    list_init(&dialer->lookups);
    return dialer;
}

void dialer_destroy(struct dialer *dialer)
{
    if (dialer == NULL)
        return;
    ASSERT(list_is_empty(&dialer->lookups));
    (void)pthread_mutex_destroy(&dialer->lock);
    free(dialer);
}

/* ---- what is remembered ---- */

static struct name *find_name(struct dialer *dialer, const char *host)
{
    for (unsigned i = 0; i < dialer->names_count; i++) {
        if (strcmp(dialer->names[i].host, host) == 0)
            return &dialer->names[i];
    }
    return NULL;
}

/* The addresses of equal rank at the list's beginning take turns; the system has sorted the others behind them. */
static void rotate(struct addresses *addresses, unsigned turn)
{
    unsigned equal = 0;
    while (equal < addresses->count && addresses->list[equal].any.sa_family == addresses->list[0].any.sa_family)
        equal++;
    for (unsigned i = equal == 0 ? 0 : turn % equal; i > 0; i--) {
        union socket_address first = addresses->list[0];
        memmove(addresses->list, addresses->list + 1, (equal - 1) * sizeof first);
        addresses->list[equal - 1] = first;
    }
}

static bool recall(struct dialer *dialer, const char *host, uint64_t age_ms_max, struct addresses *ret_addresses)
{
    pthread_mutex_lock(&dialer->lock);
    struct name *name = find_name(dialer, host);
    bool is_known = name != NULL && loop_now_ns() - name->resolved_ns <= age_ms_max * 1000000;
    unsigned turn = 0;
    if (is_known) {
        *ret_addresses = name->addresses;
        turn = name->turn++;
    }
    pthread_mutex_unlock(&dialer->lock);
    if (is_known)
        rotate(ret_addresses, turn);
    return is_known;
}

/* The oldest one gives way. */
static struct name *place_for(struct dialer *dialer, const char *host)
{
    struct name *name = find_name(dialer, host);
    if (name == NULL && dialer->names_count < NAMES_MAX)
        name = &dialer->names[dialer->names_count++];
    if (name != NULL)
        return name;
    name = &dialer->names[0];
    for (unsigned i = 1; i < NAMES_MAX; i++) {
        if (dialer->names[i].resolved_ns < name->resolved_ns)
            name = &dialer->names[i];
    }
    return name;
}

/* With the lock held. */
static void remember(struct dialer *dialer, const char *host, const struct addresses *addresses)
{
    struct name *name = place_for(dialer, host);
    (void)snprintf(name->host, sizeof name->host, "%s", host);
    name->resolved_ns = loop_now_ns();
    name->addresses = *addresses;
}

/* ---- asking ---- */

/* On a thread of the pool. */
static void ask(void *argument)
{
    struct lookup *lookup = argument;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    lookup->status = getaddrinfo(lookup->host, NULL, &hints, &found);
    if (lookup->status != 0)
        return;
    for (struct addrinfo *at = found; at != NULL && lookup->addresses.count < ADDRESSES_MAX; at = at->ai_next) {
        if (at->ai_family == AF_INET || at->ai_family == AF_INET6)
            memcpy(&lookup->addresses.list[lookup->addresses.count++], at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
}

/* With the lock held. */
static void let_go(struct lookup *lookup)
{
    if (--lookup->holders == 0)
        free(lookup);
}

static void judge(struct lookup *lookup)
{
    if (lookup->has_failed || lookup->addresses.count > 0)
        return;
    lookup->has_failed = true;
    bool may_pass = lookup->status == EAI_AGAIN || lookup->status == EAI_SYSTEM || lookup->status == EAI_MEMORY;
    (void)error_set(&lookup->error, may_pass ? ERROR_IO : ERROR_NOT_FOUND, NULL, "the name cannot be resolved: %s",
                    lookup->status == 0 ? "it has no address" : gai_strerror(lookup->status));
}

static void run_lookup(void *argument)
{
    struct lookup *lookup = argument;
    struct dialer *dialer = lookup->dialer;
    lookup->has_failed = !offload_run(dialer->offload, ask, lookup, &lookup->error);
    judge(lookup);
    pthread_mutex_lock(&dialer->lock);
    if (!lookup->has_failed)
        remember(dialer, lookup->host, &lookup->addresses);
    list_remove(&lookup->link);
    lookup->has_ended = true;
    wait_wake_all(&lookup->ended);
    let_go(lookup);
    pthread_mutex_unlock(&dialer->lock);
}

/* The look-up of this loop that is under way, or a new one; it is held for the caller. */
static struct lookup *join_lookup(struct dialer *dialer, const char *host, struct error *error)
{
    struct lookup *lookup = NULL;
    pthread_mutex_lock(&dialer->lock);
    for (struct list_link *link = dialer->lookups.next; link != &dialer->lookups && lookup == NULL; link = link->next) {
        struct lookup *other = LIST_ELEMENT(link, struct lookup, link);
        if (other->loop == loop_current() && strcmp(other->host, host) == 0)
            lookup = other;
    }
    if (lookup != NULL) {
        lookup->holders++;
        pthread_mutex_unlock(&dialer->lock);
        return lookup;
    }
    lookup = calloc(1, sizeof *lookup);
    ASSERT(lookup != NULL);
    *lookup = (struct lookup){.dialer = dialer, .loop = loop_current(), .holders = 2};
    wait_queue_init(&lookup->ended);
    (void)snprintf(lookup->host, sizeof lookup->host, "%s", host);
    if (fiber_spawn("name", run_lookup, lookup, error)) {
        list_append(&dialer->lookups, &lookup->link);
    } else {
        free(lookup);
        lookup = NULL;
    }
    pthread_mutex_unlock(&dialer->lock);
    return lookup;
}

SUSPENDS static bool look_up(struct dialer *dialer, const char *host, deadline_t deadline,
                             struct addresses *ret_addresses, struct error *error)
{
    struct lookup *lookup = join_lookup(dialer, host, error);
    if (lookup == NULL)
        return false;
    bool ok = true;
    while (ok && !lookup->has_ended)
        ok = wait_for(&lookup->ended, deadline, error);
    if (!ok && error->kind == ERROR_TIMED_OUT)
        (void)error_set(error, ERROR_TIMED_OUT, NULL, "the name servers do not answer");
    if (ok && lookup->has_failed)
        *error = lookup->error;
    ok = ok && !lookup->has_failed;
    if (ok)
        *ret_addresses = lookup->addresses;
    pthread_mutex_lock(&dialer->lock);
    let_go(lookup);
    pthread_mutex_unlock(&dialer->lock);
    return ok;
}

static bool parse_address(const char *host, struct addresses *ret_addresses)
{
    union socket_address *address = &ret_addresses->list[0];
    memset(address, 0, sizeof *address);
    ret_addresses->count = 1;
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->any.sa_family = AF_INET;
        return true;
    }
    address->any.sa_family = AF_INET6;
    return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1;
}

SUSPENDS static bool resolve(struct dialer *dialer, const char *host, deadline_t deadline,
                             struct addresses *ret_addresses, struct error *error)
{
    if (parse_address(host, ret_addresses) || recall(dialer, host, FRESH_MS, ret_addresses))
        return true;
    if (dialer->offload == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "names are not resolved here, only addresses are taken");
    return look_up(dialer, host, deadline, ret_addresses, error) ||
           (error->kind != ERROR_CANCELLED && recall(dialer, host, STALE_MS_MAX, ret_addresses));
}

/* ---- connecting ---- */

SUSPENDS static struct stream *connect_to(const union socket_address *address, deadline_t deadline, int *ret_status)
{
    bool is_v6 = address->any.sa_family == AF_INET6;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        *ret_status = -errno;
        return NULL;
    }
    socket_set_options(fd);
    *ret_status = io_connect(fd, &address->any, is_v6 ? sizeof address->v6 : sizeof address->v4, deadline);
    if (*ret_status == 0)
        return stream_from_socket(fd);
    (void)close(fd);
    return NULL;
}

static deadline_t share_of(deadline_t deadline, unsigned candidates)
{
    uint64_t now = loop_now_ns();
    return deadline == DEADLINE_NONE || deadline <= now ? deadline : now + (deadline - now) / candidates;
}

SUSPENDS static struct stream *try_all(struct addresses *addresses, uint16_t port, deadline_t deadline,
                                       struct error *error)
{
    int status = -EHOSTUNREACH;
    for (unsigned i = 0; i < addresses->count && status != -ECANCELED; i++) {
        *socket_address_port(&addresses->list[i]) = htons(port);
        struct stream *stream = connect_to(&addresses->list[i], share_of(deadline, addresses->count - i), &status);
        if (stream != NULL)
            return stream;
    }
    (void)error_set_errno(error, -status, "cannot connect");
    if (error->kind == ERROR_CLOSED)
        error->kind = ERROR_IO;
    return NULL;
}

SUSPENDS struct stream *dialer_connect(struct dialer *dialer, const char *host, uint16_t port, deadline_t deadline,
                                       struct error *error)
{
    struct addresses addresses;
    struct stream *stream = NULL;
    ASSERT(strlen(host) <= DIAL_HOST_BYTES_MAX);
    if (resolve(dialer, host, deadline, &addresses, error))
        stream = try_all(&addresses, port, deadline, error);
    if (stream == NULL)
        (void)error_prepend(error, "%s:%u", host, port);
    return stream;
}
