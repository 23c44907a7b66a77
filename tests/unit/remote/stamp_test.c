/* tests/unit/remote/stamp_test.c -- `s4-bale`: both ways, what is passed over, and what is refused. */
#include "store/remote/format/stamp.h"

#include "store/remote/format/trailer.h"
#include "tests/unit/run_suite.h"

static const struct object_stamp stamp = {
    .nonce = {0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00},
    .body_nonce = {1},
    .trailer = STAMP_TRAILER_BYTES,
    .trailer_bytes = 3210,
    .is_metadata_in_trailer = true,
    .is_counted = true,
    .ledger = {1, 2, 3},
    .name = {0x80, 0xff},
    .checksum = {.algorithm = CHECKSUM_CRC32C, .bytes = {0xe1, 0xac, 0x12, 0xb0}},
};

START_TEST(writes_and_reads)
{
    struct buffer text = {0};
    struct object_stamp again;
    stamp_encode(&stamp, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("1;n=_-7dzLuqmYh3ZlVEMyIRAA;t=3210;"
                                                      "b=AQAAAAAAAAAAAAAAAAAAAA;u=t;"
                                                      "l=AQIDAAAAAAAAAAAAAAAAAA/gP8AAAAAAAA;"
                                                      "c=CRC32C FULL_OBJECT 4awSsA==")),
                  "%.*s", SPAN_FORMAT(buffer_span(&text)));
    ck_assert_uint_le(text.size, STAMP_TEXT_BYTES_MAX);
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_mem_eq(again.nonce, stamp.nonce, STAMP_NONCE_BYTES);
    ck_assert_mem_eq(again.body_nonce, stamp.body_nonce, STAMP_NONCE_BYTES);
    ck_assert(again.trailer == STAMP_TRAILER_BYTES && again.trailer_bytes == 3210 && again.is_metadata_in_trailer);
    ck_assert(again.is_counted);
    ck_assert_mem_eq(again.ledger, stamp.ledger, STAMP_LEDGER_BYTES);
    ck_assert_mem_eq(again.name, stamp.name, STAMP_NAME_BYTES);
    ck_assert(again.checksum.algorithm == CHECKSUM_CRC32C && again.checksum.type == CHECKSUM_FULL_OBJECT);
    buffer_free(&text);
}
END_TEST

START_TEST(longest_fits_its_bound)
{
    struct object_stamp longest = stamp;
    longest.kept_ms = INT64_C(253402300799999);
    longest.made_of_count = STAMP_ETAGS_MAX;
    longest.level = STAMP_LEVEL_MAX;
    memset(longest.storage_class, 'A', STAMP_CLASS_BYTES - 1);
    struct buffer text = {0};
    longest.trailer_bytes = TRAILER_BYTES_MAX;
    longest.checksum.algorithm = CHECKSUM_SHA256;
    longest.checksum.type = CHECKSUM_COMPOSITE;
    longest.checksum.parts_count = 10000;
    stamp_encode(&longest, &text);
    ck_assert_uint_le(text.size, STAMP_TEXT_BYTES_MAX);
    struct object_stamp again;
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_uint_eq(again.checksum.parts_count, 10000);
    ck_assert_int_eq(again.kept_ms, longest.kept_ms);
    buffer_free(&text);
}
END_TEST

/* What a rule made of it, and of what. */
START_TEST(a_class_and_an_origin_are_kept)
{
    struct object_stamp moved = {.nonce = {1}, .name = {0x80, 0xff}, .kept_ms = 784111777123, .made_of_count = 2};
    struct object_stamp again;
    struct buffer text = {0};
    memcpy(moved.storage_class, "GLACIER_IR", sizeof "GLACIER_IR");
    stamp_revision_digest(SPAN("one"), moved.made_of[0]);
    stamp_revision_digest(SPAN("other"), moved.made_of[1]);
    stamp_encode(&moved, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("1;n=AQAAAAAAAAAAAAAAAAAAAA;m=784111777123/gP8AAAAAAAA;"
                                                      "k=GLACIER_IR;o=dpLDrTVAu4A/2SmKENGwc1g")),
                  "%.*s", SPAN_FORMAT(buffer_span(&text)));
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_str_eq(again.storage_class, "GLACIER_IR");
    ck_assert(stamp_is_made_of(&again, SPAN("one")) && stamp_is_made_of(&again, SPAN("other")));
    ck_assert(!stamp_is_made_of(&again, SPAN("another")));
    again.kept_ms = 0; /* of another name */
    ck_assert(!stamp_is_made_of(&again, SPAN("one")));
    static const char *const others[] = {"k=glacier", "k=A_CLASS_OF_TWENTY_FIVE_LETTERS", "k=A\"B", "o=", "o=AAAA",
                                         "o=/"};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) { /* they say nothing, and the rest counts */
        buffer_clear(&text);
        buffer_append_format(&text, "1;n=AQAAAAAAAAAAAAAAAAAAAA;m=1/gP8AAAAAAAA;%s", others[i]);
        ck_assert(stamp_decode(buffer_span(&text), &again));
        ck_assert(again.storage_class[0] == '\0' && again.made_of_count == 0 && again.kept_ms == 1);
    }
    buffer_free(&text);
}
END_TEST

