/* store/remote/format/owner.c -- `s4-bale-owner` as text, and back. */
#include "store/remote/format/owner.h"

#include "runtime/base/base64.h"
#include "store/bucket.h"

const struct span owner_field = SPAN("s4-bale-owner");

bool owner_puts_acl_apart(struct span acl)
{
    return acl.size > OWNER_ACL_BYTES_MAX;
}

/* ---- writing ---- */

static void put_base64(struct buffer *to, struct span bytes)
{
    char text[BASE64_URL_BYTES(OWNER_ACL_BYTES_MAX)];
    base64_url_encode(bytes, text);
    buffer_append(to, span_of(text, BASE64_URL_BYTES(bytes.size)));
}

void owner_encode(const struct object_owner *owner, const uint8_t name[STAMP_NAME_BYTES], struct buffer *ret_text)
{
    put_base64(ret_text, span_of(name, STAMP_NAME_BYTES));
    buffer_append_string(ret_text, "/");
    put_base64(ret_text, owner->owner);
    buffer_append_string(ret_text, "/");
    if (owner->is_acl_apart || owner_puts_acl_apart(owner->acl))
        buffer_append_string(ret_text, "+");
    else
        put_base64(ret_text, owner->acl);
}

/* ---- reading ---- */

static bool take_part(struct span *text, struct span *ret_part)
{
    size_t slash = span_find(*text, '/');
    if (slash == SIZE_MAX)
        return false;
    *ret_part = span_take(*text, slash);
    *text = span_skip(*text, slash + 1);
    return true;
}

static bool is_of(struct span part, const uint8_t name[STAMP_NAME_BYTES])
{
    uint8_t found[STAMP_NAME_BYTES];
    return base64_url_decode(part, found, sizeof found) && memcmp(found, name, sizeof found) == 0;
}

/* What a text in base64 for names stands for, behind what is in `bytes`. */
static bool append_decoded(struct span text, size_t bytes_max, struct buffer *bytes)
{
    size_t size = text.size * 6 / 8;
    if (size > bytes_max || !buffer_reserve(bytes, size + 1) ||
        !base64_url_decode(text, bytes->data + bytes->size, size))
        return false;
    bytes->size += size;
    return true;
}

bool owner_decode(struct span text, const uint8_t name[STAMP_NAME_BYTES], struct buffer *bytes,
                  struct object_owner *ret_owner)
{
    struct span name_part;
    struct span owner_part;
    size_t begin = bytes->size;
    *ret_owner = (struct object_owner){.is_acl_apart = false};
    if (!take_part(&text, &name_part) || !take_part(&text, &owner_part) || !is_of(name_part, name))
        return false;
    bool is_apart = span_equal(text, SPAN("+"));
    bool done = append_decoded(owner_part, ACCOUNT_ID_BYTES_MAX, bytes);
    size_t middle = bytes->size;
    if (!done || (!is_apart && !append_decoded(text, OWNER_ACL_BYTES_MAX, bytes))) {
        bytes->size = begin;
        return false;
    }
    ret_owner->owner = span_of(bytes->data + begin, middle - begin);
    ret_owner->acl = span_of(bytes->data + middle, bytes->size - middle);
    ret_owner->is_acl_apart = is_apart;
    return true;
}
