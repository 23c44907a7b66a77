/* tests/unit/object/foreign_test.c -- bodies of other writers: S4's own, frames of any size, streams, padding, what is
 * refused.
 *
 * Usage: foreign_test FOLDER, that of tests/vectors. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "s3client/wire/s3_error.h"
#include "server/dictionaries/table.h"
#include "server/keys/keyring.h"
#include "server/object/codecs_private.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/object/bodies.h"

#include <isa-l/igzip_lib.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

static const char *folder;
static struct memory_store store;
static struct object_codecs *codecs;
static struct dictionary_table *dictionaries;

static void set_up(void)
{
    struct object_settings settings = ordinary_settings();
    settings.frame_buffers_max = 40;
    memory_store_init(&store);
    dictionaries = dictionary_table_create(1 << 20);
    settings.dictionaries = dictionaries;
    settings.store = &store.store;
    codecs = object_codecs_create(&settings);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    dictionary_table_destroy(dictionaries);
    memory_store_free(&store);
}

/* ---- making bodies ---- */

static void append_frame(struct buffer *body, uint32_t codec, struct span payload, struct span original)
{
    uint8_t header[FRAME_HEADER_BYTES];
    frame_header_encode(&(struct frame_header){.codec = codec,
                                               .original_size = original.size,
                                               .payload_size = payload.size,
                                               .crc32c = crc32c_update(0, original)},
                        header);
    buffer_append(body, span_of(header, sizeof header));
    buffer_append(body, payload);
}

/* As S4 does it: streamed, no content size. */
static void append_zstd(struct buffer *body, struct span original, int window_log)
{
    size_t capacity = ZSTD_compressBound(original.size);
    uint8_t *payload = malloc(capacity);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (window_log != 0)
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log);
    ZSTD_inBuffer in = {original.data, original.size, 0};
    ZSTD_outBuffer out = {payload, capacity, 0};
    ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_continue);
    ck_assert_uint_eq(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end), 0);
    ZSTD_freeCCtx(zstd);
    append_frame(body, CODEC_ZSTD, span_of(payload, out.pos), original);
    free(payload);
}

static size_t gzip(struct span original, uint8_t *to, size_t capacity)
{
    struct isal_zstream *stream = calloc(1, sizeof *stream);
    isal_deflate_stateless_init(stream);
    stream->gzip_flag = IGZIP_GZIP;
    stream->next_in = (uint8_t *)(uintptr_t)original.data;
    stream->avail_in = (uint32_t)original.size;
    stream->next_out = to;
    stream->avail_out = (uint32_t)capacity;
    ck_assert_int_eq(isal_deflate_stateless(stream), COMP_OK);
    size_t size = stream->total_out;
    free(stream);
    return size;
}

static struct memory_object *put(struct span body, enum object_layout layout, uint32_t codec, struct span original)
{
    struct object_attributes attributes = {
        .original_size = original.size,
        .layout = layout,
        .codec = codec,
        .is_s4 = true,
        .is_size_known = true,
        .has_crc32c = layout != LAYOUT_FRAMED,
        .crc32c = crc32c_update(0, original),
    };
    return memory_store_put(&store, "key", &attributes, body, SPAN_EMPTY);
}

static void expect_readable(struct span original)
{
    uint64_t size = original.size;
    for (unsigned w = 0; w < 2; w++) {
        store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
        must_download(codecs, &store, "key", original, 0, size);
        must_download(codecs, &store, "key", original, size, 0);
        if (size < 10)
            continue;
        must_download(codecs, &store, "key", original, 0, 1);
        must_download(codecs, &store, "key", original, size - 1, 1);
        must_download(codecs, &store, "key", original, size / 3, size / 3);
        must_download(codecs, &store, "key", original, 1, size - 1);
    }
}

static void expect_refused(struct span original, enum error_kind kind, const char *code, const char *word)
{
    for (unsigned w = 0; w < 2; w++) {
        struct error error;
        uint64_t done;
        store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
        ck_assert(!download_range(codecs, &store, "key", original, 0, original.size, &done, &error));
        ck_assert_int_eq(error.kind, kind);
        ck_assert_str_eq(error.code, code);
        ck_assert_msg(strstr(error.message, word) != NULL, "%s", error.message);
        ck_assert_uint_lt(done, original.size);
    }
}

