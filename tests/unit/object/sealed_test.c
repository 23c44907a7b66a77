/* tests/unit/object/sealed_test.c -- encrypted objects through both pipelines, and everything that somebody who may
 * write to the store can do to them: an error each time, never wrong bytes (download_range looks), never plain ones. */
#include "codec/format/frame.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct memory_store store;
static struct object_codecs *codecs;
static struct keyring *keyring;

/* Made anew for each test: nothing is in a repository that looks like a key. */
static struct keyring *make_keyring(void)
{
    char folder[] = "/tmp/sealed-test-XXXXXX";
    char path[sizeof folder + 8];
    char id[KEYRING_ID_TEXT_BYTES];
    struct error error;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/keys", folder);
    ck_assert(keyring_create(path, random_system(), id, &error));
    struct keyring *made = keyring_load(path, &error);
    ck_assert(made != NULL && unlink(path) == 0 && rmdir(folder) == 0);
    return made;
}

static void begin(int codec)
{
    struct object_settings settings = ordinary_settings();
    keyring = make_keyring();
    settings.keyring = keyring;
    settings.codec = codec;
    settings.columns = true;
    settings.frame_cache_bytes = 8 * MIB;
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
}

static void end(void)
{
    ck_assert_uint_eq(codecs->memory.used, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    keyring_free(keyring);
}

static struct memory_object *seal(const char *key, struct span body, bool is_size_known)
{
    struct object_digest digest;
    struct error error;
    const struct upload upload = {
        .key = key,
        .body = body,
        .is_size_known = is_size_known,
        .arrival = 100000,
        .checksum = CHECKSUM_SHA256,
        .is_sealed = true,
    };
    bool done = upload_body(codecs, &store, &upload, &digest, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    return memory_store_find(&store, key);
}

/* ---- what goes in comes out ---- */

static void round_trip(struct span body, bool is_size_known)
{
    struct memory_object *object = seal("key", body, is_size_known);
    ck_assert_uint_gt(object->attributes.seal.size, 0);
    ck_assert_int_eq(object->attributes.layout, LAYOUT_FRAMED);
    for (unsigned way = 0; way < 2; way++) {
        store.whole_body_max = way == 0 ? 0 : SIZE_MAX;
        must_download(codecs, &store, "key", body, 0, body.size);
        for (uint64_t first = 0; first < body.size; first += 1 + body.size / 5)
            must_download(codecs, &store, "key", body, first, body.size - first < 4097 ? body.size - first : 4097);
    }
    if (body.size >= 16)
        ck_assert_ptr_null(memmem(object->body.data, object->body.size, body.data, 16));
}

static void goes_both_ways(void *argument)
{
    static const size_t sizes[] = {0, 1, 43, 3000, MIB - 1, MIB, MIB + 1, 3 * MIB};
    (void)argument;
    uint8_t *text = make_text(3 * MIB);
    uint8_t *noise = make_noise(3 * MIB);
    uint8_t *numbers = calloc(1, 3 * MIB);
    for (uint32_t i = 0; i < 3 * MIB / 4; i++) /* which are packed in columns */
        ((uint32_t *)(void *)numbers)[i] = 7 * i + i % 5;
    for (int codec = OBJECT_CODEC_AUTO; codec <= OBJECT_CODEC_NONE; codec++) {
        begin(codec);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            round_trip(span_of(text, sizes[i]), true);
            round_trip(span_of(noise, sizes[i]), false);
            round_trip(span_of(numbers, sizes[i]), true);
        }
        end();
    }
    free(text);
    free(noise);
    free(numbers);
}

START_TEST(sealed_bodies_go_both_ways)
{
    run_on_loop(goes_both_ways, NULL);
}
END_TEST

/* ---- what does not come out ---- */

enum { FRAMES_MAX = 4 };

/* What lay in the store at some time: a copy, as somebody may keep it. */
struct kept {
    struct object_attributes attributes;
    struct buffer seal;
    struct buffer body;
    struct span frames[FRAMES_MAX]; /* in `body`; empty behind the last */
    unsigned count;
};

static void keep(const struct memory_object *object, struct kept *kept)
{
    struct frame_header header;
    struct error error;
    *kept = (struct kept){.attributes = object->attributes};
    buffer_init(&kept->seal, 0);
    buffer_init(&kept->body, 0);
    buffer_append(&kept->seal, object->attributes.seal);
    buffer_append(&kept->body, span_of(object->body.data, object->body.size));
    kept->attributes.seal = buffer_span(&kept->seal);
    kept->attributes.metadata = SPAN_EMPTY;
    kept->attributes.stored_etag[0] = '\0';
    for (struct span left = buffer_span(&kept->body); left.size > 0;) {
        ck_assert(frame_header_decode(left, left.size, &header, &error));
        kept->frames[kept->count] = span_take(left, header.header_size + (size_t)header.payload_size);
        left = span_skip(left, kept->frames[kept->count++].size);
    }
}

static void drop(struct kept *kept)
{
    buffer_free(&kept->seal);
    buffer_free(&kept->body);
}

/* Under the seal of `kept`, an object of three frames, any of which may be empty. */
static void put_frames(const struct kept *kept, const char *key, const struct span frames[3])
{
    struct buffer body;
    buffer_init(&body, 0);
    for (unsigned i = 0; i < 3; i++)
        buffer_append(&body, frames[i]);
    memory_store_put(&store, key, &kept->attributes, buffer_span(&body), SPAN_EMPTY);
    buffer_free(&body);
}

static void expect_refused(const char *key, struct span body)
{
    for (unsigned way = 0; way < 2; way++) {
        struct error error = {0};
        uint64_t done;
        store.whole_body_max = way == 0 ? 0 : SIZE_MAX;
        ck_assert(!download_range(codecs, &store, key, body, 0, body.size, &done, &error));
        ck_assert_uint_lt(done, body.size);
        ck_assert_str_eq(error.code, S3_InternalError);
    }
}

static void exchange_frames(void *argument)
{
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    uint8_t *text = make_text(3 * MIB);
    struct span body = span_of(text, 3 * MIB);
    struct kept old;
    struct kept now;
    keep(seal("key", body, true), &old); /* the same bytes, under the same name */
    keep(seal("key", body, true), &now);
    ck_assert_uint_eq(now.count, 3);
    const struct span *f = now.frames;
    const struct span cases[][3] = {
        {f[1], f[0], f[2]},
        {f[2], f[1], f[0]},
        {f[0], f[0], f[2]},
        {f[0], f[1], f[1]},
        {f[0], f[1], SPAN_EMPTY},
        {f[1], f[2], SPAN_EMPTY},
        {SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY},
        {f[0], old.frames[1], f[2]},
        {old.frames[0], old.frames[1], old.frames[2]},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_frames(&now, "key", cases[i]);
        expect_refused("key", body);
    }
    put_frames(&now, "key", f);
    must_download(codecs, &store, "key", body, 0, body.size);
    put_frames(&now, "renamed", f);
    expect_refused("renamed", body);
    put_frames(&old, "key", old.frames); /* a whole older state: nothing here can tell */
    must_download(codecs, &store, "key", body, 0, body.size);
    drop(&old);
    drop(&now);
    free(text);
    end();
}

START_TEST(frames_cannot_be_exchanged)
{
    run_on_loop(exchange_frames, NULL);
}
END_TEST

/* Plain frames under a seal, sealed frames without one, a raw body under one. */
static void change_kinds(void *argument)
{
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    uint8_t *text = make_text(3 * MIB);
    struct span body = span_of(text, 3 * MIB);
    struct kept plain;
    struct kept sealed;
    keep(must_upload(codecs, &store, "key", body), &plain);
    keep(seal("key", body, true), &sealed);
    put_frames(&sealed, "key", plain.frames);
    expect_refused("key", body);
    put_frames(&plain, "key", sealed.frames); /* whose seal was taken away */
    expect_refused("key", body);
    sealed.attributes.layout = LAYOUT_RAW;
    memory_store_put(&store, "key", &sealed.attributes, body, SPAN_EMPTY);
    expect_refused("key", body);
    drop(&plain);
    drop(&sealed);
    free(text);
    end();
}

START_TEST(kinds_cannot_be_changed)
{
    run_on_loop(change_kinds, NULL);
}
END_TEST

/* Each bit of the seal, another size, another object's seal. */
static void change_seals(void *argument)
{
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    uint8_t *text = make_text(3000);
    struct span body = span_of(text, 3000);
    struct memory_object *object = seal("key", body, true);
    uint8_t *bytes = object->seal.data;
    struct error error;
    uint64_t done;
    for (size_t bit = 0; bit < 8 * object->seal.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!download_range(codecs, &store, "key", body, 0, body.size, &done, &error));
        ck_assert_uint_eq(done, 0);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    must_download(codecs, &store, "key", body, 0, body.size);

    object->attributes.original_size--;
    ck_assert(!download_range(codecs, &store, "key", body, 0, body.size - 1, &done, &error));
    object->attributes.original_size++;

    struct memory_object *other = seal("other", body, true);
    struct span own = object->attributes.seal;
    object->attributes.seal = other->attributes.seal;
    expect_refused("key", body);
    object->attributes.seal = own;
    must_download(codecs, &store, "key", body, 0, body.size);
    free(text);
    end();
}

START_TEST(seals_cannot_be_changed)
{
    run_on_loop(change_seals, NULL);
}
END_TEST

/* No keyring, another keyring, a store that keeps no seals: nothing is stored, nothing is read. */
static void lack_keys(void *argument)
{
    (void)argument;
    struct object_digest digest;
    struct error error;
    uint64_t done;
    struct upload upload = {.key = "new", .body = SPAN("body"), .is_size_known = true, .is_sealed = true};
    begin(OBJECT_CODEC_AUTO);
    seal("key", SPAN("body"), true);
    store.store.capabilities.keeps_seals = false;
    ck_assert(!upload_body(codecs, &store, &upload, &digest, &error));
    ck_assert_str_eq(error.code, S3_NotImplemented);
    store.store.capabilities.keeps_seals = true;

    struct keyring *other = make_keyring();
    codecs->settings.keyring = other;
    ck_assert(!download_range(codecs, &store, "key", SPAN("body"), 0, 4, &done, &error));
    ck_assert_str_eq(error.code, S3_InternalError);
    codecs->settings.keyring = NULL;
    ck_assert(!download_range(codecs, &store, "key", SPAN("body"), 0, 4, &done, &error));
    ck_assert_str_eq(error.code, S3_InternalError);
    ck_assert(!upload_body(codecs, &store, &upload, &digest, &error));
    ck_assert_str_eq(error.code, S3_NotImplemented);
    ck_assert_ptr_null(memory_store_find(&store, "new"));
    keyring_free(other);
    end();
}

START_TEST(without_keys_nothing_is_done)
{
    run_on_loop(lack_keys, NULL);
}
END_TEST

/* Hashes are shown by the veil, of every algorithm, and of nobody without the key. */
static void veil(void *argument)
{
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    struct memory_object *object = seal("key", SPAN("body"), true);
    const struct object_attributes clear = object->attributes; /* the memory store keeps what it is told */
    struct object_attributes seen = {.seal = clear.seal};
    struct veil of_keyring = object_seal_veil(keyring);
    veil_lift(&of_keyring, &seen);
    ck_assert_str_eq(seen.etag, clear.etag);
    ck_assert(seen.has_crc32c && seen.crc32c == clear.crc32c);
    ck_assert_int_eq(seen.checksum.algorithm, CHECKSUM_SHA256);
    ck_assert_mem_eq(seen.checksum.bytes, clear.checksum.bytes, SHA256_BYTES);

    struct keyring *other = make_keyring();
    struct veil of_other = object_seal_veil(other);
    struct object_attributes unseen = {.seal = clear.seal};
    veil_lift(&of_other, &unseen);
    veil_lift(NULL, &unseen);
    ck_assert(unseen.etag[0] == '\0' && !unseen.has_crc32c && unseen.checksum.algorithm == CHECKSUM_NONE);
    keyring_free(other);
    end();
}

START_TEST(hashes_are_behind_a_veil)
{
    run_on_loop(veil, NULL);
}
END_TEST

/* The seal of an object whose ETag and checksum are those of no other number: some of parts, some without a checksum.
 */
static struct span make_seal(struct keyring *of, unsigned number, uint8_t ret_seal[SEAL_RECORD_BYTES_MAX])
{
    static const uint8_t key[AES_KEY_BYTES] = {1};
    static const uint8_t map[SEAL_MAP_BYTES] = {2};
    bool has_parts = number % 8 == 3;
    struct object_attributes clear = {.etag = ""};
    struct seal_nonces nonces;
    random_fill(random_system(), &nonces, sizeof nonces);
    const struct object_sealing sealing = {
        .nonces = &nonces, .mode = SEAL_KEYRING, .key = key, .map = has_parts ? map : NULL};
    const struct object_name name = name_of("key");
    (void)snprintf(clear.etag, sizeof clear.etag, has_parts ? "%032x-%u" : "%032x", number + 1, number);
    if (number % 3 > 0)
        clear.checksum = (struct checksum_value){.algorithm = CHECKSUM_SHA256,
                                                 .type = number % 3 == 1 ? CHECKSUM_COMPOSITE : CHECKSUM_FULL_OBJECT};
    return span_of(ret_seal, object_seal_make(of, &name, &clear, &sealing, ret_seal));
}

/* A page of a list: each entry is shown what it would be alone, whatever lies beside it. */
static void page(void *argument)
{
    enum { COUNT = VEILED_ENTRIES_MAX };
    static uint8_t seals[COUNT][SEAL_RECORD_BYTES_MAX];
    static struct list_entry entries[COUNT];
    static struct veiled_entry veiled[COUNT];
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    struct keyring *other = make_keyring();
    struct veil of_keyring = object_seal_veil(keyring);
    for (unsigned i = 0; i < COUNT; i++) {
        veiled[i] = (struct veiled_entry){make_seal(i / 5 % 4 == 1 ? other : keyring, i, seals[i]), &entries[i]};
        veiled[i].seal.size -= i % 11 == 7; /* damaged */
    }
    of_keyring.lift_entries(of_keyring.context, veiled, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct object_attributes alone = {.seal = veiled[i].seal};
        veil_lift(&of_keyring, &alone);
        ck_assert_str_eq(entries[i].etag, alone.etag);
        ck_assert_int_eq(entries[i].checksum_algorithm, alone.checksum.algorithm);
        ck_assert_int_eq(entries[i].checksum_type, alone.checksum.type);
        ck_assert((alone.etag[0] != '\0') == (i / 5 % 4 != 1 && i % 11 != 7));
    }
    keyring_free(other);
    end();
}

START_TEST(a_page_is_behind_a_veil)
{
    run_on_loop(page, NULL);
}
END_TEST

/* ---- seals made anew ---- */

/* `written` and `to`: keys of objects. The new seal takes the place of the old one in `attributes`. */
static bool renew(const char *written, const char *to, struct object_attributes *attributes, struct error *error)
{
    static uint8_t kept[SEAL_RECORD_BYTES_MAX];
    uint8_t made[SEAL_RECORD_BYTES_MAX];
    size_t size;
    const struct object_name from = name_of(written);
    const struct object_name name = name_of(to);
    const struct object_seal_renewal renewal = {&from, &name};
    if (!object_seal_renew(keyring, &renewal, attributes, made, &size, error))
        return false;
    ck_assert_uint_eq(size, attributes->seal.size);
    ck_assert(!span_equal(span_of(made, size), attributes->seal));
    memcpy(kept, made, size);
    attributes->seal = span_of(kept, size);
    return true;
}

static void be_renewed(void *argument)
{
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    struct error error;
    struct object_secret before;
    struct object_secret after;
    struct object_attributes attributes = seal("key", SPAN("body"), true)->attributes;
    const struct object_attributes first = attributes;
    const struct object_name name = name_of("key");
    const struct object_name elsewhere = name_of("elsewhere");
    ck_assert(object_seal_open(keyring, &name, NULL, &first, &before, &error));
    ck_assert(renew("key", "key", &attributes, &error));
    ck_assert(object_seal_open(keyring, &name, NULL, &attributes, &after, &error));
    ck_assert_mem_eq(before.data_key, after.data_key, AES_KEY_BYTES); /* the body is the same */
    struct veil of_keyring = object_seal_veil(keyring);
    struct object_attributes seen = {.seal = attributes.seal};
    veil_lift(&of_keyring, &seen);
    ck_assert_str_eq(seen.etag, first.etag);
    ck_assert_mem_eq(seen.checksum.bytes, first.checksum.bytes, SHA256_BYTES);

    ck_assert(renew("key", "elsewhere", &attributes, &error));
    ck_assert(object_seal_open(keyring, &elsewhere, NULL, &attributes, &after, &error));
    ck_assert(!object_seal_open(keyring, &name, NULL, &attributes, &after, &error));
    ck_assert(!renew("key", "key", &attributes, &error)); /* it was not written there */
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    attributes.original_size++;
    ck_assert(!renew("elsewhere", "elsewhere", &attributes, &error));
    ck_assert_int_eq(error.kind, ERROR_DAMAGED);
    end();
}

START_TEST(seals_are_made_anew)
{
    run_on_loop(be_renewed, NULL);
}
END_TEST

/* What a later version may have written into one byte of it is no damage. */
static void be_newer(void *argument)
{
    enum { AT_VERSION = 0, AT_MODE = 1, AT_FLAGS = 2 };
    static const struct {
        unsigned at;
        uint8_t byte;
    } newer[] = {{AT_VERSION, 2}, {AT_MODE, 'z'}, {AT_FLAGS, 0x80}};
    (void)argument;
    begin(OBJECT_CODEC_AUTO);
    uint8_t bytes[SEAL_RECORD_BYTES_MAX];
    struct error error;
    struct object_secret secret;
    struct object_attributes attributes = seal("key", SPAN("body"), true)->attributes;
    const struct object_name name = name_of("key");
    memcpy(bytes, attributes.seal.data, attributes.seal.size);
    attributes.seal = span_of(bytes, attributes.seal.size);
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        uint8_t before = bytes[newer[i].at];
        bytes[newer[i].at] = newer[i].byte;
        ck_assert(!object_seal_open(keyring, &name, NULL, &attributes, &secret, &error));
        ck_assert_str_eq(error.code, S3_NotImplemented);
        ck_assert_ptr_nonnull(strstr(error.message, "a newer version of Bale"));
        bytes[newer[i].at] = before;
    }
    ck_assert(object_seal_open(keyring, &name, NULL, &attributes, &secret, &error));
    static uint8_t longest[SEAL_RECORD_BYTES_MAX + 1];
    const struct object_attributes longer = {.seal = span_of(longest, sizeof longest)};
    memcpy(longest, bytes, attributes.seal.size);
    ck_assert(!object_seal_open(keyring, &name, NULL, &longer, &secret, &error));
    ck_assert_str_eq(error.code, S3_NotImplemented);
    attributes.seal.size--;
    ck_assert(!object_seal_open(keyring, &name, NULL, &attributes, &secret, &error));
    ck_assert_str_eq(error.code, S3_InternalError);
    end();
}

