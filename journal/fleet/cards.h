/* journal/fleet/cards.h -- the cards of a fleet, in a room beside its journal: `.bale/fleet/ID` in the home bucket.
 *
 * A card is written by its replica alone, each time on the condition that it is what that replica wrote last: if it is
 * not, somebody else runs under the same id. How old a card is, is told by the backend's clock alone (its Date less the
 * card's Last-Modified), so replicas whose clocks disagree see the same.
 *
 * Every call is of the shard that opened the room, is one request (cards_read_all and cards_sweep: a list for each
 * thousand keys, and one for each card that was written since the last time, or goes), and has a deadline of some
 * seconds for each. */
#pragma once

#include "journal/fleet/card.h"
#include "journal/home.h"
#include "runtime/base/error.h"

enum {
    CARDS_MAX = 1000,      /* that are read: of more, those that were written last */
    CARD_ETAG_BYTES = 136, /* of a server, with its quotes */
    CARD_PACES_MISSED = 3, /* a card that has not been written for so many times its pace is of one that has gone */
};

enum card_standing { CARD_RUNS, CARD_STOPPED, CARD_GONE };

struct seen_card {
    struct fleet_card card;
    char etag[CARD_ETAG_BYTES];
    int64_t received_ms; /* when the backend got it, by the backend's clock */
    uint64_t age_ms;     /* since then, by the same clock */
};

struct cards_room;

/* Of a home in a bucket (home->endpoint). */
struct cards_room *cards_room_open(const struct journal_home *home);
void cards_room_close(struct cards_room *room); /* no call is under way */
/* Nobody wants to know of others any more: what reads or sweeps all cards goes no further than the
 * request that it waits for. */
void cards_room_end(struct cards_room *room);

struct cards_counters {
    uint64_t writes, reads, lists, deletes; /* requests */
};
const struct cards_counters *cards_room_counters(const struct cards_room *room);

/* ERROR_NOT_FOUND: there is none. ERROR_DAMAGED: what is there is no card; of ret_seen only the ETag is set. */
SUSPENDS bool cards_read(struct cards_room *room, const struct journal_id *id, struct seen_card *ret_seen,
                         struct error *error);
/* In the place of the one of this ETag; "": where there is none. ERROR_CONFLICT: there is another one, or none any
 * more; it may also be what this very call has written, and whose answer was lost: cards_read tells. */
SUSPENDS bool cards_write(struct cards_room *room, const struct fleet_card *card, char etag[CARD_ETAG_BYTES],
                          struct error *error);

struct card_list {
    struct seen_card *cards; /* by name, then by id; there is room for one more */
    unsigned count;
    unsigned omitted; /* beyond CARDS_MAX */
};
/* Empty, with room for so many and one more. */
void card_list_init(struct card_list *list, unsigned capacity);
/* What is no card is left out; what has the ETag that it had the last time is not read again. card_list_free is due
 * when it succeeded. */
SUSPENDS bool cards_read_all(struct cards_room *room, struct card_list *ret_list, struct error *error);
void card_list_free(struct card_list *list);

/* Removes the cards that nobody has written for `forget_ms`. The clock is the backend's, as the card `own`, which was
 * written just now, shows it. False: the backend failed, or does not show that card. */
SUSPENDS bool cards_sweep(struct cards_room *room, const struct journal_id *own, uint64_t forget_ms,
                          unsigned *ret_removed, struct error *error);

enum card_standing card_standing(const struct seen_card *seen);
const char *card_standing_name(enum card_standing standing); /* "running", "stopped", "gone" */
/* How far the writer's clock is ahead of the backend's, in whole seconds; what lies within the pause between writing
 * and receiving is 0. */
int64_t card_clock_ahead_s(const struct seen_card *seen);
