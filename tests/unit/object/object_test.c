/* tests/unit/object/object_test.c -- bodies in and out: every shape, ranges, growth, many at once. */
#include "codec/codec.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "runtime/base/hex.h"
#include "s3client/wire/s3_error.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>

static struct memory_store store;
static struct object_codecs *codecs;

static void set_up(const struct object_settings *settings)
{
    memory_store_init(&store);
    codecs = object_codecs_create(settings);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
}

static void expect_digest(const struct object_digest *digest, const struct object_attributes *attributes,
                          struct span body)
{
    struct md5_sum md5;
    uint8_t expected[MD5_BYTES];
    char etag[2 * MD5_BYTES + 1] = {0};
    md5_begin(&md5);
    md5_update(&md5, body);
    md5_end(&md5, expected);
    hex_encode(span_of(expected, sizeof expected), etag);
    ck_assert_uint_eq(digest->size, body.size);
    ck_assert_mem_eq(digest->md5, expected, MD5_BYTES);
    ck_assert_uint_eq(digest->crc32c, crc32c_update(0, body));
    ck_assert_str_eq(attributes->etag, etag);
    ck_assert_uint_eq(attributes->original_size, body.size);
    ck_assert_uint_eq(attributes->crc32c, digest->crc32c);
    ck_assert(attributes->is_s4 && attributes->is_size_known && attributes->has_crc32c);

    struct checksum_sum sum;
    struct checksum_value value;
    checksum_begin(&sum, digest->checksum.algorithm);
    checksum_update(&sum, body);
    checksum_end(&sum, &value);
    ck_assert_mem_eq(attributes->checksum.bytes, value.bytes, checksum_size(value.algorithm));
}

/* Sizes around the edges of frames, known and unknown, in large and small arrivals, read from memory and from "disk".
 */
static void every_size_of(struct span all)
{
    static const size_t sizes[] = {0,   1,       5,           44,      200,         4096,           131073,
                                   MIB, MIB + 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 3 * MIB + 12345};
    static const size_t arrivals[] = {0, 100001, 1460};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned k = 0; k < 6; k++) {
            struct upload upload = {
                .key = "key",
                .body = span_take(all, sizes[i]),
                .is_size_known = k < 3,
                .arrival = arrivals[k % 3],
                .checksum = k % 2 == 0 ? CHECKSUM_CRC64NVME : CHECKSUM_SHA256,
            };
            struct object_digest digest;
            struct error error;
            ck_assert(upload_body(codecs, &store, &upload, &digest, &error));
            expect_digest(&digest, &memory_store_find(&store, "key")->attributes, upload.body);
            for (unsigned w = 0; w < 2; w++) {
                store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
                must_download(codecs, &store, "key", upload.body, 0, sizes[i]);
            }
        }
}

static void text_and_noise(const struct object_settings *settings)
{
    uint8_t *text = make_text(4 * MIB);
    uint8_t *noise = make_noise(4 * MIB);
    set_up(settings);
    every_size_of(span_of(text, 4 * MIB));
    every_size_of(span_of(noise, 4 * MIB));
    tear_down();
    free(text);
    free(noise);
}

static void auto_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    text_and_noise(&settings);
}

static void zstd_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    settings.codec = OBJECT_CODEC_ZSTD;
    settings.level = 3;
    text_and_noise(&settings);
}

static void none_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    settings.codec = OBJECT_CODEC_NONE;
    text_and_noise(&settings);
}

static void offloaded_body(void *argument)
{
    (void)argument;
    struct error error;
    struct object_settings settings = ordinary_settings();
    settings.level = 9;
    settings.offload = offload_create("codec", 1, 16, &error);
    ck_assert_ptr_nonnull(settings.offload);
    uint8_t *text = make_text(3 * MIB);
    set_up(&settings);
    struct span body = span_of(text, 3 * MIB);
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    ck_assert_uint_lt(object->attributes.stored_size, MIB);
    must_download(codecs, &store, "key", body, 0, body.size);
    tear_down();
    offload_destroy(settings.offload);
    free(text);
}