/* ---- what S4 wrote ---- */

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) ? json_object_get_string(value) : NULL;
}

static void read_file(const char *set, const char *file, struct buffer *ret_bytes)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s/%s", folder, set, file);
    FILE *stream = fopen(path, "rb");
    ck_assert_msg(stream != NULL, "%s", path);
    size_t size;
    do {
        ck_assert(buffer_reserve(ret_bytes, 65536));
        size = fread(ret_bytes->data + ret_bytes->size, 1, 65536, stream);
        ret_bytes->size += size;
    } while (size > 0);
    fclose(stream);
    if (!span_ends_with(span_from_string(file), SPAN(".gz")))
        return;
    struct decompressor *decompressor = decompressor_create();
    struct error error;
    struct buffer unpacked = {0};
    enum { UNPACKED_MAX = 6 << 20 };
    ck_assert(buffer_reserve(&unpacked, UNPACKED_MAX));
    ck_assert(decompressor_begin(decompressor, CODEC_GZIP, false, &error));
    struct span packed = buffer_span(ret_bytes);
    bool ended = false;
    while (!ended) {
        ck_assert(decompressor_step(decompressor, &packed, unpacked.data + unpacked.size, UNPACKED_MAX - unpacked.size,
                                    &size, &ended, &error));
        unpacked.size += size;
    }
    decompressor_destroy(decompressor);
    buffer_free(ret_bytes);
    *ret_bytes = unpacked;
}

/* Section 8.1. */
static struct object_attributes classify(struct json_object *object)
{
    struct json_object *metadata;
    ck_assert(json_object_object_get_ex(object, "metadata", &metadata));
    const char *crc32c = text_of(metadata, "s4-crc32c");
    const char *size = text_of(metadata, "s4-original-size");
    const struct codec *codec = codec_find_name(span_from_string(text_of(metadata, "s4-codec")));
    ck_assert_ptr_nonnull(codec);
    struct object_attributes attributes = {
        .is_s4 = true,
        .is_multipart = text_of(metadata, "s4-multipart") != NULL,
        .codec = codec->id,
        .has_crc32c = crc32c != NULL,
        .crc32c = crc32c == NULL ? 0 : (uint32_t)strtoul(crc32c, NULL, 10),
        .is_size_known = size != NULL,
        .original_size = size == NULL ? 0 : strtoull(size, NULL, 10),
        .is_encrypted = text_of(metadata, "s4-encrypted") != NULL,
    };
    if (text_of(metadata, "s4-dict-id") != NULL)
        (void)snprintf(attributes.dictionary, sizeof attributes.dictionary, "%s", text_of(metadata, "s4-dict-id"));
    (void)snprintf(attributes.stored_etag, STORED_ETAG_TEXT_BYTES, "%s", text_of(object, "backend_etag"));
    bool is_framed = attributes.is_multipart || text_of(metadata, "s4-framed") != NULL;
    attributes.layout = is_framed ? LAYOUT_FRAMED : codec->id == CODEC_PASSTHROUGH ? LAYOUT_RAW : LAYOUT_CODEC;
    return attributes;
}

static void put_vector(const char *set, struct json_object *objects, const char *key, struct json_object *object)
{
    struct buffer body = {0};
    struct buffer sidecar = {0};
    char sidecar_key[256];
    struct json_object *index;
    (void)snprintf(sidecar_key, sizeof sidecar_key, "%s.s4index", key);
    if (json_object_object_get_ex(objects, sidecar_key, &index))
        read_file(set, text_of(index, "file"), &sidecar);
    read_file(set, text_of(object, "file"), &body);
    struct object_attributes attributes = classify(object);
    memory_store_put(&store, "key", &attributes, buffer_span(&body), buffer_span(&sidecar));
    buffer_free(&body);
    buffer_free(&sidecar);
}

