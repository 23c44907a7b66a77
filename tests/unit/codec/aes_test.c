/* tests/unit/codec/aes_test.c -- XAES-256-GCM against C2SP's vectors, GCM against NIST's, and what does not open: with
 * the processor's instructions and without them, and the one against the other. */
#include "codec/seal/aes.h"
#include "runtime/base/random.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/memory_search.h"
#include "tests/unit/run_suite.h"

static struct aes *aes;

static void set_up(void)
{
    aes = aes_create();
    ck_assert_ptr_nonnull(aes);
}

static void set_up_portable(void)
{
    aes = aes_create_portable();
    ck_assert_ptr_nonnull(aes);
}

static void tear_down(void)
{
    aes_destroy(aes);
}

/* c2sp.org/XAES-256-GCM, "Test vectors" */
static const struct {
    uint8_t key_byte;
    const char *nonce;
    const char *message;
    const char *associated;
    const char *sealed;
} xaes_vectors[] = {
    {1, "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    {3, "ABCDEFGHIJKLMNOPQRSTUVWX", "XAES-256-GCM", "c2sp.org/XAES-256-GCM",
     "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

START_TEST(xaes_is_that_of_c2sp)
{
    uint8_t key[AES_KEY_BYTES];
    uint8_t sealed[12 + GCM_TAG_BYTES];
    uint8_t back[12];
    struct span message = span_from_string(xaes_vectors[_i].message);
    struct span associated = span_from_string(xaes_vectors[_i].associated);
    const uint8_t *nonce = span_from_string(xaes_vectors[_i].nonce).data;
    memset(key, xaes_vectors[_i].key_byte, sizeof key);
    xaes_seal(aes, key, nonce, associated, message, sealed, sealed + message.size);
    ck_assert_span_eq(span_of(sealed, sizeof sealed), bytes_of_hex(xaes_vectors[_i].sealed));
    ck_assert(xaes_open(aes, key, nonce, associated, span_of(sealed, sizeof back), sealed + sizeof back, back));
    ck_assert_span_eq(span_of(back, sizeof back), message);
}
END_TEST

/* Any bit of message, tag, nonce, associated data or key. */
START_TEST(what_was_changed_does_not_open)
{
    struct {
        uint8_t key[AES_KEY_BYTES];
        uint8_t nonce[XAES_NONCE_BYTES];
        uint8_t associated[5];
        uint8_t sealed[12];
        uint8_t tag[GCM_TAG_BYTES];
    } whole = {.key = {7}, .nonce = {9}, .associated = {3}}, changed;
    static const uint8_t nothing[12];
    uint8_t back[12];
    xaes_seal(aes, whole.key, whole.nonce, span_of(whole.associated, 5), SPAN("hello, world"), whole.sealed, whole.tag);
    for (size_t bit = 0; bit <= 8 * sizeof whole; bit++) {
        changed = whole;
        if (bit < 8 * sizeof whole)
            ((uint8_t *)&changed)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool opened = xaes_open(aes, changed.key, changed.nonce, span_of(changed.associated, 5),
                                span_of(changed.sealed, 12), changed.tag, back);
        ck_assert(opened == (bit == 8 * sizeof whole));
        ck_assert_mem_eq(back, opened ? (const uint8_t *)"hello, world" : nothing, 12);
    }
}
END_TEST

/* FIPS 197, C.3. */
START_TEST(blocks_are_those_of_fips_197)
{
    uint8_t key[AES_KEY_BYTES];
    uint8_t block[AES_BLOCK_BYTES];
    struct span plain = bytes_of_hex("00112233445566778899aabbccddeeff");
    struct span cipher = bytes_of_hex("8ea2b7ca516745bfeafc49904b496089");
    for (unsigned i = 0; i < AES_KEY_BYTES; i++)
        key[i] = (uint8_t)i;
    aes_block_set_key(aes, key);
    aes_block_encrypt(aes, plain.data, block);
    ck_assert_mem_eq(block, cipher.data, sizeof block);
}
END_TEST

/* The GCM specification's test cases 13 and 14: one context, keyed once, for one message after the other. */
START_TEST(gcm_is_that_of_nist)
{
    static const uint8_t zeros[AES_KEY_BYTES];
    uint8_t sealed[AES_BLOCK_BYTES];
    uint8_t tag[GCM_TAG_BYTES];
    aes_gcm_set_key(aes, zeros);
    for (unsigned turn = 0; turn < 2; turn++) {
        aes_gcm_seal(aes, zeros, SPAN_EMPTY, SPAN_EMPTY, sealed, tag);
        ck_assert_span_eq(span_of(tag, sizeof tag), bytes_of_hex("530f8afbc74536b9a963b4f1c4cb738b"));
        aes_gcm_seal(aes, zeros, SPAN_EMPTY, span_of(zeros, 16), sealed, tag);
        ck_assert_span_eq(span_of(sealed, sizeof sealed), bytes_of_hex("cea7403d4d606b6e074ec5d3baf39d18"));
        ck_assert_span_eq(span_of(tag, sizeof tag), bytes_of_hex("d0d1c8a799996bf0265b98b5d48ab919"));
        ck_assert(aes_gcm_open(aes, zeros, SPAN_EMPTY, span_of(sealed, sizeof sealed), tag, sealed));
        ck_assert_mem_eq(sealed, zeros, sizeof sealed);
    }
}
END_TEST

/* In pieces of any size what it is at once; and from any block on, without its tag. */
START_TEST(gcm_in_pieces_is_that_of_the_whole)
{
    static const size_t sizes[] = {1, 15, 16, 17, 64, 999};
    uint8_t key[AES_KEY_BYTES] = {3};
    uint8_t nonce[GCM_NONCE_BYTES] = {7};
    uint8_t plain[1000];
    uint8_t sealed[sizeof plain];
    uint8_t opened[sizeof plain];
    uint8_t tag[GCM_TAG_BYTES];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)(i * 31);
    aes_gcm_set_key(aes, key);
    aes_gcm_seal(aes, nonce, SPAN("beside it"), span_of(plain, sizeof plain), sealed, tag);
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i / 2];
        bool is_changed = i % 2 == 1;
        sealed[500] ^= is_changed;
        aes_gcm_set_key(aes, key);
        aes_gcm_open_begin(aes, nonce, SPAN("beside it"));
        for (size_t at = 0; at < sizeof sealed; at += size)
            aes_gcm_open_piece(aes, span_take(span_skip(span_of(sealed, sizeof sealed), at), size), opened + at);
        ck_assert(aes_gcm_open_end(aes, tag) == !is_changed);
        sealed[500] ^= is_changed;
        opened[500] ^= is_changed;
        ck_assert_mem_eq(opened, plain, sizeof plain);
    }
    for (size_t at = 0; at < sizeof sealed; at += AES_BLOCK_BYTES) {
        aes_gcm_decrypt_at(aes, key, nonce, at, span_skip(span_of(sealed, sizeof sealed), at), opened);
        ck_assert_mem_eq(opened, plain + at, sizeof plain - at);
    }
}
END_TEST

