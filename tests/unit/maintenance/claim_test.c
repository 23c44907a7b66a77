/* tests/unit/maintenance/claim_test.c -- the one job of a fleet, of which two replicas ask: who has it, how long, and
 * what is not overwritten. Each has a clock that the test sets, by which others are waited for, and one's own is lost.
 */
#include "server/maintenance/claim.h"
#include "tests/unit/journal/restore_fixture.h"

enum { TAKEOVER_MS = 300 * 1000, QUICK_MS = 500 /* a holder's who renews often */, LATER_VERSION = 200 };

static struct machine replicas[2];
static struct maintenance_claimant claimants[2];
static const uint8_t names[2][MAINTENANCE_HOLDER_BYTES] = {"first replica..", "second replica."};
static uint64_t waited_ns; /* by the second one's clock */
static uint64_t held_ns;   /* by the first one's */

static int64_t wall_ms(void *context)
{
    (void)context;
    return 1000;
}

static uint64_t monotonic_ns(void *context)
{
    return 1 + *(const uint64_t *)context;
}

static const struct clock set_clocks[2] = {{.wall_ms = wall_ms, .monotonic_ns = monotonic_ns, .context = &held_ns},
                                           {.wall_ms = wall_ms, .monotonic_ns = monotonic_ns, .context = &waited_ns}};

static void flush(unsigned replica)
{
    struct error error;
    while (!journal_flush(replicas[replica].journal, &error))
        pause_ms(1);
}

static void start_both(uint64_t holders_takeover_ms)
{
    static struct journal_environment environments[2];
    waited_ns = 0;
    held_ns = 0;
    for (unsigned i = 0; i < 2; i++) {
        machine_start(&replicas[i], &store, 1);
        ck_assert_int_eq(machine_wait_condition(&replicas[i], JOURNAL_RUNS), JOURNAL_RUNS);
        environments[i] = replicas[i].environment;
        environments[i].clock = &set_clocks[i];
        claimants[i] = (struct maintenance_claimant){.journal = &replicas[i].journal,
                                                     .environment = &environments[i],
                                                     .self = names[i],
                                                     .takeover_ms = i == 0 ? holders_takeover_ms : TAKEOVER_MS};
    }
}

static void stop_both(void)
{
    machine_stop(&replicas[0]);
    machine_stop(&replicas[1]);
    store.scheduler = &machine.scheduler.base;
}

/* Generations follow each other so fast here that a slow machine is sometimes late: it is tried again. */
static bool take(unsigned replica, struct error *error)
{
    const char *policy = replica == 0 ? "first.ini" : "second.ini";
    bool done = maintenance_claim_take(&claimants[replica], policy, error);
    for (unsigned i = 0; !done && error->kind == ERROR_BUSY && i < 20; i++)
        done = maintenance_claim_take(&claimants[replica], policy, error);
    return done;
}

static void expect_refused(unsigned replica, const char *words)
{
    struct error error;
    ck_assert(!take(replica, &error));
    ck_assert_msg(error.kind == ERROR_CONFLICT && strstr(error.message, words) != NULL, "%d %s", error.kind,
                  error.message);
}

static void expect_taken(unsigned replica)
{
    struct error error;
    ck_assert_msg(take(replica, &error), "%s", error.message);
    ck_assert(maintenance_claim_holds(&claimants[replica], &error));
}

static uint64_t nonce_seen_by(unsigned replica)
{
    struct maintenance_claim claim;
    flush(replica);
    return maintenance_claim_find(journal_state(replicas[replica].journal), &claim) ? claim.nonce : 0;
}

static void wait_for_renewals(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = nonce_seen_by(0);
        while (nonce_seen_by(0) == before)
            pause_ms(5);
    }
}

static void wait_ms(uint64_t ms)
{
    waited_ns += ms * 1000000;
}

/* ---- one after the other ---- */

static void in_turn(void)
{
    start_both(TAKEOVER_MS);
    expect_taken(0);
    expect_refused(1, "by the policy first.ini: one at a time");
    maintenance_claim_give_back(&claimants[0]);
    expect_taken(1);
    expect_refused(0, "by the policy second.ini");
    maintenance_claim_give_back(&claimants[1]);
    expect_taken(0);
    maintenance_claim_give_back(&claimants[0]);
    stop_both();
}

/* While it is renewed, whatever its holder is busy with, nobody's patience ends. */
static void renewed(void)
{
    start_both(QUICK_MS);
    expect_taken(0);
    expect_refused(1, "first.ini");
    for (unsigned round = 0; round < 3; round++) {
        uint64_t before = nonce_seen_by(1);
        while (nonce_seen_by(1) == before)
            pause_ms(5);
        wait_ms(TAKEOVER_MS);
        expect_refused(1, "first.ini");
    }
    maintenance_claim_give_back(&claimants[0]);
    expect_taken(1);
    maintenance_claim_give_back(&claimants[1]);
    stop_both();
}

/* A holder that is gone: its claim stands still, and is taken when it has done so for long enough, no sooner. */
static void abandoned(void)
{
    start_both(TAKEOVER_MS);
    expect_taken(0);
    machine_stop(&replicas[0]);
    expect_refused(1, "first.ini");
    wait_ms(TAKEOVER_MS - 1);
    expect_refused(1, "first.ini");
    wait_ms(1);
    expect_taken(1);
    maintenance_claim_give_back(&claimants[1]);
    machine_stop(&replicas[1]);
    store.scheduler = &machine.scheduler.base;
}

