/* tests/unit/remote/rows_test.c -- rows as bytes, in memory and in the file; trailers; a file that was not closed. */
#include "store/remote/rows/rows.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/bale-rows-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct row row_with(const char *stored_etag, uint64_t size)
{
    struct row row = {
        .attributes = {.original_size = size,
                       .stored_size = size / 2,
                       .sidecar_size = 108,
                       .modified_ms = 1234567,
                       .etag = "0123456789abcdef0123456789abcdef-12",
                       .layout = LAYOUT_FRAMED,
                       .codec = 1,
                       .is_s4 = true,
                       .is_multipart = true,
                       .is_size_known = true,
                       .has_crc32c = true,
                       .crc32c = 99,
                       .dictionary = "0123456789abcdef",
                       .revision = 0x0102030405060708,
                       .checksum = {.algorithm = CHECKSUM_SHA1, .type = CHECKSUM_COMPOSITE, .parts_count = 12},
                       .parts_count = 12},
        .is_stamped = true,
        .trailer = STAMP_TRAILER_BYTES,
        .trailer_bytes = 3000,
        .was_said_before = true,
        .kept_ms = 784111777123,
        .storage_class = "GLACIER_IR",
        .owner = "alice",
    };
    (void)snprintf(row.attributes.stored_etag, sizeof row.attributes.stored_etag, "%s", stored_etag);
    return row;
}

static void key_of(unsigned number, uint8_t ret_key[ROW_KEY_BYTES])
{
    char text[16];
    int size = snprintf(text, sizeof text, "%u", number);
    row_key(SPAN("bucket"), span_of(text, (size_t)size), ret_key);
}

START_TEST(as_bytes)
{
    struct row row = row_with("an ETag", 1000);
    struct row again;
    uint8_t bytes[ROW_BYTES_MAX];
    struct span encoded = span_of(bytes, row_encode(&row, bytes));
    ck_assert(row_decode(encoded, &again));
    ck_assert_str_eq(again.attributes.stored_etag, "an ETag");
    ck_assert_str_eq(again.attributes.etag, row.attributes.etag);
    ck_assert_str_eq(again.owner, "alice");
    ck_assert_str_eq(again.attributes.dictionary, row.attributes.dictionary);
    ck_assert_uint_eq(again.attributes.revision, 0x0102030405060708);
    ck_assert_uint_eq(again.attributes.original_size, 1000);
    ck_assert_uint_eq(again.attributes.sidecar_size, 108);
    ck_assert_uint_eq(again.trailer_bytes, 3000);
    ck_assert_int_eq(again.kept_ms, 784111777123);
    ck_assert_str_eq(again.storage_class, "GLACIER_IR");
    ck_assert_int_eq(row_shown_ms(&again, again.attributes.modified_ms), 784111777123);
    ck_assert(again.is_stamped && again.was_said_before && again.attributes.is_multipart);
    ck_assert_int_eq(again.attributes.checksum.algorithm, CHECKSUM_SHA1);
    for (size_t i = 0; i < encoded.size; i++)
        ck_assert(!row_decode(span_take(encoded, i), &again));
    bytes[0]++;
    ck_assert(!row_decode(encoded, &again));
}
END_TEST

/* What the seal of encrypted rows says, and who asks for it. */
static void lift(void *context, struct object_attributes *attributes)
{
    unsigned *lifted = context;
    (*lifted)++;
    ck_assert(span_equal(attributes->seal, SPAN("sealed")));
    (void)snprintf(attributes->etag, sizeof attributes->etag, "true");
}

static struct row encrypted_row(void)
{
    struct row row = row_with("an ETag", 1000);
    row.seal_size = (uint16_t)strlen("sealed");
    memcpy(row.seal, "sealed", row.seal_size);
    return row;
}

/* Hashes of an encrypted object are in no bytes; a row that has both is none. */
START_TEST(encrypted_as_bytes)
{
    struct row row = encrypted_row();
    struct row again;
    uint8_t bytes[ROW_BYTES_MAX];
    unsigned lifted = 0;
    const struct veil veil = {.lift = lift, .context = &lifted};
    struct span encoded = span_of(bytes, row_encode(&row, bytes));
    ck_assert(row_decode(encoded, &again));
    ck_assert_str_eq(again.attributes.etag, "");
    ck_assert(!again.attributes.has_crc32c && again.attributes.crc32c == 0);
    ck_assert_int_eq(again.attributes.checksum.algorithm, CHECKSUM_NONE);
    ck_assert(span_equal(span_of(again.seal, again.seal_size), SPAN("sealed")));
    row_lift_veil(&again, &veil);
    ck_assert_str_eq(again.attributes.etag, "true");
    ck_assert(again.attributes.seal.size == 0 && lifted == 1);
    for (size_t i = 0; i < encoded.size; i++)
        ck_assert(!row_decode(span_take(encoded, i), &again));

    row.seal_size = 0;
    size_t plain = row_encode(&row, bytes);
    memcpy(bytes + plain, "sealed", strlen("sealed"));
    bytes[169] = (uint8_t)strlen("sealed"); /* where the size of the seal is */
    ck_assert(!row_decode(span_of(bytes, plain + strlen("sealed")), &again));
}
END_TEST

