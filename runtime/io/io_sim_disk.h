/* runtime/io/io_sim_disk.h -- what the simulator knows of files: which sectors a loss of power would take. */
#pragma once

#include "runtime/base/random.h"

#include <stddef.h>
#include <stdint.h>

struct io_sim_disk;

struct io_sim_disk *io_sim_disk_create(void);
void io_sim_disk_destroy(struct io_sim_disk *disk);

/* Before the range is written: keeps what is durable there. Descriptors that are not regular files are ignored. */
void io_sim_disk_before_write(struct io_sim_disk *disk, int fd, uint64_t offset, uint64_t size);
/* The range, or the whole file, is durable now. */
void io_sim_disk_range_synced(struct io_sim_disk *disk, int fd, uint64_t offset, uint64_t size);
void io_sim_disk_file_synced(struct io_sim_disk *disk, int fd);
/* Takes or keeps each sector that is not durable; afterwards everything is. Returns how many were taken. */
uint64_t io_sim_disk_lose(struct io_sim_disk *disk, const struct random_source *random);
