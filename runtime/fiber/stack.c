/* runtime/fiber/stack.c -- guarded stacks for the fibers of one loop. */
#include "runtime/fiber/stack.h"

#include "runtime/base/assert.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define VALGRIND_STACK_REGISTER(low, high) 0U
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#if STACK_SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address))
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    SLOT_BYTES = STACK_GUARD_BYTES + STACK_BYTES,
    CHUNK_STACKS = 64,
    CHUNK_BYTES = CHUNK_STACKS * SLOT_BYTES,
    SIGNAL_STACK_BYTES = 64 * 1024,
    MAPS_FOR_OTHERS = 8192, /* of vm.max_map_count: libraries, LMDB, malloc */
};

struct stack_chunk {
    struct stack_chunk *next;
    uint8_t *base; /* CHUNK_STACKS slots: guard, then stack */
    size_t costly_guards;
    unsigned valgrind_ids[CHUNK_STACKS];
};

/* ---- guards ---- */

static atomic_bool guards_are_costly;
static atomic_size_t costly_guards;

bool stack_guards_are_costly(void)
{
    return atomic_load(&guards_are_costly);
}

static size_t costly_guards_max(void)
{
    static atomic_size_t cached;
    size_t guards_max = atomic_load(&cached);
    if (guards_max != 0)
        return guards_max;
    unsigned long maps_max = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    if (file != NULL) {
        if (fscanf(file, "%lu", &maps_max) != 1)
            maps_max = 65530;
        (void)fclose(file);
    }
    guards_max = maps_max > 2 * MAPS_FOR_OTHERS ? (maps_max - MAPS_FOR_OTHERS) / 2 : MAPS_FOR_OTHERS / 2;
    atomic_store(&cached, guards_max);
    return guards_max;
}

static bool guard(struct stack_chunk *chunk, uint8_t *address)
{
    if (!stack_guards_are_costly()) {
        if (madvise(address, STACK_GUARD_BYTES, MADV_GUARD_INSTALL) == 0)
            return true;
        atomic_store(&guards_are_costly, true);
    }
    chunk->costly_guards++;
    if (atomic_fetch_add(&costly_guards, 1) >= costly_guards_max()) {
        errno = ENOMEM;
        return false;
    }
    return mprotect(address, STACK_GUARD_BYTES, PROT_NONE) == 0;
}

/* ---- the overflow handler ---- */

static _Thread_local struct stack_pool *thread_pool;
static struct sigaction previous_handler;
static pthread_once_t handler_once = PTHREAD_ONCE_INIT;

/* The stack whose guard holds the address, or NULL. */
static void *overflown_stack(const uint8_t *address)
{
    if (thread_pool == NULL)
        return NULL;
    for (const struct stack_chunk *chunk = thread_pool->chunks; chunk != NULL; chunk = chunk->next) {
        if (address < chunk->base || address >= chunk->base + CHUNK_BYTES)
            continue;
        size_t slot = (size_t)(address - chunk->base) / SLOT_BYTES;
        uint8_t *guarded = chunk->base + slot * SLOT_BYTES;
        return address < guarded + STACK_GUARD_BYTES ? guarded + STACK_GUARD_BYTES : NULL;
    }
    return NULL;
}

/* One write, so that the line stays whole, and nothing that is unsafe in a signal handler. */
static void report_overflow(const char *name)
{
    char line[160];
    (void)stpcpy(stpncpy(stpcpy(line, "fiber \""), name, 100), "\" has overflown its stack\n");
    ssize_t written = write(STDERR_FILENO, line, strlen(line));
    (void)written; /* there is nobody left to tell */
}

static void handle_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    void *stack = overflown_stack(info->si_addr);
    if (stack != NULL) {
        report_overflow(thread_pool->name_of(stack));
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    }
    /* Not ours: the fault comes again, and whoever handled it before does. */
    (void)sigaction(signal_number, &previous_handler, NULL);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGSEGV, &action, &previous_handler);
}

