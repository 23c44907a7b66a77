/* tools/bale/commands/verify.c -- bale verify: can every object be read, and is it what it says of itself? */
#include "codec/format/crc.h"
#include "codec/format/sidecar.h"
#include "runtime/base/hex.h"
#include "server/dictionaries/table.h"
#include "server/object/object.h"
#include "tools/bale/command.h"
#include "tools/bale/files/walk.h"
#include "tools/bale/session/backend_session.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000, TRIES = 3, DICTIONARY_MEMORY = 64 << 20 };

struct verification {
    const struct command_line *line;
    struct bucket_store *store;
    struct object_codecs *codecs;
    uint64_t objects;
    uint64_t original_bytes;
    uint64_t stored_bytes;
    uint64_t findings;
    uint64_t unread; /* in a form that this version cannot read: no damage */
};

static void report(struct verification *verification, const struct object_name *name, const char *sentence)
{
    verification->findings++;
    if (!verification->line->json) {
        printf("%.*s/%.*s: %s\n", SPAN_FORMAT(name->bucket), SPAN_FORMAT(name->key), sentence);
        return;
    }
    struct json_object *document = json_object_new_object();
    json_object_object_add(document, "bucket",
                           json_object_new_string_len((const char *)name->bucket.data, (int)name->bucket.size));
    json_object_object_add(document, "key",
                           json_object_new_string_len((const char *)name->key.data, (int)name->key.size));
    json_object_object_add(document, "finding", json_object_new_string(sentence));
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

/* ---- what it says of itself ---- */

/* A body without an index is walked by readers: only one that says something else is wrong. */
SUSPENDS static bool check_index(struct bucket_object *object, struct error *error)
{
    struct buffer encoded;
    struct sidecar sidecar;
    const struct object_attributes *attributes = &object->attributes;
    if (attributes->layout != LAYOUT_FRAMED || attributes->sidecar_size == 0)
        return true;
    buffer_init(&encoded, SIDECAR_BYTES_MAX);
    bool done = bucket_read_sidecar(object, &encoded, error);
    if (done && encoded.size > 0) {
        if (!sidecar_decode(buffer_span(&encoded), &sidecar, NULL))
            done = error_set(error, ERROR_DAMAGED, NULL, "its index is damaged");
        else if (attributes->is_size_known && sidecar.original_total != attributes->original_size)
            done = error_set(error, ERROR_DAMAGED, NULL,
                             "its index has %" PRIu64 " original bytes, its attributes %" PRIu64,
                             sidecar.original_total, attributes->original_size);
    }
    buffer_free(&encoded);
    return done;
}

/* ---- what it is ---- */

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
static bool is_md5(const struct verification *verification, const struct object_attributes *attributes)
{
    bool is_ours = attributes->is_s4 || !config_is_bucket(&verification->line->where);
    return is_ours && strlen(attributes->etag) == 2 * (size_t)MD5_BYTES;
}

static bool sums_compare(const struct verification *verification, struct sums *sums,
                         const struct object_attributes *attributes, struct error *error)
{
    uint8_t md5[MD5_BYTES];
    char etag[2 * MD5_BYTES];
    struct checksum_value value;
    md5_end(&sums->md5, md5);
    hex_encode(span_of(md5, sizeof md5), etag);
    if (attributes->is_size_known && sums->size != attributes->original_size)
        return error_set(error, ERROR_DAMAGED, NULL, "it has %" PRIu64 " bytes, not %" PRIu64, sums->size,
                         attributes->original_size);
    if (attributes->has_crc32c && sums->crc32c != attributes->crc32c)
        return error_set(error, ERROR_DAMAGED, NULL, "its bytes do not have its CRC-32C");
    if (is_md5(verification, attributes) && memcmp(etag, attributes->etag, sizeof etag) != 0)
        return error_set(error, ERROR_DAMAGED, NULL, "its bytes do not have the MD5 that is its ETag");
    if (sums->has_checksum) {
        checksum_end(&sums->checksum, &value);
        if (memcmp(value.bytes, attributes->checksum.bytes, checksum_size(value.algorithm)) != 0)
            return error_set(error, ERROR_DAMAGED, NULL, "its bytes do not have its checksum (%s)",
                             checksum_name(value.algorithm));
    }
    return true;
}

SUSPENDS static bool read_all(struct verification *verification, struct bucket_object *object,
                              const struct object_name *name, struct error *error)
{
    struct object_reader *reader;
    struct span piece = SPAN_EMPTY;
    struct sums sums;
    sums_begin(&sums, &object->attributes);
    bool done =
        object_reader_begin(verification->codecs, object, name, 0, object->attributes.original_size, &reader, error);
    if (!done)
        return false;
    do {
        done = object_reader_next(reader, &piece, error);
        if (done)
            sums_update(&sums, piece);
    } while (done && piece.size > 0);
    object_reader_end(reader);
    return done && sums_compare(verification, &sums, &object->attributes, error);
}

/* ---- one object ---- */

SUSPENDS static bool verify_once(struct verification *verification, const struct object_name *name, bool is_again,
                                 struct error *error)
{
    const struct open_intent intent = {.extent = verification->line->deep ? OPEN_WHOLE : OPEN_ATTRIBUTES,
                                       .is_again = is_again};
    struct bucket_object *object;
    if (!bucket_open(verification->store, name, &intent, &object, error))
        return false;
    bool done =
        check_index(object, error) && (!verification->line->deep || read_all(verification, object, name, error));
    if (done) {
        verification->original_bytes += object->attributes.original_size;
        verification->stored_bytes += object->attributes.stored_size;
    }
    bucket_close(object);
    return done;
}

/* An object may be replaced or deleted while it is read: then it is looked at again, or is not there any more. A
 * backend that is away ends the walk. */
SUSPENDS static bool verify(void *context, const struct object_name *name, const struct list_entry *entry,
                            struct error *error)
{
    struct verification *verification = context;
    bool done = entry->is_prefix;
    for (unsigned i = 0; i < TRIES && !done; i++) {
        done = verify_once(verification, name, i > 0, error);
        if (!done && error->kind != ERROR_CHANGED && error->kind != ERROR_DAMAGED)
            break;
    }
    if (!done && error->kind == ERROR_NOT_FOUND)
        return true;
    if (!done && (error->kind == ERROR_BUSY || error->kind == ERROR_TIMED_OUT || error->kind == ERROR_CLOSED))
        return false;
    verification->objects++;
    if (!done && error->kind == ERROR_UNSUPPORTED)
        verification->unread++;
    if (!done)
        report(verification, name, error->message);
    return true;
}

SUSPENDS static bool verify_all(struct bucket_store *store, void *context, struct error *error)
{
    struct dictionary_table *dictionaries = dictionary_table_create(DICTIONARY_MEMORY);
    const struct object_settings settings = {
        .frame_buffers_max = FRAME_BUFFERS, .wait_ms = WAIT_MS, .dictionaries = dictionaries, .store = store};
    struct verification *verification = context;
    const struct walk walk = {.bucket = verification->line->bucket,
                              .prefix = verification->line->prefix,
                              .visit = verify,
                              .context = verification};
    verification->store = store;
    verification->codecs = object_codecs_create(&settings);
    bool done = walk_objects(store, &walk, error);
    object_codecs_destroy(verification->codecs);
    dictionary_table_destroy(dictionaries);
    return done;
}

/* ---- the command ---- */

static void print_sums(const struct verification *verification)
{
    if (verification->line->json)
        printf("{\"objects\":%" PRIu64 ",\"original_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64
               ",\"findings\":%" PRIu64 ",\"unread\":%" PRIu64 "}\n",
               verification->objects, verification->original_bytes, verification->stored_bytes, verification->findings,
               verification->unread);
    else
        printf("%" PRIu64 " objects, %" PRIu64 " bytes (%" PRIu64 " stored): %" PRIu64 " findings, %" PRIu64
               " of them in a form that cannot be read yet.\n",
               verification->objects, verification->original_bytes, verification->stored_bytes, verification->findings,
               verification->unread);
}

static bool judge(const struct verification *verification, struct error *error)
{
    if (verification->findings > verification->unread)
        return error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " of %" PRIu64 " objects are not as they should be",
                         verification->findings - verification->unread, verification->objects);
    return verification->unread == 0 ||
           error_set(error, ERROR_UNSUPPORTED, NULL,
                     "%" PRIu64 " of %" PRIu64 " objects cannot be read by this version of Bale, nor verified",
                     verification->unread, verification->objects);
}

bool command_verify(const struct command_line *line, struct error *error)
{
    struct verification verification = {.line = line};
    if (line->bucket != NULL && !session_check_bucket(span_from_string(line->bucket), error))
        return false;
    if (!backend_session_run(&line->where, verify_all, &verification, error))
        return false;
    print_sums(&verification);
    return judge(&verification, error);
}
