/* tests/unit/object/s4_large_test.c -- what S4 encrypted as one message, or in chunks, too large to be held: read
 * twice, in ranges, by several at once; and what is changed before, between and after its two readings. */
#include "codec/format/crc.h"
#include "runtime/base/byteorder.h"
#include "runtime/fiber/errand.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/keyring.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"
#include "tests/unit/object/s4_envelopes.h"

#include <stdlib.h>

enum {
    BODY_BYTES = (9 << 20) + 12345,
    PIECES = (BODY_BYTES + S4_PIECE_BYTES - 1) / S4_PIECE_BYTES,
    FRAME_BYTES = 300000, /* so that frames and pieces begin at different bytes */
    CHUNK_BYTES = (8 << 20) + 5001,
};

static struct memory_store store;
static struct object_codecs *codecs;
static struct customer_key customer;

static void set_up(void)
{
    struct error error;
    struct object_settings settings = ordinary_settings();
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    codecs->settings.keyring = keyring_parse("keys",
                                             SPAN("[s4 0]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                                                  "[s4 7]\nmaterial = AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                                                  "[s4 9]\nmaterial = QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=\n"),
                                             &error);
    ck_assert_ptr_nonnull(codecs->settings.keyring);
    customer = (struct customer_key){.md5 = "tP/LI3N87DFaSk0aoqYgzg=="};
    memcpy(customer.bytes, s4_data_key, sizeof s4_data_key);
}

static void tear_down(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    ck_assert_uint_eq(codecs->s4_memory.used, 0);
    ck_assert_uint_le(codecs->s4_proofs.count, S4_PROOFS_MAX);
    keyring_free(codecs->settings.keyring);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    reading_key = NULL;
}

/* ---- making bodies ---- */

/* Returns where its encrypted bytes begin, or those of its last chunk. */
static size_t put_chunked(const char *key, int kind, uint8_t nonce, uint32_t chunk_size, bool is_framed,
                          struct span original)
{
    struct buffer plain = {0};
    struct buffer body = {0};
    if (is_framed)
        s4_append_frames(&plain, original, FRAME_BYTES);
    else
        buffer_append(&plain, original);
    size_t at = kind >= 5 ? s4_encrypt_chunks(kind, nonce, chunk_size, buffer_span(&plain), &body)
                          : s4_encrypt(kind, nonce, buffer_span(&plain), &body);
    const struct object_attributes attributes = {
        .original_size = original.size,
        .layout = is_framed ? LAYOUT_FRAMED : LAYOUT_RAW,
        .is_s4 = true,
        .is_encrypted = true,
        .is_size_known = true,
        .has_crc32c = !is_framed,
        .crc32c = crc32c_update(0, original),
    };
    memory_store_put(&store, key, &attributes, buffer_span(&body), SPAN_EMPTY);
    buffer_free(&plain);
    buffer_free(&body);
    return at;
}

static size_t put(const char *key, int kind, uint8_t nonce, bool is_framed, struct span original)
{
    return put_chunked(key, kind, nonce, 0, is_framed, original);
}

static void expect_failure(struct span original, uint64_t first, uint64_t size, enum error_kind kind)
{
    struct error error;
    uint64_t done;
    ck_assert(!download_range(codecs, &store, "key", original, first, size, &done, &error));
    ck_assert_int_eq(error.kind, kind);
    ck_assert_uint_lt(done, size);
}

static void read_ranges(struct span original)
{
    must_download(codecs, &store, "key", original, 0, original.size);
    must_download(codecs, &store, "key", original, 0, 1);
    must_download(codecs, &store, "key", original, original.size - 1, 1);
    must_download(codecs, &store, "key", original, S4_PIECE_BYTES - 1, 2);
    must_download(codecs, &store, "key", original, FRAME_BYTES - 1, 2);
    must_download(codecs, &store, "key", original, 5 * MIB + 3, 2 * MIB);
    must_download(codecs, &store, "key", original, original.size, 0);
}

/* ---- reading ---- */

