/* tests/unit/remote/lead_test.c -- how long leads are: whatever parts shrink to, what goes to the backend stays
 * below 1.3 bytes for one of the client's; and the end of a body that is kept for it. */
#include "store/remote/uploads/lead.h"

#include "runtime/base/random.h"
#include "store/remote/uploads/plan.h"
#include "tests/unit/run_suite.h"

#define MIB (UINT64_C(1) << 20)

/* Bytes that go with parts that shrink to `bytes`, give or take `noise`, one after the other, and with Complete. */
static uint64_t sent(uint64_t bytes, uint64_t noise, unsigned count)
{
    struct random_seeded state;
    struct random_source source = random_seeded(&state, bytes + noise);
    uint64_t total = 0;
    uint64_t waiting = 0;
    bool is_end = false;
    for (unsigned i = 0; i < count; i++) {
        uint64_t here = bytes - noise + (noise > 0 ? random_below(&source, 2 * noise) : 0);
        uint64_t object = waiting + here;
        bool has_lead = waiting > 0 && here >= LED_BYTES_LEAST && here < STORED_PART_BYTES_LEAST &&
                        object >= STORED_PART_BYTES_LEAST && (is_end || lead_choose(here, object, i == 1) > 0);
        if (has_lead) {
            uint64_t kept = lead_choose(here, object, i == 1);
            ck_assert(kept < here && object - kept >= STORED_PART_BYTES_LEAST); /* the rest can be copied */
            total += object;
            waiting = kept;
            is_end = kept > 0;
        } else if ((is_end ? here : object) >= STORED_PART_BYTES_LEAST) { /* straight */
            total += is_end ? here : object;
            waiting = 0;
            is_end = false;
        } else {
            total += here;
            waiting = is_end ? here : object;
            is_end = false;
        }
    }
    return is_end ? total : total + waiting; /* pieces that wait go once more, from memory */
}

START_TEST(less_goes_twice)
{
    for (uint64_t bytes = 4 * MIB; bytes < 5 * MIB; bytes += 40009) {
        for (uint64_t noise = 0; noise <= MIB / 8; noise += MIB / 32) {
            if (bytes >= 4 * MIB + noise)
                ck_assert_uint_le(sent(bytes, noise, 400), 400 * 5 * MIB * 130 / 100);
        }
        ck_assert_uint_le(sent(bytes, 0, 400), 400 * 5 * MIB * 124 / 100);
    }
    ck_assert_uint_le(sent(5 * MIB - 1, 0, 400), 400 * 5 * MIB * 103 / 100);
}
END_TEST

/* What docs/uploads.md promises of uploads of any length. Three parts cannot do with less than what is left of one and
 * a third, two have to be sent once and a half, one twice. */
START_TEST(less_goes_twice_of_short_uploads)
{
    for (uint64_t bytes = MIB / 2; bytes < 5 * MIB * 99 / 100; bytes += 40009) {
        ck_assert_uint_le(sent(bytes, 0, 1), 2 * bytes);
        ck_assert_uint_le(sent(bytes, 0, 2), bytes * 2 > 5 * MIB ? 3 * bytes : 4 * bytes);
        ck_assert_uint_le(sent(bytes, 0, 3), 3 * 5 * MIB * (bytes <= 5 * MIB * 88 / 100 ? 130 : 134) / 100);
        for (unsigned count = 4; count < 100; count++)
            ck_assert_uint_le(sent(bytes, 0, count), count * 5 * MIB * 1304 / 1000);
    }
    /* Away from there, there is room for all that goes beside bodies. */
    for (uint64_t bytes = 5 * MIB * 94 / 100; bytes < 5 * MIB * 99 / 100; bytes += 10007) {
        for (unsigned count = 4; count < 100; count++)
            ck_assert_uint_le(sent(bytes, 0, count) + MIB / 10, count * 5 * MIB * 13 / 10);
    }
}
END_TEST

START_TEST(none)
{
    ck_assert_uint_eq(lead_choose(5 * MIB, 9 * MIB, false), 0);       /* needs nobody */
    ck_assert_uint_eq(lead_choose(4 * MIB, 4 * MIB, false), 0);       /* cannot be copied itself */
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB - 1, false), 0);   /* the next one would lack more */
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB, false), 1 * MIB); /* just enough */
    ck_assert_uint_eq(lead_choose(0, 8 * MIB, false), 0);
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB - 1, true), 0);
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB, true), 1 * MIB);
}
END_TEST

START_TEST(the_end_of_a_body)
{
    static struct remote_shard shard;
    struct error error;
    static uint8_t bytes[3 * BODY_PIECE_BYTES / 2];
    list_init(&shard.pieces);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    static const size_t kept[] = {0,
                                  1,
                                  BODY_PIECE_BYTES / 2 - 1,
                                  BODY_PIECE_BYTES / 2,
                                  BODY_PIECE_BYTES / 2 + 1,
                                  BODY_PIECE_BYTES,
                                  sizeof bytes - 1,
                                  sizeof bytes};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        struct body body = {0};
        struct span spans[2];
        size_t at = sizeof bytes - kept[i];
        ck_assert(body_append(&shard, &body, span_of(bytes, sizeof bytes), &error));
        body_keep_end(&shard, &body, kept[i]);
        ck_assert_uint_eq(body.size, kept[i]);
        ck_assert_uint_le(body.count, 2);
        body_spans(&body, spans);
        for (unsigned piece = 0; piece < body.count; at += spans[piece++].size)
            ck_assert(spans[piece].size > 0 && span_equal(spans[piece], span_of(bytes + at, spans[piece].size)));
        ck_assert_uint_eq(at, sizeof bytes);
        body_clear(&shard, &body);
    }
    body_free_spare(&shard);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remote leads");
    TCase *cases = tcase_create("leads");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, less_goes_twice);
    tcase_add_test(cases, less_goes_twice_of_short_uploads);
    tcase_add_test(cases, none);
    tcase_add_test(cases, the_end_of_a_body);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
