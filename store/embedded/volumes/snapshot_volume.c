/* store/embedded/volumes/snapshot_volume.c -- opens and closes them. */
#include "store/embedded/volumes/snapshot_volume.h"

#include "runtime/base/assert.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct volume *snapshot_volume(struct embedded_store *store, uint32_t number)
{
    if (number >= VOLUMES_MAX)
        return NULL;
    struct volume *volume = volume_find(store, number);
    if (volume != NULL)
        return volume;
    char name[32];
    struct stat status;
    (void)snprintf(name, sizeof name, "volumes/%08u", number);
    int fd = openat(store->folder.fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) != 0) {
        close(fd);
        return NULL;
    }
    volume = calloc(1, sizeof *volume);
    ASSERT(volume != NULL);
    *volume = (struct volume){.number = number, .fd = fd, .fd_direct = -1};
    volume->blocks = (uint32_t)(status.st_size / EXTENT_BLOCK_BYTES);
    atomic_store_explicit(&store->volumes.volumes[number], volume, memory_order_release);
    return volume;
}

void snapshot_close_volumes(struct embedded_store *store)
{
    for (uint32_t number = 0; number < VOLUMES_MAX; number++) {
        struct volume *volume = volume_find(store, number);
        if (volume == NULL)
            continue;
        close(volume->fd);
        free(volume);
    }
    free(store->volumes.volumes);
}
