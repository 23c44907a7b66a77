/* tools/bale/verify/stored_check.c -- from what is cheap to look at to what is dear. */
#include "tools/bale/verify/stored_check.h"

#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "runtime/base/hex.h"
#include "server/keys/object_seal.h"
#include "store/remote/remote.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *advice;
} KINDS[FINDING_KINDS] = {
    [FINDING_NONE] = {"", ""},
    [FINDING_UNREADABLE] = {"unreadable", "in a folder bale check says more"},
    [FINDING_FRAME_HEADER] = {"frame-header", "bale cat --skip-damaged gives the rest of its bytes"},
    [FINDING_FRAME_CRC] = {"frame-crc", "bale cat --skip-damaged gives the rest of its bytes"},
    [FINDING_INDEX_WRONG] =
        {"index-wrong",
         "its bytes are read without it, more slowly; bale repair (of a folder) or putting it again mends that"},
    [FINDING_TRAILER] = {"trailer", "bale repair writes it anew from the frames"},
    [FINDING_PART_MAP] = {"part-map", "its bytes are read all the same; uploading it again mends that"},
    [FINDING_DICTIONARY_MISSING] = {"dictionary-missing", "put .s4dict/ID back from a copy of the bucket"},
    [FINDING_SIZE] = {"size", "compare bale cat with another copy of it"},
    [FINDING_CRC32C] = {"crc32c", "compare bale cat with another copy of it"},
    [FINDING_ETAG] = {"etag", "compare bale cat with another copy of it"},
    [FINDING_CHECKSUM] = {"checksum", "compare bale cat with another copy of it"},
    [FINDING_UNKNOWN_FORM] = {"unknown-form", "read it with what wrote it"},
};

const char *finding_name(enum finding_kind kind)
{
    return KINDS[kind].name;
}

const char *finding_advice(enum finding_kind kind)
{
    return KINDS[kind].advice;
}

/* One look at one object. Its steps return false when they are not content: `kind` says what was found then, or
 * FINDING_NONE where something else failed. */
struct looking {
    struct stored_check *check;
    struct bucket_object *object;
    const struct object_name *name;
    enum finding_kind kind;
};

__attribute__((format(printf, 4, 5))) static bool found(struct looking *looking, enum finding_kind kind,
                                                        struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *error = (struct error){.kind = ERROR_DAMAGED};
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    looking->kind = kind;
    return false;
}

/* What failed with ERROR_DAMAGED is a finding of this kind, and its sentence stays; ERROR_INVALID is what S4 encrypted
 * under a customer's key. */
static bool found_damage(struct looking *looking, enum finding_kind kind, const struct error *error)
{
    if (error->kind == ERROR_DAMAGED)
        looking->kind = kind;
    if (error->kind == ERROR_UNSUPPORTED || error->kind == ERROR_INVALID)
        looking->kind = FINDING_UNKNOWN_FORM;
    return false;
}

/* ---- parts ---- */

enum { PARTS_AT_ONCE = 1000, PARTS_BYTES_MAX = 4 << 20 };

SUSPENDS static bool check_parts(struct looking *looking, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    struct object_part *parts;
    struct arena arena;
    uint64_t bytes = 0;
    unsigned count = 0;
    unsigned last = 0;
    bool is_truncated = attributes->parts_count > 0;
    bool done = true;
    arena_init(&arena, PARTS_BYTES_MAX);
    while (done && is_truncated) {
        unsigned taken = 0;
        arena_reset(&arena);
        done = bucket_read_parts(looking->object, last, PARTS_AT_ONCE, &arena, &parts, &taken, &is_truncated, error);
        for (unsigned i = 0; done && i < taken; i++) {
            bytes += parts[i].original_size;
            last = parts[i].number;
        }
        count += taken;
        is_truncated = is_truncated && taken > 0;
    }
    arena_free(&arena);
    if (!done)
        return found_damage(looking, FINDING_PART_MAP, error);
    if (count == 0) /* none are kept: of a copy, or by another tool */
        return true;
    if (count != attributes->parts_count || (attributes->is_size_known && bytes != attributes->original_size))
        return found(looking, FINDING_PART_MAP, error,
                     "its %u parts have %" PRIu64 " bytes; the object has %u parts and %" PRIu64 " bytes", count, bytes,
                     attributes->parts_count, attributes->original_size);
    return true;
}

/* ---- index and headers ---- */