/* Section 1.7, section 1.6, and statement 338: what is stored of what. */
static void shapes_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    uint8_t *text = make_text(4 * MIB);
    uint8_t *noise = make_noise(4 * MIB);

    struct object_attributes *attributes = &must_upload(codecs, &store, "empty", SPAN_EMPTY)->attributes;
    ck_assert_int_eq(attributes->layout, LAYOUT_FRAMED);
    ck_assert_uint_eq(attributes->codec, CODEC_ZSTD);
    ck_assert_uint_eq(attributes->stored_size, 0);
    ck_assert_uint_eq(attributes->crc32c, 0);
    ck_assert_str_eq(attributes->etag, "d41d8cd98f00b204e9800998ecf8427e");

    attributes = &must_upload(codecs, &store, "one", SPAN("x"))->attributes;
    ck_assert_int_eq(attributes->layout, LAYOUT_RAW);
    ck_assert_uint_eq(attributes->stored_size, 1);

    attributes = &must_upload(codecs, &store, "small", span_of(text, 4096))->attributes;
    ck_assert_int_eq(attributes->layout, LAYOUT_FRAMED);
    ck_assert_uint_lt(attributes->stored_size, 2048);
    ck_assert_uint_eq(attributes->sidecar_size, 0);

    attributes = &must_upload(codecs, &store, "frame", span_of(text, MIB))->attributes;
    ck_assert_uint_eq(attributes->sidecar_size, 0); /* one frame needs none */

    attributes = &must_upload(codecs, &store, "frames", span_of(text, MIB + 1))->attributes;
    ck_assert_uint_eq(attributes->sidecar_size, 44 + 2 * 32);

    /* noise of one frame does not grow by a byte, of several by 28 a frame (and the sidecar's 32) */
    static const size_t sizes[] = {50, 4096, MIB};
    for (unsigned i = 0; i < 3; i++) {
        attributes = &must_upload(codecs, &store, "noise", span_of(noise, sizes[i]))->attributes;
        ck_assert_int_eq(attributes->layout, LAYOUT_RAW);
        ck_assert_uint_eq(attributes->codec, CODEC_PASSTHROUGH);
        ck_assert_uint_eq(attributes->stored_size, sizes[i]);
        ck_assert_uint_eq(attributes->sidecar_size, 0);
    }
    attributes = &must_upload(codecs, &store, "noise", span_of(noise, 3 * MIB + 77))->attributes;
    ck_assert_int_eq(attributes->layout, LAYOUT_FRAMED);
    ck_assert_uint_eq(attributes->stored_size, 3 * MIB + 77 + 4 * 28);

    /* noise behind text costs 28 bytes a frame */
    memcpy(noise, text, MIB / 4);
    struct memory_object *mixed = must_upload(codecs, &store, "mixed", span_of(noise, 3 * MIB));
    ck_assert_int_eq(mixed->attributes.layout, LAYOUT_FRAMED);
    ck_assert_uint_le(mixed->attributes.stored_size, 3 * MIB + 3 * 28);
    struct frame_header header;
    struct error error;
    ck_assert(frame_header_decode(buffer_span(&mixed->body), mixed->body.size, &header, &error));
    ck_assert_uint_eq(header.codec, CODEC_ZSTD);
    struct span second = span_skip(buffer_span(&mixed->body), 28 + header.payload_size);
    ck_assert(frame_header_decode(second, second.size, &header, &error));
    ck_assert_uint_eq(header.codec, CODEC_PASSTHROUGH);
    must_download(codecs, &store, "mixed", span_of(noise, 3 * MIB), 0, 3 * MIB);

    /* a noisy head does not condemn the text behind it */
    memcpy(text, noise + MIB, 8192);
    attributes = &must_upload(codecs, &store, "head", span_of(text, 3 * MIB))->attributes;
    ck_assert_int_eq(attributes->layout, LAYOUT_FRAMED);
    ck_assert_uint_lt(attributes->stored_size, MIB);
    tear_down();
    free(text);
    free(noise);
}

/* Statement 172: ranges at, before and behind the edges of frames equal the slice of the original. */
static void ranges_body(void *argument)
{
    (void)argument;
    enum { SIZE = (7 << 19) + 1001 }; /* three frames and a half */
    static const uint64_t marks[] = {0, 1, 2, MIB - 1, MIB, MIB + 1, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 3 * MIB, SIZE};
    uint8_t *text = make_text(SIZE);
    uint8_t *noise = make_noise(SIZE);
    for (unsigned kind = 0; kind < 3; kind++) {
        struct object_settings settings = ordinary_settings();
        set_up(&settings);
        store.store.capabilities.keeps_sidecar = kind == 0;
        struct span body = span_of(kind == 2 ? noise : text, SIZE);
        struct memory_object *object = must_upload(codecs, &store, "key", body);
        if (kind == 1) { /* no sidecar: frames are walked */
            object->attributes.sidecar_size = 0;
            buffer_clear(&object->sidecar);
        }
        for (unsigned w = 0; w < 2; w++) {
            store.whole_body_max = w == 0 ? 0 : SIZE_MAX;
            for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++)
                for (unsigned k = i; k < sizeof marks / sizeof marks[0]; k++) {
                    must_download(codecs, &store, "key", body, marks[i], marks[k] - marks[i]);
                    if (marks[i] < SIZE)
                        must_download(codecs, &store, "key", body, marks[i], 1);
                }
        }
        tear_down();
    }
    free(text);
    free(noise);
}

