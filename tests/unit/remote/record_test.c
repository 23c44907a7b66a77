/* tests/unit/remote/record_test.c -- the records of an upload, both ways; every changed byte is noticed. */
#include "store/remote/uploads/record.h"

#include "tests/unit/run_suite.h"

START_TEST(the_descriptor)
{
    const struct upload_info upload = {
        .key = SPAN("a/key"),
        .metadata = SPAN("metadata\0with zeros"),
        .tags = SPAN_EMPTY,
        .initiator = SPAN("alice"),
        .initiated_ms = 1234567890123,
        .checksum_algorithm = CHECKSUM_CRC64NVME,
        .checksum_type = CHECKSUM_FULL_OBJECT,
    };
    struct buffer bytes = {0};
    struct upload_info again;
    upload_record_encode(&upload, &bytes);
    ck_assert(upload_record_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.key, upload.key) && span_equal(again.metadata, upload.metadata));
    ck_assert(span_equal(again.initiator, upload.initiator) && again.tags.size == 0);
    ck_assert_int_eq(again.initiated_ms, upload.initiated_ms);
    ck_assert_int_eq(again.checksum_algorithm, upload.checksum_algorithm);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        ck_assert_msg(!upload_record_decode(buffer_span(&bytes), &again), "byte %zu", i);
        bytes.data[i] ^= 1;
        ck_assert(!upload_record_decode(span_take(buffer_span(&bytes), i), &again));
    }
    buffer_free(&bytes);
}
END_TEST

START_TEST(the_end)
{
    struct upload_end end = {
        .key = SPAN("k"),
        .backend_upload = SPAN("the backend's own id"),
        .nonce = "0123456789abcde",
        .etag = "0123456789abcdef0123456789abcdef-7",
        .checksum = {.algorithm = CHECKSUM_CRC32, .type = CHECKSUM_COMPOSITE, .parts_count = 7},
    };
    struct buffer bytes = {0};
    struct upload_end again;
    upload_end_encode(&end, &bytes);
    ck_assert(upload_end_decode(buffer_span(&bytes), &again));
    ck_assert(!again.is_given_up && !again.is_broken && span_equal(again.key, end.key));
    ck_assert(span_equal(again.backend_upload, end.backend_upload));
    ck_assert_mem_eq(again.nonce, end.nonce, STAMP_NONCE_BYTES);
    ck_assert_str_eq(again.etag, end.etag);
    ck_assert_int_eq(again.checksum.algorithm, CHECKSUM_CRC32);
    ck_assert_uint_eq(again.checksum.parts_count, 7);
    buffer_clear(&bytes);
    end.is_broken = true;
    upload_end_encode(&end, &bytes);
    ck_assert(upload_end_decode(buffer_span(&bytes), &again) && again.is_broken);
    buffer_clear(&bytes);
    end.is_given_up = true;
    upload_end_encode(&end, &bytes);
    ck_assert(upload_end_decode(buffer_span(&bytes), &again) && again.is_given_up);
    struct upload_info upload;
    ck_assert(!upload_record_decode(buffer_span(&bytes), &upload)); /* one is not the other */
    buffer_free(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote records");
    TCase *cases = tcase_create("records");
    tcase_add_test(cases, the_descriptor);
    tcase_add_test(cases, the_end);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