/* In memory the hashes are there; what comes from the file is asked for. */
START_TEST(encrypted_in_the_file)
{
    struct error error;
    make_folder();
    unsigned lifted = 0;
    const struct veil veil = {.lift = lift, .context = &lifted};
    uint8_t key[ROW_KEY_BYTES];
    key_of(1, key);
    for (unsigned start = 0; start < 2; start++) {
        struct rows *rows = rows_open(folder, 64 << 20, &veil, &error);
        ck_assert_ptr_nonnull(rows);
        struct rows_shard *shard = rows_attach(rows);
        struct row row = encrypted_row();
        struct row found;
        if (start == 0)
            rows_put(shard, key, &row);
        ck_assert(rows_find(shard, key, &found));
        ck_assert_str_eq(found.attributes.etag, start == 0 ? row.attributes.etag : "true");
        ck_assert_uint_eq(lifted, start);
        rows_detach(shard);
        rows_close(rows);
    }
    remove_folder();
}
END_TEST

START_TEST(in_memory)
{
    struct error error;
    struct rows *rows = rows_open(NULL, 0, NULL, &error);
    struct rows_shard *shard = rows_attach(rows);
    struct row found;
    uint8_t key[ROW_KEY_BYTES];
    for (unsigned i = 0; i < 500; i++) {
        struct row row = row_with("e", i);
        key_of(i, key);
        rows_put(shard, key, &row);
    }
    for (unsigned i = 0; i < 500; i++) {
        key_of(i, key);
        ck_assert(rows_find(shard, key, &found));
        ck_assert_uint_eq(found.attributes.original_size, i);
        rows_drop(shard, key);
        ck_assert(!rows_find(shard, key, &found));
    }
    rows_detach(shard);
    rows_close(rows);
}
END_TEST

/* What is asked for stays, however many others come. */
START_TEST(used_ones_stay_in_memory)
{
    enum { USED = 100, COUNT = 10 * ROWS_IN_MEMORY };
    struct error error;
    struct rows *rows = rows_open(NULL, 0, NULL, &error);
    struct rows_shard *shard = rows_attach(rows);
    struct row found;
    uint8_t key[ROW_KEY_BYTES];
    for (unsigned i = 0; i < COUNT; i++) {
        struct row row = row_with("e", i);
        key_of(i, key);
        rows_put(shard, key, &row);
        for (unsigned used = 0; used < USED && i >= USED && i % USED == 0; used++) {
            key_of(used, key);
            ck_assert(rows_find(shard, key, &found));
            ck_assert_uint_eq(found.attributes.original_size, used);
        }
    }
    rows_detach(shard);
    rows_close(rows);
}
END_TEST

/* More than memory holds; and again after the file was closed. */
START_TEST(in_the_file)
{
    enum { COUNT = 3 * ROWS_IN_MEMORY };
    struct error error;
    struct row found;
    uint8_t key[ROW_KEY_BYTES];
    make_folder();
    struct rows *rows = rows_open(folder, 64 << 20, NULL, &error);
    ck_assert_msg(rows != NULL, "%s", error.message);
    struct rows_shard *shard = rows_attach(rows);
    for (unsigned i = 0; i < COUNT; i++) {
        struct row row = row_with("e", i);
        key_of(i, key);
        rows_put(shard, key, &row);
    }
    key_of(7, key);
    rows_drop(shard, key);
    rows_detach(shard);
    rows_close(rows);

    rows = rows_open(folder, 64 << 20, NULL, &error);
    shard = rows_attach(rows);
    for (unsigned i = 0; i < COUNT; i++) {
        key_of(i, key);
        ck_assert(rows_find(shard, key, &found) == (i != 7));
        if (i != 7)
            ck_assert_uint_eq(found.attributes.original_size, i);
    }
    rows_detach(shard);
    rows_close(rows);

    char mark[96]; /* as after a crash: nothing of it is believed */
    (void)snprintf(mark, sizeof mark, "%s/rows.closed", folder);
    ck_assert_int_eq(unlink(mark), 0);
    rows = rows_open(folder, 64 << 20, NULL, &error);
    shard = rows_attach(rows);
    key_of(1, key);
    ck_assert(!rows_find(shard, key, &found));
    rows_detach(shard);
    rows_close(rows);
    remove_folder();
}
END_TEST

