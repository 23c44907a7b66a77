/* tests/unit/keys/kms_test.c -- what objects keep of a key service's key, and the keyring as that service. */
#include "s3client/wire/s3_error.h"
#include "server/keys/kms_keyring.h"
#include "tests/unit/run_suite.h"

#include <string.h>

static struct error error;
static struct keyring *keyring;

/* Keys of 32 zeros, and of 31 and a 1, which is retired; a third one was destroyed. */
static const char text[] =
    "[keyring]\nactive = befce54d08ad0852\n"
    "[key befce54d08ad0852]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "[key 955e6ec65ccd894e]\nuse = read\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=\n"
    "[key 90ab12cd34ef5678]\ndestroyed = 2026-11-30\n";

static void set_up(void)
{
    keyring = keyring_parse("keys", span_from_string(text), &error);
    ck_assert_msg(keyring != NULL, "%s", error.message);
}

static void tear_down(void)
{
    keyring_free(keyring);
}

static const uint8_t longest[KMS_BLOB_BYTES_MAX] = {1, [KMS_BLOB_BYTES_MAX - 1] = 2};

static size_t encode(size_t name_size, size_t blob_size, uint8_t *ret_bytes)
{
    const struct kms_grant grant = {
        .is_by_keyring = name_size % 2 == 0,
        .has_bucket_key = blob_size % 2 == 0,
        .context = {3},
        .name = span_of(longest, name_size),
        .blob = span_of(longest, blob_size),
    };
    return kms_grant_encode(&grant, ret_bytes);
}