/* Many at once are what each is alone, in place too; so they are when the key is set again. */
START_TEST(blocks_at_once_are_those_of_one_after_the_other)
{
    uint8_t key[AES_KEY_BYTES] = {1};
    enum { BLOCKS = 21 };
    uint8_t blocks[BLOCKS * AES_BLOCK_BYTES];
    uint8_t alone[sizeof blocks];
    for (size_t i = 0; i < sizeof blocks; i++)
        blocks[i] = (uint8_t)(i * 29);
    aes_block_set_key(aes, key);
    for (size_t at = 0; at < sizeof blocks; at += AES_BLOCK_BYTES)
        aes_block_encrypt(aes, blocks + at, alone + at);
    for (size_t count = 0; count <= BLOCKS; count++) {
        uint8_t whole[sizeof blocks];
        memcpy(whole, blocks, sizeof whole);
        aes_block_set_key(aes, key);
        aes_blocks_encrypt(aes, whole, count, whole);
        ck_assert_mem_eq(whole, alone, count * AES_BLOCK_BYTES);
        ck_assert_mem_eq(whole + count * AES_BLOCK_BYTES, blocks + count * AES_BLOCK_BYTES,
                         (BLOCKS - count) * AES_BLOCK_BYTES);
    }
    key[AES_KEY_BYTES - 1] ^= 1;
    aes_block_set_key(aes, key);
    aes_blocks_encrypt(aes, blocks, BLOCKS, blocks);
    ck_assert_mem_ne(blocks, alone, AES_BLOCK_BYTES);
}
END_TEST

