/* tests/unit/object/bodies.c -- bodies to store, and the two pipelines driven as a request would. */
#include "tests/unit/object/bodies.h"

#include "s3client/wire/s3_error.h"

#include <stdio.h>
#include <stdlib.h>

uint8_t *make_text(size_t size)
{
    uint8_t *bytes = malloc(size + 128);
    uint32_t random = 7;
    for (size_t i = 0; i < size;) {
        random = random * 1103515245 + 12345;
        i += (size_t)sprintf((char *)bytes + i, "2026-01-02T03:04:05Z INFO request %u took %u us\n", random >> 12,
                             random >> 8 & 0x3f);
    }
    return bytes;
}

uint8_t *make_noise(size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    uint64_t random = 7;
    for (size_t i = 0; i < size; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(random >> 56);
    }
    return bytes;
}

struct object_settings ordinary_settings(void)
{
    return (struct object_settings){.codec = OBJECT_CODEC_AUTO, .level = 1, .frame_buffers_max = 16, .wait_ms = 5000};
}

struct object_name name_of(const char *key)
{
    return (struct object_name){.bucket = SPAN("bucket"), .key = span_from_string(key)};
}

static bool feed(struct object_writer *writer, const struct upload *upload, struct error *error)
{
    for (size_t done = 0; done < upload->body.size;) {
        uint8_t *space;
        size_t capacity;
        if (!object_writer_space(writer, &space, &capacity, error))
            return false;
        ck_assert_uint_gt(capacity, 0);
        size_t size = upload->body.size - done < capacity ? upload->body.size - done : capacity;
        if (upload->arrival > 0 && size > upload->arrival)
            size = upload->arrival;
        memcpy(space, upload->body.data + done, size);
        if (!object_writer_advance(writer, size, error))
            return false;
        done += size;
    }
    return true;
}

bool upload_body(struct object_codecs *codecs, struct memory_store *store, const struct upload *upload,
                 struct object_digest *ret_digest, struct error *error)
{
    struct object_writer *writer;
    struct object_write_intent intent = {
        .name = name_of(upload->key),
        .creation_id = upload->creation_id,
        .is_size_known = upload->is_size_known,
        .size = upload->body.size,
        .checksum = upload->checksum,
        .is_sealed = upload->is_sealed,
        .customer = upload->customer,
    };
    if (!object_writer_begin(codecs, &store->store, &intent, &writer, error))
        return false;
    if (!feed(writer, upload, error) || !object_writer_finish(writer, ret_digest, error)) {
        object_writer_abort(writer);
        return false;
    }
    struct object_attributes attributes;
    return object_writer_commit(writer, &attributes, error);
}

struct memory_object *must_upload(struct object_codecs *codecs, struct memory_store *store, const char *key,
                                  struct span body)
{
    struct object_digest digest;
    struct error error;
    struct upload upload = {.key = key, .body = body, .is_size_known = true, .checksum = CHECKSUM_CRC64NVME};
    bool done = upload_body(codecs, store, &upload, &digest, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return memory_store_find(store, key);
}

const struct customer_key *reading_key;

bool download_range(struct object_codecs *codecs, struct memory_store *store, const char *key, struct span expected,
                    uint64_t first, uint64_t size, uint64_t *ret_size, struct error *error)
{
    struct bucket_object *object;
    struct object_name name = name_of(key);
    const struct open_intent intent = {.extent = OPEN_RANGE, .first = first, .size = size};
    struct object_reader *reader;
    *ret_size = 0;
    if (!object_open(codecs, &store->store, &name, &intent, &object, error))
        return false;
    bool works = object_reader_begin(codecs, object, &name, reading_key, first, size, &reader, error);
    if (!works) {
        object_close(object);
        return false;
    }
    object_reader_keep(reader);
    struct span piece;
    while ((works = object_reader_next(reader, &piece, error)) && piece.size > 0) {
        ck_assert_uint_le(*ret_size + piece.size, size);
        ck_assert_msg(memcmp(piece.data, expected.data + first + *ret_size, piece.size) == 0,
                      "wrong bytes were handed out at %llu", (unsigned long long)(first + *ret_size));
        *ret_size += piece.size;
        fiber_yield(); /* the client is slow */
        ck_assert(memcmp(piece.data, expected.data + first + *ret_size - piece.size, piece.size) == 0);
    }
    object_reader_end(reader);
    object_close(object);
    return works;
}

void must_download(struct object_codecs *codecs, struct memory_store *store, const char *key, struct span expected,
                   uint64_t first, uint64_t size)
{
    struct error error;
    uint64_t done;
    bool works = download_range(codecs, store, key, expected, first, size, &done, &error);
    ck_assert_msg(works, "%s [%llu, +%llu): %s", key, (unsigned long long)first, (unsigned long long)size,
                  works ? "" : error.message);
    ck_assert_uint_eq(done, size);
}
