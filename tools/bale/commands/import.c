/* tools/bale/commands/import.c -- bale import: puts the objects of a folder into a bucket as they lie there, without
 * decoding.
 */
#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/auth/identity.h"
#include "server/config/ini.h"
#include "store/s4_metadata.h"
#include "tools/bale/command.h"
#include "tools/bale/files/objects_json.h"
#include "tools/bale/files/stored_file.h"
#include "tools/bale/session/session.h"
#include "tools/bale/view/plain_bucket.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_BYTES = 1 << 20, METADATA_BYTES_MAX = 64 << 10 };

#define SIDECAR_SUFFIX SPAN(".s4index")

struct import {
    const struct command_line *line;
    const struct objects_json *list;
    struct bucket_store *store;
    struct span bucket;
    char owner[ACCOUNT_ID_BYTES_MAX + 1];
    uint64_t objects;
    uint64_t original_bytes;
    uint64_t stored_bytes;
};

/* What is known of one object while it is put in. */
struct item {
    const struct objects_entry *entry;
    struct stored_file body;
    struct stored_file sidecar;
    struct buffer s4;
    struct buffer others;
    struct object_attributes attributes;
};

/* ---- the attributes ---- */

static bool check_sha256(const struct objects_entry *entry, struct span bytes, struct error *error)
{
    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES];
    if (entry->stored_sha256.size == 0)
        return true;
    sha256_of(bytes, digest);
    hex_encode(span_of(digest, sizeof digest), text);
    return span_equal_ignore_case(span_of(text, sizeof text), entry->stored_sha256) ||
           error_set(error, ERROR_DAMAGED, NULL, "%.*s: the file's SHA-256 is not the one of objects.json",
                     SPAN_FORMAT(entry->key));
}

/* Original bytes of all frames: what completed multipart objects say nowhere else. */
static bool measure_frames(struct span body, uint64_t *ret_size, struct error *error)
{
    *ret_size = 0;
    while (body.size != 0) {
        struct frame_header header;
        if (!frame_header_decode(body, body.size, &header, error))
            return false;
        if (header.kind == FRAME_DATA)
            *ret_size += header.original_size;
        body = span_skip(body, (size_t)(header.header_size + header.payload_size));
    }
    return true;
}

static bool complete_attributes(struct item *item, struct error *error)
{
    struct object_attributes *attributes = &item->attributes;
    *attributes = (struct object_attributes){
        .stored_size = item->body.bytes.size,
        .original_size = item->body.bytes.size,
        .sidecar_size = item->sidecar.bytes.size,
    };
    if (!s4_metadata_parse(buffer_span(&item->s4), attributes, error))
        return false;
    if (!attributes->is_size_known && attributes->layout == LAYOUT_FRAMED && !attributes->is_encrypted) {
        if (!measure_frames(item->body.bytes, &attributes->original_size, error))
            return false;
        attributes->is_size_known = true;
    }
    struct span etag = item->entry->backend_etag;
    if (attributes->etag[0] == '\0' && etag.size < sizeof attributes->etag)
        (void)snprintf(attributes->etag, sizeof attributes->etag, "%.*s", SPAN_FORMAT(etag));
    attributes->metadata = buffer_span(&item->others);
    return true;
}

/* ---- the write ---- */

static SUSPENDS bool write_body(struct bucket_writer *writer, struct span body, struct error *error)
{
    while (body.size != 0) {
        struct span piece = span_take(body, PIECE_BYTES);
        if (!bucket_write(writer, piece, error))
            return false;
        body = span_skip(body, piece.size);
    }
    return true;
}

static SUSPENDS bool write_item(struct import *import, struct item *item, struct error *error)
{
    const struct write_intent intent = {
        .name = {.bucket = import->bucket, .key = item->entry->key},
        .stored_size_hint = item->body.bytes.size,
    };
    struct bucket_writer *writer;
    if (!bucket_begin(import->store, &intent, &writer, error))
        return false;
    if (!write_body(writer, item->body.bytes, error)) {
        bucket_abort(writer);
        return false;
    }
    const struct write_result result = {.attributes = &item->attributes,
                                        .sidecar = item->sidecar.bytes,
                                        .is_uncounted = true}; /* another gateway wrote it, and may have counted it */
    struct object_attributes stored;
    return bucket_commit(writer, &result, &stored, error);
}

/* A sidecar that is wrong counts as missing: it is left out. */
static bool open_sidecar(struct import *import, struct item *item, struct error *error)
{
    char key[OBJECT_KEY_BYTES_MAX + 16];
    struct objects_entry entry;
    struct sidecar sidecar;
    int size = snprintf(key, sizeof key, "%.*s.s4index", SPAN_FORMAT(item->entry->key));
    if (!objects_json_find(import->list, span_of(key, (size_t)size), &entry))
        return true;
    char file[256];
    (void)snprintf(file, sizeof file, "%.*s", SPAN_FORMAT(entry.file));
    if (!stored_file_open(import->line->target, file, entry.stored_size, &item->sidecar, error))
        return false;
    if (!sidecar_decode(item->sidecar.bytes, &sidecar, NULL))
        stored_file_close(&item->sidecar);
    return true;
}

