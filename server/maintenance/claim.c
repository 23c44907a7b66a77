/* server/maintenance/claim.c -- the one record of a fleet's job, and the fiber that keeps it fresh. */
#include "server/maintenance/claim.h"

#include "codec/format/crc.h"
#include "journal/format/cursor.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/loop.h"
#include "server/lifecycle/claimed_value.h"

#include <string.h>

#define TABLE SPAN("maintain")
#define KEY SPAN("all")

enum { RECORD_VERSION = 1, SHOWN_BYTES = 4, TAKES_MAX = 4 };

static const uint64_t NS_IN_MS = 1000000;
static const uint8_t nobody[MAINTENANCE_HOLDER_BYTES];

/* ---- bytes ---- */

static void put_u64(struct buffer *to, uint64_t number)
{
    uint8_t bytes[8];
    store_u64_le(bytes, number);
    buffer_append(to, span_of(bytes, sizeof bytes));
}

static void encode(const struct maintenance_claim *claim, struct buffer *to)
{
    uint8_t size[2];
    store_u16_le(size, (uint16_t)strlen(claim->name));
    buffer_append_byte(to, RECORD_VERSION);
    put_u64(to, claim->nonce);
    buffer_append(to, span_of(claim->holder, sizeof claim->holder));
    put_u64(to, (uint64_t)claim->began_ms);
    buffer_append(to, span_of(size, sizeof size));
    buffer_append_string(to, claim->name);
}

static bool decode(struct span value, struct maintenance_claim *claim)
{
    struct cursor from = cursor_of(value);
    *claim = (struct maintenance_claim){0};
    if (cursor_u8(&from) != RECORD_VERSION)
        return false;
    claim->nonce = cursor_u64(&from);
    cursor_copy(&from, claim->holder, sizeof claim->holder);
    claim->began_ms = (int64_t)cursor_u64(&from);
    size_t size = cursor_u16(&from);
    if (size >= sizeof claim->name)
        return false;
    cursor_copy(&from, claim->name, size);
    return cursor_is_done(&from) && claim->nonce != 0;
}

bool maintenance_claim_find(const struct state *state, struct maintenance_claim *ret_claim)
{
    struct span value;
    return state_map_get(state, SPACE_LIFECYCLE, TABLE, KEY, &value) && decode(value, ret_claim);
}

/* ---- whose is it? ---- */

enum standing { CLAIM_IS_FREE /* or this replica's */, CLAIM_IS_ANOTHERS, CLAIM_IS_NOT_READ /* of a later version */ };

static struct journal *running(const struct maintenance_claimant *claimant, struct error *error)
{
    struct journal *journal = *claimant->journal;
    if (journal != NULL && journal_state(journal) != NULL && journal_condition(journal) == JOURNAL_RUNS)
        return journal;
    (void)error_set(error, ERROR_BUSY, NULL,
                    "the journal does not run, in which it stands which replica is at it: see /journal");
    return NULL;
}

/* As far as this replica has heard. */
static enum standing look(const struct maintenance_claimant *claimant, struct journal *journal,
                          struct maintenance_claim *ret_claim)
{
    struct span value;
    *ret_claim = (struct maintenance_claim){0};
    if (!state_map_get(journal_state(journal), SPACE_LIFECYCLE, TABLE, KEY, &value))
        return CLAIM_IS_FREE;
    if (!decode(value, ret_claim))
        return CLAIM_IS_NOT_READ;
    bool is_free = memcmp(ret_claim->holder, nobody, sizeof nobody) == 0 ||
                   memcmp(ret_claim->holder, claimant->self, sizeof ret_claim->holder) == 0;
    return is_free ? CLAIM_IS_FREE : CLAIM_IS_ANOTHERS;
}

static bool is_anothers(enum standing standing)
{
    return standing == CLAIM_IS_ANOTHERS || standing == CLAIM_IS_NOT_READ;
}

