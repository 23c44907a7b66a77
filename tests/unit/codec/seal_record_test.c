/* tests/unit/codec/seal_record_test.c -- records of encrypted objects: as bytes, masked, and bound to their object. */
#include "codec/seal/seal_record.h"

#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

enum { SIZE = 12345 };

static struct aes *aes;
static struct error error;
static struct seal_keys keys;
static const uint8_t data_key[AES_KEY_BYTES] = {42};
static const uint8_t service[SEAL_KMS_BYTES_MAX] = {7, [SEAL_KMS_BYTES_MAX - 1] = 9};
static const enum seal_mode modes[] = {SEAL_KEYRING, SEAL_CUSTOMER, SEAL_KMS};
enum { MODES = sizeof modes / sizeof modes[0] };

static void set_up(void)
{
    static const uint8_t key[AES_KEY_BYTES] = {1};
    static const uint8_t id[SEAL_KEY_ID_BYTES] = {0xaa};
    aes = aes_create();
    seal_keys_derive(aes, id, key, &keys);
}

static void tear_down(void)
{
    aes_destroy(aes);
}

static struct seal_record make_record(size_t checksum_size, enum seal_mode mode)
{
    struct seal_record record = {
        .mode = mode,
        .name = "a name's hash...",
        .nonce = {5, [15] = 0xfe}, /* the counter of its pads carries */
        .parts_count = 3,
        .map = {8},
        .hashes = {.has_md5 = true,
                   .has_crc32c = true,
                   .md5 = {1, 2, 3},
                   .crc32c = 99,
                   .checksum_algorithm = 5,
                   .checksum_type = 1,
                   .checksum_size = (uint8_t)checksum_size},
    };
    memset(record.hashes.checksum, 0x77, checksum_size);
    memcpy(record.key_id, keys.id, sizeof record.key_id);
    if (seal_mode_has_attribute_key(mode))
        memset(record.customer, 0x55, sizeof record.customer);
    if (mode == SEAL_KMS)
        record.kms = span_of(service, sizeof service);
    seal_mask(aes, &keys, record.nonce, &record.hashes);
    seal_wrap(&record, aes, &keys, (const uint8_t[XAES_NONCE_BYTES]){6}, SIZE, data_key);
    return record;
}

static const size_t checksum_sizes[] = {0, 4, 16, 20, 64};

START_TEST(records_are_read_back)
{
    size_t checksum_size = checksum_sizes[_i / MODES];
    enum seal_mode mode = modes[_i % MODES];
    struct seal_record record = make_record(checksum_size, mode);
    struct seal_record back;
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    uint8_t opened[AES_KEY_BYTES];
    size_t size = seal_record_encode(&record, bytes);
    ck_assert_uint_eq(size, SEAL_FIXED_BYTES + checksum_size + SEAL_WRAPPED_BYTES +
                                (mode != SEAL_KEYRING ? CUSTOMER_WRAP_BYTES : 0) +
                                (mode == SEAL_KMS ? SEAL_KMS_BYTES_MAX : 0));
    ck_assert(seal_record_decode(span_of(bytes, size), &back, &error));
    ck_assert(back.mode == mode && memcmp(back.customer, record.customer, sizeof back.customer) == 0);
    ck_assert_uint_eq(back.parts_count, 3);
    ck_assert(seal_unwrap(&back, aes, &keys, SIZE, opened, &error));
    ck_assert_mem_eq(opened, data_key, sizeof opened);
    seal_mask(aes, &keys, back.nonce, &back.hashes);
    ck_assert_mem_eq(back.hashes.md5, ((const uint8_t[SEAL_MD5_BYTES]){1, 2, 3}), SEAL_MD5_BYTES);
    ck_assert_uint_eq(back.hashes.crc32c, 99);
    ck_assert_uint_eq(back.hashes.checksum_size, checksum_size);
    for (size_t i = 0; i < checksum_size; i++)
        ck_assert_uint_eq(back.hashes.checksum[i], 0x77);
}
END_TEST