/* Each kind, in frames and as it is, held by the store or not; under a key that its head does not name. */
static void kinds_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    for (int kind = 1; kind <= 4; kind++) {
        for (unsigned is_framed = 0; is_framed < 2; is_framed++) {
            put("key", kind, (uint8_t)(2 * kind + is_framed), is_framed, original);
            store.whole_body_max = kind % 2 == 0 ? SIZE_MAX : 0;
            reading_key = kind == 3 ? &customer : NULL;
            read_ranges(original);
        }
    }
    tear_down();
    free(noise);
}

/* The first reading is done once; then a range costs its pieces, the last one as little as the first. */
static void proved_once_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    for (unsigned is_framed = 0; is_framed < 2; is_framed++) {
        put("key", 2, (uint8_t)is_framed, is_framed, original);
        store.bytes_read = 0;
        must_download(codecs, &store, "key", original, 0, 1);
        uint64_t first_time = store.bytes_read;
        ck_assert_uint_gt(first_time, BODY_BYTES);
        static const uint64_t starts[] = {0, 4 * MIB, BODY_BYTES - 100};
        for (unsigned i = 0; i < 3; i++) {
            store.bytes_read = 0;
            must_download(codecs, &store, "key", original, starts[i], 100);
            ck_assert_uint_le(store.bytes_read, 4 * S4_PIECE_BYTES); /* a frame lies in three at most */
        }
        store.bytes_read = 0;
        must_download(codecs, &store, "key", original, 0, BODY_BYTES);
        ck_assert_uint_lt(store.bytes_read, first_time);
    }
    ck_assert_uint_eq(codecs->s4_proofs.count, 2);
    tear_down();
    free(noise);
}

static unsigned readers_done;
static bool are_refused;

static void read_range(void *argument)
{
    struct span *original = argument;
    if (are_refused)
        expect_failure(*original, 3 * MIB, MIB, ERROR_DAMAGED);
    else
        must_download(codecs, &store, "key", *original, 3 * MIB, MIB);
    readers_done++;
}

enum { READERS = 6 };

static void start_readers(struct span *original)
{
    readers_done = 0;
    store.bytes_read = 0;
    for (unsigned i = 0; i < READERS; i++)
        spawn("reader", read_range, original);
}

static void await_readers(void)
{
    while (readers_done < READERS)
        fiber_yield();
}

static void run_readers(struct span *original)
{
    start_readers(original);
    await_readers();
}

/* Who comes meanwhile waits for the first one's reading, and is told what it came to. */
static void at_once_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    size_t at = put("key", 4, 1, false, original);
    are_refused = false;
    run_readers(&original);
    ck_assert_uint_lt(store.bytes_read, BODY_BYTES + 6 * 3 * MIB);
    put("key", 4, 2, false, original);
    memory_store_find(&store, "key")->body.data[at + BODY_BYTES - 1] ^= 1;
    are_refused = true;
    run_readers(&original);
    ck_assert_uint_lt(store.bytes_read, 2 * BODY_BYTES);
    ck_assert_uint_eq(codecs->s4_proofs.count, 1); /* of the body before */
    tear_down();
    free(noise);
}

/* What a proof of it is found by; its encrypted bytes begin at `at`. */
static void hash_stored(size_t at, uint8_t ret_hash[SHA256_BYTES])
{
    struct span body = buffer_span(&memory_store_find(&store, "key")->body);
    struct sha256_sum sum;
    uint8_t size[12] = {0}; /* and the number of the only chunk */
    store_u64_be(size, body.size);
    sha256_begin(&sum);
    sha256_update(&sum, span_take(body, at));
    sha256_update(&sum, span_of(size, sizeof size));
    sha256_end(&sum, ret_hash);
}

/* Who waits for another one's reading has no memory meanwhile; and all come through where there is some for one alone.
 */
