/* tests/unit/object/md5_round_test.c -- bodies that are hashed together have the MD5s that they have alone, whoever
 * comes, goes, or is cancelled meanwhile. */
#include "server/object/md5_round.h"

#include "runtime/base/hex.h"
#include "runtime/base/random.h"
#include "server/object/codecs_private.h"
#include "tests/unit/object/bodies.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODIES = 21, PIECES = 12, PIECE_BYTES_MOST = 48 << 10, BODY_BYTES = PIECES * PIECE_BYTES_MOST };

static struct md5_round md5_round;
static uint8_t *text;
static unsigned running;

static void expect_md5(struct md5_sum *sum, struct span bytes)
{
    struct md5_sum alone;
    uint8_t digest[MD5_BYTES];
    uint8_t wanted[MD5_BYTES];
    md5_begin(&alone);
    md5_update(&alone, bytes);
    md5_end(&alone, wanted);
    md5_end(sum, digest);
    ck_assert_mem_eq(digest, wanted, MD5_BYTES);
}

/* ---- one or two ---- */

SUSPENDS static void alone_body(void *argument)
{
    (void)argument;
    struct md5_sum sum;
    text = make_text(BODY_BYTES);
    md5_begin(&sum);
    md5_round_enter(&md5_round);
    ck_assert(!md5_round_update(&md5_round, (struct md5_lane){&sum, span_of(text, BODY_BYTES), NULL}));
    md5_round_enter(&md5_round); /* another one, which has no bytes now */
    ck_assert(!md5_round_update(&md5_round, (struct md5_lane){&sum, span_of(text, BODY_BYTES), NULL}));
    ck_assert(!md5_round_update(&md5_round, (struct md5_lane){&sum, span_of(text, 5), NULL}));
    md5_round_leave(&md5_round);
    md5_round_leave(&md5_round);
    expect_md5(&sum, SPAN_EMPTY);
    ck_assert(md5_round.bodies == 0 && md5_round.count == 0);
    free(text);
}

struct body {
    struct md5_sum sum;
    size_t fed;
    unsigned together;
    uint64_t seed;
};

SUSPENDS static void feed_once(void *argument)
{
    struct body *body = argument;
    md5_round_enter(&md5_round);
    fiber_yield(); /* until the other one is there */
    body->together = md5_round_update(&md5_round, (struct md5_lane){&body->sum, span_of(text, body->fed), NULL});
    md5_round_leave(&md5_round);
    running--;
}

SUSPENDS static void pair_body(void *argument)
{
    (void)argument;
    struct body bodies[2] = {{.fed = BODY_BYTES}, {.fed = BODY_BYTES / 3 + 1}};
    text = make_text(BODY_BYTES);
    running = 2;
    for (unsigned i = 0; i < 2; i++) {
        md5_begin(&bodies[i].sum);
        spawn("body", feed_once, &bodies[i]);
    }
    while (running > 0)
        fiber_yield();
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_uint_eq(bodies[i].together, 1);
        expect_md5(&bodies[i].sum, span_of(text, bodies[i].fed));
    }
    free(text);
}

/* ---- many ---- */

SUSPENDS static void feed(void *argument)
{
    struct body *body = argument;
    struct random_seeded state;
    struct random_source source = random_seeded(&state, body->seed);
    if (body->seed % 5 == 0)
        fiber_cancel(fiber_current());
    md5_begin(&body->sum);
    md5_round_enter(&md5_round);
    for (unsigned i = 0; i < PIECES; i++) {
        struct span piece = span_of(text + body->fed, random_below(&source, PIECE_BYTES_MOST));
        bool is_done = md5_round_update(&md5_round, (struct md5_lane){&body->sum, piece, NULL});
        body->together += is_done;
        if (!is_done)
            md5_update(&body->sum, piece);
        body->fed += piece.size;
        for (uint64_t turns = random_below(&source, 3); turns > 0; turns--)
            fiber_yield();
    }
    md5_round_leave(&md5_round);
    running--;
}

/* More than a round takes. */
SUSPENDS static void crowd_body(void *argument)
{
    (void)argument;
    struct body *bodies = calloc(BODIES, sizeof *bodies);
    ck_assert_ptr_nonnull(bodies);
    text = make_text(BODY_BYTES);
    running = BODIES;
    for (unsigned i = 0; i < BODIES; i++) {
        bodies[i].seed = i;
        spawn("body", feed, &bodies[i]);
    }
    while (running > 0)
        fiber_yield();
    for (unsigned i = 0; i < BODIES; i++) {
        expect_md5(&bodies[i].sum, span_of(text, bodies[i].fed));
        ck_assert_uint_gt(bodies[i].together, 0);
    }
    ck_assert(md5_round.bodies == 0 && md5_round.count == 0);
    free(bodies);
    free(text);
}

/* ---- uploads ---- */

static struct memory_store store;
static struct object_codecs *codecs;

struct sent {
    char key[8];
    struct span body;
};