/* Any bit, any size of object but its own: damage, or of a version to come. Nothing opens. */
START_TEST(a_record_that_was_changed_does_not_open)
{
    struct seal_record record = make_record(20, modes[_i]);
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    uint8_t opened[AES_KEY_BYTES];
    size_t size = seal_record_encode(&record, bytes);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct seal_record changed;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool is_record = seal_record_decode(span_of(bytes, size), &changed, &error);
        bool is_id = bit / 8 >= 8 && bit / 8 < 8 + SEAL_KEY_ID_BYTES;
        ck_assert(is_record || error.kind == ERROR_DAMAGED || error.kind == ERROR_UNSUPPORTED);
        if (is_record) {
            memcpy(changed.key_id, keys.id, sizeof changed.key_id); /* another id asks for another key */
            ck_assert(seal_unwrap(&changed, aes, &keys, SIZE, opened, &error) == is_id);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert(!seal_unwrap(&record, aes, &keys, SIZE + 1, opened, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    for (size_t cut = 0; cut < size; cut++) /* where a service's bytes end, nothing of the record says but its wrap */
        ck_assert(!seal_record_decode(span_of(bytes, cut), &record, &error) ||
                  !seal_unwrap(&record, aes, &keys, SIZE, opened, &error));
}
END_TEST

/* What a list is shown of a record is what seal_record_decode and seal_mask say of it, of many at once as of one. */
START_TEST(excerpts_tell_of_records)
{
    enum { COUNT = MODES * sizeof checksum_sizes / sizeof checksum_sizes[0] };
    static uint8_t bytes[COUNT][SEAL_RECORD_BYTES_MAX];
    struct seal_excerpt excerpts[COUNT];
    uint8_t md5s[COUNT][SEAL_MD5_BYTES];
    for (unsigned i = 0; i < COUNT; i++) {
        struct seal_record record = make_record(checksum_sizes[i / MODES], modes[i % MODES]);
        record.nonce[0] = (uint8_t)i;
        record.hashes.has_md5 = i % 4 != 3;
        size_t size = seal_record_encode(&record, bytes[i]);
        ck_assert(seal_record_excerpt(span_of(bytes[i], size), &excerpts[i], &error));
        ck_assert_mem_eq(seal_excerpt_key_id(excerpts[i]), keys.id, SEAL_KEY_ID_BYTES);
        ck_assert(seal_excerpt_has_md5(excerpts[i]) == record.hashes.has_md5);
        ck_assert_uint_eq(seal_excerpt_parts_count(excerpts[i]), record.parts_count);
        ck_assert_uint_eq(seal_excerpt_checksum_algorithm(excerpts[i]), record.hashes.checksum_algorithm);
        ck_assert_uint_eq(seal_excerpt_checksum_type(excerpts[i]), record.hashes.checksum_type);
        ck_assert_uint_eq(seal_excerpt_checksum_size(excerpts[i]), record.hashes.checksum_size);
    }
    seal_unmask_md5s(aes, &keys, excerpts, COUNT, md5s);
    for (unsigned i = 0; i < COUNT; i++) {
        struct seal_record record = make_record(checksum_sizes[i / MODES], modes[i % MODES]);
        record.nonce[0] = (uint8_t)i;
        seal_mask(aes, &keys, record.nonce, &record.hashes);
        if (seal_excerpt_has_md5(excerpts[i]))
            ck_assert_mem_eq(md5s[i], record.hashes.md5, SEAL_MD5_BYTES);
    }
}
END_TEST

/* Two keys, two nonces: two masks; and no block of a pad is like another. */
START_TEST(masks_differ)
{
    struct seal_hashes zeros = {.checksum_size = SEAL_CHECKSUM_BYTES_MAX};
    struct seal_hashes first = zeros;
    struct seal_hashes second = zeros;
    const uint8_t nonce[SEAL_MASK_NONCE_BYTES] = {1};
    const uint8_t other[SEAL_MASK_NONCE_BYTES] = {2};
    seal_mask(aes, &keys, nonce, &first);
    seal_mask(aes, &keys, other, &second);
    ck_assert_mem_ne(first.md5, second.md5, SEAL_MD5_BYTES);
    ck_assert_mem_ne(first.checksum, second.checksum, SEAL_CHECKSUM_BYTES_MAX);
    for (size_t i = 0; i < SEAL_CHECKSUM_BYTES_MAX; i += AES_BLOCK_BYTES) {
        ck_assert_mem_ne(first.md5, first.checksum + i, AES_BLOCK_BYTES);
        ck_assert_mem_ne(first.checksum + i, first.checksum + (i + AES_BLOCK_BYTES) % SEAL_CHECKSUM_BYTES_MAX,
                         AES_BLOCK_BYTES);
    }
    ck_assert_mem_ne(keys.wrap, keys.mask, AES_KEY_BYTES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seal_record");
    TCase *tcase = tcase_create("seal_record");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, records_are_read_back, 0, MODES * sizeof checksum_sizes / sizeof checksum_sizes[0]);
    tcase_add_loop_test(tcase, a_record_that_was_changed_does_not_open, 0, MODES);
    tcase_add_test(tcase, excerpts_tell_of_records);
    tcase_add_test(tcase, masks_differ);
    return run_suite(suite);
}
