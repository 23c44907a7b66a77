/* server/fleet/claim.c -- compares the state folder with the card that its replica left in the bucket. */
#include "server/fleet/claim.h"

#include "runtime/log/log.h"

#include <inttypes.h>
#include <string.h>

bool fleet_is_own_card(const struct fleet_identity *identity, const struct fleet_card *card)
{
    return journal_id_equal(&card->start, &identity->start) || journal_id_equal(&card->start, &identity->known);
}

static const char *address_of(const struct fleet_card *card)
{
    return card->s3[0] != '\0' ? card->s3 : "an address that it does not say";
}

/* ---- is it a copy? ---- */

static bool refuse_outrun(const struct fleet_identity *identity, const struct seen_card *seen, struct error *error)
{
    return error_set(error, ERROR_CONFLICT, NULL,
                     "--state %s is a copy: %s, on %s, has started from the same folder since. Give this process a "
                     "folder of its own, which may be empty",
                     identity->folder, seen->card.name, address_of(&seen->card));
}

static bool refuse_running(const struct fleet_identity *identity, const struct seen_card *seen, struct error *error)
{
    /* card_standing rounds as well: the difference is never below 0 */
    uint64_t wait_ms = CARD_PACES_MISSED * (seen->card.every_ms - seen->age_ms / CARD_PACES_MISSED);
    return error_set(error, ERROR_CONFLICT, NULL,
                     "--state %s is a copy: %s, on %s, ran with the original %" PRIu64
                     " s ago. Give this process a folder of its own; if the other has gone for good, start again in "
                     "%" PRIu64 " s",
                     identity->folder, seen->card.name, address_of(&seen->card), seen->age_ms / 1000,
                     wait_ms / 1000 + 1);
}

/* A process that ended in order said so; one of the same place has ended, as we hold its lock; one that has not been
 * heard of for long is not there any more. */
static bool check_card(const struct fleet_identity *identity, const struct seen_card *seen, struct error *error)
{
    if (!fleet_is_own_card(identity, &seen->card))
        return refuse_outrun(identity, seen, error);
    bool is_here = journal_id_equal(&seen->card.place, &identity->place);
    return is_here || card_standing(seen) != CARD_RUNS || refuse_running(identity, seen, error);
}

/* ---- the claim ---- */

struct claim {
    struct fleet_identity *identity;
    struct cards_room *room;
    struct seen_card seen; /* etag "": there is no card */
    bool is_unknown;       /* the bucket did not answer */
};

SUSPENDS static bool look(struct claim *claim, struct error *error)
{
    claim->seen = (struct seen_card){0};
    if (claim->identity->is_new)
        return true;
    if (cards_read(claim->room, &claim->identity->id, &claim->seen, error))
        return check_card(claim->identity, &claim->seen, error);
    claim->is_unknown = error->kind != ERROR_NOT_FOUND && error->kind != ERROR_DAMAGED;
    return true;
}

/* It was refused. Because the answer to the first attempt was lost? */
SUSPENDS static bool is_ours(const struct claim *claim)
{
    struct seen_card seen;
    struct error ignored;
    return cards_read(claim->room, &claim->identity->id, &seen, &ignored) &&
           journal_id_equal(&seen.card.start, &claim->identity->start);
}

SUSPENDS static bool put(struct claim *claim, const struct fleet_card *card, struct error *error)
{
    struct fleet_card own = *card;
    own.id = claim->identity->id;
    own.start = claim->identity->start;
    own.place = claim->identity->place;
    if (cards_write(claim->room, &own, claim->seen.etag, error))
        return true;
    claim->is_unknown = error->kind != ERROR_CONFLICT;
    if (claim->is_unknown || is_ours(claim))
        return true;
    return error_set(error, ERROR_CONFLICT, NULL,
                     "--state %s is a copy: another process starts with the original, or with another copy, at this "
                     "very moment. Each needs a folder of its own",
                     claim->identity->folder);
}

/* A full disk stops no start: the replica that was goes on under its last start, and a new one is a new one again. */
static void begin_start(struct claim *claim, const struct random_source *random)
{
    struct fleet_identity *identity = claim->identity;
    struct journal_id before = identity->start;
    struct error error;
    if (!journal_id_is_zero(&claim->seen.card.start))
        identity->known = claim->seen.card.start;
    random_fill(random, identity->start.bytes, sizeof identity->start.bytes);
    if (fleet_identity_save(identity, &error))
        return;
    log_message(LOG_WARNING, "%s: a copy of this folder would not be noticed", error.message);
    if (!identity->is_new)
        identity->start = before;
}

SUSPENDS bool fleet_claim(struct fleet_identity *identity, const struct journal_home *home,
                          const struct random_source *random, const struct fleet_card *card, struct error *error)
{
    struct claim claim = {.identity = identity, .room = cards_room_open(home)};
    bool done = look(&claim, error);
    if (done && !claim.is_unknown) {
        begin_start(&claim, random);
        done = put(&claim, card, error);
    }
    if (done && claim.is_unknown)
        log_message(LOG_WARNING,
                    "the card of this replica could not be looked at (%s): if --state is a copy of "
                    "another replica's, it is noticed later",
                    error->message);
    cards_room_close(claim.room);
    return done;
}