START_TEST(what_is_newer_is_no_damage)
{
    run_on_loop(be_newer, NULL);
}
END_TEST

/* ---- customers' keys ---- */

static const struct customer_key mine = {.bytes = {1}};
static const struct customer_key another = {.bytes = {2}};

static void put_for(const struct customer_key *customer, const char *key, struct span body)
{
    struct object_digest digest;
    struct error error;
    const struct upload upload = {
        .key = key, .body = body, .is_size_known = true, .is_sealed = true, .customer = customer};
    bool done = upload_body(codecs, &store, &upload, &digest, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    strcpy(memory_store_find(&store, key)->attributes.stored_etag, "etag"); /* nothing is kept of what has none */
}

static void expect_code(const struct customer_key *customer, const char *key, struct span body, const char *code)
{
    struct error error;
    uint64_t done;
    reading_key = customer;
    ck_assert(!download_range(codecs, &store, key, body, 0, body.size, &done, &error));
    ck_assert_str_eq(error.code, code);
    reading_key = NULL;
}

static bool is_kept_decoded(const char *key)
{
    struct object_name name = name_of(key);
    struct frame_entry *entry =
        frame_cache_find(codecs->frames, &name, &memory_store_find(&store, key)->attributes, 0, 1);
    frame_entry_give(entry);
    return entry != NULL;
}

/* Their key alone opens them, also the empty one, whose bytes are known to everybody; and no cache keeps what it has
 * opened. */
static void bring_keys(void *argument)
{
    (void)argument;
    static const char *const bodies[] = {"body", ""};
    begin(OBJECT_CODEC_AUTO);
    store.whole_body_max = SIZE_MAX;
    for (size_t i = 0; i < 2; i++) {
        struct span body = span_from_string(bodies[i]);
        put_for(&mine, "theirs", body);
        reading_key = &mine;
        for (unsigned times = 0; times < 3; times++)
            must_download(codecs, &store, "theirs", body, 0, body.size);
        expect_code(&another, "theirs", body, S3_AccessDenied);
        expect_code(NULL, "theirs", body, S3_InvalidRequest);
        ck_assert(!is_kept_decoded("theirs"));
    }
    put_for(NULL, "ours", SPAN("body"));
    expect_code(&mine, "ours", SPAN("body"), S3_InvalidRequest);
    for (unsigned times = 0; times < 3; times++)
        must_download(codecs, &store, "ours", SPAN("body"), 0, 4);
    ck_assert(is_kept_decoded("ours")); /* or the above would prove nothing */
    end();
}

START_TEST(customers_keys_open_what_is_theirs)
{
    run_on_loop(bring_keys, NULL);
}
END_TEST

/* The ETag tells nothing of the bytes, and is another one for each object; every bit of the seal counts. */
static void change_customers_seal(void *argument)
{
    (void)argument;
    struct error error;
    uint64_t done;
    begin(OBJECT_CODEC_AUTO);
    put_for(&mine, "first", SPAN("body"));
    put_for(&mine, "second", SPAN("body"));
    put_for(NULL, "ours", SPAN("body"));
    struct memory_object *first = memory_store_find(&store, "first");
    ck_assert_str_ne(first->attributes.etag, memory_store_find(&store, "second")->attributes.etag);
    ck_assert_str_ne(first->attributes.etag, memory_store_find(&store, "ours")->attributes.etag);
    reading_key = &mine;
    for (size_t bit = 0; bit < 8 * first->seal.size; bit++) {
        first->seal.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(!download_range(codecs, &store, "first", SPAN("body"), 0, 4, &done, &error));
        first->seal.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    must_download(codecs, &store, "first", SPAN("body"), 0, 4);
    reading_key = NULL;
    end();
}

START_TEST(customers_seals_cannot_be_changed)
{
    run_on_loop(change_customers_seal, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sealed");
    TCase *tcase = tcase_create("sealed");
    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, sealed_bodies_go_both_ways);
    tcase_add_test(tcase, frames_cannot_be_exchanged);
    tcase_add_test(tcase, kinds_cannot_be_changed);
    tcase_add_test(tcase, seals_cannot_be_changed);
    tcase_add_test(tcase, without_keys_nothing_is_done);
    tcase_add_test(tcase, hashes_are_behind_a_veil);
    tcase_add_test(tcase, a_page_is_behind_a_veil);
    tcase_add_test(tcase, seals_are_made_anew);
    tcase_add_test(tcase, what_is_newer_is_no_damage);
    tcase_add_test(tcase, customers_keys_open_what_is_theirs);
    tcase_add_test(tcase, customers_seals_cannot_be_changed);
    return run_suite(suite);
}
