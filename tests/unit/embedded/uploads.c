/* tests/unit/embedded/uploads.c -- uploads in one call each, of parts that are made from a seed. */
#include "tests/unit/embedded/uploads.h"

#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t *make_part(const struct test_part *part)
{
    uint8_t *bytes = malloc(part->size + 1);
    ck_assert_ptr_nonnull(bytes);
    fill_bytes(part->seed, bytes, part->size);
    return bytes;
}

/* Stands for an MD5. */
static void make_md5(const struct test_part *part, uint8_t ret_md5[MD5_BYTES])
{
    store_u64_le(ret_md5, part->seed);
    store_u64_le(ret_md5 + 8, part->size);
}

void begin_upload(struct bucket_store *store, struct span bucket, struct span key, char ret_id[UPLOAD_ID_BYTES])
{
    struct error error;
    struct upload_intent intent = {.name = name_of(bucket, key), .initiator = text("alice")};
    bool done = bucket_create_upload(store, &intent, ret_id, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    ck_assert_uint_eq(strlen(ret_id), 32);
}

struct checksum_value checksum_of_part(const struct test_part *part, uint32_t crc32c)
{
    struct checksum_value value = {.algorithm = part->number % 4 == 0 ? CHECKSUM_SHA512 : CHECKSUM_CRC32C};
    if (value.algorithm == CHECKSUM_CRC32C)
        store_u32_be(value.bytes, crc32c);
    for (unsigned i = 0; value.algorithm == CHECKSUM_SHA512 && i < CHECKSUM_BYTES_MAX; i++)
        value.bytes[i] = (uint8_t)(part->seed + i);
    return value;
}

bool try_put_part(struct bucket_store *store, struct span bucket, struct span key, const char *id,
                  const struct test_part *part, struct error *error)
{
    struct object_name name = name_of(bucket, key);
    struct bucket_writer *writer;
    if (!bucket_begin_part(store, &name, text(id), part->number, part->seed % 2 == 0 ? part->size : 0, &writer, error))
        return false;
    uint8_t *bytes = make_part(part);
    for (size_t offset = 0; offset < part->size; offset += 100000) {
        if (!bucket_write(writer, span_take(span_of(bytes + offset, part->size - offset), 100000), error)) {
            bucket_abort(writer);
            free(bytes);
            return false;
        }
    }
    uint8_t frames[8];
    store_u32_le(frames, (uint32_t)part->size);
    store_u32_le(frames + 4, (uint32_t)part->size);
    struct part_attributes attributes = {.number = part->number,
                                         .original_size = part->size,
                                         .crc32c = crc32c_update(0, span_of(bytes, part->size)),
                                         .frames = span_of(frames, part->size == 0 ? 0 : sizeof frames)};
    make_md5(part, attributes.md5);
    attributes.checksum = checksum_of_part(part, attributes.crc32c);
    free(bytes);
    return bucket_commit_part(writer, &attributes, error);
}

void put_part(struct bucket_store *store, struct span bucket, struct span key, const char *id,
              const struct test_part *part)
{
    struct error error;
    bool done = try_put_part(store, bucket, key, id, part, &error);
    ck_assert_msg(done, "part %u: %s", part->number, done ? "" : error.message);
}

bool try_complete(struct bucket_store *store, struct span bucket, struct span key, const char *id,
                  const struct test_part *parts, unsigned count, const struct write_condition *condition,
                  struct error *error)
{
    struct object_name name = name_of(bucket, key);
    struct part_choice *choices = calloc(count, sizeof *choices);
    ck_assert_ptr_nonnull(choices);
    struct object_attributes attributes = {.is_size_known = true,
                                           .is_s4 = true,
                                           .is_multipart = true,
                                           .layout = LAYOUT_FRAMED,
                                           .parts_count = count,
                                           .tags_count = 1};
    for (unsigned i = 0; i < count; i++) {
        choices[i].number = parts[i].number;
        make_md5(&parts[i], choices[i].md5);
        attributes.original_size += parts[i].size;
    }
    (void)snprintf(attributes.etag, sizeof attributes.etag, "%032u-%u", 0U, count);
    struct write_result result = {.attributes = &attributes,
                                  .condition = condition,
                                  .sidecar = count > 1 ? SPAN("a sidecar") : SPAN_EMPTY,
                                  .tags = SPAN("a=b")};
    struct object_attributes stored;
    bool done = bucket_complete_upload(store, &name, text(id), choices, count, &result, &stored, error);
    free(choices);
    if (done)
        ck_assert_uint_eq(stored.stored_size, attributes.original_size); /* nothing is compressed here */
    return done;
}

void complete(struct bucket_store *store, struct span bucket, struct span key, const char *id,
              const struct test_part *parts, unsigned count)
{
    struct error error;
    bool done = try_complete(store, bucket, key, id, parts, count, NULL, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

static void expect_map(struct bucket_object *object, const struct test_part *parts, unsigned count)
{
    struct arena arena;
    arena_init(&arena, 4 << 20);
    unsigned after = 0;
    unsigned seen = 0;
    bool is_truncated = true;
    while (is_truncated) { /* in pages that do not fit */
        struct object_part *page;
        unsigned page_count;
        struct error error;
        ck_assert(bucket_read_parts(object, after, 777, &arena, &page, &page_count, &is_truncated, &error));
        for (unsigned i = 0; i < page_count; i++, seen++) {
            ck_assert_uint_lt(seen, count);
            ck_assert_uint_eq(page[i].number, parts[seen].number);
            ck_assert_uint_eq(page[i].original_size, parts[seen].size);
            struct checksum_value expected = checksum_of_part(&parts[seen], load_u32_be(page[i].checksum.bytes));
            ck_assert_int_eq(page[i].checksum.algorithm, expected.algorithm);
            ck_assert_mem_eq(page[i].checksum.bytes, expected.bytes, CHECKSUM_BYTES_MAX);
            after = page[i].number;
        }
    }
    ck_assert_uint_eq(seen, count);
    arena_free(&arena);
}

/* Reads across the borders of parts, in steps that fit nothing. */
static void expect_bytes(struct bucket_object *object, struct span body)
{
    struct error error;
    size_t step = 77777;
    uint8_t *bytes = malloc(step);
    ck_assert_ptr_nonnull(bytes);
    for (size_t offset = 0; offset < body.size; offset += step) {
        size_t part = body.size - offset < step ? body.size - offset : step;
        bool done = bucket_read(object, offset, bytes, part, &error);
        ck_assert_msg(done, "%s", done ? "" : error.message);
        ck_assert_msg(memcmp(bytes, body.data + offset, part) == 0, "bytes from %zu on differ", offset);
    }
    free(bytes);
}

void expect_parts(struct bucket_store *store, struct span bucket, struct span key, const struct test_part *parts,
                  unsigned count)
{
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    bool opened = bucket_open(store, &name, NULL, &object, &error);
    ck_assert_msg(opened, "%s", opened ? "" : error.message);
    struct buffer body;
    buffer_init(&body, 0);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *bytes = make_part(&parts[i]);
        buffer_append(&body, span_of(bytes, parts[i].size));
        free(bytes);
    }
    ck_assert_uint_eq(object->attributes.stored_size, body.size);
    ck_assert_uint_eq(object->attributes.original_size, body.size);
    ck_assert_uint_eq(object->attributes.parts_count, count);
    expect_bytes(object, buffer_span(&body));
    expect_map(object, parts, count);
    buffer_free(&body);
    bucket_close(object);
}