/* In any order and for every use: each time as under a context that knows no other key. */
START_TEST(keys_that_come_again_are_no_others)
{
    enum { KEYS = 5, TURNS = 500, LONG_BYTES = 5000 };
    static uint8_t results[2][LONG_BYTES];
    struct random_seeded seeded;
    const struct random_source random = random_seeded(&seeded, 16);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct aes *fresh = aes_create();
        struct aes *const both[] = {aes, fresh};
        uint8_t key[AES_KEY_BYTES] = {(uint8_t)random_below(&random, KEYS)};
        const uint8_t salt[XAES_SALT_BYTES] = {(uint8_t)turn};
        const uint8_t nonce[XAES_NONCE_BYTES] = {(uint8_t)turn};
        uint64_t use = random_below(&random, 3);
        if (random_below(&random, 7) == 0)
            aes_forget(aes);
        for (unsigned i = 0; i < 2; i++) {
            uint8_t *result = results[i];
            memset(result, (int)turn, sizeof results[i]);
            if (use == 0) {
                xaes_derive(both[i], key, salt, result);
            } else if (use == 1) {
                aes_block_set_key(both[i], key);
                aes_blocks_encrypt(both[i], result, 3, result);
            } else {
                size_t size = turn % 2 == 0 ? LONG_BYTES - GCM_TAG_BYTES : 32;
                xaes_seal(both[i], key, nonce, SPAN_EMPTY, span_of(result, size), result, result + size);
            }
        }
        ck_assert_mem_eq(results[0], results[1], sizeof results[0]);
        aes_destroy(fresh);
    }
}
END_TEST

/* Of every use, and in any state: afterwards as under a context that is new. */
START_TEST(what_is_forgotten_is_nowhere)
{
    static const uint8_t secrets[3][AES_KEY_BYTES] = {
        "the first of three keys, blocks", "the second is that of a message", "the third one's is a counter..."};
    uint8_t block[AES_BLOCK_BYTES] = {1};
    uint8_t tag[GCM_TAG_BYTES];
    for (unsigned turn = 0; turn < 2; turn++) {
        aes_block_set_key(aes, secrets[0]);
        aes_block_encrypt(aes, block, block);
        aes_gcm_set_key(aes, secrets[1]);
        aes_gcm_seal(aes, secrets[0], SPAN_EMPTY, span_of(block, sizeof block), block, tag);
        if (turn == 1) { /* as much as libcrypto is asked for, where there is no wide instruction */
            static uint8_t large[1 << 16];
            aes_gcm_seal(aes, secrets[0], SPAN_EMPTY, span_of(large, sizeof large), large, tag);
        }
        aes_gcm_decrypt_at(aes, secrets[2], secrets[0], 0, span_of(block, sizeof block), block);
        for (unsigned i = 0; i < 3; i++)
            ck_assert_uint_gt(memory_count(secrets[i], AES_BLOCK_BYTES, 0), 0);
        aes_forget(aes);
        for (unsigned i = 0; i < 3; i++)
            ck_assert_uint_eq(memory_count(secrets[i], AES_BLOCK_BYTES, 0), 0);
    }
}
END_TEST