/* Has another's stood still for long? */
static bool is_abandoned(struct maintenance_claimant *claimant, struct journal *journal)
{
    uint64_t now_ns = clock_monotonic_ns(claimant->environment->clock);
    struct span value = SPAN_EMPTY;
    (void)state_map_get(journal_state(journal), SPACE_LIFECYCLE, TABLE, KEY, &value);
    uint64_t mark = crc64nvme_update(0, value);
    if (claimant->seen_ns == 0 || claimant->seen_mark != mark) {
        claimant->seen_mark = mark;
        claimant->seen_ns = now_ns;
    }
    return now_ns - claimant->seen_ns >= claimant->takeover_ms * NS_IN_MS;
}

static bool has_conflict(const struct maintenance_claimant *claimant, enum standing standing,
                         const struct maintenance_claim *claim, struct error *error)
{
    char holder[2 * SHOWN_BYTES];
    unsigned long long takeover_s = claimant->takeover_ms / 1000;
    if (standing == CLAIM_IS_NOT_READ)
        return error_set(error, ERROR_CONFLICT, NULL,
                         "a later version of Bale has written which replica is at it: it is not read here. Ask a "
                         "replica of that version; what stands still is taken over when it is asked for again after "
                         "%llu s",
                         takeover_s);
    hex_encode(span_of(claim->holder, SHOWN_BYTES), holder);
    return error_set(error, ERROR_CONFLICT, NULL,
                     "replica %.*s is at it already, by the policy %s: one at a time. What a replica had that is gone "
                     "is taken over when it is asked for again after %llu s",
                     (int)sizeof holder, holder, claim->name, takeover_s);
}

/* ---- writing ---- */

/* What stands there now, and this process has written: not one that has a copy of its state folder. */
static bool is_ours(const struct maintenance_claimant *claimant, struct journal *journal)
{
    struct maintenance_claim found;
    return maintenance_claim_find(journal_state(journal), &found) &&
           memcmp(found.holder, claimant->own.holder, sizeof found.holder) == 0 &&
           (found.nonce == claimant->own.nonce || found.nonce == claimant->seen_own);
}

static bool refuse(const struct maintenance_claimant *claimant, struct journal *journal, struct error *error)
{
    struct maintenance_claim found;
    enum standing standing = look(claimant, journal, &found);
    return has_conflict(claimant, standing, &found, error);
}

/* The claimant's own, in the place of what stands there now. One of which nobody knows whether it was written is
 * written again as it is. ERROR_CONFLICT: somebody was quicker. */
SUSPENDS static bool put(struct maintenance_claimant *claimant, struct journal *journal, struct error *error)
{
    struct claimed_value claimed = {.table = TABLE, .key = KEY};
    struct maintenance_claim *own = &claimant->own;
    struct maintenance_claim found;
    struct buffer value;
    buffer_init(&value, 0);
    while (own->nonce == claimant->seen_own) {
        own->nonce = random_u64(claimant->environment->random);
        claimant->drawn_ns = clock_monotonic_ns(claimant->environment->clock);
    }
    encode(own, &value);
    claimed.is_there = state_map_get(journal_state(journal), SPACE_LIFECYCLE, TABLE, KEY, &claimed.before);
    bool done = claimed_value_put(journal, claimant->environment, &claimed, buffer_span(&value), error);
    buffer_free(&value);
    if (!done)
        return false;
    if (!maintenance_claim_find(journal_state(journal), &found) || found.nonce != own->nonce)
        return refuse(claimant, journal, error);
    claimant->seen_own = own->nonce;
    claimant->proven_ns = claimant->drawn_ns;
    return true;
}

/* What stands still is taken over, and nobody is hurt: a journal that takes nothing is asked again later. */
SUSPENDS static void renew(struct maintenance_claimant *claimant)
{
    struct error error;
    struct journal *journal = running(claimant, &error);
    if (journal == NULL)
        return;
    bool done = is_ours(claimant, journal) ? put(claimant, journal, &error) : refuse(claimant, journal, &error);
    if (!done && error.kind == ERROR_CONFLICT)
        claimant->loss = error;
}