static SUSPENDS bool import_item(struct import *import, struct item *item, struct error *error)
{
    char file[256];
    (void)snprintf(file, sizeof file, "%.*s", SPAN_FORMAT(item->entry->file));
    if (!objects_entry_metadata(item->entry, &item->s4, &item->others, error) ||
        !stored_file_open(import->line->target, file, item->entry->stored_size, &item->body, error))
        return false;
    bool ok = check_sha256(item->entry, item->body.bytes, error) && open_sidecar(import, item, error) &&
              complete_attributes(item, error) && write_item(import, item, error);
    import->objects += ok;
    import->stored_bytes += item->body.bytes.size + item->sidecar.bytes.size;
    import->original_bytes += item->attributes.original_size;
    stored_file_close(&item->sidecar);
    stored_file_close(&item->body);
    return ok || error_prepend(error, "%.*s", SPAN_FORMAT(span_take(item->entry->key, 80)));
}

/* Is it the sidecar of another object of the list? */
static bool is_sidecar(const struct import *import, struct span key)
{
    struct objects_entry entry;
    return span_ends_with(key, SIDECAR_SUFFIX) &&
           objects_json_find(import->list, span_take(key, key.size - SIDECAR_SUFFIX.size), &entry);
}

static SUSPENDS bool import_entry(const struct objects_entry *entry, void *context, struct error *error)
{
    struct import *import = context;
    if (is_sidecar(import, entry->key))
        return true;
    struct item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return error_set(error, ERROR_BUSY, NULL, "no memory");
    item->entry = entry;
    buffer_init(&item->s4, METADATA_BYTES_MAX);
    buffer_init(&item->others, METADATA_BYTES_MAX);
    bool ok = import_item(import, item, error);
    buffer_free(&item->s4);
    buffer_free(&item->others);
    free(item);
    return ok;
}

/* ---- the bucket ---- */

static void keep_owner(struct import *import, const char *id)
{
    (void)snprintf(import->owner, sizeof import->owner, "%s", id);
}

/* The id of the first account of a file, which must be one that the server would read. */
static bool read_owner(struct import *import, const char *path, struct error *error)
{
    struct accounts *accounts = accounts_load(path, error);
    struct ini_file file;
    if (accounts == NULL)
        return false;
    accounts_free(accounts);
    if (!ini_file_load(path, &file, error))
        return false;
    for (unsigned i = file.count; i-- > 0;) {
        if (span_equal(span_from_string(file.entries[i].name), SPAN("id")))
            keep_owner(import, file.entries[i].value);
    }
    ini_file_free(&file);
    return true;
}

static bool find_owner(struct import *import, struct error *error)
{
    char path[1024];
    if (import->line->owner != NULL) {
        keep_owner(import, import->line->owner);
        return true;
    }
    (void)snprintf(path, sizeof path, "%s/credentials", import->line->folder);
    if (read_owner(import, import->line->credentials != NULL ? import->line->credentials : path, error))
        return true;
    return error_prepend(error, "a new bucket needs an owner (--owner, --credentials)");
}

static SUSPENDS bool find_or_make_bucket(struct import *import, struct error *error)
{
    struct bucket_info info;
    if (bucket_find(import->store, import->bucket, &info, error))
        return plain_bucket_check(import->store, &info, error);
    if (error->code != S3_NoSuchBucket || !find_owner(import, error))
        return false;
    return bucket_create(import->store,
                         &(struct bucket_intent){.name = import->bucket, .owner = span_from_string(import->owner)},
                         error);
}

static SUSPENDS bool work(struct bucket_store *store, void *context, struct error *error)
{
    struct import *import = context;
    import->store = store;
    return find_or_make_bucket(import, error) && objects_json_each(import->list, import_entry, import, error);
}

bool command_import(const struct command_line *line, struct error *error)
{
    struct objects_json *list;
    if (!objects_json_load(line->target, &list, error))
        return false;
    struct import import = {.line = line, .list = list};
    import.bucket = line->bucket != NULL ? span_from_string(line->bucket) : objects_json_bucket(list);
    bool ok = import.bucket.size == 0
                  ? error_set(error, ERROR_INVALID, NULL, "objects.json names no bucket: give --bucket NAME")
                  : session_check_bucket(import.bucket, error) &&
                        session_run(line->folder, EMBEDDED_PACKED, true, work, &import, error);
    if (ok)
        printf("%llu objects, %llu bytes (%llu stored) are now in the bucket %.*s\n",
               (unsigned long long)import.objects, (unsigned long long)import.original_bytes,
               (unsigned long long)import.stored_bytes, SPAN_FORMAT(import.bucket));
    objects_json_free(list);
    return ok;
}
