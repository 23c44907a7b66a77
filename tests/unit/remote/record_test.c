/* tests/unit/remote/record_test.c -- the records of an upload, both ways; every changed byte is noticed. */
#include "store/remote/uploads/record.h"

#include "tests/unit/run_suite.h"

START_TEST(the_descriptor)
{
    const struct upload_record record = {
        .info = {.key = SPAN("a/key"),
                 .metadata = SPAN("metadata\0with zeros"),
                 .tags = SPAN_EMPTY,
                 .initiator = SPAN("alice"),
                 .initiated_ms = 1234567890123,
                 .checksum_algorithm = CHECKSUM_CRC64NVME,
                 .checksum_type = CHECKSUM_FULL_OBJECT},
        .backend_upload = SPAN("the backend's own id"),
        .nonce = "0123456789abcde",
        .is_metadata_in_trailer = true,
    };
    struct buffer bytes = {0};
    struct upload_record again;
    upload_record_encode(&record, &bytes);
    ck_assert(upload_record_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.info.key, record.info.key) && span_equal(again.info.metadata, record.info.metadata));
    ck_assert(span_equal(again.info.initiator, record.info.initiator) && again.info.tags.size == 0);
    ck_assert(again.info.owner.size == 0 && again.info.acl.size == 0);
    ck_assert_int_eq(again.info.initiated_ms, record.info.initiated_ms);
    ck_assert_int_eq(again.info.checksum_algorithm, record.info.checksum_algorithm);
    ck_assert(span_equal(again.backend_upload, record.backend_upload) && again.is_metadata_in_trailer);
    ck_assert_mem_eq(again.nonce, record.nonce, STAMP_NONCE_BYTES);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        ck_assert_msg(!upload_record_decode(buffer_span(&bytes), &again), "byte %zu", i);
        bytes.data[i] ^= 1;
        ck_assert(!upload_record_decode(span_take(buffer_span(&bytes), i), &again));
    }
    buffer_free(&bytes);
}
END_TEST

START_TEST(whose_it_becomes)
{
    const struct upload_record record = {
        .info = {.key = SPAN("k"), .initiator = SPAN("bob"), .owner = SPAN("bob"), .acl = SPAN("a list")},
        .backend_upload = SPAN("id"),
    };
    struct buffer bytes = {0};
    struct upload_record again;
    upload_record_encode(&record, &bytes);
    ck_assert(upload_record_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.info.owner, SPAN("bob")) && span_equal(again.info.acl, SPAN("a list")));
    buffer_free(&bytes);
}
END_TEST

START_TEST(the_end)
{
    struct upload_end end = {
        .key = SPAN("k"),
        .nonce = "0123456789abcde",
        .token = "a random token.",
        .etag = "0123456789abcdef0123456789abcdef-7",
        .checksum = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_COMPOSITE, .parts_count = 7},
        .version = "an id of the backend",
    };
    struct buffer bytes = {0};
    struct upload_end again;
    struct upload_record record;
    upload_end_encode(&end, &bytes);
    ck_assert(upload_end_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.key, end.key));
    ck_assert_mem_eq(again.nonce, end.nonce, STAMP_NONCE_BYTES);
    ck_assert_mem_eq(again.token, end.token, UPLOAD_TOKEN_BYTES);
    ck_assert_str_eq(again.etag, end.etag);
    ck_assert_str_eq(again.version, end.version);
    ck_assert_int_eq(again.checksum.algorithm, CHECKSUM_CRC32);
    ck_assert_uint_eq(again.checksum.parts_count, 7);
    ck_assert(!upload_record_decode(buffer_span(&bytes), &record)); /* one is not the other */
    buffer_free(&bytes);
}
END_TEST

/* Instead of ETag and checksum, which are in no byte of it. */
START_TEST(the_end_of_an_encrypted_one)
{
    struct upload_end end = {
        .key = SPAN("k"),
        .etag = "0123456789abcdef0123456789abcdef-7",
        .checksum = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_COMPOSITE, .parts_count = 7},
        .seal = SPAN("sealed"),
    };
    struct buffer bytes = {0};
    struct upload_end again;
    upload_end_encode(&end, &bytes);
    ck_assert(upload_end_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.seal, SPAN("sealed")));
    ck_assert_str_eq(again.etag, "");
    ck_assert_int_eq(again.checksum.algorithm, CHECKSUM_NONE);
    ck_assert_ptr_null(memmem(bytes.data, bytes.size, "0123456789abcdef", 16));
    buffer_free(&bytes);
}
END_TEST

START_TEST(seals_of_descriptors)
{
    static const uint8_t longest[OBJECT_SEAL_BYTES_MAX + 1];
    for (size_t size = OBJECT_SEAL_BYTES_MAX; size <= sizeof longest; size++) {
        const struct upload_record record = {
            .info = {.key = SPAN("k"), .initiator = SPAN("bob"), .seal = span_of(longest, size)},
            .backend_upload = SPAN("id"),
        };
        struct buffer bytes = {0};
        struct upload_record again;
        upload_record_encode(&record, &bytes);
        bool is_read = upload_record_decode(buffer_span(&bytes), &again);
        ck_assert(is_read == (size == OBJECT_SEAL_BYTES_MAX));
        ck_assert(!is_read || span_equal(again.info.seal, record.info.seal));
        buffer_free(&bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote records");
    TCase *cases = tcase_create("records");
    tcase_add_test(cases, the_descriptor);
    tcase_add_test(cases, whose_it_becomes);
    tcase_add_test(cases, the_end);
    tcase_add_test(cases, the_end_of_an_encrypted_one);
    tcase_add_test(cases, seals_of_descriptors);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