SUSPENDS static void renew_until_over(void *argument)
{
    struct maintenance_claimant *claimant = argument;
    struct journal_scheduler *scheduler = claimant->environment->scheduler;
    uint64_t pause_ns = claimed_value_renewal_ns(claimant->takeover_ms);
    deadline_t due_ns = loop_now_ns() + pause_ns;
    while (!claimant->is_over && claimant->loss.kind == ERROR_NONE &&
           scheduler->wait(scheduler, &claimant->wake, due_ns)) {
        if (claimant->is_over || loop_now_ns() < due_ns)
            continue;
        renew(claimant);
        due_ns = loop_now_ns() + pause_ns;
    }
    claimant->is_inside = false;
    wait_wake_all(&claimant->ended);
}

/* ---- its life ---- */

static bool begin_renewal(struct maintenance_claimant *claimant)
{
    struct journal_scheduler *scheduler = claimant->environment->scheduler;
    wait_queue_init(&claimant->wake);
    wait_queue_init(&claimant->ended);
    claimant->loss = (struct error){0};
    claimant->is_over = false;
    claimant->is_inside = scheduler->spawn(scheduler, "maintain-claim", renew_until_over, claimant);
    return claimant->is_inside;
}

SUSPENDS static void end_renewal(struct maintenance_claimant *claimant)
{
    struct error ignored;
    claimant->is_over = true;
    if (claimant->is_inside)
        wait_wake_all(&claimant->wake);
    while (claimant->is_inside) {
        if (!wait_for(&claimant->ended, DEADLINE_NONE, &ignored))
            fiber_yield(); /* it is cancelled, and must wait all the same */
    }
}

/* What was committed before is heard of first, and so counts before what is written here. Upon what somebody has
 * written at the same moment it is tried again. */
SUSPENDS static bool take(struct maintenance_claimant *claimant, struct journal *journal, struct error *error)
{
    bool done = false;
    for (unsigned tries = 0; !done && tries < TAKES_MAX; tries++) {
        struct maintenance_claim found;
        if (!journal_flush(journal, error))
            return false;
        enum standing standing = look(claimant, journal, &found);
        if (is_anothers(standing) && !is_abandoned(claimant, journal))
            return has_conflict(claimant, standing, &found, error);
        done = put(claimant, journal, error);
        if (!done && error->kind != ERROR_CONFLICT)
            return false;
    }
    return done;
}

SUSPENDS bool maintenance_claim_take(struct maintenance_claimant *claimant, const char *name, struct error *error)
{
    struct journal *journal = running(claimant, error);
    claimant->own = (struct maintenance_claim){.began_ms = clock_wall_ms(claimant->environment->clock)};
    claimant->seen_own = 0;
    memcpy(claimant->own.holder, claimant->self, sizeof claimant->own.holder);
    (void)snprintf(claimant->own.name, sizeof claimant->own.name, "%s", name);
    if (journal == NULL || !take(claimant, journal, error))
        return false;
    if (begin_renewal(claimant))
        return true;
    maintenance_claim_give_back(claimant);
    return error_set(error, ERROR_BUSY, NULL, "there is no memory for another fiber");
}

bool maintenance_claim_holds(const struct maintenance_claimant *claimant, struct error *error)
{
    if (claimant->loss.kind != ERROR_NONE) {
        *error = claimant->loss;
        return false;
    }
    uint64_t unproven_ns = clock_monotonic_ns(claimant->environment->clock) - claimant->proven_ns;
    return unproven_ns < claimant->takeover_ms * NS_IN_MS ||
           error_set(error, ERROR_CONFLICT, NULL,
                     "for %llu s the journal has not taken that this replica is still at it, and so another may be by "
                     "now: see /journal",
                     (unsigned long long)(claimant->takeover_ms / 1000));
}

SUSPENDS void maintenance_claim_give_back(struct maintenance_claimant *claimant)
{
    struct error ignored;
    end_renewal(claimant);
    struct journal *journal = running(claimant, &ignored);
    if (journal == NULL || !is_ours(claimant, journal))
        return;
    memcpy(claimant->own.holder, nobody, sizeof nobody);
    (void)put(claimant, journal, &ignored);
}