/* The whole original, found by reading it; its digest says whether it is right. */
static uint8_t *read_original(struct json_object *object, size_t size)
{
    struct object_name name = name_of("key");
    struct bucket_object *open;
    struct object_reader *reader;
    struct error error;
    struct span piece;
    uint8_t *original = malloc(size + 1);
    size_t done = 0;
    ck_assert(bucket_open(&store.store, &name, NULL, &open, &error));
    /* a multipart object of S4 has no size stamp: whatever there is */
    uint64_t wanted = open->attributes.is_size_known ? size : UINT64_MAX;
    ck_assert(object_reader_begin(codecs, open, &name, NULL, 0, wanted, &reader, &error));
    do {
        bool works = object_reader_next(reader, &piece, &error);
        ck_assert_msg(works, "%s", works ? "" : error.message);
        ck_assert_uint_le(done + piece.size, size);
        if (piece.size > 0)
            memcpy(original + done, piece.data, piece.size);
        done += piece.size;
    } while (piece.size > 0);
    ck_assert_uint_eq(done, size);
    object_reader_end(reader);
    bucket_close(open);

    uint8_t digest[SHA256_BYTES];
    char text[2 * SHA256_BYTES + 1] = {0};
    sha256_of(span_of(original, size), digest);
    hex_encode(span_of(digest, sizeof digest), text);
    ck_assert_str_eq(text, text_of(object, "original_sha256"));
    return original;
}

/* 00 .. 1f, with which S4 wrote the vectors; behind another of the same id. And 40 .. 5f, which wraps that of TV_E4. */
static struct keyring *s4_keys(void)
{
    struct error error;
    struct keyring *keyring = keyring_parse("keys",
                                            SPAN("[s4 0]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                                                 "[s4 7]\nmaterial = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                                                 "[s4 9]\nmaterial = QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n"),
                                            &error);
    ck_assert_ptr_nonnull(keyring);
    return keyring;
}

static void check_vector(const char *set, struct json_object *objects, const char *key, struct json_object *object)
{
    put_vector(set, objects, key, object);
    size_t size = strtoul(text_of(object, "original_size"), NULL, 10);
    struct object_attributes *attributes = &memory_store_find(&store, "key")->attributes;
    if (attributes->is_encrypted) {
        attributes->original_size = 1; /* so that there is something to ask for */
        expect_refused(SPAN("?"), ERROR_UNSUPPORTED, S3_NotImplemented, "encrypted");
        attributes->original_size = size;
        codecs->settings.keyring = s4_keys();
    }
    uint8_t *original = read_original(object, size);
    expect_readable(span_of(original, size));
    free(original);
    keyring_free(codecs->settings.keyring);
    codecs->settings.keyring = NULL;
}

/* Its dictionary lies beside an object, and is read with it. */
static void put_dictionaries(const char *set, struct json_object *objects)
{
    json_object_object_foreach(objects, key, object)
    {
        struct buffer body = {0};
        if (!span_starts_with(span_from_string(key), DICTIONARY_KEY_PREFIX))
            continue;
        read_file(set, text_of(object, "file"), &body);
        const struct object_attributes attributes = {.original_size = body.size, .is_size_known = true};
        memory_store_put(&store, key, &attributes, buffer_span(&body), SPAN_EMPTY);
        buffer_free(&body);
    }
}

static void vectors_body(void *argument)
{
    const char *set = argument;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s/objects.json", folder, set);
    struct json_object *root = json_object_from_file(path);
    struct json_object *objects;
    ck_assert_msg(root != NULL, "%s", path);
    ck_assert(json_object_object_get_ex(root, "objects", &objects));
    set_up();
    put_dictionaries(set, objects);
    json_object_object_foreach(objects, key, object)
    {
        if (text_of(object, "original_size") != NULL)
            check_vector(set, objects, key, object);
    }
    tear_down();
    json_object_put(root);
}

/* ---- frames of any size ---- */

static void sizes_body(void *argument)
{
    (void)argument;
    set_up();
    enum { SIZE = 14 << 20 };
    uint8_t *text = make_text(SIZE);
    uint8_t *noise = make_noise(SIZE);
    static const size_t sizes[] = {0, 1, MIB, MIB + 1, 3 * MIB, 4 * MIB, 4 * MIB + 1, 9 * MIB + 5};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct span original = span_of(text, sizes[i]);
        struct span bytes = span_of(noise, sizes[i]);
        struct buffer body = {0};
        append_zstd(&body, original, 0);
        put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, original);
        expect_readable(original);
        buffer_clear(&body);
        append_zstd(&body, bytes, 0); /* a payload larger than its original */
        put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, bytes);
        expect_readable(bytes);
        buffer_clear(&body);
        append_frame(&body, CODEC_PASSTHROUGH, bytes, bytes);
        put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, bytes);
        expect_readable(bytes);
        buffer_free(&body);
    }
    tear_down();
    free(text);
    free(noise);
}

