/* runtime/base/secret.h -- memory for keys that live as long as the process.
 *
 * Pages of their own: locked into memory where RLIMIT_MEMLOCK allows it, so that they reach no swap; left out of core
 * files; zeros in a child after fork; wiped before they are given back. Keys that live for a moment are on a stack and
 * wiped by explicit_bzero instead. */
#pragma once

#include <stddef.h>

void *secret_map(size_t size);                /* zeros; NULL: no memory */
void secret_unmap(void *memory, size_t size); /* NULL: nothing is done */
