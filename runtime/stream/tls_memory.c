/* runtime/stream/tls_memory.c -- blocks for TLS records, and OpenSSL's way to them. */
#include "runtime/stream/tls_memory.h"

#include "runtime/base/assert.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    BLOCKS_MAX = 1 << 19, /* 12 GiB of addresses; who needs more gets it from the heap */
    BLOCKS_MADE_USABLE = 64,
    SPARES_MAX = 32,                   /* of each thread */
    LEAST_BYTES_OF_OPENSSL = 16 << 10, /* what OpenSSL asks for from here on is a buffer */
};

static struct {
    pthread_mutex_t lock;
    uint8_t *base;   /* NULL: there is no such range, and all comes from the heap */
    size_t stride;   /* whole pages */
    uint32_t begun;  /* blocks 0 .. begun have been in use */
    uint32_t usable; /* blocks 0 .. usable can be written to */
    uint32_t unused_count;
    uint32_t unused[BLOCKS_MAX]; /* of those that were begun; pages of this list are touched when needed */
} range = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    unsigned count;
    void *blocks[SPARES_MAX];
} spares;

bool tls_block_is(const void *memory)
{
    return range.base != NULL && (uintptr_t)memory - (uintptr_t)range.base < range.stride * BLOCKS_MAX;
}

/* ---- the range ---- */

static bool make_usable(void)
{
    if (range.usable == BLOCKS_MAX || mprotect(range.base + range.stride * range.usable,
                                               range.stride * BLOCKS_MADE_USABLE, PROT_READ | PROT_WRITE) != 0)
        return false;
    range.usable += BLOCKS_MADE_USABLE;
    return true;
}

/* NULL: there are no more. */
static void *take_from_range(void)
{
    void *block = NULL;
    if (range.base == NULL)
        return NULL;
    pthread_mutex_lock(&range.lock);
    if (range.unused_count > 0)
        block = range.base + range.stride * range.unused[--range.unused_count];
    else if (range.begun < range.usable || make_usable())
        block = range.base + range.stride * range.begun++;
    pthread_mutex_unlock(&range.lock);
    return block;
}

static void give_back_to_range(void *block)
{
    (void)madvise(block, range.stride, MADV_DONTNEED);
    pthread_mutex_lock(&range.lock);
    range.unused[range.unused_count++] = (uint32_t)((size_t)((uint8_t *)block - range.base) / range.stride);
    pthread_mutex_unlock(&range.lock);
}

static void *take(void)
{
    return spares.count > 0 ? spares.blocks[--spares.count] : take_from_range();
}

static void give_back(void *block)
{
    if (spares.count < SPARES_MAX)
        spares.blocks[spares.count++] = block;
    else
        give_back_to_range(block);
}

void *tls_block_take(void)
{
    void *block = take();
    if (block == NULL)
        block = malloc(TLS_BLOCK_BYTES);
    ASSERT(block != NULL);
    return block;
}

void tls_block_give_back(void *block)
{
    if (tls_block_is(block))
        give_back(block);
    else
        free(block);
}

/* ---- OpenSSL ---- */

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    void *block = size >= LEAST_BYTES_OF_OPENSSL && size <= TLS_BLOCK_BYTES ? take() : NULL;
    return block != NULL ? block : malloc(size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    tls_block_give_back(memory);
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
    if (memory == NULL)
        return allocate(size, file, line);
    if (!tls_block_is(memory))
        return realloc(memory, size);
    if (size <= TLS_BLOCK_BYTES)
        return memory;
    void *larger = malloc(size);
    if (larger != NULL) {
        memcpy(larger, memory, TLS_BLOCK_BYTES);
        give_back(memory);
    }
    return larger;
}

/* Before OpenSSL allocates for the first time, which is before all constructors without a priority. Where it refuses,
 * or the range cannot be had, buffers lie on the heap. */
__attribute__((constructor(101))) static void start(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    range.stride = (TLS_BLOCK_BYTES + page - 1) / page * page;
    void *base = mmap(NULL, range.stride * BLOCKS_MAX, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    range.base = base == MAP_FAILED ? NULL : base;
    (void)CRYPTO_set_mem_functions(allocate, reallocate, release);
}
