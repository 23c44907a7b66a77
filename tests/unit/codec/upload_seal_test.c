/* tests/unit/codec/upload_seal_test.c -- seals of uploads and of parts: read back, and refused when anything of them is
 * not what it was. */
#include "codec/seal/upload_seal.h"

#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

enum { PART = 258, SIZE = 5 << 20 };

static struct aes *aes;
static struct error error;
static struct seal_keys keys;
static const uint8_t key[AES_KEY_BYTES] = {1};
static const uint8_t data_key[AES_KEY_BYTES] = {42};
static const uint8_t name[SEAL_NAME_BYTES] = "a name's hash..";
static const uint8_t salt[XAES_SALT_BYTES] = {7, 8};

static void set_up(void)
{
    static const uint8_t id[SEAL_KEY_ID_BYTES] = {0xaa, 0xbb};
    aes = aes_create();
    seal_keys_derive(aes, id, key, &keys);
}

static void tear_down(void)
{
    aes_destroy(aes);
}

/* ---- uploads ---- */

static const enum seal_mode modes[] = {SEAL_PLAIN, SEAL_KEYRING, SEAL_CUSTOMER, SEAL_KMS};
enum { MODES = sizeof modes / sizeof modes[0] };
static const uint8_t service[50] = {3, [49] = 4};

static struct span make_upload(enum seal_mode mode, uint8_t ret_seal[UPLOAD_SEAL_BYTES_MAX])
{
    static const uint8_t nonce[XAES_NONCE_BYTES] = {9};
    struct upload_seal seal = {.mode = mode};
    memcpy(seal.key, data_key, sizeof seal.key);
    memset(seal.customer, seal_mode_has_attribute_key(mode) ? 0x55 : 0, sizeof seal.customer);
    if (mode == SEAL_KMS)
        seal.kms = span_of(service, sizeof service);
    return span_of(ret_seal, upload_seal_make(aes, &keys, name, &seal, nonce, ret_seal));
}

static bool opens(struct span seal, const uint8_t *of_name)
{
    uint8_t id[SEAL_KEY_ID_BYTES];
    struct upload_seal opened;
    return upload_seal_key_id(seal, id, &error) && memcmp(id, keys.id, sizeof id) == 0 &&
           upload_seal_open(aes, &keys, of_name, seal, &opened, &error);
}

START_TEST(an_upload_is_what_it_was_begun_as)
{
    uint8_t bytes[UPLOAD_SEAL_BYTES_MAX];
    struct upload_seal opened;
    struct span seal = make_upload(modes[_i], bytes);
    ck_assert(upload_seal_open(aes, &keys, name, seal, &opened, &error));
    ck_assert_int_eq(opened.mode, modes[_i]);
    ck_assert_mem_eq(opened.key, data_key, sizeof opened.key);
    ck_assert_uint_eq(opened.customer[CUSTOMER_WRAP_BYTES - 1], seal_mode_has_attribute_key(modes[_i]) ? 0x55 : 0);
    ck_assert_uint_eq(opened.kms.size, modes[_i] == SEAL_KMS ? sizeof service : 0);
    ck_assert(opened.kms.size == 0 || memcmp(opened.kms.data, service, sizeof service) == 0);
    ck_assert(opens(seal, name));
    ck_assert(!opens(seal, (const uint8_t[SEAL_NAME_BYTES]){"another's hash."}));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
}
END_TEST

START_TEST(each_bit_of_an_upload_counts)
{
    uint8_t bytes[UPLOAD_SEAL_BYTES_MAX];
    struct span seal = make_upload(modes[_i], bytes);
    for (unsigned bit = 0; bit < 8 * seal.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!opens(seal, name));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bytes[1] = modes[_i] == SEAL_PLAIN ? 's' : 'p'; /* encrypted no more? */
    ck_assert(!opens(seal, name));
    ck_assert(!opens(span_take(seal, UPLOAD_SEAL_HEAD_BYTES + SEAL_WRAPPED_BYTES), name));
}
END_TEST

