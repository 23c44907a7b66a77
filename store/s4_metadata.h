/* store/s4_metadata.h -- object_attributes as the `s4-*` metadata of S4, and back (spec/s4-format.md, 3 and 8.1).
 *
 * Names are bare here ("s4-codec"): over S3 each travels behind x-amz-meta-. What S4 has no field for is kept in
 * three of our own, which S4 ignores: `s4-bale-checksum` (algorithm, type, value of the S3 checksum), `s4-bale-parts`,
 * and `s4-bale-codecs: columns` where frames may be packed in a codec that S4 cannot read. */
#pragma once

#include "runtime/base/error.h"
#include "store/attributes.h"

/* Appends the fields to a packed list (metadata_append). Nothing when the object is not S4's. False: the list is full,
 * or the codec id has no name. */
bool s4_metadata_append(struct buffer *list, const struct object_attributes *attributes);

/* Is it a field that only a gateway may set? ("s4-" in any case; `name` without x-amz-meta-.) */
bool s4_metadata_is_reserved(struct span name);

/* Reads the fields out of a packed list with bare names; others are passed over. Sets is_s4, layout, codec, sizes,
 * etag, checksum and the like; stored_size must be set already (it is the original size of a plain object). The etag
 * of an object without stamp becomes "". ERROR_UNSUPPORTED: a codec that is not in the table. */
bool s4_metadata_parse(struct span list, struct object_attributes *attributes, struct error *error);

/* An S3 checksum as text: "CRC32C FULL_OBJECT 4waSgw==" or "CRC32C COMPOSITE AAAAAA==-3". */
void s4_checksum_encode(const struct checksum_value *checksum, struct buffer *ret_text);
bool s4_checksum_decode(struct span text, struct checksum_value *ret_checksum);
