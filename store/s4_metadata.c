/* store/s4_metadata.c -- object_attributes as the `s4-*` metadata of S4, and back. */
#include "store/s4_metadata.h"

#include "codec/codec.h"
#include "runtime/base/base64.h"
#include "runtime/base/decimal.h"

/* ---- writing ---- */

static bool append_text(struct buffer *list, const char *name, const char *value)
{
    return metadata_append(list, span_from_string(name), span_from_string(value));
}

static bool append_number(struct buffer *list, const char *name, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    size_t size = decimal_format(value, digits);
    return metadata_append(list, span_from_string(name), span_of(digits, size));
}

void s4_checksum_encode(const struct checksum_value *checksum, struct buffer *ret_text)
{
    char value[CHECKSUM_TEXT_BYTES];
    checksum_format(checksum, value);
    buffer_append_string(ret_text, checksum_name(checksum->algorithm));
    buffer_append_byte(ret_text, ' ');
    buffer_append_string(ret_text, checksum_type_name(checksum->type));
    buffer_append_byte(ret_text, ' ');
    buffer_append_string(ret_text, value);
}

static bool append_checksum(struct buffer *list, const struct checksum_value *checksum)
{
    struct buffer text = {0};
    s4_checksum_encode(checksum, &text);
    bool done = metadata_append(list, SPAN("s4-bale-checksum"), buffer_span(&text));
    buffer_free(&text);
    return done;
}

bool s4_metadata_append(struct buffer *list, const struct object_attributes *attributes)
{
    if (!attributes->is_s4)
        return true;
    const struct codec *codec = codec_find(attributes->codec);
    if (codec == NULL)
        return false;
    bool is_single = !attributes->is_multipart;
    bool done = append_text(list, "s4-codec", codec->name);
    if (attributes->is_size_known)
        done = done && append_number(list, "s4-original-size", attributes->original_size);
    if (is_single && attributes->has_crc32c)
        done = done && append_number(list, "s4-compressed-size", attributes->stored_size);
    if (is_single && attributes->has_crc32c)
        done = done && append_number(list, "s4-crc32c", attributes->crc32c);
    if (is_single && attributes->layout == LAYOUT_FRAMED)
        done = done && append_text(list, "s4-framed", "true");
    if (attributes->is_multipart)
        done = done && append_text(list, "s4-multipart", "true");
    if (attributes->etag[0] != '\0')
        done = done && append_text(list, "s4-logical-etag", attributes->etag);
    if (attributes->dictionary[0] != '\0')
        done = done && append_text(list, "s4-dict-id", attributes->dictionary);
    if (attributes->is_encrypted)
        done = done && append_text(list, "s4-encrypted", "aes-256-gcm");
    if (attributes->checksum.algorithm != CHECKSUM_NONE)
        done = done && append_checksum(list, &attributes->checksum);
    if (attributes->parts_count > 0)
        done = done && append_number(list, "s4-bale-parts", attributes->parts_count);
    if (attributes->may_have_columns)
        done = done && append_text(list, "s4-bale-codecs", "columns");
    return done;
}

/* ---- reading ---- */

bool s4_metadata_is_reserved(struct span name)
{
    return name.size >= 3 && span_equal_ignore_case(span_take(name, 3), SPAN("s4-"));
}

enum field {
    CODEC,
    ORIGINAL_SIZE,
    COMPRESSED_SIZE,
    CRC32C,
    FRAMED,
    MULTIPART,
    LOGICAL_ETAG,
    DICT_ID,
    ENCRYPTED,
    BALE_CHECKSUM,
    BALE_PARTS,
    BALE_CODECS,
    FIELDS,
};

static const struct span field_names[FIELDS] = {
    [CODEC] = SPAN("s4-codec"),
    [ORIGINAL_SIZE] = SPAN("s4-original-size"),
    [COMPRESSED_SIZE] = SPAN("s4-compressed-size"),
    [CRC32C] = SPAN("s4-crc32c"),
    [FRAMED] = SPAN("s4-framed"),
    [MULTIPART] = SPAN("s4-multipart"),
    [LOGICAL_ETAG] = SPAN("s4-logical-etag"),
    [DICT_ID] = SPAN("s4-dict-id"),
    [ENCRYPTED] = SPAN("s4-encrypted"),
    [BALE_CHECKSUM] = SPAN("s4-bale-checksum"),
    [BALE_PARTS] = SPAN("s4-bale-parts"),
    [BALE_CODECS] = SPAN("s4-bale-codecs"),
};

/* The values in one pass over the list; of a name that comes twice the first one. No data: it is not there. */
static void find_fields(struct span list, struct span ret_values[FIELDS])
{
    struct span name;
    struct span value;
    memset(ret_values, 0, FIELDS * sizeof *ret_values);
    for (size_t position = 0; metadata_next(list, &position, &name, &value);) {
        for (unsigned i = 0; i < FIELDS; i++) {
            if (ret_values[i].data == NULL && span_equal(name, field_names[i]))
                ret_values[i] = value;
        }
    }
}

