/* journal/fleet/card.h -- what a replica says of itself, as text: docs/bucket-format.md has its lines.
 *
 * It is for people, and for the replica itself after a restart; no decision about objects depends on it. Times are the
 * writer's own clock, milliseconds since 1970; when the backend received it is told by the backend. */
#pragma once

#include "journal/format/name.h"
#include "runtime/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CARD_TEXT_BYTES = 96,  /* of a text, with its terminating zero */
    CARD_BYTES_MAX = 2048, /* of a whole card */
};

struct fleet_card {
    struct journal_id id;    /* of the replica: drawn once for a state folder */
    struct journal_id start; /* drawn anew by each start */
    struct journal_id place; /* where the state folder lies, as far as can be told (server/fleet/identity.h) */
    char name[CARD_TEXT_BYTES];
    char version[CARD_TEXT_BYTES];
    char s3[CARD_TEXT_BYTES]; /* "HOST:PORT" that it listens on; "": not known yet */
    char admin[CARD_TEXT_BYTES];
    char journal[CARD_TEXT_BYTES]; /* how its journal stands (journal_condition_name); "": it has not been opened */
    int64_t started_ms;
    int64_t written_ms;
    uint64_t every_ms; /* it is written so often */
    uint64_t lag_ms;   /* how old its view of the journal is */
    uint64_t spool_ms; /* since when amounts wait for the ledger; 0: none do */
    bool is_stopped;   /* its last one: the process has ended in order */
};

/* Texts are cut to what a line may hold: printable ASCII. */
void card_encode(const struct fleet_card *card, struct buffer *ret_text);
/* Lines of later versions are passed over. False: it is no card. */
bool card_decode(struct span text, struct fleet_card *ret_card);