/* All of it in one object: codecs mixed, empty frames, padding before, between and behind. */
static void mixture_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *text = make_text(12 * MIB);
    struct span all = span_of(text, 12 * MIB);
    struct buffer body = {0};
    uint8_t *packed = malloc(2 * MIB);
    struct span padding = bytes_of_hex("533450310300000000000000000000");
    buffer_append(&body, padding);
    append_zstd(&body, span_take(all, MIB), 0);
    append_zstd(&body, SPAN_EMPTY, 0);
    buffer_append(&body, padding);
    buffer_append(&body, padding);
    append_zstd(&body, span_take(span_skip(all, MIB), 6 * MIB), 0);
    struct span zipped = span_take(span_skip(all, 7 * MIB), MIB);
    append_frame(&body, CODEC_GZIP, span_of(packed, gzip(zipped, packed, 2 * MIB)), zipped);
    append_frame(&body, CODEC_PASSTHROUGH, span_skip(all, 8 * MIB), span_skip(all, 8 * MIB));
    buffer_append(&body, padding);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, all);
    expect_readable(all);
    for (uint64_t edge = MIB; edge <= 8 * MIB; edge += MIB)
        must_download(codecs, &store, "key", all, edge - 1, 3);

    /* the walk of section 10.4 */
    put(bytes_of_hex(TV_M1), LAYOUT_FRAMED, CODEC_ZSTD, SPAN("hello world"));
    expect_readable(SPAN("hello world"));
    tear_down();
    buffer_free(&body);
    free(packed);
    free(text);
}

/* Another writer may use a dictionary for objects of any size: up to a frame at once, beyond it as a stream. */
static void with_dictionary_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *text = make_text(6 * MIB);
    struct span bytes = span_of(text, 20000);
    struct object_attributes plain = {.original_size = bytes.size, .is_size_known = true};
    char id[DICTIONARY_ID_BYTES];
    char key[DICTIONARY_KEY_BYTES];
    dictionary_id_of(bytes, id);
    memory_store_put(&store, (const char *)dictionary_key(span_from_string(id), key).data, &plain, bytes, SPAN_EMPTY);
    uint8_t *payload = malloc(6 * MIB);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    static const size_t sizes[] = {1, 5000, MIB, MIB + 1, 4 * MIB + 1, 6 * MIB};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct span original = span_of(text, sizes[i]);
        size_t size = ZSTD_compress_usingDict(zstd, payload, 6 * MIB, text, sizes[i], bytes.data, bytes.size, 1);
        struct buffer body = {0};
        append_frame(&body, CODEC_ZSTD_DICTIONARY, span_of(payload, size), original);
        struct memory_object *object = put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD_DICTIONARY, original);
        memcpy(object->attributes.dictionary, id, sizeof id);
        expect_readable(original);
        object->attributes.dictionary[0] = '\0'; /* it names none */
        expect_refused(original, ERROR_DAMAGED, S3_InternalError, "dictionary");
        memcpy(object->attributes.dictionary, "0123456789abcdef", sizeof id); /* or one that is not there */
        expect_refused(original, ERROR_DAMAGED, S3_InternalError, "0123456789abcdef");
        buffer_free(&body);
    }
    ck_assert_uint_eq(metric_read(&dictionary_table_counters(dictionaries)->fetched), 1);
    ZSTD_freeCCtx(zstd);
    tear_down();
    free(payload);
    free(text);
}

static void streams_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *text = make_text(6 * MIB);
    uint8_t *packed = malloc(6 * MIB);
    static const size_t sizes[] = {1, 5000, 6 * MIB};
    for (unsigned i = 0; i < 3; i++) {
        struct span original = span_of(text, sizes[i]);
        put(span_of(packed, gzip(original, packed, 6 * MIB)), LAYOUT_CODEC, CODEC_GZIP, original);
        expect_readable(original);
        put(span_of(packed, ZSTD_compress(packed, 6 * MIB, text, sizes[i], 3)), LAYOUT_CODEC, CODEC_ZSTD, original);
        expect_readable(original);
        struct memory_object *object = memory_store_find(&store, "key");
        object->attributes.crc32c ^= 1;
        expect_refused(original, ERROR_DAMAGED, S3_InternalError, "CRC");
    }
    tear_down();
    free(text);
    free(packed);
}

