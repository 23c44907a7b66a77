/* tests/fuzz/remote/owner_fuzz.c -- any text as `s4-bale-owner`: what is accepted, written anew, reads the same. */
#include "runtime/base/assert.h"
#include "store/bucket.h"
#include "store/remote/format/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t name[STAMP_NAME_BYTES] = {0x80, 0xff};
    struct object_owner owner;
    struct object_owner again;
    struct buffer bytes = {0};
    struct buffer bytes_again = {0};
    struct buffer text = {0};
    if (owner_decode(span_of(data, size), name, &bytes, &owner)) {
        ASSERT(owner.owner.size <= ACCOUNT_ID_BYTES_MAX && owner.acl.size <= OWNER_ACL_BYTES_MAX);
        owner_encode(&owner, name, &text);
        ASSERT(text.size <= OWNER_TEXT_BYTES_MAX);
        ASSERT(owner_decode(buffer_span(&text), name, &bytes_again, &again));
        ASSERT(span_equal(owner.owner, again.owner) && span_equal(owner.acl, again.acl));
        ASSERT(owner.is_acl_apart == again.is_acl_apart);
    } else {
        ASSERT(owner.owner.size == 0 && owner.acl.size == 0 && !owner.is_acl_apart && bytes.size == 0);
    }
    buffer_free(&bytes);
    buffer_free(&bytes_again);
    buffer_free(&text);
    return 0;
}
