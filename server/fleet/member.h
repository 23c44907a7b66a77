/* server/fleet/member.h -- this process as one of a fleet: writes its card, sweeps those of the dead, shows all, and
 * tells whether older ones run.
 *
 * One small conditional PUT each `every_ms` and a look at all cards behind it, and a list in twelve of them: what that
 * costs stands in docs/operations.md beside the polls of the journal. Nothing waits for it. When the card is not what
 * was written last, another process runs with a copy of the state folder; then this one takes another id and says so.
 *
 * Without a home in a bucket (a folder, a backend without conditional PUTs) nothing is written, and it shows itself
 * alone. Everything on shard 0. */
#pragma once

#include "journal/fleet/cards.h"
#include "journal/store.h"
#include "runtime/fiber/offload.h"
#include "server/fleet/identity.h"

/* Fills in what changes: how the journal stands, how old its view is, since when the ledger waits. */
typedef void fleet_look(void *context, struct fleet_card *card);
/* What the cards say, each time that they were read. */
typedef void fleet_seen(void *context, const struct card_list *list);

struct fleet_member_options {
    const struct journal_home *home;
    struct fleet_identity *identity; /* outlives the member, which changes it */
    struct offload *file_threads;
    struct fleet_card card; /* what stays: name, version, addresses, started, every */
};

struct fleet_member {
    struct fleet_member_options options;
    struct cards_room *room; /* NULL: it has not begun, or there is no bucket */
    const struct journal_environment *environment;
    fleet_look *look;
    fleet_seen *seen;
    void *context;              /* of both */
    char etag[CARD_ETAG_BYTES]; /* of the card as it was written last; "": there is none */
    bool is_etag_known;
    bool has_written;
    bool is_failing; /* the log was told */
    unsigned turns;
    uint64_t copies; /* times that somebody else was found under this id */
    bool has_older;  /* processes that cannot read all that this one could write may run; set by `seen`'s owner */
};

void fleet_member_init(struct fleet_member *member, const struct fleet_member_options *options);
/* Spawns its task on the scheduler of the environment. */
void fleet_member_start(struct fleet_member *member, const struct journal_environment *environment, fleet_look *look,
                        fleet_seen *seen, void *context);
/* Before the scheduler stops: its task shall not read the cards of many others first. */
void fleet_member_end(struct fleet_member *member);
/* When the scheduler's tasks have ended: says in the card that it has stopped. */
SUSPENDS void fleet_member_stop(struct fleet_member *member);

/* All cards, this process's own as it stands now. */
SUSPENDS bool fleet_member_show(const struct fleet_member *member, struct card_list *ret_list, struct error *error);

/* The lineage of the journal that this replica has known; zero: of none. */
const struct journal_id *fleet_member_lineage(const struct fleet_member *member);
/* The journal that it works with; durable when it returns true. */
SUSPENDS bool fleet_member_note_lineage(struct fleet_member *member, const struct journal_id *lineage,
                                        struct error *error);
