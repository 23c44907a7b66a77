/* tools/bale/commands/export.c -- bale export: writes a bucket's objects into a folder as S4 keeps them in a bucket;
 * what Bale has encrypted in clear, where it has the keys. */
#include "codec/codec.h"
#include "codec/format/sidecar.h"
#include "runtime/base/hex.h"
#include "server/keys/keyring.h"
#include "store/s4_metadata.h"
#include "tools/bale/command.h"
#include "tools/bale/files/clear_body.h"
#include "tools/bale/files/objects_json.h"
#include "tools/bale/files/stock_body.h"
#include "tools/bale/files/stored_file.h"
#include "tools/bale/session/session.h"
#include "tools/bale/view/printable.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 1 << 20,
    PAGE_KEYS = 1000,
    PAGE_BYTES_MAX = 16 << 20,
    METADATA_BYTES_MAX = 64 << 10,
    NAME_BYTES = 128,
    FRAME_BUFFERS = 2,
    WAIT_MS = 10000,
};

struct export
{
    const struct command_line *line;
    struct bucket_store *store;
    struct objects_writer writer;
    struct arena arena; /* one page of keys */
    uint8_t *piece;
    struct stock_body *stock;     /* NULL: bodies go out as they are stored */
    struct keyring *keyring;      /* NULL: none was given */
    struct object_codecs *codecs; /* NULL: likewise */
    uint64_t cleared;             /* of the objects: encrypted in the store, and in clear in the folder */
    uint64_t refused;             /* beside the objects: encrypted, and not opened */
    uint64_t objects;
    uint64_t original_bytes;
    uint64_t stored_bytes;
};

/* What one file hashes to: its SHA-256, and its MD5, which is the ETag that a bucket gives it. */
struct digest {
    struct md5_sum md5;
    struct sha256_sum sha256;
    char md5_text[2 * MD5_BYTES];
    char sha256_text[2 * SHA256_BYTES];
};

static void digest_begin(struct digest *digest)
{
    md5_begin(&digest->md5);
    sha256_begin(&digest->sha256);
}

static void digest_update(struct digest *digest, struct span bytes)
{
    md5_update(&digest->md5, bytes);
    sha256_update(&digest->sha256, bytes);
}

static void digest_end(struct digest *digest)
{
    uint8_t md5[MD5_BYTES];
    uint8_t sha256[SHA256_BYTES];
    md5_end(&digest->md5, md5);
    sha256_end(&digest->sha256, sha256);
    hex_encode(span_of(md5, sizeof md5), digest->md5_text);
    hex_encode(span_of(sha256, sizeof sha256), digest->sha256_text);
}

/* The key's letters as far as they make a good file name, and a number, because keys are longer and stranger. */
static void name_file(const struct export *export, struct span key, char ret_name[NAME_BYTES])
{
    size_t size = 0;
    for (; size < key.size && size < NAME_BYTES - 32; size++) {
        uint8_t byte = key.data[size];
        ret_name[size] = isalnum(byte) || (byte == '.' && size != 0) || byte == '-' ? (char)byte : '_';
    }
    (void)snprintf(ret_name + size, NAME_BYTES - size, "-%llu", (unsigned long long)export->objects);
}

/* ---- one object ---- */

/* A body on its way into a file. */
struct body_file {
    int fd;
    uint64_t size;
    struct digest digest;
    bool is_stock;                 /* not as it is stored: its index is made anew */
    struct sidecar_builder frames; /* of a stock one */
    struct object_reader *reader;  /* of an encrypted object, which is stock; NULL: it is none */
    struct clear_digest clear;     /* of what it has read */
};

static bool write_piece(void *context, struct span piece, struct error *error)
{
    struct body_file *file = context;
    digest_update(&file->digest, piece);
    file->size += piece.size;
    return stored_file_write(file->fd, piece, error);
}

static SUSPENDS bool copy_body(struct export *export, struct bucket_object *object, struct body_file *file,
                               struct error *error)
{
    uint64_t size = object->attributes.stored_size;
    while (file->size < size) {
        size_t piece = size - file->size < PIECE_BYTES ? (size_t)(size - file->size) : PIECE_BYTES;
        if (!bucket_read(object, file->size, export->piece, piece, error) ||
            !write_piece(file, span_of(export->piece, piece), error))
            return false;
    }
    return true;
}

