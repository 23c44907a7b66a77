/* tests/unit/codec/vectors_test.c -- decodes what a real S4 gateway stored (tests/vectors): sizes, CRCs, MD5, SHA-256.
 *
 * Usage: vectors_test FOLDER, that of tests/vectors. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/dictionary/dictionary.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/format/sidecar.h"
#include "runtime/base/buffer.h"
#include "runtime/base/hex.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

static const char *folder;
static struct decompressor *decompressor;
static struct error error;

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
    buffer_clear(ret_bytes);
    size_t size;
    do {
        ck_assert(buffer_reserve(ret_bytes, 65536));
        size = fread(ret_bytes->data + ret_bytes->size, 1, 65536, stream);
        ret_bytes->size += size;
    } while (size > 0);
    fclose(stream);
}

static bool decode_stream(uint32_t codec, struct span stored, struct buffer *original)
{
    bool ended = false;
    if (!decompressor_begin(decompressor, codec, false, &error))
        return false;
    size_t size;
    do {
        ck_assert(buffer_reserve(original, CODEC_SLICE_BYTES));
        if (!decompressor_step(decompressor, &stored, original->data + original->size, CODEC_SLICE_BYTES, &size, &ended,
                               &error))
            return false;
        original->size += size;
    } while (size > 0 || stored.size > 0);
    return ended;
}

static bool decode_frames(struct span stored, struct buffer *original)
{
    while (stored.size > 0) {
        struct frame_header header;
        if (!frame_header_decode(stored, stored.size, &header, &error))
            return false;
        struct span payload = span_take(span_skip(stored, header.header_size), header.payload_size);
        stored = span_skip(stored, header.header_size + header.payload_size);
        if (header.kind == FRAME_PADDING)
            continue;
        ck_assert(buffer_reserve(original, header.original_size));
        uint8_t *to = original->data + original->size;
        if (!decompressor_run(decompressor, header.codec, payload, to, header.original_size, &error))
            return false;
        ck_assert_uint_eq(crc32c_update(0, span_of(to, header.original_size)), header.crc32c);
        original->size += header.original_size;
    }
    return true;
}

static void expect_digest(struct span bytes, const EVP_MD *kind, const char *expected)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;
    char text[2 * EVP_MAX_MD_SIZE + 1] = {0};
    ck_assert(EVP_Digest(bytes.data, bytes.size, digest, &size, kind, NULL) == 1);
    hex_encode(span_of(digest, size), text);
    ck_assert_str_eq(text, expected);
}

/* The stored body as S4 had it: large ones are kept gzipped here. */
static void load_stored(const char *set, struct json_object *object, struct buffer *ret_stored)
{
    const char *file = text_of(object, "file");
    read_file(set, file, ret_stored);
    if (span_ends_with(span_from_string(file), SPAN(".gz"))) {
        struct buffer packed = *ret_stored;
        buffer_init(ret_stored, 0);
        ck_assert(decode_stream(CODEC_GZIP, buffer_span(&packed), ret_stored));
        buffer_free(&packed);
    }
    expect_digest(buffer_span(ret_stored), EVP_sha256(), text_of(object, "stored_sha256"));
}

static bool decode(struct json_object *object, struct span stored, struct buffer *original)
{
    struct json_object *metadata;
    ck_assert(json_object_object_get_ex(object, "metadata", &metadata));
    if (text_of(metadata, "s4-framed") != NULL || text_of(metadata, "s4-multipart") != NULL)
        return decode_frames(stored, original);
    const struct codec *codec = codec_find_name(span_from_string(text_of(metadata, "s4-codec")));
    ck_assert_ptr_nonnull(codec);
    return decode_stream(codec->id, stored, original);
}

static void expect_crc32c(struct json_object *object, struct span original)
{
    struct json_object *metadata;
    ck_assert(json_object_object_get_ex(object, "metadata", &metadata));
    const char *stamped = text_of(metadata, "s4-crc32c");
    if (stamped != NULL)
        ck_assert_uint_eq(crc32c_update(0, original), strtoul(stamped, NULL, 10));
}

/* The sidecar finds every frame of the stored body where it says. */
static void expect_sidecar(struct span encoded, struct span stored, const char *backend_etag)
{
    struct sidecar sidecar;
    ck_assert(sidecar_decode(encoded, &sidecar, NULL));
    ck_assert_uint_eq(sidecar.source_size, stored.size);
    ck_assert(span_equal(sidecar.source_etag, span_from_string(backend_etag)));
    for (uint64_t i = 0; i < sidecar.entries_count; i++) {
        struct sidecar_entry entry;
        struct frame_header header;
        sidecar_entry_at(&sidecar, i, &entry);
        struct span from = span_skip(stored, entry.stored_offset);
        ck_assert(frame_header_decode(from, from.size, &header, &error));
        ck_assert_int_eq(header.kind, FRAME_DATA);
        ck_assert_uint_eq(header.original_size, entry.original_size);
        ck_assert_uint_eq(header.header_size + header.payload_size, entry.stored_size);
    }
}

static struct json_object *load_set(const char *set)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s/objects.json", folder, set);
    struct json_object *root = json_object_from_file(path);
    ck_assert_msg(root != NULL, "%s", path);
    return root;
}

