/* server/s3/access_log/access_tally.c -- the mapped file of lines that wait. */
#include "server/s3/access_log/access_tally.h"

#include "runtime/log/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, TALLY_BYTES = ACCESS_TALLY_SHARDS * sizeof(struct access_tally_slot) };
/* More lines than memory has room for: the file is not ours. */
#define LINES_MAX (UINT64_C(1) << 32)

static void take_over(struct access_tally *tally)
{
    for (unsigned i = 0; i < ACCESS_TALLY_SHARDS; i++) {
        uint64_t lines = atomic_exchange_explicit(&tally->slots[i].lines, 0, memory_order_relaxed);
        tally->lost_before += lines < LINES_MAX ? lines : 0;
    }
    if (tally->lost_before > 0)
        log_message(LOG_WARNING, "access logs: %" PRIu64 " lines were lost when the process before this one ended.",
                    tally->lost_before);
}

void access_tally_open(const char *folder, struct access_tally *ret_tally)
{
    char path[PATH_BYTES_MAX];
    *ret_tally = (struct access_tally){.slots = NULL};
    int size = snprintf(path, sizeof path, "%s/access-log", folder);
    if (size < 0 || (size_t)size >= sizeof path)
        return;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (posix_fallocate(fd, 0, TALLY_BYTES) == 0) {
        void *mapped = mmap(NULL, TALLY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ret_tally->slots = mapped == MAP_FAILED ? NULL : mapped;
    }
    (void)close(fd);
    if (ret_tally->slots != NULL)
        take_over(ret_tally);
}

void access_tally_close(struct access_tally *tally)
{
    if (tally->slots != NULL)
        (void)munmap(tally->slots, TALLY_BYTES);
    tally->slots = NULL;
}
