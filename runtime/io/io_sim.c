/* runtime/io/io_sim.c -- I/O as bad as it is allowed to be: a driver on real descriptors, with simulated time, order,
 * results, races and losses of power. */
#include "runtime/io/io_sim.h"

#include "runtime/base/assert.h"
#include "runtime/base/list.h"
#include "runtime/base/random.h"
#include "runtime/io/io_sim_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FAULTS_MAX = 16,
    NAMED_FILES_MAX = 64,
    NAME_BYTES_MAX = 64,
    PIECES_MAX = 16,
    WATCHED_MAX = 256,
    STEP_NS = 200, /* what one look at the clock takes: who only computes makes time pass, too */
    REAL_WAIT_MS_MAX = 1000,
};

static const uint64_t TIME_BEGINS_NS = 1000ULL * 1000000000;
static const int64_t WALL_BEGINS_MS = 1767225600000; /* 2026-01-01 */

struct fault {
    enum io_verb verb;
    uint64_t at_count;
    int errno_value;
};

struct named_file {
    char name[NAME_BYTES_MAX];
    int fd;
};

struct io_sim {
    struct io_sim_options options;
    struct io_driver driver;
    struct clock clock;
    struct random_seeded random_state;
    struct random_source random;
    uint64_t now_ns;
    struct io_sim_disk *disk;
    bool is_powered;
    uint64_t operations_left; /* until the power goes off; UINT64_MAX: for ever */
    uint64_t counts[IO_VERBS];
    struct fault faults[FAULTS_MAX];
    unsigned faults_count;
    struct named_file files[NAMED_FILES_MAX];
    unsigned files_count;
};

/* An operation that the loop waits for. */
struct pending {
    struct list_link link;
    struct io_operation *operation;
    uint64_t due_ns;
    uint64_t cancel_ns; /* when a cancellation takes effect; UINT64_MAX: none was asked for */
};

struct io_context {
    struct io_sim *sim;
    struct loop_counters *counters;
    struct list_link pending;
    struct list_link untried; /* those of the present sweep that have not had their turn */
    int doorbell;
};

/* ---- chance and time ---- */

static bool happens(struct io_sim *sim, unsigned permille)
{
    return permille > 0 && random_below(&sim->random, 1000) < permille;
}

static uint64_t draw_delay_ns(struct io_sim *sim)
{
    return sim->options.delay_us_max == 0 ? 0 : random_below(&sim->random, sim->options.delay_us_max * 1000ULL);
}

static size_t draw_size(struct io_sim *sim, size_t size)
{
    return size > 1 && happens(sim, sim->options.short_permille) ? 1 + random_below(&sim->random, size - 1) : size;
}

static uint64_t sim_monotonic_ns(void *context)
{
    struct io_sim *sim = context;
    return sim->now_ns += STEP_NS;
}

static int64_t sim_wall_ms(void *context)
{
    const struct io_sim *sim = context;
    return WALL_BEGINS_MS + (int64_t)((sim->now_ns - TIME_BEGINS_NS) / 1000000);
}

/* ---- what an operation does ---- */

static bool is_of_file(enum io_verb verb)
{
    return verb == IO_READ || verb == IO_WRITE || verb == IO_WRITE_DURABLE || verb == IO_SYNC_DATA ||
           verb == IO_ALLOCATE || verb == IO_PUNCH_HOLE;
}

static bool is_ready(int fd, short events)
{
    struct pollfd watched = {.fd = fd, .events = events};
    return poll(&watched, 1, 0) == 1;
}

static int64_t or_errno(int64_t result)
{
    return result >= 0 ? result : -errno;
}

