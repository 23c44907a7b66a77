/* server/maintenance/claim.c -- the one record of a fleet's job. */
#include "server/maintenance/claim.h"

#include "journal/format/cursor.h"
#include "runtime/base/byteorder.h"
#include "runtime/base/hex.h"
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

static struct journal *running(const struct maintenance_claimant *claimant, struct error *error)
{
    struct journal *journal = *claimant->journal;
    if (journal != NULL && journal_state(journal) != NULL && journal_condition(journal) == JOURNAL_RUNS)
        return journal;
    (void)error_set(error, ERROR_BUSY, NULL,
                    "the journal does not run, in which it stands which replica is at it: see /journal");
    return NULL;
}

static bool is_own(const struct maintenance_claimant *claimant, const struct maintenance_claim *claim)
{
    return memcmp(claim->holder, claimant->self, sizeof claim->holder) == 0;
}

/* Has another's stood still for long? */
static bool is_abandoned(struct maintenance_claimant *claimant, const struct maintenance_claim *claim)
{
    uint64_t now_ns = clock_monotonic_ns(claimant->environment->clock);
    if (claimant->seen_nonce != claim->nonce) {
        claimant->seen_nonce = claim->nonce;
        claimant->seen_ns = now_ns;
    }
    return now_ns - claimant->seen_ns >= MAINTENANCE_TAKEOVER_MS * NS_IN_MS;
}

static bool has_conflict(const struct maintenance_claim *claim, struct error *error)
{
    char holder[2 * SHOWN_BYTES];
    hex_encode(span_of(claim->holder, SHOWN_BYTES), holder);
    return error_set(
        error, ERROR_CONFLICT, NULL,
        "replica %.*s is at it already, by the policy %s: one at a time. What a replica had that is gone is "
        "taken over when it is asked for again after %d minutes",
        (int)sizeof holder, holder, claim->name, MAINTENANCE_TAKEOVER_MS / 60000);
}

/* ---- writing ---- */

/* In the place of what stands there now. */
SUSPENDS static bool put(struct maintenance_claimant *claimant, struct journal *journal,
                         struct maintenance_claim *claim, struct error *error)
{
    struct claimed_value claimed = {.table = TABLE, .key = KEY};
    struct maintenance_claim found;
    struct buffer value;
    buffer_init(&value, 0);
    do
        claim->nonce = random_u64(claimant->environment->random);
    while (claim->nonce == 0);
    encode(claim, &value);
    claimed.is_there = state_map_get(journal_state(journal), SPACE_LIFECYCLE, TABLE, KEY, &claimed.before);
    bool done = claimed_value_put(journal, claimant->environment, &claimed, buffer_span(&value), error);
    buffer_free(&value);
    if (!done)
        return false;
    if (maintenance_claim_find(journal_state(journal), &found) && found.nonce != claim->nonce)
        return has_conflict(&found, error);
    claimant->nonce = claim->nonce;
    claimant->renewed_ns = clock_monotonic_ns(claimant->environment->clock);
    return true;
}

/* Does another replica have it, as far as this one has heard? */
static bool is_anothers(const struct maintenance_claimant *claimant, struct journal *journal,
                        struct maintenance_claim *ret_claim)
{
    return maintenance_claim_find(journal_state(journal), ret_claim) &&
           memcmp(ret_claim->holder, nobody, sizeof nobody) != 0 && !is_own(claimant, ret_claim);
}

/* Upon what somebody has written just now, a claim that was given back above all, it is tried again. */
SUSPENDS bool maintenance_claim_take(struct maintenance_claimant *claimant, const char *name, struct error *error)
{
    struct journal *journal = running(claimant, error);
    bool done = false;
    if (journal == NULL)
        return false;
    for (unsigned tries = 0; !done && tries < TAKES_MAX; tries++) {
        struct maintenance_claim claim;
        if (is_anothers(claimant, journal, &claim) && !journal_flush(journal, error)) /* it may have been given back */
            return false;
        if (is_anothers(claimant, journal, &claim) && !is_abandoned(claimant, &claim))
            return has_conflict(&claim, error);
        claim = (struct maintenance_claim){.began_ms = clock_wall_ms(claimant->environment->clock)};
        memcpy(claim.holder, claimant->self, sizeof claim.holder);
        (void)snprintf(claim.name, sizeof claim.name, "%s", name);
        done = put(claimant, journal, &claim, error);
        if (!done && error->kind != ERROR_CONFLICT)
            return false;
    }
    return done;
}

SUSPENDS bool maintenance_claim_keep(struct maintenance_claimant *claimant, struct error *error)
{
    struct maintenance_claim claim;
    struct journal *journal = running(claimant, error);
    uint64_t now_ns = clock_monotonic_ns(claimant->environment->clock);
    if (journal == NULL || now_ns - claimant->renewed_ns < MAINTENANCE_RENEWAL_MS * NS_IN_MS)
        return true;                                             /* what stands still is taken over: nobody is hurt */
    if (!maintenance_claim_find(journal_state(journal), &claim)) /* a later version's, whose holder is not told here */
        return error_set(error, ERROR_CONFLICT, NULL, "what says in the journal which replica is at it is another's");
    if (claim.nonce != claimant->nonce)
        return has_conflict(&claim, error);
    bool done = put(claimant, journal, &claim, error);
    return done || error->kind != ERROR_CONFLICT;
}

SUSPENDS void maintenance_claim_give_back(struct maintenance_claimant *claimant)
{
    struct maintenance_claim claim;
    struct error ignored;
    struct journal *journal = running(claimant, &ignored);
    bool is_own = journal != NULL && claimant->nonce != 0 && maintenance_claim_find(journal_state(journal), &claim) &&
                  claim.nonce == claimant->nonce;
    if (is_own) {
        memcpy(claim.holder, nobody, sizeof nobody);
        (void)put(claimant, journal, &claim, &ignored);
    }
    claimant->nonce = 0;
}
