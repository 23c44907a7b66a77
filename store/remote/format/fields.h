/* store/remote/format/fields.h -- an object's attributes as the header fields of a request to the backend, and those of
 * its answers as attributes.
 *
 * Fields for a request are a packed list (metadata_append), names lower case and whole ("x-amz-meta-s4-codec"). What
 * the backend says of an object is: S4's fields (store/s4_metadata.h), Bale's stamp, its owner, its seal, what clients
 * gave, and the backend's own words (size, ETag, time, version, count of tags).
 *
 * Of an encrypted object (object_attributes.seal) neither ETag nor CRC-32C nor checksum is told: they are in its seal,
 * masked, and the field `s4-bale-sse` has that, or the trailer, where the seal was made after the fields. Those that
 * somebody put beside a seal are passed over. `s4-encrypted` says to S4, and to versions of Bale that know no seals,
 * that they cannot read it; nothing here goes by it. */
#pragma once

#include "s3client/wire/http_field.h"
#include "store/attributes.h"
#include "store/remote/format/stamp.h"
#include "store/remote/format/trailer.h"

enum {
    FIELDS_USER_BYTES_MAX = 2048, /* of all x-amz-meta-* as the strictest backend counts them: whole names and values */
    FIELDS_BYTES_MAX = 4 << 10,   /* of what clients gave: servers take 8 KiB in a head, and a few are ours */
    FIELDS_COUNT_MAX = 40,        /* of what clients gave */
};

/* ---- to the backend ---- */

/* Can the client's metadata travel as header fields beside `own_bytes` of ours (fields_own_bytes), and come back as
 * they are? Values that are not printable ASCII, begin or end with a blank or hold two in a row do not. */
bool fields_can_carry(struct span metadata, size_t own_bytes);
/* The same of an object's metadata beside its own fields, which alone always fit. */
bool fields_can_travel(const struct object_attributes *attributes, const struct object_stamp *stamp);
/* What S4's fields, the stamp and the owner take of FIELDS_USER_BYTES_MAX. */
size_t fields_own_bytes(const struct object_attributes *attributes, const struct object_stamp *stamp);
/* Appends everything that a PUT, Create or CopyObject with REPLACE says of the object. attributes->checksum is not used
 * (the stamp has it). attributes->is_encrypted without a seal: it will be encrypted, and its trailer have the seal.
 * `stamp` NULL: only what clients gave. `place`: the storage class that the backend is told, empty for none; what
 * clients gave is not, for that is another matter. Metadata that lies in the trailer (stamp->is_metadata_in_trailer) is
 * left out, but for standard fields that a header can carry, which other tools then see. False: the codec has no name.
 */
bool fields_encode(const struct object_attributes *attributes, const struct object_stamp *stamp, struct span place,
                   struct buffer *ret_fields);

/* ---- from the backend ---- */

struct backend_object {
    struct object_attributes attributes; /* metadata, seal, owner and acl point into the buffer that was passed */
    struct object_stamp stamp;
    bool is_stamped; /* Bale wrote it, or a copy that kept its fields: stamp is valid */
};

/* Which class clients see of what the backend has in `place` (empty: STANDARD) and the stamp in `of_stamp` (empty: none
 * that counts): that of the stamp, but of an archive, for there it decides whether a GET works. */
struct span fields_shown_class(struct span place, struct span of_stamp);

/* The time that clients see: attributes.modified_ms is the backend's, which tells revisions apart. */
int64_t backend_object_shown_ms(const struct backend_object *object);

/* Reads the fields of a HEAD or GET answer: of the whole object, or of a range of it. `size`: its stored size, from
 * content-length or content-range. Client's metadata are appended to `ret_metadata`. `name`: digest of the object's
 * name (stamp_name_digest), whose owner is read; NULL: it is one of the store itself. ERROR_UNSUPPORTED: a codec that
 * is not in the table. ERROR_DAMAGED: there is no ETag, or it is longer than STORED_ETAG_TEXT_BYTES - 1. */
bool fields_decode(const struct http_field *fields, unsigned count, uint64_t size, const uint8_t *name,
                   struct buffer *ret_metadata, struct backend_object *ret_object, struct error *error);
/* Takes over what only the trailer knows. Metadata wins where both speak. The trailer's metadata and seal, if they are
 * used, must live as long as the attributes. */
void fields_apply_trailer(struct backend_object *object, const struct trailer *trailer);

/* ETag text of the backend without quotes and W/; *ret_is_weak says that it had that. */
struct span fields_plain_etag(struct span text, bool *ret_is_weak);
/* The logical ETag of what S4 did not write: the backend's own, or a digest of it where it is too long. */
void fields_foreign_etag(struct span stored_etag, char ret_etag[ETAG_TEXT_BYTES]);
