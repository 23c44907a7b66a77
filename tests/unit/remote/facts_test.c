/* tests/unit/remote/facts_test.c -- parts as names, both ways, and names that are none. */
#include "store/remote/uploads/facts.h"

#include "store/frames.h"
#include "tests/unit/run_suite.h"

static struct part_facts facts_of(unsigned number, struct span frames)
{
    struct part_facts facts = {
        .part = {.number = number,
                 .original_size = 3 << 20,
                 .stored_size = 70000,
                 .modified_ms = INT64_C(1700000000123),
                 .md5 = "0123456789abcde",
                 .crc32c = 0xe3069283,
                 .checksum = {.algorithm = CHECKSUM_SHA256, .bytes = "the thirty-two bytes of a digest"},
                 .frames = frames},
        .body = "body of the part",
    };
    return facts;
}

static void add_frames(struct buffer *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frames_append(frames, (struct frame_sizes){i + 1 == count ? 77 : 1 << 20, 23000 + i});
}

static void expect_same(struct part_facts *facts, struct span name)
{
    struct part_facts again;
    struct buffer frames = {0};
    ck_assert(facts_decode(name, &again, &frames));
    ck_assert_uint_eq(again.part.number, facts->part.number);
    ck_assert_uint_eq(again.part.original_size, facts->part.original_size);
    ck_assert_uint_eq(again.part.stored_size, facts->part.stored_size);
    ck_assert_int_eq(again.part.modified_ms, facts->part.modified_ms);
    ck_assert_mem_eq(again.part.md5, facts->part.md5, MD5_BYTES);
    ck_assert_uint_eq(again.part.crc32c, facts->part.crc32c);
    ck_assert_int_eq(again.part.checksum.algorithm, facts->part.checksum.algorithm);
    ck_assert_mem_eq(again.part.checksum.bytes, facts->part.checksum.bytes, 32);
    ck_assert(again.is_apart == facts->is_apart && again.has_frames == facts->has_frames);
    if (facts->is_apart)
        ck_assert_mem_eq(again.body, facts->body, BODY_NAME_BYTES);
    ck_assert(span_equal(buffer_span(&frames), facts->has_frames ? facts->part.frames : SPAN_EMPTY));
    buffer_free(&frames);
}

START_TEST(with_frames_in_the_name)
{
    struct buffer frames = {0};
    struct buffer name = {0};
    add_frames(&frames, 3);
    struct part_facts facts = facts_of(17, buffer_span(&frames));
    facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
    ck_assert(facts.has_frames && span_starts_with(buffer_span(&name), SPAN("00017.")));
    expect_same(&facts, buffer_span(&name));
    buffer_free(&name);
    facts.is_apart = true;
    facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
    expect_same(&facts, buffer_span(&name));
    buffer_free(&name);
    buffer_free(&frames);
}
END_TEST

/* Its seal is in the name, and no hash. */
START_TEST(encrypted)
{
    static const uint8_t longest[PART_SEAL_BYTES] = {1, 2, 3};
    for (size_t size = 1; size <= PART_SEAL_BYTES; size++) {
        struct buffer name = {0};
        struct buffer frames = {0};
        struct part_facts facts = facts_of(17, SPAN_EMPTY);
        struct part_facts again;
        facts.part.seal = span_of(longest, size);
        facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
        ck_assert(facts_decode(buffer_span(&name), &again, &frames));
        ck_assert(span_equal(facts_seal(&again), facts.part.seal) && again.part.seal.size == 0);
        ck_assert(again.part.crc32c == 0 && again.part.checksum.algorithm == CHECKSUM_NONE);
        ck_assert_uint_eq(again.part.stored_size, facts.part.stored_size);
        ck_assert_mem_eq(again.part.md5, facts.part.md5, MD5_BYTES);
        for (size_t cut = 6; cut < name.size; cut++)
            ck_assert(!facts_decode(span_take(buffer_span(&name), cut), &again, &frames));
        buffer_free(&name);
        buffer_free(&frames);
    }
}
END_TEST

/* No segment has more than 200 bytes, and no name more than was allowed. */
START_TEST(as_long_as_is_allowed)
{
    bool had_both[2] = {false, false};
    for (unsigned count = 1; count < 400; count++) {
        struct buffer frames = {0};
        struct buffer name = {0};
        size_t segment = 0;
        add_frames(&frames, count);
        struct part_facts facts = facts_of(10000, buffer_span(&frames));
        facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
        ck_assert_uint_le(name.size, FACTS_NAME_BYTES_MAX);
        for (size_t i = 6; i < name.size; i++) {
            segment = name.data[i] == '/' ? 0 : segment + 1;
            ck_assert_uint_le(segment, 200);
        }
        ck_assert(name.data[name.size - 1] != '/');
        expect_same(&facts, buffer_span(&name));
        had_both[facts.has_frames] = true;
        buffer_free(&name);
        buffer_free(&frames);
    }
    ck_assert(had_both[0] && had_both[1]);
}
END_TEST