static void waiting_body(void *argument)
{
    (void)argument;
    set_up();
    struct error failure;
    uint8_t hash[SHA256_BYTES];
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    hash_stored(put("key", 2, 1, false, original), hash);
    memory_budget_init(&codecs->s4_memory, 2 * S4_PIECE_BYTES + PIECES * sizeof(struct s4_piece));
    codecs->settings.wait_ms = 60000;
    are_refused = false;
    struct s4_proof *another = s4_proofs_begin(&codecs->s4_proofs, hash, PIECES);
    start_readers(&original);
    for (unsigned turns = 0; another->users < 1 + READERS; turns++) {
        ck_assert_uint_eq(codecs->s4_memory.used, 0);
        ck_assert_uint_lt(turns, 10000);
        fiber_yield();
    }
    ck_assert_uint_eq(codecs->s4_memory.used, 0);
    (void)error_set(&failure, ERROR_BUSY, S3_SlowDown, "The other one had trouble of his own.");
    s4_proof_settle(&codecs->s4_proofs, another, NULL, &failure);
    s4_proofs_drop(&codecs->s4_proofs, another);
    await_readers();
    ck_assert_uint_lt(store.bytes_read, BODY_BYTES + READERS * 3 * MIB);
    tear_down();
    free(noise);
}

static unsigned line_length(const struct memory_budget *budget)
{
    unsigned length = 0;
    for (const struct list_link *link = budget->line.next; link != &budget->line; link = link->next)
        length++;
    return length;
}

/* Those who have waited for memory together read it once, too. */
static void memory_late_body(void *argument)
{
    (void)argument;
    set_up();
    struct error error;
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    put("key", 2, 1, false, original);
    codecs->settings.wait_ms = 60000;
    are_refused = false;
    ck_assert(s4_memory_take(codecs, codecs->s4_memory.bytes_max, &error));
    start_readers(&original);
    for (unsigned turns = 0; line_length(&codecs->s4_memory) < READERS; turns++) {
        ck_assert_uint_lt(turns, 10000);
        fiber_yield();
    }
    s4_memory_give(codecs, codecs->s4_memory.bytes_max);
    await_readers();
    ck_assert_uint_lt(store.bytes_read, BODY_BYTES + READERS * 3 * MIB);
    ck_assert_uint_eq(codecs->s4_proofs.count, 1);
    tear_down();
    free(noise);
}

/* A reader that fails for no fault of the body leaves it to the next one. */
static void failed_reader_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    put("key", 1, 1, false, original);
    store.reads_until_changed = 10;
    expect_failure(original, 0, 100, ERROR_CHANGED);
    ck_assert_uint_eq(codecs->s4_proofs.count, 0);
    store.reads_until_changed = UINT64_MAX;
    must_download(codecs, &store, "key", original, 0, 100);
    tear_down();
    free(noise);
}

static bool has_left(void *argument)
{
    return *(const bool *)argument;
}

/* A reading ends with its client, and is done by the next one; who waits for another one's reading leaves it, too. */
static void client_left_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t hash[SHA256_BYTES];
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    bool left = true;
    struct error failure = {.kind = ERROR_BUSY};
    const struct errand errand = {has_left, &left};
    hash_stored(put("key", 2, 1, false, original), hash);
    errand_set(&errand);
    store.bytes_read = 0;
    expect_failure(original, 0, 100, ERROR_CLOSED);
    ck_assert_uint_lt(store.bytes_read, MIB);
    ck_assert_uint_eq(codecs->s4_proofs.count, 0);
    struct s4_proof *another = s4_proofs_begin(&codecs->s4_proofs, hash, PIECES);
    expect_failure(original, 0, 100, ERROR_CLOSED);
    ck_assert_uint_eq(another->users, 1);
    s4_proof_settle(&codecs->s4_proofs, another, NULL, &failure);
    s4_proofs_drop(&codecs->s4_proofs, another);
    left = false;
    must_download(codecs, &store, "key", original, 0, 100);
    ck_assert_uint_gt(store.bytes_read, BODY_BYTES);
    errand_set(NULL);
    tear_down();
    free(noise);
}

/* They come when the reading has begun; from then on its own client has left. */
static bool has_left_to_others(void *argument)
{
    if (codecs->s4_proofs.waiters_count == 0 && readers_done == READERS)
        start_readers(argument);
    return codecs->s4_proofs.waiters_count > 0;
}