/* Statement 173: what is read for a small range is its frame, the header and the index; and the counter shows it. */
static void bounded_reads_body(void *argument)
{
    (void)argument;
    enum { FRAMES = 16 };
    uint8_t *text = make_text(FRAMES * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    struct span body = span_of(text, FRAMES * MIB);
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    uint64_t frame_bytes_max = object->attributes.stored_size / FRAMES * 5 / 4;
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        uint64_t read_before = store.bytes_read;
        uint64_t counted_before = metric_read(&object_codecs_counters(codecs)->stored_bytes_out);
        must_download(codecs, &store, "key", body, frame * MIB + 1000, 1);
        uint64_t read = store.bytes_read - read_before;
        ck_assert_uint_le(read, frame_bytes_max + object->attributes.sidecar_size);
        ck_assert_uint_eq(metric_read(&object_codecs_counters(codecs)->stored_bytes_out) - counted_before, read);
    }
    /* and the whole is read once, a frame at a time */
    uint64_t read_before = store.bytes_read;
    unsigned reads_before = store.reads;
    must_download(codecs, &store, "key", body, 0, body.size);
    ck_assert_uint_eq(store.bytes_read - read_before, object->attributes.stored_size);
    ck_assert_uint_eq(store.reads - reads_before, FRAMES + 1);
    tear_down();
    free(text);
}

/* A sidecar of another revision, or with any byte of it wrong, never changes an answer. */
static void bad_sidecar_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    struct span body = span_of(text, 3 * MIB);
    struct memory_object *object = must_upload(codecs, &store, "key", body);
    for (size_t i = 0; i < object->sidecar.size; i++) {
        object->sidecar.data[i] ^= 1;
        must_download(codecs, &store, "key", body, 2 * MIB + 5, 10);
        object->sidecar.data[i] ^= 0x81;
        must_download(codecs, &store, "key", body, 2 * MIB - 5, 10);
        object->sidecar.data[i] ^= 0x80;
    }
    tear_down();
    free(text);
}

/* A SHA-256 beside the MD5, in pieces that end anywhere: both as if computed alone. */
static void beside_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(2 * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    struct object_writer *writer;
    struct object_write_intent intent = {.name = name_of("key"), .is_size_known = true, .size = MIB + 777};
    struct error error;
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, SPAN("before"));
    ck_assert(object_writer_begin(codecs, &store.store, &intent, &writer, &error));
    object_writer_hash_beside(writer, &sum);
    uint8_t *space;
    size_t capacity;
    size_t done = 0;
    for (size_t size = 1; done < intent.size; size = size * 3 + 1) {
        ck_assert(object_writer_space(writer, &space, &capacity, &error));
        size_t piece = size < capacity ? size : capacity;
        memcpy(space, text + done, piece);
        ck_assert(object_writer_advance(writer, piece, &error));
        done += piece;
    }
    struct object_digest digest;
    ck_assert(object_writer_finish(writer, &digest, &error));
    object_writer_abort(writer);

    struct md5_sum md5;
    struct sha256_sum sha256;
    uint8_t expected_md5[MD5_BYTES];
    uint8_t expected[SHA256_BYTES];
    uint8_t got[SHA256_BYTES];
    md5_begin(&md5);
    md5_update(&md5, span_of(text, intent.size));
    md5_end(&md5, expected_md5);
    sha256_begin(&sha256);
    sha256_update(&sha256, SPAN("before"));
    sha256_update(&sha256, span_of(text, intent.size));
    sha256_end(&sha256, expected);
    sha256_end(&sum, got);
    ck_assert_mem_eq(got, expected, SHA256_BYTES);
    ck_assert_mem_eq(digest.md5, expected_md5, MD5_BYTES);
    tear_down();
    free(text);
}

/* ---- failures on the way in ---- */

static void full_store_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    struct object_settings settings = ordinary_settings();
    set_up(&settings);
    for (unsigned writes = 0; writes < 3; writes++) {
        store.writes_until_full = writes;
        struct upload upload = {.key = "key", .body = span_of(text, 3 * MIB), .is_size_known = writes != 1};
        struct object_digest digest;
        struct error error;
        ck_assert(!upload_body(codecs, &store, &upload, &digest, &error));
        ck_assert_str_eq(error.code, S3_InsufficientStorage);
        ck_assert_ptr_null(memory_store_find(&store, "key"));
        ck_assert_uint_eq(store.writers, 0);
    }
    tear_down();
    free(text);
}