/* A frame too large to be verified beforehand: its last byte leaves only when all is right, of ranges as well. */
static void last_byte_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *text = make_text(9 * MIB);
    struct span original = span_of(text, 9 * MIB);
    struct buffer body = {0};
    append_frame(&body, CODEC_PASSTHROUGH, original, original);
    struct memory_object *object = put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, original);
    object->body.data[object->body.size - 1] ^= 1; /* behind the range */
    struct error error;
    uint64_t done;
    static const uint64_t ranges[][2] = {{0, 9 * MIB - 1}, {0, 100}, {5 * MIB, 2 * MIB}, {9 * MIB - 10, 5}};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(!download_range(codecs, &store, "key", original, ranges[i][0], ranges[i][1], &done, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        ck_assert_uint_lt(done, ranges[i][1]);
    }
    object->body.data[object->body.size - 1] ^= 1;
    for (unsigned i = 0; i < 4; i++)
        must_download(codecs, &store, "key", original, ranges[i][0], ranges[i][1]);
    buffer_free(&body);
    tear_down();
    free(text);
}

/* ---- large windows ---- */

static unsigned readers_done;

static void read_zeros(void *argument)
{
    struct span *original = argument;
    must_download(codecs, &store, "key", *original, 0, original->size);
    readers_done++;
}

/* Windows of 128 MiB are read, one after the other. */
static void windows_body(void *argument)
{
    (void)argument;
    set_up();
    enum { SIZE = 20 << 20, READERS = 3 };
    uint8_t *zeros = calloc(1, SIZE);
    struct span original = span_of(zeros, SIZE);
    struct buffer body = {0};
    append_zstd(&body, original, 27);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, original);
    readers_done = 0;
    for (unsigned i = 0; i < READERS; i++)
        spawn("reader", read_zeros, &original);
    while (readers_done < READERS)
        fiber_yield();
    ck_assert_uint_eq(pool_in_use(codecs->large_slots), 0);
    tear_down();
    buffer_free(&body);
    free(zeros);
}

/* ---- what is refused ---- */

static void refusals_body(void *argument)
{
    (void)argument;
    set_up();
    struct span original = SPAN("hello");
    struct buffer body = {0};
    append_frame(&body, 99, original, original);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, original);
    expect_refused(original, ERROR_UNSUPPORTED, S3_NotImplemented, "99");
    put(buffer_span(&body), LAYOUT_CODEC, 99, original);
    expect_refused(original, ERROR_UNSUPPORTED, S3_NotImplemented, "99");
    buffer_clear(&body);
    append_frame(&body, CODEC_NVCOMP_BITCOMP, original, original);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_NVCOMP_BITCOMP, original);
    expect_refused(original, ERROR_UNSUPPORTED, S3_NotImplemented, "nvcomp-bitcomp");
    put(original, LAYOUT_CODEC, CODEC_NVCOMP_BITCOMP, original);
    expect_refused(original, ERROR_UNSUPPORTED, S3_NotImplemented, "only NVIDIA's library");
    /* statement 339: what only looks like frames is served unchanged */
    put(bytes_of_hex(TV_B1), LAYOUT_RAW, CODEC_PASSTHROUGH, bytes_of_hex(TV_B1));
    expect_readable(bytes_of_hex(TV_B1));

    /* a bomb: 10 MiB of zeros that say they are 5 bytes, and 5 that say they are 10 MiB */
    uint8_t *zeros = calloc(1, 10 * MIB);
    uint8_t packed[2048];
    size_t size = ZSTD_compress(packed, sizeof packed, zeros, 10 * MIB, 1);
    buffer_clear(&body);
    append_frame(&body, CODEC_ZSTD, span_of(packed, size), original);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, original);
    expect_refused(original, ERROR_DAMAGED, S3_InternalError, "more");
    buffer_clear(&body);
    struct span claimed = span_of(zeros, 10 * MIB);
    append_frame(&body, CODEC_ZSTD, span_of(packed, ZSTD_compress(packed, sizeof packed, zeros, 5, 1)), claimed);
    put(buffer_span(&body), LAYOUT_FRAMED, CODEC_ZSTD, claimed);
    expect_refused(claimed, ERROR_DAMAGED, S3_InternalError, "fewer");
    buffer_free(&body);
    free(zeros);
    tear_down();
}