/* What a client asked for, where the backend has another: under that name alone. */
START_TEST(a_class_without_a_time_is_kept)
{
    struct object_stamp put = {.nonce = {1}, .name = {0x80, 0xff}, .storage_class = "GLACIER"};
    struct object_stamp again;
    struct buffer text = {0};
    stamp_encode(&put, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("1;n=AQAAAAAAAAAAAAAAAAAAAA;k=GLACIER/gP8AAAAAAAA")), "%.*s",
                  SPAN_FORMAT(buffer_span(&text)));
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_str_eq(again.storage_class, "GLACIER");
    ck_assert_mem_eq(again.name, put.name, STAMP_NAME_BYTES);
    static const char *const others[] = {"k=GLACIER", "k=GLACIER/", "k=GLACIER/gP8", "k=glacier/gP8AAAAAAAA",
                                         "k=A_CLASS_OF_TWENTY_FIVE_LETTERS/gP8AAAAAAAA"};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) { /* they say nothing, and the rest counts */
        buffer_clear(&text);
        buffer_append_format(&text, "1;n=AQAAAAAAAAAAAAAAAAAAAA;%s", others[i]);
        ck_assert(stamp_decode(buffer_span(&text), &again));
        ck_assert_msg(again.storage_class[0] == '\0', "%s", others[i]);
    }
    buffer_free(&text);
}
END_TEST

START_TEST(a_level_is_kept)
{
    struct object_stamp packed = {.nonce = {1}, .name = {0x80, 0xff}, .kept_ms = 1, .level = 19};
    struct object_stamp again;
    struct buffer text = {0};
    stamp_encode(&packed, &text);
    ck_assert(span_ends_with(buffer_span(&text), SPAN(";m=1/gP8AAAAAAAA;z=19")));
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_uint_eq(again.level, 19);
    static const char *const others[] = {"z=", "z=0", "z=23", "z=-7", "z=9 "};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        buffer_clear(&text);
        buffer_append_format(&text, "1;n=AQAAAAAAAAAAAAAAAAAAAA;m=1/gP8AAAAAAAA;%s", others[i]);
        ck_assert(stamp_decode(buffer_span(&text), &again));
        ck_assert_uint_eq(again.level, 0);
    }
    buffer_free(&text);
}
END_TEST

START_TEST(what_is_not_known_is_passed_over)
{
    struct object_stamp again;
    ck_assert(stamp_decode(SPAN("1;n=_-7dzLuqmYh3ZlVEMyIRAA"), &again));
    ck_assert(again.trailer == STAMP_NO_TRAILER && !again.is_counted);
    ck_assert(stamp_decode(SPAN("1;m=1700000000000;n=_-7dzLuqmYh3ZlVEMyIRAA;t=?;q=x y"), &again));
    ck_assert(again.trailer == STAMP_TRAILER_SAYS);
    ck_assert_mem_eq(again.body_nonce, stamp.nonce, STAMP_NONCE_BYTES);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    static const char *const wrong[] = {
        "",
        "1",
        "2;n=_-7dzLuqmYh3ZlVEMyIRAA",
        "1;n=_-7dzLuqmYh3ZlVEMyIRA",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAB", /* bits that mean nothing */
        "1;n=_-7dzLuqmYh3ZlVEMyIR+A",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;t=",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;t=12",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;t=99999999999999999999",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;u=t", /* ... in no trailer */
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;l=AQID/gP8AAAAAAAA",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;c=CRC32C FULL_OBJECT 4awSsA=",
        "1;n=_-7dzLuqmYh3ZlVEMyIRAA;;",
        "1;t=100",
    };
    struct object_stamp again;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!stamp_decode(span_from_string(wrong[i]), &again), "%s", wrong[i]);
}
END_TEST