/* A reading goes on for those who wait for it, though its own client has left; and more than so many do not wait. */
static void waiters_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t hash[SHA256_BYTES];
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    struct error failure = {.kind = ERROR_BUSY};
    const struct errand errand = {has_left_to_others, &original};
    hash_stored(put("key", 2, 1, false, original), hash);
    are_refused = false;
    readers_done = READERS;
    errand_set(&errand);
    must_download(codecs, &store, "key", original, 0, 100);
    errand_set(NULL);
    await_readers();
    ck_assert_uint_lt(store.bytes_read, BODY_BYTES + (READERS + 1) * 3 * MIB);
    hash_stored(put("key", 2, 2, false, original), hash);
    struct s4_proof *another = s4_proofs_begin(&codecs->s4_proofs, hash, PIECES);
    codecs->s4_proofs.waiters_count = S4_WAITERS_MAX;
    expect_failure(original, 0, 100, ERROR_BUSY);
    ck_assert_uint_eq(codecs->s4_proofs.waiters_count, S4_WAITERS_MAX);
    codecs->s4_proofs.waiters_count = 0;
    s4_proof_settle(&codecs->s4_proofs, another, NULL, &failure);
    s4_proofs_drop(&codecs->s4_proofs, another);
    tear_down();
    free(noise);
}

/* More bodies than proofs are kept: the oldest go. */
static void many_bodies_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    for (unsigned i = 0; i < S4_PROOFS_MAX + 2; i++) {
        put("key", 2, (uint8_t)i, false, original);
        must_download(codecs, &store, "key", original, 0, 10);
    }
    ck_assert_uint_eq(codecs->s4_proofs.count, S4_PROOFS_MAX);
    store.bytes_read = 0;
    must_download(codecs, &store, "key", original, 0, 10);
    ck_assert_uint_lt(store.bytes_read, MIB);
    put("key", 2, 0, false, original);
    must_download(codecs, &store, "key", original, 0, 10);
    ck_assert_uint_gt(store.bytes_read, BODY_BYTES);
    tear_down();
    free(noise);
}

/* Who reads has taken memory for his piece, as it is stored and opened, and for what is kept of the body. */
static void counted_body(void *argument)
{
    (void)argument;
    set_up();
    struct error error;
    struct bucket_object *object;
    struct object_reader *reader;
    const struct object_name name = {.bucket = SPAN("bucket"), .key = SPAN("key")};
    const struct open_intent intent = {.extent = OPEN_WHOLE};
    uint8_t *noise = make_noise(BODY_BYTES);
    put("key", 2, 0, false, span_of(noise, BODY_BYTES));
    ck_assert(object_open(codecs, &store.store, &name, &intent, &object, &error));
    ck_assert(object_reader_begin(codecs, object, &name, NULL, 0, 1, &reader, &error));
    ck_assert_uint_eq(codecs->s4_memory.used, 2 * S4_PIECE_BYTES + PIECES * sizeof(struct s4_piece));
    object_reader_end(reader);
    object_close(object);
    tear_down();
    free(noise);
}

/* ---- chunks ---- */

/* Of both kinds, one chunk or two, in frames and as it is, the first of them wanted or not. */
static void chunks_body(void *argument)
{
    (void)argument;
    set_up();
    static const uint32_t sizes[] = {CHUNK_BYTES, UINT32_MAX};
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    for (unsigned turn = 0; turn < 8; turn++) {
        put_chunked("key", 5 + turn % 2, (uint8_t)turn, sizes[turn / 2 % 2], turn < 4, original);
        must_download(codecs, &store, "key", original, CHUNK_BYTES + 7, 100);
        read_ranges(original);
        must_download(codecs, &store, "key", original, CHUNK_BYTES - 3, 6);
    }
    tear_down();
    free(noise);
}