/* Messages and associated data of every size about each step of both, each under a key of its own: sealed as without
 * instructions, and opened by either; not when a bit is another one. */
START_TEST(both_ways_are_one)
{
    enum { SIZE_MAX_TRIED = 70000, EACH_TO = 600, ASSOCIATED_MAX = 2500 };
    static uint8_t plain[SIZE_MAX_TRIED + 1], sealed[2][SIZE_MAX_TRIED], opened[SIZE_MAX_TRIED];
    static const size_t larger[] = {2032, 2047, 2048, 2049, 4095, 4096, 4111, 65536, SIZE_MAX_TRIED};
    struct random_seeded seeded;
    const struct random_source random = random_seeded(&seeded, 38);
    struct aes *const both[] = {aes_create(), aes_create_portable()};
    for (size_t turn = 0; turn < EACH_TO + sizeof larger / sizeof larger[0]; turn++) {
        size_t size = turn < EACH_TO ? turn : larger[turn - EACH_TO];
        uint8_t key[AES_KEY_BYTES], nonce[GCM_NONCE_BYTES], associated[ASSOCIATED_MAX], tags[2][GCM_TAG_BYTES];
        struct span beside = span_of(associated, (size_t)random_below(&random, ASSOCIATED_MAX + 1));
        struct span message = span_of(plain + turn % 2, size); /* aligned or not */
        random_fill(&random, key, sizeof key);
        random_fill(&random, nonce, sizeof nonce);
        random_fill(&random, associated, sizeof associated);
        random_fill(&random, plain, size + 1);
        for (unsigned i = 0; i < 2; i++) {
            aes_gcm_set_key(both[i], key);
            aes_gcm_seal(both[i], nonce, beside, message, sealed[i], tags[i]);
        }
        ck_assert_mem_eq(sealed[0], sealed[1], size);
        ck_assert_mem_eq(tags[0], tags[1], GCM_TAG_BYTES);
        for (unsigned i = 0; i < 2; i++) {
            memcpy(opened, sealed[0], size);
            ck_assert(aes_gcm_open(both[i], nonce, beside, span_of(opened, size), tags[0], opened));
            ck_assert_mem_eq(opened, message.data, size);
        }
        uint64_t wrong = random_below(&random, 8 * (size + GCM_TAG_BYTES));
        uint8_t *changed = wrong < 8 * size ? &sealed[0][wrong / 8] : &tags[0][wrong / 8 - size];
        *changed ^= (uint8_t)(1 << wrong % 8);
        for (unsigned i = 0; i < 2; i++)
            ck_assert(!aes_gcm_open(both[i], nonce, beside, span_of(sealed[0], size), tags[0], opened));
    }
    aes_destroy(both[0]);
    aes_destroy(both[1]);
}
END_TEST

static void add_tests(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tcase = tcase_create(name);
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, begin, tear_down);
    tcase_add_loop_test(tcase, xaes_is_that_of_c2sp, 0, sizeof xaes_vectors / sizeof xaes_vectors[0]);
    tcase_add_test(tcase, what_was_changed_does_not_open);
    tcase_add_test(tcase, blocks_are_those_of_fips_197);
    tcase_add_test(tcase, blocks_at_once_are_those_of_one_after_the_other);
    tcase_add_test(tcase, gcm_is_that_of_nist);
    tcase_add_test(tcase, keys_that_come_again_are_no_others);
    if (MEMORY_IS_SEARCHED)
        tcase_add_test(tcase, what_is_forgotten_is_nowhere);
    tcase_add_test(tcase, gcm_in_pieces_is_that_of_the_whole);
}

int main(void)
{
    Suite *suite = suite_create("aes");
    add_tests(suite, "aes", set_up);
    add_tests(suite, "portable", set_up_portable);
    TCase *tcase = tcase_create("both");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, both_ways_are_one);
    return run_suite(suite);
}