/* A tombstone says whose it is. */
START_TEST(a_tombstone_is_one)
{
    const struct object_stamp tombstone = {.nonce = {7}, .is_tombstone = true, .name = {0x80, 0xff}};
    struct buffer text = {0};
    struct object_stamp again;
    stamp_encode(&tombstone, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("1;n=BwAAAAAAAAAAAAAAAAAAAA;x=gP8AAAAAAAA")), "%.*s",
                  SPAN_FORMAT(buffer_span(&text)));
    ck_assert(stamp_decode(buffer_span(&text), &again) && again.is_tombstone && !again.is_counted);
    ck_assert_mem_eq(again.name, tombstone.name, STAMP_NAME_BYTES);
    ck_assert(!stamp_decode(SPAN("1;n=BwAAAAAAAAAAAAAAAAAAAA;x="), &again));
    ck_assert(!stamp_decode(SPAN("1;n=BwAAAAAAAAAAAAAAAAAAAA;x=gP8AAAAAAAAA"), &again));
    buffer_free(&text);
}
END_TEST

START_TEST(a_time_is_kept)
{
    struct object_stamp kept = {.nonce = {1}, .name = {0x80, 0xff}, .kept_ms = 784111777123};
    struct object_stamp again;
    struct buffer text = {0};
    stamp_encode(&kept, &text);
    ck_assert_msg(span_equal(buffer_span(&text), SPAN("1;n=AQAAAAAAAAAAAAAAAAAAAA;m=784111777123/gP8AAAAAAAA")), "%.*s",
                  SPAN_FORMAT(buffer_span(&text)));
    ck_assert(stamp_decode(buffer_span(&text), &again));
    ck_assert_int_eq(again.kept_ms, 784111777123);
    ck_assert_mem_eq(again.name, kept.name, STAMP_NAME_BYTES);
    ck_assert(!again.is_counted && !again.is_tombstone);
    static const char *const others[] = {"m=", "m=0/gP8AAAAAAAA", "m=1/gP8", "m=-1/gP8AAAAAAAA",
                                         "m=253402300800000/gP8AAAAAAAA"};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) { /* they say nothing, and the rest counts */
        buffer_clear(&text);
        buffer_append_format(&text, "1;n=AQAAAAAAAAAAAAAAAAAAAA;%s", others[i]);
        ck_assert(stamp_decode(buffer_span(&text), &again));
        ck_assert_int_eq(again.kept_ms, 0);
    }
    buffer_free(&text);
}
END_TEST

START_TEST(names_differ)
{
    uint8_t a[STAMP_NAME_BYTES];
    uint8_t b[STAMP_NAME_BYTES];
    stamp_name_digest(SPAN("bucket"), SPAN("key"), a);
    ck_assert_mem_eq(a, "\x0a\x9d\x37\x0e\x05\x08\x57\x03", STAMP_NAME_BYTES); /* SHA-256 of "bucket/key" */
    stamp_name_digest(SPAN("bucket"), SPAN("kez"), b);
    ck_assert_mem_ne(a, b, STAMP_NAME_BYTES);
    stamp_name_digest(SPAN("bucket"), SPAN("key"), b);
    ck_assert_mem_eq(a, b, STAMP_NAME_BYTES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote stamp");
    TCase *cases = tcase_create("stamp");
    tcase_add_test(cases, writes_and_reads);
    tcase_add_test(cases, longest_fits_its_bound);
    tcase_add_test(cases, what_is_not_known_is_passed_over);
    tcase_add_test(cases, what_is_wrong_is_refused);
    tcase_add_test(cases, a_tombstone_is_one);
    tcase_add_test(cases, a_time_is_kept);
    tcase_add_test(cases, a_class_and_an_origin_are_kept);
    tcase_add_test(cases, a_class_without_a_time_is_kept);
    tcase_add_test(cases, a_level_is_kept);
    tcase_add_test(cases, names_differ);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