static bool open_signal_stack(struct stack_pool *pool, struct error *error)
{
    pool->signal_stack = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pool->signal_stack == MAP_FAILED)
        return error_set_errno(error, errno, "no memory for a signal stack");
    stack_t alternative = {.ss_sp = pool->signal_stack, .ss_size = SIGNAL_STACK_BYTES};
    (void)sigaltstack(&alternative, NULL);
    (void)pthread_once(&handler_once, install_handler);
    return true;
}

/* ---- the pool ---- */

bool stack_pool_open(struct stack_pool *pool, const char *(*name_of)(void *stack), struct error *error)
{
    ASSERT(thread_pool == NULL);
    *pool = (struct stack_pool){.name_of = name_of};
    if (!open_signal_stack(pool, error))
        return false;
    thread_pool = pool;
    return true;
}

static void free_chunk(struct stack_chunk *chunk)
{
    (void)munmap(chunk->base, CHUNK_BYTES);
    atomic_fetch_sub(&costly_guards, chunk->costly_guards);
    free(chunk);
}

void stack_pool_close(struct stack_pool *pool)
{
    ASSERT(thread_pool == pool);
    ASSERT(pool->warm_count + pool->cold_count == pool->total);
    thread_pool = NULL;
    while (pool->chunks != NULL) {
        struct stack_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        for (unsigned i = 0; i < CHUNK_STACKS; i++)
            VALGRIND_STACK_DEREGISTER(chunk->valgrind_ids[i]);
        free_chunk(chunk);
    }
    free(pool->cold);
    stack_t none = {.ss_flags = SS_DISABLE};
    (void)sigaltstack(&none, NULL);
    (void)munmap(pool->signal_stack, SIGNAL_STACK_BYTES);
}

static uint8_t *stack_in(const struct stack_chunk *chunk, unsigned i)
{
    return chunk->base + (size_t)i * SLOT_BYTES + STACK_GUARD_BYTES;
}

static struct stack_chunk *make_chunk(void)
{
    struct stack_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    chunk->base =
        mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (chunk->base == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    /* A huge page would make all stacks in it resident at the first touch of one. */
    (void)madvise(chunk->base, CHUNK_BYTES, MADV_NOHUGEPAGE);
    for (unsigned i = 0; i < CHUNK_STACKS; i++) {
        if (!guard(chunk, stack_in(chunk, i) - STACK_GUARD_BYTES)) {
            free_chunk(chunk);
            return NULL;
        }
    }
    return chunk;
}

static bool add_chunk(struct stack_pool *pool)
{
    void **cold = realloc(pool->cold, (pool->total + CHUNK_STACKS) * sizeof *cold);
    if (cold == NULL)
        return false;
    pool->cold = cold;
    struct stack_chunk *chunk = make_chunk();
    if (chunk == NULL)
        return false;
    for (unsigned i = 0; i < CHUNK_STACKS; i++) {
        uint8_t *stack = stack_in(chunk, i);
        chunk->valgrind_ids[i] = VALGRIND_STACK_REGISTER(stack, stack + STACK_BYTES);
        pool->cold[pool->cold_count++] = stack;
    }
    pool->total += CHUNK_STACKS;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    return true;
}

void *stack_take(struct stack_pool *pool)
{
    if (pool->warm_count > 0)
        return pool->warm[--pool->warm_count];
    if (pool->cold_count == 0 && !add_chunk(pool))
        return NULL;
    return pool->cold[--pool->cold_count];
}

void stack_give_back(struct stack_pool *pool, void *stack)
{
    ASAN_UNPOISON_MEMORY_REGION(stack, STACK_BYTES);
    if (pool->warm_count < STACK_WARM_MAX) {
        pool->warm[pool->warm_count++] = stack;
        return;
    }
    (void)madvise(stack, STACK_BYTES, MADV_DONTNEED);
    pool->cold[pool->cold_count++] = stack;
}