static SUSPENDS bool write_body(struct export *export, struct bucket_object *object, struct body_file *file,
                                struct error *error)
{
    if (file->reader != NULL)
        return clear_body_write(export->stock, file->reader, write_piece, file, &file->frames, &file->clear, error);
    return file->is_stock ? stock_body_write(export->stock, object, write_piece, file, &file->frames, error)
                          : copy_body(export, object, file, error);
}

static SUSPENDS bool write_body_file(struct export *export, struct bucket_object *object, const char *name,
                                     struct body_file *file, struct error *error)
{
    if (!stored_file_create(export->line->target, name, &file->fd, error))
        return false;
    digest_begin(&file->digest);
    bool ok = write_body(export, object, file, error);
    (void)close(file->fd);
    digest_end(&file->digest);
    return ok;
}

static bool write_sidecar_file(struct export *export, struct span key, const char *body_name, struct span sidecar,
                               struct error *error)
{
    char name[NAME_BYTES + 16];
    char sidecar_key[OBJECT_KEY_BYTES_MAX + 16];
    struct digest digest;
    int fd;
    (void)snprintf(name, sizeof name, "%s.s4index", body_name);
    if (!stored_file_create(export->line->target, name, &fd, error))
        return false;
    bool ok = stored_file_write(fd, sidecar, error);
    (void)close(fd);
    digest_begin(&digest);
    digest_update(&digest, sidecar);
    digest_end(&digest);
    int size = snprintf(sidecar_key, sizeof sidecar_key, "%.*s.s4index", SPAN_FORMAT(key));
    const struct objects_entry entry = {
        .key = span_of(sidecar_key, (size_t)size),
        .file = span_from_string(name),
        .stored_sha256 = span_of(digest.sha256_text, sizeof digest.sha256_text),
        .backend_etag = span_of(digest.md5_text, sizeof digest.md5_text),
        .stored_size = sidecar.size,
    };
    objects_writer_add(&export->writer, &entry, SPAN_EMPTY, SPAN_EMPTY, NULL);
    return ok;
}

/* Bound to the ETag that a bucket will give the body. An index of fewer than two frames tells nothing. */
static SUSPENDS bool make_sidecar(struct bucket_object *object, const struct body_file *file, struct buffer *ret_bound,
                                  struct error *error)
{
    struct span etag = span_of(file->digest.md5_text, sizeof file->digest.md5_text);
    if (file->is_stock) {
        if (file->frames.entries.size > SIDECAR_ENTRY_BYTES)
            sidecar_builder_encode(&file->frames, etag, file->size, ret_bound);
        return true;
    }
    struct buffer kept;
    buffer_init(&kept, SIDECAR_BYTES_MAX);
    bool ok = object->attributes.sidecar_size == 0 || bucket_read_sidecar(object, &kept, error);
    if (kept.size > 0)
        (void)sidecar_rebind(buffer_span(&kept), etag, file->size, ret_bound);
    buffer_free(&kept);
    return ok;
}

static SUSPENDS bool export_sidecar(struct export *export, struct bucket_object *object, struct span key,
                                    const char *body_name, const struct body_file *file, struct error *error)
{
    struct buffer bound;
    buffer_init(&bound, SIDECAR_BYTES_MAX);
    bool ok = make_sidecar(object, file, &bound, error);
    if (ok && bound.size > 0)
        ok = write_sidecar_file(export, key, body_name, buffer_span(&bound), error);
    buffer_free(&bound);
    return ok;
}

