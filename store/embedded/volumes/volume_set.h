/* store/embedded/volumes/volume_set.h -- the volumes of one shard, as the files of this room see them. */
#pragma once

#include "store/embedded/volumes/volume.h"

/* Is it this shard that hands out its blocks? */
bool volume_is_own(const struct shard *shard, uint32_t number);
/* A run of `wanted` blocks, or as many as there are together, at least `least`. */
bool volume_set_reserve(struct volume_set *set, uint32_t wanted, uint32_t least, struct extent *ret_extent);
/* So little is free that the next volume should be made. */
bool volume_set_is_nearly_full(const struct volume_set *set);
/* More than half is free, and not little: some of it may go back to the disk. */
bool volume_set_is_mostly_free(const struct volume_set *set);
/* A volume in which nothing is, while the others have room enough; NULL when there is none. */
struct volume *volume_set_find_spare(const struct volume_set *set);
/* Makes another volume of at least so many blocks. */
SUSPENDS bool volume_grow(struct shard *shard, uint32_t wanted, uint32_t least, struct error *error);
