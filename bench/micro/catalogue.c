/* bench/micro/catalogue.c -- the row of an object as a PUT makes it and as a GET or a list reads it, checksum included.
 */
#include "bench/micro/micro.h"
#include "store/embedded/catalogue/row.h"

static const struct span KEY = SPAN("\0\0\0\0\0\0\0\1logs/2026/11/29/host-042/part-00017.json");

struct rows {
    struct row row;
    struct buffer object;
    struct buffer sealed;
};

static bool encode(void *state)
{
    struct rows *rows = state;
    buffer_clear(&rows->object);
    buffer_clear(&rows->sealed);
    row_encode_object(&rows->row, &rows->object);
    row_append_version(&rows->object, "null", 7);
    row_seal(KEY, buffer_span(&rows->object), 0, &rows->sealed);
    return rows->sealed.size > rows->object.size;
}

static bool decode(void *state)
{
    const struct rows *rows = state;
    struct row_shape shape;
    struct span object;
    struct row row;
    struct error error;
    return row_open(KEY, buffer_span(&rows->sealed), &shape, &object, &error) &&
           row_decode_object(object, &row, &error) &&
           row.attributes.original_size == rows->row.attributes.original_size;
}

void micro_catalogue(struct micro *micro)
{
    struct rows rows = {
        .row = {.attributes = {.original_size = 4096,
                               .stored_size = 812,
                               .is_s4 = true,
                               .is_size_known = true,
                               .etag = "0123456789abcdef0123456789abcdef",
                               .version = "null",
                               .checksum = {.algorithm = CHECKSUM_CRC64NVME},
                               .metadata = SPAN("\x0c\0\x0a\0content-typetext/plain")},
                .place = BODY_INLINE,
                .body_number = 42},
    };
    (void)encode(&rows);
    micro_measure(micro, &(struct micro_case){"catalogue/row-encode", rows.sealed.size, encode, &rows});
    micro_measure(micro, &(struct micro_case){"catalogue/row-decode", rows.sealed.size, decode, &rows});
    buffer_free(&rows.object);
    buffer_free(&rows.sealed);
}
