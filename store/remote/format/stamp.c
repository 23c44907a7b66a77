/* store/remote/format/stamp.c -- `s4-bale` as text, and back. */
#include "store/remote/format/stamp.h"

#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"
#include "store/remote/format/trailer.h"
#include "store/s4_metadata.h"

#define TIME_MS_MAX UINT64_C(253402300799999) /* the end of the year 9999 */

const struct span stamp_field = SPAN("s4-bale");

/* ---- writing ---- */

static void put_base64(struct buffer *to, const uint8_t *bytes, size_t size)
{
    char text[BASE64_URL_BYTES(STAMP_LEDGER_BYTES)];
    base64_url_encode(span_of(bytes, size), text);
    buffer_append(to, span_of(text, BASE64_URL_BYTES(size)));
}

static void put_trailer(struct buffer *to, const struct object_stamp *stamp)
{
    if (stamp->trailer == STAMP_TRAILER_SAYS)
        buffer_append_string(to, ";t=?");
    if (stamp->trailer == STAMP_TRAILER_BYTES) {
        buffer_append_string(to, ";t=");
        buffer_append_decimal(to, stamp->trailer_bytes);
    }
    if (stamp->trailer != STAMP_NO_TRAILER && memcmp(stamp->body_nonce, stamp->nonce, STAMP_NONCE_BYTES) != 0) {
        buffer_append_string(to, ";b=");
        put_base64(to, stamp->body_nonce, STAMP_NONCE_BYTES);
    }
    if (stamp->is_metadata_in_trailer)
        buffer_append_string(to, ";u=t");
}

static void put_class(struct buffer *to, const struct object_stamp *stamp)
{
    if (stamp->storage_class[0] == '\0')
        return;
    buffer_append_string(to, ";k=");
    buffer_append_string(to, stamp->storage_class);
    if (stamp->kept_ms != 0)
        return; /* that names it */
    buffer_append_string(to, "/");
    put_base64(to, stamp->name, STAMP_NAME_BYTES);
}

/* When it was changed, and what of it was written anew since. */
static void put_time(struct buffer *to, const struct object_stamp *stamp)
{
    buffer_append_string(to, ";m=");
    buffer_append_decimal(to, (uint64_t)stamp->kept_ms);
    buffer_append_string(to, "/");
    put_base64(to, stamp->name, STAMP_NAME_BYTES);
    put_class(to, stamp);
    for (unsigned i = 0; i < stamp->made_of_count; i++) {
        buffer_append_string(to, i == 0 ? ";o=" : "/");
        put_base64(to, stamp->made_of[i], STAMP_ETAG_BYTES);
    }
    if (stamp->level > 0) {
        buffer_append_string(to, ";z=");
        buffer_append_decimal(to, stamp->level);
    }
}

void stamp_encode(const struct object_stamp *stamp, struct buffer *ret_text)
{
    buffer_append_string(ret_text, "1;n=");
    put_base64(ret_text, stamp->nonce, STAMP_NONCE_BYTES);
    put_trailer(ret_text, stamp);
    if (stamp->is_counted) {
        buffer_append_string(ret_text, ";l=");
        put_base64(ret_text, stamp->ledger, STAMP_LEDGER_BYTES);
        buffer_append_string(ret_text, "/");
        put_base64(ret_text, stamp->name, STAMP_NAME_BYTES);
    }
    if (stamp->is_tombstone) {
        buffer_append_string(ret_text, ";x=");
        put_base64(ret_text, stamp->name, STAMP_NAME_BYTES);
    }
    if (stamp->kept_ms > 0)
        put_time(ret_text, stamp);
    else
        put_class(ret_text, stamp);
    if (stamp->checksum.algorithm != CHECKSUM_NONE) {
        buffer_append_string(ret_text, ";c=");
        s4_checksum_encode(&stamp->checksum, ret_text);
    }
}

/* ---- reading ---- */

static bool read_trailer(struct span value, struct object_stamp *stamp)
{
    stamp->trailer = span_equal(value, SPAN("?")) ? STAMP_TRAILER_SAYS : STAMP_TRAILER_BYTES;
    return stamp->trailer == STAMP_TRAILER_SAYS ||
           decimal_parse_range(value, TRAILER_BYTES_LEAST, TRAILER_BYTES_MAX, &stamp->trailer_bytes);
}

static bool read_ledger(struct span value, struct object_stamp *stamp)
{
    size_t slash = span_find(value, '/');
    stamp->is_counted = slash != SIZE_MAX &&
                        base64_url_decode(span_take(value, slash), stamp->ledger, STAMP_LEDGER_BYTES) &&
                        base64_url_decode(span_skip(value, slash + 1), stamp->name, STAMP_NAME_BYTES);
    return stamp->is_counted;
}

/* Since 1970; anything else says nothing. */
static void read_time(struct span value, struct object_stamp *stamp)
{
    size_t slash = span_find(value, '/');
    uint64_t ms;
    if (slash != SIZE_MAX && decimal_parse_range(span_take(value, slash), 1, TIME_MS_MAX, &ms) &&
        base64_url_decode(span_skip(value, slash + 1), stamp->name, STAMP_NAME_BYTES))
        stamp->kept_ms = (int64_t)ms;
}

