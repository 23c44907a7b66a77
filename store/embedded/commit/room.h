/* store/embedded/commit/room.h -- is there room to grow? Asked before every batch, so that a full disk or map hurts
 * nothing.
 *
 * LMDB writes new pages before it frees old ones, so even a delete needs room. What a delete needs is therefore kept:
 * space behind the catalogue's last page is allocated ahead (the file does not grow by it, the disk gives it nobody
 * else), and changes that only add are refused with 507 when they would eat into it. */
#pragma once

#include "store/embedded/catalogue/catalogue.h"

struct room {
    const struct catalogue *catalogue;
    int fd;                /* of the catalogue's file */
    uint64_t allocated_to; /* the disk has promised the file up to here */
    bool cannot_allocate;  /* the file system does not know fallocate: free space is asked for instead */
};

bool room_init(struct room *room, const struct catalogue *catalogue, struct error *error);
void room_end(struct room *room);
/* May a batch grow the catalogue by about this much? ERROR_FULL with InsufficientStorage. */
bool room_is_there(struct room *room, uint64_t bytes, struct error *error);
/* The same of what may eat up half of the reserve. */
bool room_is_left(struct room *room, uint64_t bytes, struct error *error);
/* May a volume of this size be made and the disk still serve the catalogue? */
bool room_for_volume(const struct room *room, uint64_t bytes);
