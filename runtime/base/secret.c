/* runtime/base/secret.c -- pages that nobody else sees. */
#include "runtime/base/secret.h"

#include <string.h>
#include <sys/mman.h>

void *secret_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)mlock(memory, size); /* a small limit is no reason not to serve */
    (void)madvise(memory, size, MADV_DONTDUMP);
    (void)madvise(memory, size, MADV_WIPEONFORK);
    return memory;
}

void secret_unmap(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, size);
    (void)munmap(memory, size);
}