/* A range costs the chunk that it lies in, and once that has been proved, its pieces. */
static void chunk_alone_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    put_chunked("key", 6, 1, CHUNK_BYTES, false, original);
    store.bytes_read = 0;
    must_download(codecs, &store, "key", original, BODY_BYTES - 10, 10);
    ck_assert_uint_gt(store.bytes_read, BODY_BYTES - CHUNK_BYTES);
    ck_assert_uint_lt(store.bytes_read, BODY_BYTES - CHUNK_BYTES + 2 * S4_PIECE_BYTES);
    store.bytes_read = 0;
    must_download(codecs, &store, "key", original, CHUNK_BYTES, 10);
    ck_assert_uint_lt(store.bytes_read, 2 * S4_PIECE_BYTES);
    are_refused = false;
    run_readers(&original);
    ck_assert_uint_lt(store.bytes_read, CHUNK_BYTES + 6 * 3 * MIB);
    ck_assert_uint_eq(codecs->s4_proofs.count, 2);
    tear_down();
    free(noise);
}

/* One wrong bit at the end of a chunk: nothing of that leaves, and all that is before it. */
static void chunk_changed_body(void *argument)
{
    (void)argument;
    set_up();
    struct error error;
    uint64_t done;
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    size_t at = put_chunked("key", 6, 1, CHUNK_BYTES, false, original);
    struct memory_object *object = memory_store_find(&store, "key");
    const size_t places[] = {at - 1, at, object->body.size - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        object->body.data[places[i]] ^= 1;
        ck_assert(!download_range(codecs, &store, "key", original, 0, BODY_BYTES, &done, &error));
        ck_assert_int_eq(error.kind, ERROR_DAMAGED);
        ck_assert_uint_le(done, CHUNK_BYTES);
        ck_assert_uint_gt(done, CHUNK_BYTES - MIB);
        ck_assert(!download_range(codecs, &store, "key", original, CHUNK_BYTES, 1, &done, &error));
        ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED); /* as it might be under another key */
        ck_assert_uint_eq(done, 0);
        must_download(codecs, &store, "key", original, CHUNK_BYTES - 10, 10);
        object->body.data[places[i]] ^= 1;
    }
    must_download(codecs, &store, "key", original, 0, BODY_BYTES);
    object->body.data[at + MIB / 2] ^= 1;
    expect_failure(original, CHUNK_BYTES, BODY_BYTES - CHUNK_BYTES, ERROR_DAMAGED); /* not what was proved */
    tear_down();
    free(noise);
}

/* ---- what was changed ---- */

/* Before it is read: head, nonce, tag and bytes; nothing of it leaves. */
static void changed_before_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    size_t at = put("key", 2, 1, false, original);
    struct memory_object *object = memory_store_find(&store, "key");
    const size_t places[] = {6, at - 20, at - 1, at, at + 4 * MIB, at + BODY_BYTES - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        object->body.data[places[i]] ^= 1;
        struct error error;
        uint64_t done;
        ck_assert(!download_range(codecs, &store, "key", original, 0, BODY_BYTES, &done, &error));
        ck_assert_int_eq(error.kind, ERROR_UNSUPPORTED); /* damage looks as if it were another key's */
        ck_assert_uint_eq(done, 0);
        object->body.data[places[i]] ^= 1;
    }
    must_download(codecs, &store, "key", original, 0, BODY_BYTES);
    tear_down();
    free(noise);
}

/* Between the two readings, by a backend that has shown the right bytes to the first; in the first piece, where nothing
 * has left, and in one behind it. */
static void changed_between_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    for (unsigned is_framed = 0; is_framed < 2; is_framed++) {
        static const size_t offsets[] = {0, 28, S4_PIECE_BYTES, 5 * MIB, BODY_BYTES - 1};
        for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
            size_t at = put("key", 2, (uint8_t)(100 * is_framed + i), is_framed, original);
            store.flip_at = at + offsets[i];
            store.reads_until_flip = 1 + PIECES; /* its head, and all of it */
            expect_failure(original, 0, BODY_BYTES, ERROR_DAMAGED);
            ck_assert_uint_gt(store.reads_until_flip, UINT64_MAX / 2);
        }
    }
    tear_down();
    free(noise);
}