START_TEST(uploads_of_another_size_or_version_are_refused)
{
    uint8_t bytes[UPLOAD_SEAL_BYTES_MAX + 1] = {0};
    uint8_t id[SEAL_KEY_ID_BYTES];
    struct span seal = make_upload(modes[_i], bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        bool is_seal = upload_seal_key_id(span_of(bytes, size), id, &error);
        bool is_any = modes[_i] == SEAL_KMS && size > seal.size - sizeof service && size < sizeof bytes;
        ck_assert(is_seal == (size == seal.size || is_any));
        ck_assert(is_seal || error.kind == ERROR_DAMAGED);
        ck_assert(size == seal.size || !is_seal || !opens(span_of(bytes, size), name));
    }
    bytes[0] = 2;
    ck_assert(!upload_seal_key_id(seal, id, &error));
    ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED);
}
END_TEST

/* ---- parts ---- */

static const size_t checksum_sizes[] = {0, 4, 32, 64};

static size_t make_part(size_t checksum_size, uint8_t ret_seal[PART_SEAL_BYTES_MAX])
{
    struct seal_hashes hashes = {.md5 = {1, 2, 3},
                                 .crc32c = 99,
                                 .checksum_algorithm = 5,
                                 .checksum_type = 1,
                                 .checksum_size = (uint8_t)checksum_size};
    memset(hashes.checksum, 0x77, checksum_size);
    return part_seal_make(aes, data_key, salt, PART, SIZE, &hashes, ret_seal);
}

START_TEST(a_part_is_read_back)
{
    uint8_t seal[PART_SEAL_BYTES_MAX];
    struct seal_hashes back;
    size_t checksum_size = checksum_sizes[_i];
    size_t size = make_part(checksum_size, seal);
    ck_assert_uint_eq(size, XAES_SALT_BYTES + PART_SEAL_FACTS_BYTES + checksum_size + GCM_TAG_BYTES);
    ck_assert_mem_eq(seal, salt, sizeof salt);
    ck_assert(part_seal_open(aes, data_key, span_of(seal, size), PART, SIZE, &back, &error));
    ck_assert(back.has_md5 && back.has_crc32c && back.md5[1] == 2 && back.crc32c == 99);
    ck_assert(back.checksum_algorithm == 5 && back.checksum_type == 1 && back.checksum_size == checksum_size);
    for (size_t i = 0; i < checksum_size; i++)
        ck_assert_uint_eq(back.checksum[i], 0x77);
}
END_TEST

START_TEST(a_part_is_of_its_number_size_and_key)
{
    static const uint8_t other_key[AES_KEY_BYTES] = {43};
    uint8_t seal[PART_SEAL_BYTES_MAX];
    struct seal_hashes back;
    struct span whole = span_of(seal, make_part(32, seal));
    ck_assert(!part_seal_open(aes, data_key, whole, PART + 1, SIZE, &back, &error));
    ck_assert(!part_seal_open(aes, data_key, whole, PART, SIZE + 1, &back, &error));
    ck_assert(!part_seal_open(aes, other_key, whole, PART, SIZE, &back, &error));
    for (size_t size = 0; size < whole.size; size++)
        ck_assert(!part_seal_open(aes, data_key, span_take(whole, size), PART, SIZE, &back, &error));
    for (unsigned bit = 0; bit < 8 * whole.size; bit++) {
        seal[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!part_seal_open(aes, data_key, whole, PART, SIZE, &back, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        seal[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert(part_seal_open(aes, data_key, whole, PART, SIZE, &back, &error));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("upload_seal");
    TCase *tcase = tcase_create("upload_seal");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, an_upload_is_what_it_was_begun_as, 0, MODES);
    tcase_add_loop_test(tcase, each_bit_of_an_upload_counts, 0, MODES);
    tcase_add_loop_test(tcase, uploads_of_another_size_or_version_are_refused, 0, MODES);
    tcase_add_loop_test(tcase, a_part_is_read_back, 0, (int)(sizeof checksum_sizes / sizeof checksum_sizes[0]));
    tcase_add_test(tcase, a_part_is_of_its_number_size_and_key);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
