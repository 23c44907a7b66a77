/* tools/bale/maintain/repair_folder.h -- an object in a folder whose index is wrong gets a new one.
 *
 * An index follows from the frames. The version is looked at as `bale verify` does; where nothing but the index is
 * wrong, all frames are decoded, compared with size, CRC-32C and MD5, and its body is packed anew in one step, at the
 * level that it was packed at last. What else is wrong stays as it is, and is named: here nothing is made up, and
 * nothing dropped. */
#pragma once

#include "tools/bale/maintain/repair.h"
#include "tools/bale/verify/stored_check.h"

struct folder_repair {
    struct stored_check check; /* shallow, of a folder */
    int level;                 /* of what was never packed anew */
    bool executes;
};

/* One version. False: the store is out of reach, or full. */
SUSPENDS bool repair_folder_object(struct folder_repair *repair, const struct object_name *name,
                                   enum repair_outcome *ret_outcome, struct error *error);