SUSPENDS static void store_one(void *argument)
{
    const struct sent *sent = argument;
    (void)must_upload(codecs, &store, sent->key, sent->body);
    running--;
}

SUSPENDS static void uploads_body(void *argument)
{
    enum { UPLOADS = 6, UPLOAD_BYTES = 3 << 20 };
    (void)argument;
    struct object_settings settings = ordinary_settings();
    struct sent sent[UPLOADS];
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    text = make_text(UPLOAD_BYTES + UPLOADS);
    running = UPLOADS;
    for (unsigned i = 0; i < UPLOADS; i++) {
        sent[i] = (struct sent){.body = span_of(text + i, UPLOAD_BYTES - i * 100000)};
        (void)snprintf(sent[i].key, sizeof sent[i].key, "key%u", i);
        spawn("upload", store_one, &sent[i]);
    }
    while (running > 0)
        fiber_yield();
    for (unsigned i = 0; i < UPLOADS; i++) {
        struct md5_sum alone;
        uint8_t digest[MD5_BYTES];
        char wanted[2 * MD5_BYTES + 1] = {0};
        md5_begin(&alone);
        md5_update(&alone, sent[i].body);
        md5_end(&alone, digest);
        hex_encode(span_of(digest, MD5_BYTES), wanted);
        ck_assert_str_eq(memory_store_find(&store, sent[i].key)->attributes.etag, wanted);
        must_download(codecs, &store, sent[i].key, sent[i].body, 0, sent[i].body.size);
    }
    ck_assert_uint_eq(codecs->md5_round.bodies, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(text);
}

/* ---- short ones ---- */

enum { SHORT_ONES = 7, SHORT_BYTES = 4096 };

struct short_one {
    struct object_writer *writer;
    struct span body;
    uint8_t digest[MD5_BYTES];
};

static unsigned most_together;

SUSPENDS static void send_short(void *argument)
{
    struct short_one *one = argument;
    struct object_digest digest;
    struct error error;
    ck_assert(object_writer_put(one->writer, one->body, &error));
    ck_assert(object_writer_finish(one->writer, &digest, &error));
    memcpy(one->digest, digest.md5, MD5_BYTES);
    object_writer_abort(one->writer);
    running--;
}

/* All of them have begun when the first one's bytes come; a long one under way has nothing to do with them. */
SUSPENDS static void short_body(void *argument)
{
    (void)argument;
    struct object_settings settings = ordinary_settings();
    static struct short_one ones[SHORT_ONES];
    struct error error;
    memory_store_init(&store);
    codecs = object_codecs_create(&settings);
    text = make_text(SHORT_BYTES + SHORT_ONES);
    running = SHORT_ONES;
    most_together = 0;
    for (unsigned i = 0; i < SHORT_ONES; i++) {
        const struct object_write_intent intent = {
            .name = name_of("short"), .is_size_known = true, .size = SHORT_BYTES, .checksum = CHECKSUM_CRC64NVME};
        ones[i] = (struct short_one){.body = span_of(text + i, SHORT_BYTES)};
        ck_assert(object_writer_begin(codecs, &store.store, &intent, &ones[i].writer, &error));
    }
    ck_assert_uint_eq(codecs->short_md5_round.bodies, SHORT_ONES);
    ck_assert_uint_eq(codecs->md5_round.bodies, 0);
    for (unsigned i = 0; i < SHORT_ONES; i++)
        spawn("short", send_short, &ones[i]);
    while (running > 0) {
        fiber_yield();
        most_together = codecs->short_md5_round.count > most_together ? codecs->short_md5_round.count : most_together;
    }
    ck_assert_uint_eq(most_together, SHORT_ONES);
    for (unsigned i = 0; i < SHORT_ONES; i++) {
        struct md5_sum alone;
        uint8_t wanted[MD5_BYTES];
        md5_begin(&alone);
        md5_update(&alone, ones[i].body);
        md5_end(&alone, wanted);
        ck_assert_mem_eq(ones[i].digest, wanted, MD5_BYTES);
    }
    ck_assert_uint_eq(codecs->short_md5_round.bodies, 0);
    object_codecs_destroy(codecs);
    memory_store_free(&store);
    free(text);
}

LOOP_TEST(nobody_waits_for_others, alone_body)
LOOP_TEST(two_are_hashed_together, pair_body)
LOOP_TEST(a_crowd_comes_and_goes, crowd_body)
LOOP_TEST(uploads_side_by_side, uploads_body)
LOOP_TEST(short_bodies_are_hashed_together, short_body)

int main(void)
{
    Suite *suite = suite_create("md5 round");
    TCase *cases = tcase_create("md5 round");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, nobody_waits_for_others);
    tcase_add_test(cases, two_are_hashed_together);
    tcase_add_test(cases, a_crowd_comes_and_goes);
    tcase_add_test(cases, uploads_side_by_side);
    tcase_add_test(cases, short_bodies_are_hashed_together);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
