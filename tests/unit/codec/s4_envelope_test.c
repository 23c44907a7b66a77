/* tests/unit/codec/s4_envelope_test.c -- S4's envelopes: the vectors of the specification, and all that is refused. */
#include "codec/seal/s4_envelope.h"

#include "runtime/base/byteorder.h"
#include "tests/unit/codec/format_vectors.h"
#include "tests/unit/codec/text.h"
#include "tests/unit/run_suite.h"

static struct aes *aes;
static struct error error;
static uint8_t key[AES_KEY_BYTES];

static const struct {
    enum s4_envelope_kind kind;
    const char *body;
    const char *plain; /* as hex */
    uint32_t chunks_count;
} vectors[] = {
    {S4E1, TV_E1, "68656c6c6f", 1}, {S4E2, TV_E2, "68656c6c6f", 1}, {S4E3, TV_E3, "68656c6c6f", 1},
    {S4E4, TV_E4, "68656c6c6f", 1}, {S4E5, TV_E5, "68656c6c6f", 2}, {S4E6, TV_E6, "68656c6c6f", 2},
    {S4E6, TV_E60, "", 1},          {S4E6, TV_E6B, TV_B1, 3},
};
enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static void set_up(void)
{
    aes = aes_create();
    for (uint8_t i = 0; i < AES_KEY_BYTES; i++)
        key[i] = i;
}

static void tear_down(void)
{
    aes_destroy(aes);
}

static bool find_key(const struct s4_envelope *envelope, uint8_t ret_key[AES_KEY_BYTES])
{
    uint8_t wrapping[AES_KEY_BYTES];
    memcpy(ret_key, key, AES_KEY_BYTES);
    for (uint8_t i = 0; i < AES_KEY_BYTES; i++)
        wrapping[i] = (uint8_t)(0x40 + i);
    return envelope->kind != S4E4 || s4_envelope_unwrap(envelope, aes, wrapping, ret_key);
}

/* All of a body. False: it is refused, or does not open. */
static bool open_all(struct span body, uint8_t *ret_plain, size_t *ret_size, struct s4_envelope *envelope)
{
    uint8_t data_key[AES_KEY_BYTES];
    *ret_size = 0;
    if (!s4_envelope_parse(span_take(body, S4_ENVELOPE_HEAD_BYTES_MAX), body.size, envelope, &error) ||
        !find_key(envelope, data_key))
        return false;
    if (!s4_envelope_is_chunked(envelope)) {
        *ret_size = (size_t)envelope->plain_size;
        return s4_envelope_open(envelope, aes, data_key, 0, span_skip(body, (size_t)envelope->head_size), ret_plain);
    }
    for (uint32_t i = 0; i < envelope->chunks_count; i++) {
        struct s4_chunk chunk = s4_envelope_chunk(envelope, i);
        ck_assert_uint_eq(chunk.plain_offset, *ret_size);
        ck_assert_uint_le(chunk.stored_offset + GCM_TAG_BYTES + chunk.plain_size, body.size);
        struct span stored = span_of(body.data + chunk.stored_offset, GCM_TAG_BYTES + chunk.plain_size);
        if (!s4_envelope_open(envelope, aes, data_key, i, stored, ret_plain + chunk.plain_offset))
            return false;
        *ret_size += chunk.plain_size;
    }
    ck_assert_uint_eq(*ret_size, envelope->plain_size);
    return true;
}

START_TEST(vectors_open)
{
    struct s4_envelope envelope;
    uint8_t plain[512];
    size_t size;
    struct span expected = bytes_of_hex(vectors[_i].plain);
    ck_assert(open_all(bytes_of_hex(vectors[_i].body), plain, &size, &envelope));
    ck_assert_int_eq(envelope.kind, vectors[_i].kind);
    ck_assert_uint_eq(envelope.chunks_count, vectors[_i].chunks_count);
    ck_assert_span_eq(span_of(plain, size), expected);
    bool has_id = envelope.kind == S4E2 || s4_envelope_is_chunked(&envelope);
    ck_assert_uint_eq(envelope.key_id, has_id ? 1 : 0);
    if (envelope.kind == S4E3)
        ck_assert_span_eq(span_of(envelope.key_md5, 16), bytes_of_hex("b4ffcb23737cec315a4a4d1aa2a620ce"));
    if (envelope.kind == S4E4)
        ck_assert_span_eq(envelope.key_name, SPAN("alpha"));
}
END_TEST

/* Byte 7 is authenticated by no chunked envelope, nor are the last three of S4E1's head (spec, 6.6 and 6.1). */
static bool is_reserved(enum s4_envelope_kind kind, size_t at)
{
    return kind == S4E1 ? at >= 5 && at < 8 : kind >= S4E5 && at == 7;
}