/* Each kind of envelope, whole, in ranges, and changed. */
static void envelopes_body(void *argument)
{
    static const struct {
        const char *body;
        bool is_framed;
    } cases[] = {{TV_E1, false}, {TV_E2, false}, {TV_E4, false}, {TV_E5, false}, {TV_E6, false}, {TV_E6B, true}};
    (void)argument;
    set_up();
    codecs->settings.keyring = s4_keys();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span original = cases[i].is_framed ? SPAN("hello world") : SPAN("hello");
        put(bytes_of_hex(cases[i].body), cases[i].is_framed ? LAYOUT_FRAMED : LAYOUT_RAW, CODEC_PASSTHROUGH, original);
        struct memory_object *object = memory_store_find(&store, "key");
        object->attributes.is_encrypted = true;
        expect_readable(original);
        object->body.data[object->body.size - 1] ^= 1;
        struct error error;
        uint64_t done;
        ck_assert(!download_range(codecs, &store, "key", original, 0, original.size, &done, &error));
        ck_assert_uint_lt(done, original.size);
    }
    put(bytes_of_hex(TV_E3), LAYOUT_RAW, CODEC_PASSTHROUGH, SPAN("hello"));
    memory_store_find(&store, "key")->attributes.is_encrypted = true;
    expect_refused(SPAN("hello"), ERROR_INVALID, S3_InvalidRequest, "correct parameters");
    struct customer_key customer = {.md5 = "tP/LI3N87DFaSk0aoqYgzg=="};
    reading_key = &customer;
    expect_refused(SPAN("hello"), ERROR_DENIED, S3_AccessDenied, "Access Denied");
    for (uint8_t i = 0; i < AES_KEY_BYTES; i++)
        customer.bytes[i] = i;
    expect_readable(SPAN("hello"));
    memory_store_find(&store, "key")->body.data[53] ^= 1;
    expect_refused(SPAN("hello"), ERROR_DAMAGED, S3_InternalError, "damaged");
    put(bytes_of_hex(TV_E6), LAYOUT_RAW, CODEC_PASSTHROUGH, SPAN("hello"));
    memory_store_find(&store, "key")->attributes.is_encrypted = true;
    expect_refused(SPAN("hello"), ERROR_INVALID, S3_InvalidRequest, "not applicable");
    reading_key = NULL;
    put(bytes_of_hex(TV_E6), LAYOUT_RAW, CODEC_PASSTHROUGH, SPAN("hello!"));
    memory_store_find(&store, "key")->attributes.is_encrypted = true;
    expect_refused(SPAN("hello!"), ERROR_DAMAGED, S3_InternalError, "cut short");
    ck_assert_uint_eq(codecs->s4_memory.used, 0);
    keyring_free(codecs->settings.keyring);
    tear_down();
}

START_TEST(vectors)
{
    static const char *const sets[] = {"zstd", "gzip", "passthrough", "ledger", "zstd-dict", "sse-s4"};
    run_on_loop(vectors_body, (void *)(uintptr_t)sets[_i]);
}
END_TEST

LOOP_TEST(frames_of_any_size, sizes_body)
LOOP_TEST(mixed_frames, mixture_body)
LOOP_TEST(frames_with_a_dictionary, with_dictionary_body)
LOOP_TEST(unframed_streams, streams_body)
LOOP_TEST(last_byte_waits, last_byte_body)
LOOP_TEST(large_windows, windows_body)
LOOP_TEST(refused, refusals_body)
LOOP_TEST(envelopes, envelopes_body)

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: foreign_test FOLDER\n");
        return 2;
    }
    folder = argv[1];
    Suite *suite = suite_create("foreign");
    TCase *tests = tcase_create("foreign");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, vectors, 0, 6);
    tcase_add_test(tests, frames_of_any_size);
    tcase_add_test(tests, mixed_frames);
    tcase_add_test(tests, frames_with_a_dictionary);
    tcase_add_test(tests, unframed_streams);
    tcase_add_test(tests, last_byte_waits);
    tcase_add_test(tests, large_windows);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, envelopes);
    return run_suite(suite);
}
