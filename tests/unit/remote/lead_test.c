/* tests/unit/remote/lead_test.c -- how long leads are: whatever parts shrink to, what goes to the backend stays
 * below 1.3 bytes for one of the client's; and the end of a body that is kept for it. */
#include "store/remote/uploads/lead.h"

#include "runtime/base/random.h"
#include "store/remote/uploads/plan.h"
#include "tests/unit/run_suite.h"

#define MIB (UINT64_C(1) << 20)

/* Bytes that go with parts that shrink to `bytes`, give or take `noise`, one after the other. */
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
        bool has_lead = waiting > 0 && here < STORED_PART_BYTES_LEAST && object >= STORED_PART_BYTES_LEAST &&
                        (is_end || lead_choose(here, object) > 0);
        if (has_lead) {
            uint64_t kept = lead_choose(here, object);
            ck_assert(kept < here && object - kept >= STORED_PART_BYTES_LEAST); /* the rest can be copied */
            total += object;
            waiting = kept;
            is_end = true;
        } else if ((is_end ? here : object) >= STORED_PART_BYTES_LEAST) { /* straight */
            total += is_end ? here : object;
            waiting = 0;
            is_end = false;
        } else {
            total += here;
            waiting = here;
            is_end = false;
        }
    }
    return total;
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

START_TEST(none)
{
    ck_assert_uint_eq(lead_choose(5 * MIB, 9 * MIB), 0);       /* needs nobody */
    ck_assert_uint_eq(lead_choose(4 * MIB, 4 * MIB), 0);       /* cannot be copied itself */
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB - 1), 0);   /* the next one would lack more */
    ck_assert_uint_eq(lead_choose(4 * MIB, 6 * MIB), 1 * MIB); /* just enough */
    ck_assert_uint_eq(lead_choose(0, 8 * MIB), 0);
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
    tcase_add_test(cases, none);
    tcase_add_test(cases, the_end_of_a_body);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