SUSPENDS static bool read_header(struct looking *looking, uint64_t offset, struct frame_header *ret_header,
                                 struct error *error)
{
    uint8_t head[FRAME_HEADER_BYTES];
    uint64_t stored = looking->object->attributes.stored_size;
    uint64_t left = offset < stored ? stored - offset : 0;
    size_t size = left < sizeof head ? (size_t)left : sizeof head;
    if (size > 0 && !bucket_read(looking->object, offset, head, size, error))
        return found_damage(looking, FINDING_FRAME_HEADER, error);
    if (frame_header_decode(span_of(head, size), left, ret_header, error))
        return true;
    (void)error_prepend(error, "the frame at %" PRIu64 " of its stored bytes", offset);
    return found_damage(looking, FINDING_FRAME_HEADER, error);
}

/* Each frame behind the one before it, to the end of the body. */
SUSPENDS static bool check_headers(struct looking *looking, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    struct frame_header header;
    uint64_t original = 0;
    for (uint64_t at = 0; at < attributes->stored_size; at += header.header_size + header.payload_size) {
        if (!read_header(looking, at, &header, error))
            return false;
        original += header.kind == FRAME_DATA ? header.original_size : 0;
        fiber_yield_if_due();
    }
    if (attributes->is_size_known && original != attributes->original_size)
        return found(looking, FINDING_SIZE, error, "its frames hold %" PRIu64 " bytes, its attributes say %" PRIu64,
                     original, attributes->original_size);
    return true;
}

/* Does the index name the frames that are there? */
SUSPENDS static bool compare_index(struct looking *looking, const struct sidecar *sidecar, struct error *error)
{
    for (uint64_t i = 0; i < sidecar->entries_count; i++) {
        struct sidecar_entry entry;
        struct frame_header header;
        sidecar_entry_at(sidecar, i, &entry);
        if (!read_header(looking, entry.stored_offset, &header, error)) {
            if (looking->kind == FINDING_FRAME_HEADER) /* the walk over the headers has found them all in order */
                looking->kind = FINDING_INDEX_WRONG;
            return false;
        }
        if (header.kind != FRAME_DATA || header.original_size != entry.original_size ||
            header.header_size + header.payload_size != entry.stored_size)
            return found(looking, FINDING_INDEX_WRONG, error, "entry %" PRIu64 " of its index is not of a frame", i);
        fiber_yield_if_due();
    }
    return true;
}

SUSPENDS static bool check_encoded_index(struct looking *looking, struct span encoded, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    struct sidecar sidecar;
    const char *reason = NULL;
    if (!sidecar_decode(encoded, &sidecar, &reason))
        return found(looking, FINDING_INDEX_WRONG, error, "its index is damaged%s%s", reason != NULL ? ": " : "",
                     reason != NULL ? reason : "");
    if (attributes->is_size_known && sidecar.original_total != attributes->original_size)
        return found(looking, FINDING_INDEX_WRONG, error,
                     "its index has %" PRIu64 " original bytes, its attributes %" PRIu64, sidecar.original_total,
                     attributes->original_size);
    return !looking->check->is_folder || compare_index(looking, &sidecar, error);
}

/* A body without an index is walked by readers: only one that says something else is wrong. */
SUSPENDS static bool check_index(struct looking *looking, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    struct buffer encoded;
    if (attributes->layout != LAYOUT_FRAMED || attributes->is_encrypted)
        return true;
    if (looking->check->is_folder && !check_headers(looking, error))
        return false;
    if (attributes->sidecar_size == 0)
        return true;
    buffer_init(&encoded, SIDECAR_BYTES_MAX);
    bool done =
        bucket_read_sidecar(looking->object, &encoded, error) || found_damage(looking, FINDING_INDEX_WRONG, error);
    if (done && encoded.size > 0)
        done = check_encoded_index(looking, buffer_span(&encoded), error);
    buffer_free(&encoded);
    return done;
}

/* The last to be looked at: what is worse of the object has been found before. */
SUSPENDS static bool check_trailer(struct looking *looking, struct error *error)
{
    enum remote_trailer trailer = REMOTE_TRAILER_RIGHT;
    if (looking->check->is_folder)
        return true;
    if (!remote_ask_trailer(looking->object, &trailer, error))
        return false;
    return trailer == REMOTE_TRAILER_RIGHT ||
           found(looking, FINDING_TRAILER, error, "its end is not what its metadata announce: nobody knows its %s",
                 trailer == REMOTE_TRAILER_WRONG ? "index" : "index, nor the metadata that its client gave");
}

/* ---- every byte ---- */

struct sums {
    struct md5_sum md5;
    uint32_t crc32c;
    uint64_t size;
    struct checksum_sum checksum;
    bool has_checksum;
};