/* What is told of the object beside its file: of a stock body with the size and codecs that it has now. */
static bool add_entry(struct export *export, const struct bucket_object *object, struct span key, const char *name,
                      const struct body_file *file, struct error *error)
{
    struct object_attributes attributes = object->attributes;
    attributes.stored_size = file->size;
    if (file->reader != NULL && !clear_body_describe(export->keyring, &file->clear, &attributes, error))
        return false;
    if (file->is_stock)
        stock_body_describe(&attributes);
    const struct objects_entry entry = {
        .key = key,
        .file = span_from_string(name),
        .stored_sha256 = span_of(file->digest.sha256_text, sizeof file->digest.sha256_text),
        .backend_etag = span_of(file->digest.md5_text, sizeof file->digest.md5_text),
        .stored_size = file->size,
    };
    struct buffer s4;
    buffer_init(&s4, METADATA_BYTES_MAX);
    bool ok = s4_metadata_append(&s4, &attributes) ||
              error_set(error, ERROR_TOO_LARGE, NULL, "its metadata cannot be told in S4's");
    if (ok)
        objects_writer_add(&export->writer, &entry, buffer_span(&s4), attributes.metadata, &attributes);
    buffer_free(&s4);
    return ok;
}

static SUSPENDS bool export_open_object(struct export *export, struct bucket_object *object, struct span key,
                                        struct body_file *file, struct error *error)
{
    char name[NAME_BYTES];
    if (object->attributes.is_s4 && codec_find(object->attributes.codec) == NULL)
        return codec_refuse(object->attributes.codec, error);
    name_file(export, key, name);
    if (!write_body_file(export, object, name, file, error) || !add_entry(export, object, key, name, file, error) ||
        !export_sidecar(export, object, key, name, file, error))
        return false;
    export->objects++;
    export->original_bytes += object->attributes.original_size;
    export->stored_bytes += file->size + object->attributes.sidecar_size;
    return true;
}

/* An object that stays behind does not end it. */
static bool leave_out(struct export *export, const struct object_name *name, const struct error *error)
{
    export->refused++;
    (void)fprintf(stderr, "bale export: ");
    printable_write(stderr, name->key);
    (void)fprintf(stderr, " is left out: %s\n", error->message);
    return true;
}

static SUSPENDS bool open_sealed(struct export *export, struct bucket_object *object, const struct object_name *name,
                                 struct object_reader **ret_reader, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    if (export->codecs == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "It is encrypted: it goes out in clear with --keyring, and not at all as it is stored.");
    return object_prove(export->codecs, name, NULL, attributes, NULL, error) &&
           object_reader_begin(export->codecs, object, name, NULL, 0, attributes->original_size, ret_reader, error);
}

/* Of its body something did not open: what came before that is a file already, which nothing names. */
static bool take_back(struct export *export, const struct object_name *name, const struct error *error,
                      struct error *ret_error)
{
    char file[NAME_BYTES];
    name_file(export, name->key, file);
    return stored_file_remove(export->line->target, file, ret_error) && leave_out(export, name, error);
}

/* Whether the keyring opens it is known before a byte of it is written; whether nobody has changed it, when all of it
 * has been. */
static SUSPENDS bool export_sealed(struct export *export, struct bucket_object *object, const struct object_name *name,
                                   struct body_file *file, struct error *error)
{
    if (!open_sealed(export, object, name, &file->reader, error))
        return error->kind != ERROR_BUSY && leave_out(export, name, error);
    file->is_stock = true;
    bool done = export_open_object(export, object, name->key, file, error);
    export->cleared += done;
    object_reader_end(file->reader);
    if (done || error->kind != ERROR_DAMAGED)
        return done;
    const struct error damage = *error;
    return take_back(export, name, &damage, error);
}

static SUSPENDS bool export_object(struct export *export, struct span key, struct error *error)
{
    const struct object_name name = {.bucket = span_from_string(export->line->bucket), .key = key};
    struct bucket_object *object;
    if (!bucket_open(export->store, &name, NULL, &object, error))
        return error_prepend(error, "%.*s", SPAN_FORMAT(span_take(key, 80)));
    struct body_file file = {.is_stock = false};
    sidecar_builder_init(&file.frames);
    bool is_sealed = object->attributes.seal.size > 0;
    file.is_stock = !is_sealed && export->stock != NULL && stock_body_is_needed(object);
    bool ok = (is_sealed ? export_sealed(export, object, &name, &file, error)
                         : export_open_object(export, object, key, &file, error)) ||
              error_prepend(error, "%.*s", SPAN_FORMAT(span_take(key, 80)));
    sidecar_builder_free(&file.frames);
    bucket_close(object);
    return ok;
}