static void check_object(const char *set, struct json_object *objects, const char *key, struct json_object *object)
{
    struct buffer stored = {0};
    struct buffer original = {0};
    load_stored(set, object, &stored);
    ck_assert_msg(decode(object, buffer_span(&stored), &original), "%s/%s: %s", set, key, error.message);
    ck_assert_uint_eq(original.size, strtoul(text_of(object, "original_size"), NULL, 10));
    expect_digest(buffer_span(&original), EVP_md5(), text_of(object, "original_md5"));
    expect_digest(buffer_span(&original), EVP_sha256(), text_of(object, "original_sha256"));
    expect_crc32c(object, buffer_span(&original));

    char sidecar_key[256];
    (void)snprintf(sidecar_key, sizeof sidecar_key, "%s.s4index", key);
    struct json_object *sidecar;
    if (json_object_object_get_ex(objects, sidecar_key, &sidecar)) {
        struct buffer encoded = {0};
        read_file(set, text_of(sidecar, "file"), &encoded);
        expect_sidecar(buffer_span(&encoded), buffer_span(&stored), text_of(object, "backend_etag"));
        buffer_free(&encoded);
    }
    buffer_free(&stored);
    buffer_free(&original);
}

START_TEST(readable_sets)
{
    static const struct {
        const char *name;
        unsigned objects;
    } sets[] = {{"zstd", 10}, {"gzip", 4}, {"passthrough", 3}, {"ledger", 3}};
    const char *set = sets[_i].name;
    struct json_object *root = load_set(set);
    struct json_object *objects;
    ck_assert(json_object_object_get_ex(root, "objects", &objects));
    unsigned count = 0;
    json_object_object_foreach(objects, key, object)
    {
        if (span_ends_with(span_from_string(key), SPAN(".s4index")))
            continue;
        check_object(set, objects, key, object);
        count++;
    }
    ck_assert_uint_eq(count, sets[_i].objects);
    json_object_put(root);
}
END_TEST

static struct dictionary *load_dictionary(void)
{
    struct buffer bytes = {0};
    read_file("zstd-dict", ".s4dict_8d041931ad4b9758", &bytes);
    struct dictionary *dictionary = dictionary_create(buffer_span(&bytes), &error);
    ck_assert_ptr_nonnull(dictionary);
    buffer_free(&bytes);
    return dictionary;
}

/* Objects that won with a dictionary are read with it, and refused without it or with another one; those beside them
 * that lost against it need none. */
START_TEST(dictionary_set)
{
    struct json_object *root = load_set("zstd-dict");
    struct json_object *objects;
    ck_assert(json_object_object_get_ex(root, "objects", &objects));
    struct dictionary *dictionary = load_dictionary();
    struct dictionary *other = dictionary_create(SPAN("any bytes are a dictionary, too, for somebody"), &error);
    unsigned refused = 0;
    unsigned read = 0;
    json_object_object_foreach(objects, key, object)
    {
        struct json_object *metadata;
        ck_assert(json_object_object_get_ex(object, "metadata", &metadata));
        if (text_of(metadata, "s4-codec") == NULL)
            continue; /* the dictionary */
        if (strcmp(text_of(metadata, "s4-codec"), "cpu-zstd-dict") != 0) {
            check_object("zstd-dict", objects, key, object);
            read++;
            continue;
        }
        struct buffer stored = {0};
        struct buffer original = {0};
        load_stored("zstd-dict", object, &stored);
        ck_assert(!decode(object, buffer_span(&stored), &original));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        ck_assert_ptr_nonnull(strstr(error.message, "dictionary"));
        decompressor_set_dictionary(decompressor, other);
        ck_assert(!decode(object, buffer_span(&stored), &original));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        decompressor_set_dictionary(decompressor, dictionary);
        check_object("zstd-dict", objects, key, object);
        decompressor_shrink(decompressor); /* which forgets it */
        refused++;
        buffer_free(&stored);
        buffer_free(&original);
    }
    ck_assert_uint_eq(refused, 2);
    ck_assert_uint_eq(read, 3);
    dictionary_drop(dictionary);
    dictionary_drop(other);
    json_object_put(root);
}
END_TEST

/* An envelope of S4's encryption is no frame, and taking it for one fails at its first byte. */
START_TEST(encrypted_set)
{
    struct json_object *root = load_set("sse-s4");
    struct json_object *objects;
    ck_assert(json_object_object_get_ex(root, "objects", &objects));
    json_object_object_foreach(objects, key, object)
    {
        struct buffer stored = {0};
        struct buffer original = {0};
        load_stored("sse-s4", object, &stored);
        if (span_ends_with(span_from_string(key), SPAN(".s4index"))) {
            struct sidecar sidecar;
            ck_assert(sidecar_decode(buffer_span(&stored), &sidecar, NULL));
            ck_assert(sidecar.is_encrypted);
        } else {
            ck_assert(!decode_frames(buffer_span(&stored), &original));
            ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        }
        buffer_free(&stored);
        buffer_free(&original);
    }
    json_object_put(root);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: vectors_test FOLDER\n");
        return 2;
    }
    folder = argv[1];
    decompressor = decompressor_create();
    Suite *suite = suite_create("vectors");
    TCase *tests = tcase_create("vectors");
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, readable_sets, 0, 4);
    tcase_add_test(tests, dictionary_set);
    tcase_add_test(tests, encrypted_set);
    int failed = run_suite(suite);
    decompressor_destroy(decompressor);
    return failed;
}