static void sums_begin(struct sums *sums, const struct object_attributes *attributes)
{
    *sums = (struct sums){
        .has_checksum =
            attributes->checksum.algorithm != CHECKSUM_NONE && attributes->checksum.type == CHECKSUM_FULL_OBJECT,
    };
    md5_begin(&sums->md5);
    if (sums->has_checksum)
        checksum_begin(&sums->checksum, attributes->checksum.algorithm);
}

static void sums_update(struct sums *sums, struct span bytes)
{
    md5_update(&sums->md5, bytes);
    sums->crc32c = crc32c_update(sums->crc32c, bytes);
    sums->size += bytes.size;
    if (sums->has_checksum)
        checksum_update(&sums->checksum, bytes);
}

/* An ETag of 32 digits of what another tool wrote need not be an MD5: a server that encrypts makes up others. */
static bool is_md5(const struct looking *looking)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    bool is_ours = attributes->is_s4 || looking->check->is_folder;
    return is_ours && strlen(attributes->etag) == 2 * (size_t)MD5_BYTES;
}

static bool compare_sums(struct looking *looking, struct sums *sums, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    uint8_t md5[MD5_BYTES];
    char etag[2 * MD5_BYTES];
    struct checksum_value value;
    md5_end(&sums->md5, md5);
    hex_encode(span_of(md5, sizeof md5), etag);
    if (attributes->is_size_known && sums->size != attributes->original_size)
        return found(looking, FINDING_SIZE, error, "it has %" PRIu64 " bytes, not %" PRIu64, sums->size,
                     attributes->original_size);
    if (attributes->has_crc32c && sums->crc32c != attributes->crc32c)
        return found(looking, FINDING_CRC32C, error, "its bytes do not have its CRC-32C");
    if (is_md5(looking) && memcmp(etag, attributes->etag, sizeof etag) != 0)
        return found(looking, FINDING_ETAG, error, "its bytes do not have the MD5 that is its ETag");
    if (sums->has_checksum) {
        checksum_end(&sums->checksum, &value);
        if (memcmp(value.bytes, attributes->checksum.bytes, checksum_size(value.algorithm)) != 0)
            return found(looking, FINDING_CHECKSUM, error, "its bytes do not have its checksum (%s)",
                         checksum_name(value.algorithm));
    }
    return true;
}

SUSPENDS static bool read_all(struct looking *looking, struct error *error)
{
    const struct object_attributes *attributes = &looking->object->attributes;
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    struct sums sums;
    if (!looking->check->deep)
        return true;
    if (object_seal_mode(attributes) == SEAL_CUSTOMER)
        return found(looking, FINDING_UNKNOWN_FORM, error, "only the key of its client opens it (SSE-C)");
    if (!object_seal_needs_keyring_alone(attributes))
        return found(looking, FINDING_UNKNOWN_FORM, error, "a key service opens it, which is not asked here (SSE-KMS)");
    sums_begin(&sums, attributes);
    if (!object_reader_begin(looking->check->codecs, looking->object, looking->name, NULL, 0, attributes->original_size,
                             &reader, error))
        return found_damage(looking,
                            attributes->dictionary[0] != '\0' ? FINDING_DICTIONARY_MISSING : FINDING_UNREADABLE, error);
    bool done;
    do {
        done = object_reader_next(reader, &piece, error);
        if (done)
            sums_update(&sums, piece);
        if (done && looking->check->on_bytes != NULL)
            looking->check->on_bytes(looking->check->context, sums.size, attributes->original_size);
    } while (done && piece.size > 0);
    object_reader_end(reader);
    if (!done) {
        (void)error_prepend(error, "from byte %" PRIu64, sums.size);
        return found_damage(looking, FINDING_FRAME_CRC, error);
    }
    return compare_sums(looking, &sums, error);
}

/* ---- one object ---- */

SUSPENDS bool stored_check_run(struct stored_check *check, const struct object_name *name, bool is_again,
                               enum finding_kind *ret_kind, struct error *error)
{
    const struct open_intent intent = {.extent = check->deep ? OPEN_WHOLE : OPEN_ATTRIBUTES, .is_again = is_again};
    struct looking looking = {.check = check, .name = name};
    bool done = bucket_open(check->store, name, &intent, &looking.object, error);
    if (done) {
        done = check_parts(&looking, error) && check_index(&looking, error) && read_all(&looking, error) &&
               check_trailer(&looking, error);
        check->original_bytes = looking.object->attributes.original_size;
        check->stored_bytes = looking.object->attributes.stored_size;
        bucket_close(looking.object);
    } else {
        (void)found_damage(&looking, FINDING_UNREADABLE, error);
    }
    *ret_kind = looking.kind;
    return done || looking.kind != FINDING_NONE;
}
