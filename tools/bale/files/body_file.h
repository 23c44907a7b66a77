/* tools/bale/files/body_file.h -- a stored body that lies in a file, as an open object: what was taken out of a bucket
 * by another tool, or out of an export.
 *
 * A file that begins with a frame is read as frames, every other one as it is. Beside PATH, PATH.s4index is believed as
 * an index if it fits. Attributes that are kept elsewhere (ETag, metadata, checksums) are not known. */
#pragma once

#include "store/bucket.h"

#include <stdbool.h>

/* "file:PATH", as commands are given it; NULL: it is another kind of name. */
const char *body_file_path(const char *target);

/* To be closed with bucket_close. ERROR_DAMAGED: it begins like frames, and is none further on; with `is_damaged_taken`
 * its size is not known then, and the frames before can be read. */
SUSPENDS bool body_file_open(const char *path, bool is_damaged_taken, struct bucket_object **ret_object,
                             struct error *error);
