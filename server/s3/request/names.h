/* server/s3/request/names.h -- which names of buckets and objects are allowed, and which are reserved. Pure. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>

/* "Bucket naming rules" of the Amazon S3 user guide: 3 to 63 of a-z 0-9 . -, a letter or digit at both ends, no "..",
 * no IPv4 address, not xn--... nor ...-s3alias. */
bool bucket_name_is_valid(struct span name);

/* Do the key's ".." segments climb above its bucket ("../x", "a/../../b")? As a file system would walk it. */
bool object_key_climbs(struct span key);

/* Names that belong to Bale and to S4: *.s4index, .s4dict/, .s4mpu/, .bale/. Hidden from listings, refused to clients.
 * Also true for a common prefix that stands for nothing else. */
bool object_key_is_reserved(struct span key);

/* User metadata that a client cannot set: names that start with "s4-", in any case. `name` without x-amz-meta-. */
bool metadata_name_is_reserved(struct span name);

/* "null", or shaped like an id: 20 to 64 of A-Z a-z 0-9 . _ - and of + /, which AWS's own ids have had. */
bool version_id_is_well_formed(struct span version);
