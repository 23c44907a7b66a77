/* runtime/stream/tls_memory.h -- blocks for TLS records: memory that is needed only while bytes move.
 *
 * Such buffers are large and short-lived; what remains of a connection is small and lives long. Side by side on one
 * heap they leave holes of the buffers' size (measured: 61 KiB for an idle connection after a burst of 2000, not 14).
 * So records lie in blocks of an address range of their own, and unused blocks go back to the kernel. OpenSSL is told
 * to take its buffers from here, too.
 *
 * Any thread; a thread keeps some blocks at hand, the last one given back first, because it is in the cache. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { TLS_BLOCK_BYTES = 24 << 10 }; /* OpenSSL asks for 21,848 bytes for a handshake message, less for a record */

void *tls_block_take(void);
void tls_block_give_back(void *block);

/* For tests: does the memory lie in the range of blocks? */
bool tls_block_is(const void *memory);