/* ---- many at once ---- */

enum { CLIENTS = 24 };

struct crowd {
    struct span body;
    unsigned finished;
    unsigned failed;
    size_t used_max;
};

static struct crowd crowd;

static void client(void *argument)
{
    unsigned number = (unsigned)(uintptr_t)argument;
    char key[16];
    (void)snprintf(key, sizeof key, "key-%u", number);
    struct upload upload = {.key = key, .body = crowd.body, .is_size_known = number % 2 == 0, .arrival = 65536};
    struct object_digest digest;
    struct error error;
    bool works = upload_body(codecs, &store, &upload, &digest, &error);
    if (works)
        must_download(codecs, &store, key, crowd.body, 0, crowd.body.size);
    crowd.failed += !works;
    crowd.finished++;
    if (codecs->memory.used > crowd.used_max)
        crowd.used_max = codecs->memory.used;
}

/* More bodies than there is memory for take turns, and none fails. */
static void crowd_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(4 * MIB);
    struct object_settings settings = ordinary_settings();
    settings.frame_buffers_max = 5;
    set_up(&settings);
    store.whole_body_max = 0;
    crowd = (struct crowd){.body = span_of(text, 3 * MIB + 999)};
    for (unsigned i = 0; i < CLIENTS; i++)
        spawn("client", client, (void *)(uintptr_t)i);
    while (crowd.finished < CLIENTS)
        fiber_yield();
    ck_assert_uint_eq(crowd.failed, 0);
    ck_assert_uint_le(crowd.used_max, codecs->memory.bytes_max);
    ck_assert_uint_eq(metric_read(&codecs->counters.slow_downs), 0);
    tear_down();
    free(text);
}

/* Memory that is held for longer than the others may wait: SlowDown, and all is well again when it is given back. */
static void slow_down_body(void *argument)
{
    (void)argument;
    uint8_t *text = make_text(MIB);
    struct object_settings settings = ordinary_settings();
    settings.frame_buffers_max = 1;
    settings.wait_ms = 20;
    set_up(&settings);
    struct object_writer *holder;
    struct object_write_intent intent = {.name = name_of("holder")};
    struct error error;
    uint8_t *space;
    size_t capacity;
    ck_assert(object_writer_begin(codecs, &store.store, &intent, &holder, &error));
    ck_assert(object_writer_space(holder, &space, &capacity, &error));

    struct upload upload = {.key = "key", .body = span_of(text, MIB), .is_size_known = true};
    struct object_digest digest;
    ck_assert(!upload_body(codecs, &store, &upload, &digest, &error));
    ck_assert_str_eq(error.code, S3_SlowDown);
    ck_assert_uint_eq(metric_read(&codecs->counters.slow_downs), 1);

    object_writer_abort(holder);
    ck_assert(upload_body(codecs, &store, &upload, &digest, &error));
    tear_down();
    free(text);
}

LOOP_TEST(auto_codec, auto_body)
LOOP_TEST(zstd_codec, zstd_body)
LOOP_TEST(no_codec, none_body)
LOOP_TEST(high_level_on_the_pool, offloaded_body)
LOOP_TEST(stored_shapes, shapes_body)
LOOP_TEST(ranges, ranges_body)
LOOP_TEST(reads_are_bounded, bounded_reads_body)
LOOP_TEST(bad_sidecars, bad_sidecar_body)
LOOP_TEST(hash_beside, beside_body)
LOOP_TEST(full_store, full_store_body)
LOOP_TEST(many_at_once, crowd_body)
LOOP_TEST(slow_down, slow_down_body)

int main(void)
{
    Suite *suite = suite_create("object");
    TCase *tests = tcase_create("object");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, auto_codec);
    tcase_add_test(tests, zstd_codec);
    tcase_add_test(tests, no_codec);
    tcase_add_test(tests, high_level_on_the_pool);
    tcase_add_test(tests, stored_shapes);
    tcase_add_test(tests, ranges);
    tcase_add_test(tests, reads_are_bounded);
    tcase_add_test(tests, bad_sidecars);
    tcase_add_test(tests, hash_beside);
    tcase_add_test(tests, full_store);
    tcase_add_test(tests, many_at_once);
    tcase_add_test(tests, slow_down);
    return run_suite(suite);
}
