/* runtime/fiber/stack.h -- guarded stacks for the fibers of one loop; private to runtime/.
 *
 * A stack is STACK_BYTES of address space above a guard of STACK_GUARD_BYTES. Stacks are cut from chunks that live as
 * long as the pool. Guards are installed by madvise where the kernel has it (6.13), which costs nothing; else by
 * mprotect, which costs two of the process's memory maps each, so that their number is capped by vm.max_map_count.
 *
 * A stack that was given back keeps the memory it touched, for the next fiber, as long as fewer than
 * STACK_WARM_MAX are kept so; beyond that its memory goes back to the system at once.
 *
 * A fiber that runs into its guard dies by a message that names it, then SIGABRT. */
#pragma once

#include "runtime/base/error.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define STACK_SANITIZED 1
#endif
#endif
#ifndef STACK_SANITIZED
#define STACK_SANITIZED 0
#endif

enum {
    STACK_BYTES = (STACK_SANITIZED ? 256 : 64) * 1024,
    STACK_GUARD_BYTES = 16 * 1024, /* larger than a frame that a library built without stack probes may have */
    STACK_WARM_MAX = 128,
};

struct stack_chunk;

struct stack_pool {
    struct stack_chunk *chunks;
    void *warm[STACK_WARM_MAX]; /* free stacks that kept their memory, the last used on top */
    size_t warm_count;
    void **cold; /* free stacks without memory; room for every stack there is */
    size_t cold_count;
    size_t total;
    void *signal_stack;
    const char *(*name_of)(void *stack); /* whose stack it is, for the overflow message; async-signal-safe */
};

/* On the loop's thread, which gets an alternative signal stack; one pool a thread. */
bool stack_pool_open(struct stack_pool *pool, const char *(*name_of)(void *stack), struct error *error);
void stack_pool_close(struct stack_pool *pool); /* all stacks must have been given back */

/* The lowest usable address of STACK_BYTES, or NULL when the system has no more (errno is set). */
void *stack_take(struct stack_pool *pool);
void stack_give_back(struct stack_pool *pool, void *stack);

/* True when guards come from mprotect, and the number of stacks is therefore capped (below what a busy server wants).
 */
bool stack_guards_are_costly(void);
