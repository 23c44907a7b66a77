/* server/access/ownership.h -- object ownership of a bucket: whether ACLs count, and whose a new object is.
 *
 * Statements 457 to 464. It is a setting of the bucket (SETTING_OWNERSHIP), kept as the word itself. A bucket without
 * that setting is BucketOwnerEnforced: so are those that were made before ownership was recorded, and a bucket that was
 * made with nothing said costs nothing. What S3 calls "nothing recorded" (OwnershipControlsNotFoundError, and behaves
 * as ObjectWriter) is a word of its own: "unset". */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "s3client/wire/xml_writer.h"
#include "store/bucket.h"

#include <stdbool.h>

enum ownership {
    OWNERSHIP_ENFORCED,  /* BucketOwnerEnforced: all is the bucket owner's, ACLs are without effect */
    OWNERSHIP_PREFERRED, /* BucketOwnerPreferred: the writer's, or the bucket owner's where the writer says so */
    OWNERSHIP_WRITER,    /* ObjectWriter: the writer's */
    OWNERSHIP_UNSET,     /* nothing recorded: as OWNERSHIP_WRITER */
};

/* "BucketOwnerEnforced"; of OWNERSHIP_UNSET "unset". What is stored. */
const char *ownership_name(enum ownership ownership);
/* The three names that S3 has. */
bool ownership_from_name(struct span name, enum ownership *ret_ownership);

/* What is stored, and back; also "unset". The compile function of the setting: *ret_compiled is an enum ownership. */
bool ownership_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                       const void **ret_compiled, struct error *error);

/* The children of an open OwnershipControls. */
void ownership_write(struct xml_writer *xml, enum ownership ownership);