/* ---- all of them ---- */

static SUSPENDS bool export_page(struct export *export, char *after, size_t *after_size, bool *ret_more,
                                 struct error *error)
{
    struct list_page page;
    const struct list_request request = {
        .bucket = span_from_string(export->line->bucket),
        .after = span_of(after, *after_size),
        .entries_max = PAGE_KEYS,
    };
    if (!bucket_list(export->store, &request, &export->arena, &page, error))
        return false;
    for (unsigned i = 0; i < page.count; i++) {
        if (!export_object(export, page.entries[i].key, error))
            return false;
    }
    *ret_more = page.is_truncated && page.count != 0;
    if (*ret_more) {
        struct span last = page.entries[page.count - 1].key;
        memcpy(after, last.data, last.size);
        *after_size = last.size;
    }
    return true;
}

static SUSPENDS bool export_pages(struct export *export, struct error *error)
{
    char after[OBJECT_KEY_BYTES_MAX];
    size_t after_size = 0;
    for (bool more = true; more; arena_reset(&export->arena)) {
        if (!export_page(export, after, &after_size, &more, error))
            return false;
    }
    return true;
}

static SUSPENDS bool work(struct bucket_store *store, void *context, struct error *error)
{
    struct export *export = context;
    const struct object_settings settings = {
        .frame_buffers_max = FRAME_BUFFERS, .wait_ms = WAIT_MS, .store = store, .keyring = export->keyring};
    export->store = store;
    if (export->keyring == NULL)
        return export_pages(export, error);
    export->codecs = object_codecs_create(&settings);
    bool done = export_pages(export, error);
    object_codecs_destroy(export->codecs);
    return done;
}

static bool sync_folder(const char *folder, struct error *error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && syncfs(fd) == 0;
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    return ok || error_set_errno(error, reason, "%s", folder);
}

static bool export_all(struct export *export, struct error *error)
{
    const struct command_line *line = export->line;
    if (mkdir(line->target, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "%s", line->target);
    if (!objects_writer_open(&export->writer, line->target, span_from_string(line->bucket), error))
        return false;
    bool ok = session_run(line->folder, EMBEDDED_ANY, false, work, export, error);
    struct error later;
    bool is_written = objects_writer_close(&export->writer, ok ? error : &later);
    return ok && is_written && sync_folder(line->target, error);
}

static void print_sums(const struct export *export)
{
    printf("%llu objects, %llu bytes (%llu stored) are now in %s\n", (unsigned long long)export->objects,
           (unsigned long long)export->original_bytes, (unsigned long long)export->stored_bytes, export->line->target);
    if (export->cleared > 0)
        printf("%llu of them are encrypted in the store, and lie there in clear.\n",
               (unsigned long long)export->cleared);
}

bool command_export(const struct command_line *line, struct error *error)
{
    struct export export = {.line = line};
    bool opens = line->keyring != NULL && !line->as_stored;
    if (!session_check_bucket(span_from_string(line->bucket), error) ||
        (opens && (export.keyring = keyring_load(line->keyring, error)) == NULL))
        return false;
    export.piece = malloc(PIECE_BYTES);
    if (!line->as_stored)
        export.stock = stock_body_create();
    arena_init(&export.arena, PAGE_BYTES_MAX);
    bool has_memory = export.piece != NULL && (line->as_stored || export.stock != NULL);
    bool ok = has_memory ? export_all(&export, error) : error_set(error, ERROR_BUSY, NULL, "no memory");
    if (ok)
        print_sums(&export);
    arena_free(&export.arena);
    stock_body_destroy(export.stock);
    keyring_free(export.keyring);
    free(export.piece);
    return ok &&
           (export.refused == 0 || error_set(error, ERROR_UNSUPPORTED, NULL, "%llu encrypted objects were left out",
                                             (unsigned long long)export.refused));
}
