/* store/remote/ledger/state.h -- the ledger of a process in memory. Private to store/remote/ledger/. */
#pragma once

#include "store/remote/ledger/files.h"
#include "store/remote/ledger/ledger.h"

#include <stdatomic.h>

/* A record that is frozen and not trimmed. */
struct frozen_record {
    struct list_link link;
    uint64_t number;
    bool is_damaged;
    bool goes_on;          /* of a found one: files.h */
    struct buffer amounts; /* encoded */
};

struct ledger_spool_state {
    struct list_link link;
    uint8_t id[SPOOL_ID_BYTES];
    int64_t created_ms;
    uint64_t last_frozen;
    uint64_t generation;       /* logs below it are counted */
    struct list_link records;  /* frozen_record, ascending */
    struct amounts_table open; /* of a found one: what its logs add up to; of the own one: taken from the logs, and
                                * not frozen yet */
    /* Of a found one: */
    bool has_logs;              /* which are not frozen yet */
    uint64_t last_generation;   /* of those */
    struct list_link unsettled; /* noted_intent */
    bool is_torn;               /* the end of a log may be missing, or more of it is damaged */
};

#define RECOUNTS_UNKNOWN UINT64_MAX

struct ledger {
    struct spool base; /* first */
    struct ledger_options options;
    int folder_fd;
    uint64_t generation;   /* of the own logs */
    pthread_mutex_t mutex; /* orders whoever reads the spools with whoever changes them; before that of a log */
    struct ledger_spool_state own;
    struct list_link found; /* ledger_spool_state, oldest first */
    struct intent_log *logs;
    _Atomic uint64_t recounts; /* RECOUNTS_UNKNOWN: the journal has not been read yet */
};

static inline struct ledger *ledger_of_spool(struct spool *spool)
{
    return (struct ledger *)(void *)spool;
}

void spool_state_init(struct ledger_spool_state *state, const uint8_t id[SPOOL_ID_BYTES], int64_t created_ms);
void spool_state_free(struct ledger_spool_state *state);

/* Removes the spool's logs below the generation, or with UINT64_MAX all of its files. Blocks. */
void ledger_remove_files(int folder_fd, const uint8_t id[SPOOL_ID_BYTES], uint64_t generation);
/* The open amounts, encoded, become a record, or several where they have more buckets than one takes, and the logs
 * below `generation` go; nothing changes in memory. False: they are as they were. Blocks. */
bool ledger_write_records(int folder_fd, const struct ledger_spool_state *state, uint64_t generation,
                          struct span amounts, struct error *error);
/* The same in memory, under the mutex. */
void ledger_note_records(struct ledger_spool_state *state, uint64_t generation, struct span amounts);

/* What earlier processes left (found.c). */
bool ledger_load_found(struct ledger *ledger, struct error *error);

extern const struct spool_operations ledger_spool_operations; /* spool.c */