/* A holder that stood still for too long hears of it when it renews; what it gives back is not the other's. */
static void lost(void)
{
    struct error error;
    start_both(QUICK_MS);
    expect_taken(0);
    flush(1);
    do {
        expect_refused(1, "first.ini");
        wait_ms(TAKEOVER_MS);
    } while (!take(1, &error)); /* between two renewals */
    while (maintenance_claim_holds(&claimants[0], &error))
        pause_ms(5);
    ck_assert_msg(error.kind == ERROR_CONFLICT && strstr(error.message, "second.ini") != NULL, "%s", error.message);
    maintenance_claim_give_back(&claimants[0]);
    expect_refused(0, "second.ini");
    maintenance_claim_give_back(&claimants[1]);
    expect_taken(0);
    maintenance_claim_give_back(&claimants[0]);
    stop_both();
}

/* A holder whose journal does not run ends no later than another may begin; with a journal it goes on for any time. */
static void unheard(void)
{
    static const uint64_t ns_in_ms = 1000000;
    static struct journal *none;
    struct error error;
    start_both(TAKEOVER_MS);
    expect_taken(0);
    claimants[0].journal = &none;
    held_ns += TAKEOVER_MS * ns_in_ms - 1;
    ck_assert(maintenance_claim_holds(&claimants[0], &error));
    held_ns++;
    ck_assert(!maintenance_claim_holds(&claimants[0], &error));
    ck_assert_msg(error.kind == ERROR_CONFLICT && strstr(error.message, "journal") != NULL, "%s", error.message);
    claimants[0].journal = &replicas[0].journal;
    maintenance_claim_give_back(&claimants[0]);

    claimants[0].takeover_ms = QUICK_MS;
    expect_taken(0);
    for (unsigned i = 0; i < 4; i++) {
        held_ns += QUICK_MS * ns_in_ms - 1;
        ck_assert(maintenance_claim_holds(&claimants[0], &error));
        wait_for_renewals(3); /* the first may have begun before, and the last may not be noted yet */
    }
    maintenance_claim_give_back(&claimants[0]);
    stop_both();
}

/* Of two processes with copies of one state folder, which have one name, the first hears of the second. */
static void copied(void)
{
    struct error error;
    start_both(QUICK_MS);
    claimants[1].self = names[0];
    expect_taken(0);
    flush(1);
    expect_taken(1);
    while (maintenance_claim_holds(&claimants[0], &error))
        pause_ms(5);
    ck_assert_msg(error.kind == ERROR_CONFLICT && strstr(error.message, "second.ini") != NULL, "%s", error.message);
    maintenance_claim_give_back(&claimants[0]);
    ck_assert(maintenance_claim_holds(&claimants[1], &error));
    claimants[1].self = names[1]; /* it has noticed, and takes another name: what it has stays its own */
    maintenance_claim_give_back(&claimants[1]);
    expect_taken(0);
    maintenance_claim_give_back(&claimants[0]);
    stop_both();
}

/* ---- of a later version ---- */

static void write_later(uint8_t last)
{
    const uint8_t bytes[] = {LATER_VERSION, 1, 2, 3, last};
    struct buffer ops;
    struct error error;
    buffer_init(&ops, 0);
    op_put(&ops,
           &(struct op){OP_MAP_PUT, SPACE_LIFECYCLE, SPAN("maintain"), SPAN("all"), span_of(bytes, sizeof bytes)});
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    enum journal_outcome outcome = JOURNAL_REJECTED;
    for (unsigned i = 0; outcome == JOURNAL_REJECTED && i < 20; i++)
        outcome = journal_submit(replicas[0].journal, &batch, &error).outcome;
    ck_assert_int_eq(outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
    flush(0);
    flush(1);
}

static void of_later_version(void)
{
    static const char *const words = "a later version of Bale";
    struct span value;
    struct error error;
    start_both(QUICK_MS);
    write_later(1);
    expect_refused(1, words);
    ck_assert(
        state_map_get(journal_state(replicas[1].journal), SPACE_LIFECYCLE, SPAN("maintain"), SPAN("all"), &value));
    ck_assert_uint_eq(value.data[0], LATER_VERSION);
    wait_ms(TAKEOVER_MS);
    write_later(2); /* it lives */
    expect_refused(1, words);
    wait_ms(TAKEOVER_MS);
    expect_taken(1); /* it does not any more */
    maintenance_claim_give_back(&claimants[1]);

    expect_taken(0); /* and one that takes it from us, though ours had not stood still */
    write_later(3);
    while (maintenance_claim_holds(&claimants[0], &error))
        pause_ms(5);
    ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
    maintenance_claim_give_back(&claimants[0]);
    expect_refused(1, words);
    stop_both();
}

START_TEST(one_after_the_other)
{
    run(in_turn);
}
END_TEST

START_TEST(what_is_renewed_is_not_taken)
{
    run(renewed);
}
END_TEST

START_TEST(what_stands_still_is_taken)
{
    run(abandoned);
}
END_TEST

START_TEST(who_has_lost_it_hears_of_it)
{
    run(lost);
}
END_TEST

START_TEST(who_is_not_heard_takes_it_for_lost)
{
    run(unheard);
}
END_TEST

START_TEST(copies_of_one_replica_are_two)
{
    run(copied);
}
END_TEST

START_TEST(what_a_later_version_wrote_stays)
{
    run(of_later_version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("maintenance-claim");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, one_after_the_other);
    tcase_add_test(tests, what_is_renewed_is_not_taken);
    tcase_add_test(tests, what_stands_still_is_taken);
    tcase_add_test(tests, who_has_lost_it_hears_of_it);
    tcase_add_test(tests, who_is_not_heard_takes_it_for_lost);
    tcase_add_test(tests, copies_of_one_replica_are_two);
    tcase_add_test(tests, what_a_later_version_wrote_stays);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