START_TEST(grants_are_read_back)
{
    static const struct {
        size_t name;
        size_t blob;
    } sizes[] = {{1, 1}, {16, 80}, {KMS_NAME_BYTES_MAX, KMS_BLOB_BYTES_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t bytes[SEAL_KMS_BYTES_MAX + 1] = {0};
        struct kms_grant back;
        size_t size = encode(sizes[i].name, sizes[i].blob, bytes);
        for (size_t other = 0; other <= sizeof bytes; other++)
            ck_assert(kms_grant_decode(span_of(bytes, other), &back, &error) == (other == size));
        ck_assert(kms_grant_decode(span_of(bytes, size), &back, &error));
        ck_assert(back.is_by_keyring == (sizes[i].name % 2 == 0) && back.has_bucket_key == (sizes[i].blob % 2 == 0));
        ck_assert(span_equal(back.name, span_of(longest, sizes[i].name)));
        ck_assert(span_equal(back.blob, span_of(longest, sizes[i].blob)) && back.context[0] == 3);
        for (size_t at = 0; at < 4; at++) { /* flags, sizes, zero */
            bytes[at] ^= 0x80;
            ck_assert(!kms_grant_decode(span_of(bytes, size), &back, &error));
            ck_assert_int_eq(error.kind, at == 0 ? ERROR_UNSUPPORTED : ERROR_DAMAGED);
            bytes[at] ^= 0x80;
        }
    }
}
END_TEST

/* Of so many bytes. */
static struct span id_of(size_t size, uint8_t ret_id[KMS_KEY_ID_BYTES_MAX])
{
    memset(ret_id, 'k', size);
    return span_of(ret_id, size);
}

START_TEST(grants_of_services_that_name_their_keys_are_read_back)
{
    static const struct {
        size_t id;
        size_t context;
        size_t blob;
    } sizes[] = {{1, 0, 1},
                 {75, 20, 184},
                 {KMS_KEY_ID_BYTES_MAX, 0, 350},
                 {75, KMS_CONTEXT_TEXT_BYTES_MAX, 50},
                 {90, 0, KMS_BLOB_BYTES_MAX}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t id[KMS_KEY_ID_BYTES_MAX];
        const struct kms_grant grant = {
            .context = {3},
            .name = SPAN("payments"),
            .id = id_of(sizes[i].id, id),
            .client_context = span_of(longest, sizes[i].context),
            .blob = span_of(longest, sizes[i].blob),
        };
        uint8_t bytes[SEAL_KMS_BYTES_MAX + 1] = {0};
        struct kms_grant back;
        size_t size = kms_grant_encode(&grant, bytes);
        ck_assert(size == kms_grant_size(&grant) && size <= SEAL_KMS_BYTES_MAX);
        for (size_t other = 0; other <= sizeof bytes; other++)
            ck_assert(kms_grant_decode(span_of(bytes, other), &back, &error) == (other == size));
        ck_assert(kms_grant_decode(span_of(bytes, size), &back, &error) && span_equal(back.id, grant.id));
        ck_assert(span_equal(back.client_context, grant.client_context) && span_equal(back.blob, grant.blob));
        ck_assert(span_equal(kms_grant_told(&back), grant.id));
    }
}
END_TEST

START_TEST(ids_that_a_request_cannot_have_as_they_are_are_damage)
{
    static const char *const ids[] = {"a\"b", "a\\b", "a b", "a\r\nb", "\x7f", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        uint8_t bytes[SEAL_KMS_BYTES_MAX];
        struct kms_grant back;
        const struct kms_grant grant = {.name = SPAN("payments"), .id = span_from_string(ids[i]), .blob = SPAN("blob")};
        size_t size = kms_grant_encode(&grant, bytes);
        ck_assert_msg(!kms_grant_decode(span_of(bytes, size), &back, &error), "%zu", i);
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    }
}
END_TEST

START_TEST(what_a_newer_version_wrote_is_no_damage)
{
    uint8_t bytes[SEAL_KMS_BYTES_MAX];
    uint8_t key[AES_KEY_BYTES];
    bool is_given;
    const struct kms_grant grant = {.name = SPAN("payments"), .blob = SPAN("blob")};
    size_t size = kms_grant_encode(&grant, bytes);
    bytes[0] |= 0x80;
    ck_assert(!kms_keyring_open(keyring, span_of(bytes, size), key, &is_given, &error) && !is_given);
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_str_eq(error.code, S3_NotImplemented);
}
END_TEST

START_TEST(contexts_differ)
{
    uint8_t hashes[4][KMS_CONTEXT_BYTES];
    kms_context_hash(SPAN("bucket"), SPAN_EMPTY, hashes[0]);
    kms_context_hash(SPAN("bucket2"), SPAN_EMPTY, hashes[1]);
    kms_context_hash(SPAN("bucket"), SPAN("2"), hashes[2]);
    kms_context_hash(SPAN("bucket"), SPAN("{}"), hashes[3]);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert_mem_ne(hashes[i], hashes[j], KMS_CONTEXT_BYTES);
}
END_TEST

static struct span grant_of(const uint8_t *blob, const uint8_t *context, uint8_t *ret_bytes)
{
    struct kms_grant grant = {
        .is_by_keyring = true, .name = SPAN("name"), .blob = span_of(blob, KMS_KEYRING_BLOB_BYTES)};
    memcpy(grant.context, context, sizeof grant.context);
    return span_of(ret_bytes, kms_grant_encode(&grant, ret_bytes));
}

START_TEST(the_keyring_gives_its_keys_again)
{
    uint8_t context[KMS_CONTEXT_BYTES] = {5};
    uint8_t blob[KMS_KEYRING_BLOB_BYTES];
    uint8_t bytes[SEAL_KMS_BYTES_MAX];
    uint8_t key[AES_KEY_BYTES];
    uint8_t again[AES_KEY_BYTES];
    bool is_given;
    const struct seal_keys *keys = kms_keyring_find(keyring, SPAN_EMPTY, &error);
    ck_assert_ptr_eq(keys, keyring_active(keyring));
    kms_keyring_make(keyring, keys, context, key, blob);
    ck_assert(kms_keyring_open(keyring, grant_of(blob, context, bytes), again, &is_given, &error) && is_given);
    ck_assert_mem_eq(key, again, sizeof key);
    ck_assert_ptr_eq(kms_keyring_sealing_keys(keyring, grant_of(blob, context, bytes)), keys);
    ck_assert(kms_keyring_may_seal(keyring, grant_of(blob, context, bytes), &error));
    ck_assert(kms_keyring_may_seal(keyring, SPAN_EMPTY, &error));
    for (unsigned at = SEAL_KEY_ID_BYTES; at < sizeof blob; at++) {
        blob[at] ^= 1;
        ck_assert(!kms_keyring_open(keyring, grant_of(blob, context, bytes), again, &is_given, &error) && !is_given);
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        blob[at] ^= 1;
    }
    blob[0] ^= 1; /* another key of the keyring, which is not there */
    ck_assert(!kms_keyring_open(keyring, grant_of(blob, context, bytes), again, &is_given, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
    ck_assert_ptr_eq(kms_keyring_sealing_keys(keyring, grant_of(blob, context, bytes)), keyring_active(keyring));
    ck_assert(!kms_keyring_may_seal(keyring, grant_of(blob, context, bytes), &error));
    ck_assert_str_eq(error.code, S3_KmsDisabledException);
    blob[0] ^= 1;
    context[0] ^= 1;
    ck_assert(!kms_keyring_open(keyring, grant_of(blob, context, bytes), again, &is_given, &error));
}
END_TEST

START_TEST(keys_are_found_by_their_ids)
{
    ck_assert_ptr_eq(kms_keyring_find(keyring, SPAN("befce54d08ad0852"), &error), keyring_active(keyring));
    static const struct {
        const char *name;
        const char *code;
    } refused[] = {
        {"invoices", S3_KmsNotFoundException},
        {"befce54d08ad0850", S3_KmsNotFoundException},
        {"955e6ec65ccd894e", S3_KmsDisabledException},
        {"90ab12cd34ef5678", S3_KmsDisabledException},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_ptr_null(kms_keyring_find(keyring, span_from_string(refused[i].name), &error));
        ck_assert_str_eq(error.code, refused[i].code);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kms");
    TCase *tcase = tcase_create("kms");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, grants_are_read_back);
    tcase_add_test(tcase, grants_of_services_that_name_their_keys_are_read_back);
    tcase_add_test(tcase, ids_that_a_request_cannot_have_as_they_are_are_damage);
    tcase_add_test(tcase, contexts_differ);
    tcase_add_test(tcase, what_a_newer_version_wrote_is_no_damage);
    tcase_add_test(tcase, the_keyring_gives_its_keys_again);
    tcase_add_test(tcase, keys_are_found_by_their_ids);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
