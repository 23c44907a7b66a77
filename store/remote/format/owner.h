/* store/remote/format/owner.h -- `s4-bale-owner`: whose an object is, and whom its list of grants names.
 *
 *     NAME/OWNER/ACL
 *
 * each in base64 for names. Only what is not the bucket owner's and private has the field. NAME are the first bytes of
 * the digest of the name that the object was written under (stamp_name_digest): of a copy that another tool made under
 * another name the field says nothing, and the copy is the bucket owner's and private. OWNER empty: the bucket owner.
 * ACL empty: private; `+`: it is longer than OWNER_ACL_BYTES_MAX, and lies apart (store/remote/acl/). */
#pragma once

#include "runtime/base/buffer.h"
#include "store/remote/format/stamp.h"

enum {
    OWNER_ACL_BYTES_MAX = 192,  /* canned lists, and two or three grants to accounts */
    OWNER_TEXT_BYTES_MAX = 448, /* of the field's value */
};

extern const struct span owner_field; /* "s4-bale-owner" */

struct object_owner {
    struct span owner; /* ACCOUNT_ID_BYTES_MAX at most */
    struct span acl;   /* packed; empty also where it lies apart */
    bool is_acl_apart;
};

/* Is a list too long for the field? */
bool owner_puts_acl_apart(struct span acl);
/* Appends the text. */
void owner_encode(const struct object_owner *owner, const uint8_t name[STAMP_NAME_BYTES], struct buffer *ret_text);
/* Appends owner and list to `bytes`; the spans point there, until it grows. False, and nothing said: malformed, of
 * another name, or there is no room. */
bool owner_decode(struct span text, const uint8_t name[STAMP_NAME_BYTES], struct buffer *bytes,
                  struct object_owner *ret_owner);