static void wait_until_taken(const struct rows *rows, uint64_t count)
{
    struct rows_usage usage;
    do {
        (void)usleep(1000);
        rows_usage(rows, &usage);
    } while (usage.written + usage.lost < count);
}

/* The file stays within its bound however many rows come, and what came last is there. */
START_TEST(two_tables_in_turn)
{
    enum { COUNT = 200000, LAST = 1000 };
    struct error error;
    struct row found;
    struct rows_usage usage;
    uint8_t key[ROW_KEY_BYTES];
    make_folder();
    struct rows *rows = rows_open(folder, 16 << 20, NULL, &error);
    ck_assert_msg(rows != NULL, "%s", error.message);
    struct rows_shard *shard = rows_attach(rows);
    for (unsigned i = 0; i < COUNT; i++) {
        struct row row = row_with("e", i);
        key_of(i, key);
        rows_put(shard, key, &row);
        if (i % 10000 == 0)
            wait_until_taken(rows, i); /* the writing thread keeps up */
    }
    for (unsigned i = 0; i < 2 * LAST; i++) { /* a batch that meets a full map is lost, the one after it is not */
        struct row row = row_with("e", COUNT - LAST + i % LAST);
        key_of(COUNT - LAST + i % LAST, key);
        if (i % LAST == 0)
            wait_until_taken(rows, COUNT + i);
        rows_put(shard, key, &row);
    }
    rows_usage(rows, &usage);
    ck_assert_uint_le(usage.file_bytes, 16 << 20);
    ck_assert_uint_gt(usage.written, COUNT / 2);
    char path[96];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/rows.mdb", folder);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_le(status.st_size, 16 << 20);
    rows_detach(shard);
    rows_close(rows);
    rows = rows_open(folder, 16 << 20, NULL, &error);
    shard = rows_attach(rows);
    unsigned there = 0;
    for (unsigned i = COUNT - LAST; i < COUNT; i++) {
        key_of(i, key);
        there += rows_find(shard, key, &found) && found.attributes.original_size == i;
    }
    ck_assert_uint_ge(there, LAST * 9 / 10);
    rows_detach(shard);
    rows_close(rows);
    remove_folder();
}
END_TEST

/* ---- trailers ---- */

static const struct kept_trailer *keep(struct rows_shard *shard, unsigned number, const char *etag, size_t size)
{
    struct buffer frame = {0};
    uint8_t key[ROW_KEY_BYTES];
    const struct trailer trailer = {.body_size = number};
    key_of(number, key);
    ck_assert(buffer_reserve(&frame, size));
    frame.size = size;
    return rows_keep_trailer(shard, key, span_from_string(etag), &frame, &trailer);
}

START_TEST(trailers)
{
    struct error error;
    struct rows *rows = rows_open(NULL, 0, NULL, &error);
    struct rows_shard *shard = rows_attach(rows);
    uint8_t key[ROW_KEY_BYTES];
    const struct kept_trailer *held = keep(shard, 1, "e1", 1000);
    key_of(1, key);
    const struct kept_trailer *found = rows_find_trailer(shard, key, SPAN("e1"));
    ck_assert(found == held);
    rows_give_trailer(shard, found);
    ck_assert(rows_find_trailer(shard, key, SPAN("e2")) == NULL); /* of another body: it is forgotten */
    ck_assert(rows_find_trailer(shard, key, SPAN("e1")) == NULL);
    ck_assert_uint_eq(held->trailer.body_size, 1); /* but not before its reader has gone */
    rows_give_trailer(shard, held);
    for (unsigned i = 0; i < 40; i++)
        rows_give_trailer(shard, keep(shard, i, "e", 1 << 20)); /* more than are kept */
    key_of(39, key);
    found = rows_find_trailer(shard, key, SPAN("e"));
    ck_assert(found != NULL && found->trailer.body_size == 39);
    rows_give_trailer(shard, found);
    key_of(0, key);
    ck_assert(rows_find_trailer(shard, key, SPAN("e")) == NULL);
    rows_give_trailer(shard, keep(shard, 100, "e", TRAILER_KEPT_BYTES_MAX + 1)); /* too large to be kept */
    key_of(100, key);
    ck_assert(rows_find_trailer(shard, key, SPAN("e")) == NULL);
    rows_detach(shard);
    rows_close(rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote rows");
    TCase *cases = tcase_create("rows");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, as_bytes);
    tcase_add_test(cases, encrypted_as_bytes);
    tcase_add_test(cases, encrypted_in_the_file);
    tcase_add_test(cases, in_memory);
    tcase_add_test(cases, used_ones_stay_in_memory);
    tcase_add_test(cases, in_the_file);
    tcase_add_test(cases, two_tables_in_turn);
    tcase_add_test(cases, trailers);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