/* A name as S3 gives them, and whose class it is; anything else says nothing. */
static void read_class(struct span value, struct object_stamp *stamp, bool *ret_is_named)
{
    size_t slash = span_find(value, '/');
    struct span class = span_take(value, slash);
    if (class.size >= STAMP_CLASS_BYTES)
        return;
    for (size_t i = 0; i < class.size; i++) {
        bool is_letter = class.data[i] >= 'A' && class.data[i] <= 'Z';
        bool is_digit = class.data[i] >= '0' && class.data[i] <= '9';
        if (!is_letter && !is_digit && class.data[i] != '_')
            return;
    }
    if (slash != SIZE_MAX && !base64_url_decode(span_skip(value, slash + 1), stamp->name, STAMP_NAME_BYTES))
        return;
    *ret_is_named = slash != SIZE_MAX;
    memcpy(stamp->storage_class, class.data, class.size);
    stamp->storage_class[class.size] = '\0';
}

static void read_made_of(struct span value, struct object_stamp *stamp)
{
    stamp->made_of_count = 0;
    while (value.size > 0 && stamp->made_of_count < STAMP_ETAGS_MAX) {
        size_t slash = span_find(value, '/');
        if (!base64_url_decode(span_take(value, slash), stamp->made_of[stamp->made_of_count], STAMP_ETAG_BYTES))
            return;
        stamp->made_of_count++;
        value = span_skip(value, slash == SIZE_MAX ? value.size : slash + 1);
    }
}

/* Of zstd; anything else says nothing. */
static void read_level(struct span value, struct object_stamp *stamp)
{
    uint64_t level;
    if (decimal_parse_range(value, 1, STAMP_LEVEL_MAX, &level))
        stamp->level = (uint8_t)level;
}

static bool read_field(struct span field, struct object_stamp *stamp, bool *ret_is_class_named)
{
    if (field.size < 2 || field.data[1] != '=')
        return false;
    struct span value = span_skip(field, 2);
    switch (field.data[0]) {
    case 'n':
        return base64_url_decode(value, stamp->nonce, STAMP_NONCE_BYTES);
    case 'b':
        return base64_url_decode(value, stamp->body_nonce, STAMP_NONCE_BYTES);
    case 't':
        return read_trailer(value, stamp);
    case 'u':
        stamp->is_metadata_in_trailer = span_equal(value, SPAN("t"));
        return stamp->is_metadata_in_trailer;
    case 'l':
        return read_ledger(value, stamp);
    case 'x':
        stamp->is_tombstone = base64_url_decode(value, stamp->name, STAMP_NAME_BYTES);
        return stamp->is_tombstone;
    case 'm':
        read_time(value, stamp);
        return true;
    case 'k':
        read_class(value, stamp, ret_is_class_named);
        return true;
    case 'o':
        read_made_of(value, stamp);
        return true;
    case 'z':
        read_level(value, stamp);
        return true;
    case 'c':
        return s4_checksum_decode(value, &stamp->checksum);
    default:
        return true;
    }
}

static struct span take_field(struct span *text)
{
    size_t end = span_find(*text, ';');
    struct span field = span_take(*text, end);
    *text = span_skip(*text, end == SIZE_MAX ? text->size : end + 1);
    return field;
}

bool stamp_decode(struct span text, struct object_stamp *ret_stamp)
{
    *ret_stamp = (struct object_stamp){0};
    bool has_nonce = false;
    bool is_copy = false;
    bool is_class_named = false;
    if (!span_equal(take_field(&text), SPAN("1")))
        return false;
    while (text.size > 0) {
        struct span field = take_field(&text);
        has_nonce = has_nonce || span_starts_with(field, SPAN("n="));
        is_copy = is_copy || span_starts_with(field, SPAN("b="));
        if (!read_field(field, ret_stamp, &is_class_named))
            return false;
    }
    if (ret_stamp->kept_ms == 0 && !is_class_named)
        ret_stamp->storage_class[0] = '\0';
    if (!is_copy)
        memcpy(ret_stamp->body_nonce, ret_stamp->nonce, STAMP_NONCE_BYTES);
    return has_nonce && (!ret_stamp->is_metadata_in_trailer || ret_stamp->trailer != STAMP_NO_TRAILER);
}

void stamp_revision_digest(struct span revision, uint8_t ret_digest[STAMP_ETAG_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256_of(revision, digest);
    memcpy(ret_digest, digest, STAMP_ETAG_BYTES);
}

bool stamp_is_made_of(const struct object_stamp *stamp, struct span revision)
{
    uint8_t digest[STAMP_ETAG_BYTES];
    stamp_revision_digest(revision, digest);
    for (unsigned i = 0; stamp->kept_ms != 0 && i < stamp->made_of_count; i++) {
        if (memcmp(stamp->made_of[i], digest, sizeof digest) == 0)
            return true;
    }
    return false;
}

void stamp_name_digest(struct span bucket, struct span key, uint8_t ret_name[STAMP_NAME_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, bucket);
    sha256_update(&sum, SPAN("/"));
    sha256_update(&sum, key);
    sha256_end(&sum, digest);
    memcpy(ret_name, digest, STAMP_NAME_BYTES);
}