/* With some pieces in front, straight or not. */
static void expect_before(unsigned count, bool is_straight, bool is_apart)
{
    struct buffer frames = {0};
    struct buffer name = {0};
    struct buffer ignored = {0};
    struct part_facts again;
    add_frames(&frames, 2);
    struct part_facts facts = facts_of(3, buffer_span(&frames));
    facts.is_straight = is_straight;
    facts.is_apart = is_apart;
    facts.before = (struct before_facts){.count = count, .bytes = count * 1000, .digest = "digest"};
    memcpy(facts.stored_etag, "an-etag", 8);
    facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
    expect_same(&facts, buffer_span(&name));
    ck_assert(facts_decode(buffer_span(&name), &again, &ignored));
    ck_assert(again.is_straight == is_straight && again.before.count == count);
    ck_assert_uint_eq(again.before.bytes, count * 1000);
    ck_assert_str_eq(again.stored_etag, is_straight ? "an-etag" : "");
    if (count > 0)
        ck_assert_mem_eq(again.before.digest, "digest", 7);
    buffer_free(&name);
    facts.before.count = 3; /* more than there can be in front of the third */
    facts_encode(&facts, FACTS_NAME_BYTES_MAX, &name);
    ck_assert(!facts_decode(buffer_span(&name), &again, &ignored));
    buffer_free(&name);
    buffer_free(&ignored);
    buffer_free(&frames);
}

START_TEST(with_something_in_front)
{
    for (unsigned count = 0; count < 3; count++) {
        expect_before(count, true, false);
        expect_before(count, false, false);
        expect_before(count, false, true);
    }
}
END_TEST

/* The digest is of which pieces they are: for a straight part by what they hold, for a lead by their names. */
START_TEST(digests_of_what_is_in_front)
{
    struct buffer frames = {0};
    uint8_t digests[2][6][BEFORE_DIGEST_BYTES];
    add_frames(&frames, 2);
    for (unsigned i = 0; i < 12; i++) {
        struct before_digest digest;
        struct part_facts facts = facts_of(2, buffer_span(&frames));
        facts.has_frames = i % 6 != 1; /* else the name counts */
        facts.part.stored_size += i % 6 == 2;
        facts.part.md5[3] ^= i % 6 == 3;
        facts.part.number += i % 6 == 4;
        before_digest_begin(&digest);
        before_digest_add(&digest, &facts, i % 6 == 5 ? SPAN("another") : SPAN("name"), buffer_span(&frames));
        before_digest_end(&digest, i < 6, digests[i / 6][i % 6]);
    }
    for (unsigned i = 1; i < 6; i++) {
        ck_assert_int_eq(memcmp(digests[0][i], digests[0][0], BEFORE_DIGEST_BYTES) == 0, i == 5);
        ck_assert_int_eq(memcmp(digests[1][i], digests[1][0], BEFORE_DIGEST_BYTES) == 0, i != 5);
    }
    buffer_free(&frames);
}
END_TEST

START_TEST(frames_as_content)
{
    struct buffer frames = {0};
    struct buffer bytes = {0};
    struct buffer again = {0};
    add_frames(&frames, 1000);
    facts_encode_frames(buffer_span(&frames), &bytes);
    ck_assert(facts_decode_frames(buffer_span(&bytes), &again));
    ck_assert(span_equal(buffer_span(&again), buffer_span(&frames)));
    ck_assert(!facts_decode_frames(span_take(buffer_span(&bytes), bytes.size - 1), &again));
    buffer_free(&frames);
    buffer_free(&bytes);
    buffer_free(&again);
}
END_TEST

START_TEST(names_that_are_none)
{
    static const char *const wrong[] = {"",        "00001",   "00001.",  "00000.AAAA", "10001.AAAA", "1.AAAA",
                                        "0000a.A", "00001.*", "00001./", "00001.AQ",   "00001-AAAA", "00001.IQAA"};
    struct part_facts facts;
    struct buffer frames = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_msg(!facts_decode(span_from_string(wrong[i]), &facts, &frames), "%s", wrong[i]);
    buffer_free(&frames);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote facts");
    TCase *cases = tcase_create("facts");
    tcase_add_test(cases, with_frames_in_the_name);
    tcase_add_test(cases, encrypted);
    tcase_add_test(cases, as_long_as_is_allowed);
    tcase_add_test(cases, with_something_in_front);
    tcase_add_test(cases, digests_of_what_is_in_front);
    tcase_add_test(cases, frames_as_content);
    tcase_add_test(cases, names_that_are_none);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
