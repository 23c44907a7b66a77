/* runtime/io/io_sim_disk.c -- what the simulator knows of files: which sectors a loss of power would take.
 *
 * The file itself always has the newest content, as a page cache does. Beside it lies the durable content of every
 * sector that was written and not synced; a loss of power puts some of these back. */
#include "runtime/io/io_sim_disk.h"

#include "runtime/base/assert.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, BUCKETS = 4096 };

struct sector {
    struct sector *next_in_bucket;
    struct sector *next; /* in the order of their first write */
    uint64_t index;
    bool is_dirty;
    uint8_t durable[SECTOR_BYTES];
};

struct file {
    struct file *next;
    dev_t device;
    ino_t inode;
    int fd; /* the disk's own */
    uint64_t durable_size;
    struct sector *first;
    struct sector **last;
    struct sector *buckets[BUCKETS];
};

struct io_sim_disk {
    struct file *files;
};

struct io_sim_disk *io_sim_disk_create(void)
{
    struct io_sim_disk *disk = calloc(1, sizeof *disk);
    ASSERT(disk != NULL);
    return disk;
}

static void forget_sectors(struct file *file)
{
    while (file->first != NULL) {
        struct sector *sector = file->first;
        file->first = sector->next;
        free(sector);
    }
    file->last = &file->first;
    memset(file->buckets, 0, sizeof file->buckets);
}

void io_sim_disk_destroy(struct io_sim_disk *disk)
{
    while (disk->files != NULL) {
        struct file *file = disk->files;
        disk->files = file->next;
        forget_sectors(file);
        (void)close(file->fd);
        free(file);
    }
    free(disk);
}

static uint64_t size_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* A descriptor of our own, without O_DIRECT: sectors are read and written at any alignment. */
static int open_again(int fd)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDWR | O_CLOEXEC);
    return again >= 0 ? again : dup(fd);
}

/* NULL when it is no regular file, or when it is unknown and not to be added. */
static struct file *find_file(struct io_sim_disk *disk, int fd, bool add)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return NULL;
    for (struct file *file = disk->files; file != NULL; file = file->next) {
        if (file->inode == status.st_ino && file->device == status.st_dev)
            return file;
    }
    if (!add)
        return NULL;
    struct file *file = calloc(1, sizeof *file);
    ASSERT(file != NULL);
    *file = (struct file){
        .next = disk->files,
        .device = status.st_dev,
        .inode = status.st_ino,
        .fd = open_again(fd),
        .durable_size = (uint64_t)status.st_size,
    };
    file->last = &file->first;
    disk->files = file;
    return file;
}

static struct sector *find_sector(const struct file *file, uint64_t index)
{
    struct sector *sector = file->buckets[index % BUCKETS];
    while (sector != NULL && sector->index != index)
        sector = sector->next_in_bucket;
    return sector;
}

static struct sector *add_sector(struct file *file, uint64_t index)
{
    struct sector *sector = calloc(1, sizeof *sector);
    ASSERT(sector != NULL);
    sector->index = index;
    sector->next_in_bucket = file->buckets[index % BUCKETS];
    file->buckets[index % BUCKETS] = sector;
    *file->last = sector;
    file->last = &sector->next;
    return sector;
}

void io_sim_disk_before_write(struct io_sim_disk *disk, int fd, uint64_t offset, uint64_t size)
{
    struct file *file = find_file(disk, fd, true);
    if (file == NULL || size == 0)
        return;
    for (uint64_t index = offset / SECTOR_BYTES; index <= (offset + size - 1) / SECTOR_BYTES; index++) {
        struct sector *sector = find_sector(file, index);
        if (sector != NULL && sector->is_dirty)
            continue;
        if (sector == NULL)
            sector = add_sector(file, index);
        sector->is_dirty = true;
        memset(sector->durable, 0, SECTOR_BYTES);
        ssize_t length = pread(file->fd, sector->durable, SECTOR_BYTES, (off_t)(index * SECTOR_BYTES));
        (void)length; /* what lies beyond the end is zero */
    }
}

void io_sim_disk_range_synced(struct io_sim_disk *disk, int fd, uint64_t offset, uint64_t size)
{
    struct file *file = find_file(disk, fd, false);
    if (file == NULL || size == 0)
        return;
    for (uint64_t index = offset / SECTOR_BYTES; index <= (offset + size - 1) / SECTOR_BYTES; index++) {
        struct sector *sector = find_sector(file, index);
        if (sector != NULL)
            sector->is_dirty = false;
    }
    if (file->durable_size < offset + size)
        file->durable_size = offset + size;
}

void io_sim_disk_file_synced(struct io_sim_disk *disk, int fd)
{
    struct file *file = find_file(disk, fd, false);
    if (file == NULL)
        return;
    forget_sectors(file);
    file->durable_size = size_of(file->fd);
}

static uint64_t lose_of_file(struct file *file, const struct random_source *random)
{
    uint64_t lost = 0;
    uint64_t size = size_of(file->fd);
    uint64_t size_after = file->durable_size < size ? file->durable_size : size;
    for (const struct sector *sector = file->first; sector != NULL; sector = sector->next) {
        if (!sector->is_dirty)
            continue;
        uint64_t offset = sector->index * SECTOR_BYTES;
        if (random_below(random, 2) == 0) {
            ssize_t written = pwrite(file->fd, sector->durable, SECTOR_BYTES, (off_t)offset);
            ASSERT(written == SECTOR_BYTES);
            lost++;
        } else if (size_after < offset + SECTOR_BYTES && random_below(random, 2) == 0) {
            size_after = offset + SECTOR_BYTES < size ? offset + SECTOR_BYTES : size;
        }
    }
    int status = ftruncate(file->fd, (off_t)size_after);
    ASSERT(status == 0);
    forget_sectors(file);
    file->durable_size = size_after;
    return lost;
}

uint64_t io_sim_disk_lose(struct io_sim_disk *disk, const struct random_source *random)
{
    uint64_t lost = 0;
    for (struct file *file = disk->files; file != NULL; file = file->next)
        lost += lose_of_file(file, random);
    return lost;
}