static int64_t send_message(struct io_sim *sim, int fd, const struct msghdr *message)
{
    struct iovec pieces[PIECES_MAX];
    size_t count = message->msg_iovlen < PIECES_MAX ? message->msg_iovlen : PIECES_MAX;
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += message->msg_iov[i].iov_len;
    size_t left = draw_size(sim, total);
    for (size_t i = 0; i < count; i++) {
        pieces[i] = message->msg_iov[i];
        pieces[i].iov_len = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        left -= pieces[i].iov_len;
    }
    struct msghdr shorter = {.msg_iov = pieces, .msg_iovlen = count};
    return or_errno(sendmsg(fd, &shorter, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static int64_t accept_one(int fd)
{
    if (!is_ready(fd, POLLIN))
        return -EAGAIN;
    return or_errno(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

static int64_t poll_now(int fd, unsigned events)
{
    struct pollfd watched = {.fd = fd, .events = (short)events};
    if (fcntl(fd, F_GETFD) < 0)
        return -EBADF;
    return poll(&watched, 1, 0) == 1 ? watched.revents : -EAGAIN;
}

static int64_t write_file(struct io_sim *sim, const struct io_operation *operation)
{
    size_t size = draw_size(sim, operation->size);
    io_sim_disk_before_write(sim->disk, operation->fd, operation->offset, size);
    int64_t written = or_errno(pwrite(operation->fd, operation->buffer, size, (off_t)operation->offset));
    if (operation->verb == IO_WRITE_DURABLE && written > 0)
        io_sim_disk_range_synced(sim->disk, operation->fd, operation->offset, (uint64_t)written);
    return written;
}

static int64_t punch_hole(struct io_sim *sim, const struct io_operation *operation)
{
    struct stat status;
    if (fstat(operation->fd, &status) != 0)
        return -errno;
    uint64_t end = operation->offset + operation->length;
    uint64_t file_end = (uint64_t)status.st_size;
    end = end < file_end ? end : file_end;
    if (operation->offset < end)
        io_sim_disk_before_write(sim->disk, operation->fd, operation->offset, end - operation->offset);
    return or_errno(fallocate(operation->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)operation->offset,
                              (off_t)operation->length));
}

/* The result, or -EAGAIN when it has to wait. */
static int64_t perform(struct io_sim *sim, const struct io_operation *operation)
{
    int fd = operation->fd;
    switch (operation->verb) {
    case IO_RECEIVE:
        return or_errno(recv(fd, operation->buffer, draw_size(sim, operation->size), MSG_DONTWAIT));
    case IO_SEND:
        return or_errno(send(fd, operation->buffer, draw_size(sim, operation->size), MSG_DONTWAIT | MSG_NOSIGNAL));
    case IO_SEND_PIECES:
    case IO_SEND_NOW:
        return send_message(sim, fd, operation->buffer);
    case IO_CONNECT:
        return or_errno(connect(fd, operation->buffer, (socklen_t)operation->size));
    case IO_ACCEPT:
        return accept_one(fd);
    case IO_POLL:
        return poll_now(fd, operation->events);
    case IO_READ:
        return or_errno(pread(fd, operation->buffer, draw_size(sim, operation->size), (off_t)operation->offset));
    case IO_WRITE:
    case IO_WRITE_DURABLE:
        return write_file(sim, operation);
    case IO_SYNC_DATA:
        if (fcntl(fd, F_GETFD) < 0)
            return -EBADF;
        io_sim_disk_file_synced(sim->disk, fd);
        return 0;
    case IO_ALLOCATE:
        io_sim_disk_before_write(sim->disk, fd, 0, 0); /* the length before it is what is durable */
        return or_errno(fallocate(fd, 0, (off_t)operation->offset, (off_t)operation->length));
    case IO_PUNCH_HOLE:
        return punch_hole(sim, operation);
    case IO_CLOSE:
        return or_errno(close(fd));
    case IO_VERBS:
        break;
    }
    UNREACHABLE();
}

/* ---- faults ---- */

static int64_t ordered_fault(struct io_sim *sim, enum io_verb verb)
{
    for (unsigned i = 0; i < sim->faults_count; i++) {
        if (sim->faults[i].verb == verb && sim->faults[i].at_count == sim->counts[verb])
            return -sim->faults[i].errno_value;
    }
    return 0;
}

static int64_t random_fault(struct io_sim *sim, enum io_verb verb)
{
    static const int socket_errors[] = {ECONNRESET, ENOBUFS, ETIMEDOUT};
    static const int write_errors[] = {EIO, ENOSPC, EINTR};
    if (verb == IO_CLOSE || verb == IO_POLL || !happens(sim, sim->options.error_permille))
        return 0;
    if (verb == IO_ACCEPT)
        return -ECONNABORTED;
    if (!is_of_file(verb))
        return -socket_errors[random_below(&sim->random, 3)];
    return verb == IO_READ ? -EIO : -write_errors[random_below(&sim->random, 3)];
}

static void use_power(struct io_sim *sim)
{
    if (sim->operations_left == 0)
        sim->is_powered = false;
    else if (sim->operations_left != UINT64_MAX)
        sim->operations_left--;
}

/* As perform, unless something is in the way. Counts what has ended. */
static int64_t attempt(struct io_sim *sim, const struct io_operation *operation)
{
    enum io_verb verb = operation->verb;
    if (!sim->is_powered && verb != IO_CLOSE)
        return -EIO;
    int64_t result = ordered_fault(sim, verb);
    if (result == 0)
        result = random_fault(sim, verb);
    if (result == 0) {
        if (is_of_file(verb)) {
            use_power(sim);
            if (!sim->is_powered)
                return -EIO;
        }
        result = perform(sim, operation);
    }
    if (result != -EAGAIN)
        sim->counts[verb]++;
    return result;
}

/* ---- submission and cancellation ---- */

static void sim_submit(struct io_context *context, struct io_operation *operation)
{
    struct pending *pending = calloc(1, sizeof *pending);
    ASSERT(pending != NULL);
    pending->operation = operation;
    pending->due_ns = context->sim->now_ns;
    if (operation->verb != IO_SEND_NOW)
        pending->due_ns += draw_delay_ns(context->sim);
    pending->cancel_ns = UINT64_MAX;
    list_append(&context->pending, &pending->link);
    counter_add(&context->counters->submissions, 1);
}

static void cancel_in(struct io_sim *sim, struct list_link *list, const struct io_operation *operation)
{
    for (struct list_link *link = list->next; link != list; link = link->next) {
        struct pending *pending = LIST_ELEMENT(link, struct pending, link);
        if (pending->operation != operation)
            continue;
        bool comes_too_late = is_of_file(operation->verb) && random_below(&sim->random, 2) == 0;
        if (!comes_too_late)
            pending->cancel_ns = sim->now_ns + draw_delay_ns(sim);
    }
}

static void sim_cancel(struct io_context *context, struct io_operation *operation)
{
    cancel_in(context->sim, &context->pending, operation);
    cancel_in(context->sim, &context->untried, operation);
}

/* ---- completion ---- */

/* At once, or -EAGAIN. */
static int64_t attempt_now(struct io_sim *sim, const struct io_operation *operation)
{
    return happens(sim, sim->options.not_now_permille) ? -EAGAIN : attempt(sim, operation);
}

/* Whether it ends now, and how. */
static bool try_to_end(struct io_context *context, struct pending *pending, int64_t *ret_result)
{
    struct io_sim *sim = context->sim;
    bool is_cancelled = pending->cancel_ns <= sim->now_ns;
    *ret_result = -ECANCELED;
    if (is_cancelled && random_below(&sim->random, 2) == 0)
        return true;
    if (pending->due_ns > sim->now_ns)
        return is_cancelled;
    bool may_wait = pending->operation->verb != IO_SEND_NOW;
    int64_t result = may_wait ? attempt(sim, pending->operation) : attempt_now(sim, pending->operation);
    if (result == -EAGAIN && may_wait)
        return is_cancelled;
    *ret_result = result;
    return true;
}

static void complete(struct io_context *context, struct pending *pending, int64_t result)
{
    struct io_operation *operation = pending->operation;
    operation->result = (int32_t)result;
    operation->more = operation->verb == IO_ACCEPT && result >= 0;
    if (operation->more) {
        pending->due_ns = context->sim->now_ns + draw_delay_ns(context->sim);
        list_append(&context->pending, &pending->link);
    } else {
        free(pending);
    }
    counter_add(&context->counters->completions, 1);
    operation->completed(operation);
}

/* A random one of the list: what comes first in the list has no precedence. */
static struct pending *take_any(struct io_sim *sim, struct list_link *list, size_t count)
{
    struct list_link *link = list->next;
    for (uint64_t skip = random_below(&sim->random, count); skip > 0; skip--)
        link = link->next;
    list_remove(link);
    return LIST_ELEMENT(link, struct pending, link);
}

/* Tries everything that is there once. Returns how many have ended. */
static size_t sweep(struct io_context *context)
{
    size_t count = 0, ended = 0;
    struct list_link *link;
    while ((link = list_take_first(&context->pending)) != NULL) {
        list_append(&context->untried, link);
        count++;
    }
    for (; count > 0; count--) {
        struct pending *pending = take_any(context->sim, &context->untried, count);
        int64_t result;
        if (try_to_end(context, pending, &result)) {
            complete(context, pending, result);
            ended++;
        } else {
            list_append(&context->pending, &pending->link);
        }
    }
    return ended;
}

/* ---- waiting ---- */

static uint64_t next_event_ns(const struct io_context *context, deadline_t until)
{
    uint64_t next = until;
    for (struct list_link *link = context->pending.next; link != &context->pending; link = link->next) {
        const struct pending *pending = LIST_ELEMENT(link, struct pending, link);
        uint64_t now = context->sim->now_ns;
        if (pending->due_ns > now && pending->due_ns < next)
            next = pending->due_ns;
        if (pending->cancel_ns > now && pending->cancel_ns < next)
            next = pending->cancel_ns;
    }
    return next;
}

static short events_of(const struct io_operation *operation)
{
    if (operation->verb == IO_POLL)
        return (short)operation->events;
    return operation->verb == IO_SEND || operation->verb == IO_SEND_PIECES ? POLLOUT : POLLIN;
}

/* Waits in real time for somebody else: another thread's wake, or the other end of a descriptor. */
static bool wait_really(struct io_context *context, int timeout_ms)
{
    struct pollfd watched[WATCHED_MAX] = {{.fd = context->doorbell, .events = POLLIN}};
    nfds_t count = 1;
    for (struct list_link *link = context->pending.next; link != &context->pending && count < WATCHED_MAX;
         link = link->next) {
        const struct io_operation *operation = LIST_ELEMENT(link, struct pending, link)->operation;
        watched[count++] = (struct pollfd){.fd = operation->fd, .events = events_of(operation)};
    }
    int ready = poll(watched, count, timeout_ms);
    uint64_t rings;
    if (ready > 0 && watched[0].revents != 0)
        (void)!read(context->doorbell, &rings, sizeof rings);
    return ready > 0;
}

static void sim_turn(struct io_context *context, deadline_t until)
{
    struct io_sim *sim = context->sim;
    while (sweep(context) == 0 && until > sim->now_ns) {
        uint64_t next = next_event_ns(context, until);
        if (next == DEADLINE_NONE) {
            if (wait_really(context, REAL_WAIT_MS_MAX))
                return;
            continue;
        }
        if (wait_really(context, (int)sim->options.real_wait_ms))
            return;
        sim->now_ns = next;
    }
}

static bool sim_has_work(struct io_context *context)
{
    return !list_is_empty(&context->pending);
}

static void sim_wake(struct io_context *context)
{
    uint64_t one = 1;
    (void)!write(context->doorbell, &one, sizeof one);
}

/* ---- at once ---- */

static int64_t sim_receive_now(struct io_context *context, int fd, void *ret_bytes, size_t size)
{
    struct io_operation operation = {.verb = IO_RECEIVE, .fd = fd, .buffer = ret_bytes, .size = size};
    return attempt_now(context->sim, &operation);
}

/* ---- the driver ---- */

static struct io_context *sim_open(const struct io_driver *driver, const struct io_setup *setup, struct error *error)
{
    struct io_context *context = calloc(1, sizeof *context);
    ASSERT(context != NULL);
    context->sim = driver->argument;
    context->counters = setup->counters;
    list_init(&context->pending);
    list_init(&context->untried);
    context->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (context->doorbell < 0) {
        error_set_errno(error, errno, "no eventfd for a loop");
        free(context);
        return NULL;
    }
    return context;
}

static void sim_close(struct io_context *context)
{
    struct list_link *link;
    while ((link = list_take_first(&context->pending)) != NULL)
        free(LIST_ELEMENT(link, struct pending, link));
    (void)close(context->doorbell);
    free(context);
}

static const struct clock *sim_clock(struct io_context *context)
{
    return &context->sim->clock;
}

struct io_sim *io_sim_create(const struct io_sim_options *options)
{
    struct io_sim *sim = calloc(1, sizeof *sim);
    ASSERT(sim != NULL);
    sim->options = *options;
    sim->driver = (struct io_driver){
        .name = "simulator",
        .argument = sim,
        .open = sim_open,
        .close = sim_close,
        .clock = sim_clock,
        .submit = sim_submit,
        .cancel = sim_cancel,
        .turn = sim_turn,
        .has_work = sim_has_work,
        .wake = sim_wake,
        .receive_now = sim_receive_now,
    };
    sim->clock = (struct clock){sim_wall_ms, sim_monotonic_ns, sim};
    sim->random = random_seeded(&sim->random_state, options->seed);
    sim->now_ns = TIME_BEGINS_NS;
    sim->disk = io_sim_disk_create();
    sim->is_powered = true;
    sim->operations_left = UINT64_MAX;
    return sim;
}

void io_sim_destroy(struct io_sim *sim)
{
    for (unsigned i = 0; i < sim->files_count; i++)
        (void)close(sim->files[i].fd);
    io_sim_disk_destroy(sim->disk);
    free(sim);
}

const struct io_driver *io_sim_driver(struct io_sim *sim)
{
    return &sim->driver;
}

const struct clock *io_sim_clock(struct io_sim *sim)
{
    return &sim->clock;
}

int io_sim_open(struct io_sim *sim, const char *name)
{
    for (unsigned i = 0; i < sim->files_count; i++) {
        if (strcmp(sim->files[i].name, name) == 0)
            return fcntl(sim->files[i].fd, F_DUPFD_CLOEXEC, 0);
    }
    ASSERT(sim->files_count < NAMED_FILES_MAX && strlen(name) < NAME_BYTES_MAX);
    struct named_file *file = &sim->files[sim->files_count++];
    (void)stpcpy(file->name, name);
    file->fd = memfd_create(name, MFD_CLOEXEC);
    ASSERT(file->fd >= 0);
    return fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
}

void io_sim_fail(struct io_sim *sim, enum io_verb verb, uint64_t skip, int errno_value)
{
    ASSERT(sim->faults_count < FAULTS_MAX);
    sim->faults[sim->faults_count++] = (struct fault){verb, sim->counts[verb] + skip, errno_value};
}

uint64_t io_sim_count(const struct io_sim *sim, enum io_verb verb)
{
    return sim->counts[verb];
}

/* ---- power ---- */

void io_sim_power_off(struct io_sim *sim)
{
    sim->is_powered = false;
}

void io_sim_power_off_after(struct io_sim *sim, uint64_t operations)
{
    sim->operations_left = operations;
}

bool io_sim_is_powered(const struct io_sim *sim)
{
    return sim->is_powered;
}

uint64_t io_sim_power_on(struct io_sim *sim)
{
    ASSERT(!sim->is_powered);
    sim->is_powered = true;
    sim->operations_left = UINT64_MAX;
    return io_sim_disk_lose(sim->disk, &sim->random);
}