/* Later, when all of it has been proved long ago: the piece is noticed, others are read, and it is proved anew. */
static void changed_later_body(void *argument)
{
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    size_t at = put("key", 3, 1, false, original);
    reading_key = &customer;
    must_download(codecs, &store, "key", original, 0, 100);
    struct memory_object *object = memory_store_find(&store, "key");
    object->body.data[at + 5 * MIB] ^= 1;
    must_download(codecs, &store, "key", original, 4 * MIB, 100);
    expect_failure(original, 5 * MIB, 100, ERROR_DAMAGED);
    expect_failure(original, 4 * MIB, 100, ERROR_DAMAGED); /* what was proved counts no more */
    object->body.data[at + 5 * MIB] ^= 1;
    must_download(codecs, &store, "key", original, 5 * MIB, 100);
    reading_key = NULL;
    expect_failure(original, 0, 100, ERROR_INVALID);
    tear_down();
    free(noise);
}

/* A body that was proved is opened by its key alone, also where another one is taken for it. */
static void other_keys_body(void *argument)
{
    struct error error;
    (void)argument;
    set_up();
    uint8_t *noise = make_noise(BODY_BYTES);
    struct span original = span_of(noise, BODY_BYTES);
    struct keyring *keyring = codecs->settings.keyring;
    struct keyring *other =
        keyring_parse("keys", SPAN("[s4 1]\nmaterial = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), &error);
    for (int kind = 1; kind <= 4; kind++) {
        put("key", kind, 1, kind == 2, original);
        reading_key = kind == 3 ? &customer : NULL;
        must_download(codecs, &store, "key", original, 0, 100);
        if (kind == 3) {
            customer.bytes[0] ^= 1;
            expect_failure(original, 0, 100, ERROR_DENIED);
            continue;
        }
        codecs->settings.keyring = other;
        expect_failure(original, 0, 100, ERROR_UNSUPPORTED);
        codecs->settings.keyring = keyring;
        must_download(codecs, &store, "key", original, 0, 100);
    }
    keyring_free(other);
    tear_down();
    free(noise);
}

LOOP_TEST(each_kind, kinds_body)
LOOP_TEST(proved_once, proved_once_body)
LOOP_TEST(several_at_once, at_once_body)
LOOP_TEST(who_waits_holds_nothing, waiting_body)
LOOP_TEST(memory_that_comes_late, memory_late_body)
LOOP_TEST(failed_reader, failed_reader_body)
LOOP_TEST(client_that_left, client_left_body)
LOOP_TEST(many_waiters, waiters_body)
LOOP_TEST(many_bodies, many_bodies_body)
LOOP_TEST(memory_is_counted, counted_body)
LOOP_TEST(in_chunks, chunks_body)
LOOP_TEST(one_chunk_alone, chunk_alone_body)
LOOP_TEST(changed_chunk, chunk_changed_body)
LOOP_TEST(changed_before, changed_before_body)
LOOP_TEST(changed_between, changed_between_body)
LOOP_TEST(changed_later, changed_later_body)
LOOP_TEST(other_keys, other_keys_body)

int main(void)
{
    Suite *suite = suite_create("s4_large");
    TCase *tests = tcase_create("s4_large");
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, each_kind);
    tcase_add_test(tests, proved_once);
    tcase_add_test(tests, several_at_once);
    tcase_add_test(tests, who_waits_holds_nothing);
    tcase_add_test(tests, memory_that_comes_late);
    tcase_add_test(tests, failed_reader);
    tcase_add_test(tests, client_that_left);
    tcase_add_test(tests, many_waiters);
    tcase_add_test(tests, many_bodies);
    tcase_add_test(tests, memory_is_counted);
    tcase_add_test(tests, in_chunks);
    tcase_add_test(tests, one_chunk_alone);
    tcase_add_test(tests, changed_chunk);
    tcase_add_test(tests, changed_before);
    tcase_add_test(tests, changed_between);
    tcase_add_test(tests, changed_later);
    tcase_add_test(tests, other_keys);
    return run_suite(suite);
}
