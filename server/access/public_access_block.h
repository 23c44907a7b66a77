/* server/access/public_access_block.h -- what a bucket forbids to everyone at once, whatever ACLs and policies say.
 *
 * Statements 496 to 502. A setting of the bucket (SETTING_PUBLIC_ACCESS_BLOCK), kept as the four letters "AIPR", each
 * replaced by "-" where it is off. */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "s3client/wire/xml_writer.h"
#include "store/bucket.h"

#include <stdbool.h>

struct public_access_block {
    bool blocks_acls;       /* BlockPublicAcls: public ACLs are not set any more */
    bool ignores_acls;      /* IgnorePublicAcls: grants to groups give nothing */
    bool blocks_policy;     /* BlockPublicPolicy: public policies are not set any more */
    bool restricts_buckets; /* RestrictPublicBuckets: a public policy allows nothing to other accounts */
};

/* All four, as it is kept. */
#define PUBLIC_ACCESS_BLOCK_ALL_ON "AIPR"

/* One element of the configuration: its name and text. False: no such element, or not a boolean. */
bool public_access_block_take(struct public_access_block *block, struct span element, struct span text);
/* The children of an open PublicAccessBlockConfiguration. */
void public_access_block_write(struct xml_writer *xml, const struct public_access_block *block);

/* What is stored. */
void public_access_block_render(const struct public_access_block *block, struct buffer *document);
/* The compile function of the setting: *ret_compiled is a struct public_access_block. */
bool public_access_block_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                                 const void **ret_compiled, struct error *error);
