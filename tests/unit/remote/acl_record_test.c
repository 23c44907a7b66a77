/* tests/unit/remote/acl_record_test.c -- lists that lie apart: their names, which are those of one revision, and their
 * bytes. */
#include "store/remote/acl/acl_record.h"

#include "runtime/base/byteorder.h"
#include "tests/unit/run_suite.h"

#include <stdio.h>

static struct object_attributes foreign(const char *etag, int64_t modified_ms)
{
    struct object_attributes attributes = {.modified_ms = modified_ms};
    (void)snprintf(attributes.stored_etag, sizeof attributes.stored_etag, "%s", etag);
    return attributes;
}

START_TEST(a_write_has_a_name_of_its_own)
{
    const uint8_t nonce[STAMP_NONCE_BYTES] = {0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77};
    const struct object_attributes attributes = {.revision = load_u64_le(nonce)};
    char before[ACL_REVISION_BYTES];
    char after[ACL_REVISION_BYTES];
    char text[ACL_NAME_BYTES];
    uint8_t key[ROW_KEY_BYTES];
    acl_revision_name_of_nonce(nonce, before);
    acl_revision_name(&attributes, after);
    ck_assert_str_eq(before, "nffeeddccbbaa9988");
    ck_assert_str_eq(before, after);
    row_key(SPAN("bucket"), SPAN("key"), key);
    struct span whole = acl_name(key, before, text);
    ck_assert(span_starts_with(whole, SPAN(".bale/acl/")) && span_ends_with(whole, SPAN("/nffeeddccbbaa9988")));
    ck_assert_uint_eq(whole.size, 10 + 32 + 1 + 17);
}
END_TEST

/* Of what Bale did not write, ETag and time are all there is. */
START_TEST(others_are_known_by_etag_and_time)
{
    const struct object_attributes objects[] = {foreign("one", 5000), foreign("two", 5000), foreign("one", 6000)};
    char names[3][ACL_REVISION_BYTES];
    char again[ACL_REVISION_BYTES];
    for (unsigned i = 0; i < 3; i++)
        acl_revision_name(&objects[i], names[i]);
    ck_assert(names[0][0] == 'e' && strlen(names[0]) == ACL_REVISION_BYTES - 1);
    ck_assert_str_ne(names[0], names[1]);
    ck_assert_str_ne(names[0], names[2]);
    const struct object_attributes same = foreign("one", 5999); /* servers say seconds, or more */
    acl_revision_name(&same, again);
    ck_assert_str_eq(names[0], again);
}
END_TEST

START_TEST(bytes_both_ways)
{
    const struct acl_record record = {
        .key = SPAN("a/key"), .acl = SPAN("\x01\x00\x01"), .token = "a random token.", .is_first = true};
    struct acl_record again;
    struct buffer bytes = {0};
    acl_record_encode(&record, &bytes);
    ck_assert(acl_record_decode(buffer_span(&bytes), &again));
    ck_assert(span_equal(again.key, record.key) && span_equal(again.acl, record.acl) && again.is_first);
    ck_assert_mem_eq(again.token, record.token, ACL_TOKEN_BYTES);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 1;
        ck_assert_msg(!acl_record_decode(buffer_span(&bytes), &again), "byte %zu", i);
        bytes.data[i] ^= 1;
        ck_assert(!acl_record_decode(span_take(buffer_span(&bytes), i), &again));
    }
    buffer_free(&bytes);
}
END_TEST

START_TEST(the_longest_fits)
{
    static uint8_t list[OBJECT_ACL_BYTES_MAX];
    static char key[OBJECT_KEY_BYTES_MAX];
    const struct acl_record record = {.key = span_of(key, sizeof key), .acl = span_of(list, sizeof list)};
    struct acl_record again;
    struct buffer bytes = {0};
    acl_record_encode(&record, &bytes);
    ck_assert(acl_record_decode(buffer_span(&bytes), &again));
    ck_assert(again.acl.size == sizeof list && !again.is_first);
    buffer_free(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lists apart");
    TCase *cases = tcase_create("lists apart");
    tcase_add_test(cases, a_write_has_a_name_of_its_own);
    tcase_add_test(cases, others_are_known_by_etag_and_time);
    tcase_add_test(cases, bytes_both_ways);
    tcase_add_test(cases, the_longest_fits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
