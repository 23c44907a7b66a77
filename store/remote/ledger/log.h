/* store/remote/ledger/log.h -- a shard's log of intents: what is about to be done to the backend, written down before
 * the request is sent, and what came of it.
 *
 * An intent is some two hundred bytes, and is in the page cache before the loop hands any request to the kernel: a
 * process that is killed loses none. All that a shard's fibers note and end in one turn of the loop is one write, on
 * the shard's own thread (loop_run_before_io); what came of an intent is written before the client hears of it,
 * likewise. Nothing is synced, so a power failure may take the last ones; the next start says so (found.h). What the
 * log says, and what is gathered for it, is in the log's sums at any moment.
 *
 * From time to time the sums are taken into a record of the spool (log_begin_generation); then the log begins anew,
 * with the intents that are still open. Should nobody take them, it is written anew when it is long (4 MiB, or twice
 * what it began with).
 *
 * Threads: a shard notes and ends its own intents; the sums are taken, and intents that wait to be settled are ended,
 * on another thread. A mutex of the log orders them: its owner's shard has it for a microsecond, nearly always alone.
 */
#pragma once

#include "runtime/base/list.h"
#include "runtime/fiber/loop.h"
#include "store/remote/ledger/amounts.h"
#include "store/remote/ledger/log_format.h"

#include <pthread.h>

/* An intent that is under way, or waits to be settled. */
struct noted_intent {
    struct list_link link;
    struct ledger_intent intent; /* spans point behind it */
    bool is_waiting;             /* its maker does not know what came of it */
    uint64_t since_ms;           /* monotonic: since when */
    uint64_t due_ms;             /* when it is to be looked at */
    uint32_t recounts;           /* how many there had been when it was noted, or fewer */
    uint8_t told;                /* what is known of it already, and which outcome that is: settle.c's */
    uint8_t outcome;
    uint8_t texts[];
};
struct noted_intent *noted_intent_create(const struct ledger_intent *intent);
/* What the outcome of an intent adds to sums. */
void intent_add_outcome(struct amounts_table *sums, const struct ledger_intent *intent, enum intent_outcome outcome);

struct intent_log {
    pthread_mutex_t mutex;
    int folder_fd;
    struct log_head head; /* `recounts`: of now */
    uint64_t shard;
    uint64_t generation;
    int fd;              /* -1: nothing was written yet, or the disk refused */
    uint64_t size;       /* of the file, as far as it is right */
    uint64_t begun_size; /* when it began, with what was open */
    uint64_t next_number;
    uint64_t written_number; /* of the last intent that was written, or that the disk refused */
    struct list_link open;
    struct amounts_table sums; /* of what the file says, and what is gathered */
    struct loop *loop;         /* the shard's; NULL: nothing was noted yet, or there is none */
    struct loop_errand errand; /* on it: `gathered` is to be written */
    struct buffer gathered;    /* entries of this turn */
    uint64_t unwritten;        /* entries that the disk refused: a crash would lose them */
    bool is_torn;              /* the file says that something is missing at its end */
};

void log_init(struct intent_log *log, int folder_fd, const struct log_head *head, uint64_t shard);
/* Nothing is under way. `is_whole`: what the file says is needed at the next start, and is put on the disk; else it is
 * removed. */
void log_close(struct intent_log *log, bool is_whole);

/* Before the request: notes the intent, whose number is drawn here. The result is the caller's until it is ended or
 * left. What the disk does not take will be uncertain by one, for a crash could not say it. */
struct noted_intent *log_note(struct intent_log *log, const struct ledger_intent *intent);
/* The same intent about another revision: all but its name is that of `now`. */
void log_note_again(struct intent_log *log, struct noted_intent *open, const struct ledger_intent *now);
/* The tombstone that it was to write stands: from now on it counts, whatever becomes of the key. */
void log_note_buried(struct intent_log *log, struct noted_intent *open);
/* What came of it; it is freed. */
void log_end(struct intent_log *log, struct noted_intent *open, enum intent_outcome outcome);
/* Nobody knows yet: from now on it waits to be settled. */
void log_leave(struct intent_log *log, struct noted_intent *open, uint64_t now_ms);
/* Amounts that no intent has. */
void log_add(struct intent_log *log, const struct spool_amounts *amounts);

/* So many recounts there have been. Any thread. */
void log_note_recounts(struct intent_log *log, uint32_t recounts);

/* For the one fiber that settles. One that waits and is to be looked at by now; NULL: none. It stays until that fiber
 * ends it. */
struct noted_intent *log_find_due(struct intent_log *log, uint64_t now_ms);
void log_defer(struct intent_log *log, struct noted_intent *open, uint64_t until_ms);

/* From here on entries go to another file; the sums so far move to `taken`. False: the disk refuses, nothing has
 * changed. */
bool log_begin_generation(struct intent_log *log, uint64_t generation, struct amounts_table *taken,
                          struct error *error);

/* Any thread. */
uint64_t log_count_open(struct intent_log *log);
uint64_t log_count_unwritten(struct intent_log *log);