/* Any bit of an envelope, any cut, anything behind it. */
START_TEST(what_was_changed_does_not_open)
{
    struct s4_envelope envelope;
    uint8_t body[512];
    uint8_t plain[1024];
    size_t size;
    struct span whole = bytes_of_hex(vectors[_i].body);
    memcpy(body, whole.data, whole.size);
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        body[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool opened = open_all(span_of(body, whole.size), plain, &size, &envelope);
        body[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* one chunk is what its size says, or fewer: only that size is not authenticated then */
        bool is_free_size = vectors[_i].chunks_count == 1 && vectors[_i].kind == S4E6 && bit / 8 >= 8 && bit / 8 < 12;
        ck_assert(!opened || is_reserved(vectors[_i].kind, bit / 8) || is_free_size);
    }
    for (size_t cut = 0; cut < whole.size; cut++)
        ck_assert(!open_all(span_of(body, cut), plain, &size, &envelope));
    body[whole.size] = 0;
    ck_assert(!open_all(span_of(body, whole.size + 1), plain, &size, &envelope));
}
END_TEST

static bool parses(const uint8_t *head, size_t size, uint64_t stored_size)
{
    struct s4_envelope envelope;
    return s4_envelope_parse(span_of(head, size), stored_size, &envelope, &error);
}

/* Sizes that would overflow, or that a body of the size that it has cannot have. */
START_TEST(claims_are_compared_with_the_body)
{
    uint8_t head[24];
    memcpy(head, bytes_of_hex(TV_E6).data, sizeof head);
    static const struct {
        uint32_t chunk_size;
        uint32_t chunks_count;
        uint64_t stored_size;
        bool parses;
        enum error_kind kind;
    } cases[] = {
        {4, 2, 61, true, ERROR_NONE},
        {0, 2, 61, false, ERROR_DAMAGED},
        {4, 0, 61, false, ERROR_DAMAGED},
        {4, 1 << 24, UINT64_MAX, false, ERROR_DAMAGED},
        {4, (1 << 24) - 1, 61, false, ERROR_DAMAGED},
        {UINT32_MAX, (1 << 24) - 1, UINT64_MAX, false, ERROR_DAMAGED},
        {UINT32_MAX, 2, 61, false, ERROR_DAMAGED},
        {UINT32_MAX, 1, UINT64_MAX, false, ERROR_DAMAGED},
        {UINT32_MAX, 2, 24 + 2 * 16 + S4_ENVELOPE_BYTES_MAX, true, ERROR_NONE},
        {UINT32_MAX, 2, 24 + 2 * 16 + S4_ENVELOPE_BYTES_MAX + 1, false, ERROR_DAMAGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store_u32_be(head + 8, cases[i].chunk_size);
        store_u32_be(head + 12, cases[i].chunks_count);
        bool parsed = parses(head, sizeof head, cases[i].stored_size);
        ck_assert_msg(parsed == cases[i].parses, "case %zu", i);
        if (!parsed)
            ck_assert_int_eq(error.kind, cases[i].kind);
    }
}
END_TEST

START_TEST(what_is_no_envelope_is_refused)
{
    static const struct {
        const char *head;
        enum error_kind kind;
    } cases[] = {
        {"", ERROR_DAMAGED},
        {"53344536", ERROR_DAMAGED},                                     /* only a magic */
        {"5334463200000000050000000000000005", ERROR_DAMAGED},           /* a frame */
        {"5334453702000100000000040000000201020304", ERROR_DAMAGED},     /* another algorithm */
        {"5334453701000100000000040000000201020304", ERROR_UNSUPPORTED}, /* S4E7 */
        {"533445340105616c706861ffffffff0000", ERROR_DAMAGED},           /* a wrapped key of 4 GiB */
        {"5334453401ff616c7068610000000000", ERROR_DAMAGED},             /* a name beyond the end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct span head = bytes_of_hex(cases[i].head);
        ck_assert_msg(!parses(head.data, head.size, head.size), "case %zu", i);
        ck_assert_int_eq(error.kind, cases[i].kind);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s4_envelope");
    TCase *tcase = tcase_create("s4_envelope");
    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, vectors_open, 0, VECTORS);
    tcase_add_loop_test(tcase, what_was_changed_does_not_open, 0, VECTORS);
    tcase_add_test(tcase, claims_are_compared_with_the_body);
    tcase_add_test(tcase, what_is_no_envelope_is_refused);
    return run_suite(suite);
}