static bool read_number(struct span text, uint64_t most, uint64_t *ret_value)
{
    return text.data != NULL && decimal_parse_range(text, 0, most, ret_value);
}

static void read_text(struct span text, char *ret_text, size_t capacity)
{
    size_t size = text.size < capacity ? text.size : 0;
    if (size > 0)
        memcpy(ret_text, text.data, size);
    ret_text[size] = '\0';
}

static struct span take_word(struct span *text)
{
    size_t blank = span_find(*text, ' ');
    size_t end = blank == SIZE_MAX ? text->size : blank;
    struct span word = span_take(*text, end);
    *text = span_skip(*text, blank == SIZE_MAX ? end : end + 1);
    return word;
}

bool s4_checksum_decode(struct span text, struct checksum_value *ret_checksum)
{
    enum checksum_algorithm algorithm = checksum_from_name(take_word(&text));
    struct span type = take_word(&text);
    bool is_composite = span_equal(type, span_from_string(checksum_type_name(CHECKSUM_COMPOSITE)));
    uint64_t parts = 0;
    if (algorithm == CHECKSUM_NONE)
        return false;
    if (is_composite) {
        size_t dash = span_find(text, '-'); /* base64 has none */
        if (dash == SIZE_MAX || !decimal_parse_range(span_skip(text, dash + 1), 1, 10000, &parts))
            return false;
        text = span_take(text, dash);
    }
    if (!checksum_parse(algorithm, text, ret_checksum))
        return false;
    ret_checksum->type = is_composite ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT;
    ret_checksum->parts_count = (uint32_t)parts;
    return true;
}

/* What cannot be read counts as no checksum. */
static void read_checksum(struct span text, struct checksum_value *ret_checksum)
{
    if (text.data == NULL || !s4_checksum_decode(text, ret_checksum))
        *ret_checksum = (struct checksum_value){.algorithm = CHECKSUM_NONE};
}

static void set_plain(struct object_attributes *attributes)
{
    attributes->is_s4 = false;
    attributes->layout = LAYOUT_RAW;
    attributes->codec = CODEC_PASSTHROUGH;
    attributes->original_size = attributes->stored_size;
    attributes->is_size_known = true;
}

bool s4_metadata_parse(struct span list, struct object_attributes *attributes, struct error *error)
{
    uint64_t original_size = 0;
    uint64_t compressed_size;
    uint64_t crc32c = 0;
    uint64_t parts_count = 0;
    struct span found[FIELDS];
    find_fields(list, found);
    struct span codec_name = found[CODEC];
    bool has_codec = codec_name.data != NULL;
    bool has_size = read_number(found[ORIGINAL_SIZE], UINT64_MAX, &original_size);
    bool has_compressed = read_number(found[COMPRESSED_SIZE], UINT64_MAX, &compressed_size);
    bool has_crc = read_number(found[CRC32C], UINT32_MAX, &crc32c);
    bool is_framed = span_equal(found[FRAMED], SPAN("true"));
    bool has_manifest = has_codec && has_size && has_compressed && has_crc;

    attributes->is_multipart = span_equal(found[MULTIPART], SPAN("true"));
    attributes->has_crc32c = has_crc;
    attributes->crc32c = (uint32_t)crc32c;
    read_text(found[LOGICAL_ETAG], attributes->etag, sizeof attributes->etag);
    read_text(found[DICT_ID], attributes->dictionary, sizeof attributes->dictionary);
    char encryption[32];
    read_text(found[ENCRYPTED], encryption, sizeof encryption);
    attributes->is_encrypted = encryption[0] != '\0';
    read_checksum(found[BALE_CHECKSUM], &attributes->checksum);
    (void)read_number(found[BALE_PARTS], 10000, &parts_count);
    attributes->parts_count = (uint32_t)parts_count;
    attributes->may_have_columns = found[BALE_CODECS].data != NULL;
    if (!attributes->is_multipart && !is_framed && !has_manifest) {
        set_plain(attributes);
        return true;
    }

    const struct codec *codec = has_codec ? codec_find_name(codec_name) : NULL;
    if (has_codec && codec == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "s4-codec names a codec that this version of Bale does not know: %.*s. A newer one may read "
                         "the object.",
                         SPAN_FORMAT(span_take(codec_name, 64)));
    attributes->is_s4 = true;
    attributes->codec = codec == NULL ? CODEC_PASSTHROUGH : codec->id;
    if (attributes->is_multipart || is_framed)
        attributes->layout = LAYOUT_FRAMED;
    else
        attributes->layout = attributes->codec == CODEC_PASSTHROUGH ? LAYOUT_RAW : LAYOUT_CODEC;
    attributes->is_size_known = has_size;
    attributes->original_size = has_size ? original_size : attributes->stored_size;
    return true;
}
