/* store/remote/ledger/log_format.h -- the bytes of a log of intents: a head, and entries one after the other.
 *
 *   head     8 "BALE-LOG", u16 version 2, u8 x6 zero, 16 id of the spool, 16 boot id, i64 created (ms), u32 recounts,
 *            u32 CRC-32C of what is before it                                                                (64 bytes)
 *   entry    u32 CRC-32C of the rest, u16 bytes of the content, u8 kind, content
 *     1 intent    u64 number, u8 kind, 16 nonce, i64 objects, original, stored bytes that are made, the same three that
 *                 are replaced, u64 creation id of the bucket, u8 1: null_covers, else 0, u8, u8, u16 bytes of the
 *                 three that follow: ETag, bucket, key
 *     2 outcome   u64 number, u8 outcome
 *     3 amounts   as a record of a spool has them (store/spool.h), of one bucket
 *     4 end       nothing: the process ended the log, and it is on the disk
 *
 * In a log of version 1, which is read and not written, an intent has three amounts, what is made less what is
 * replaced, and no null_covers.
 *
 * Little endian. An intent with a number that was there before takes the place of that one. Decoding bounds every
 * length, and stops at the first entry that is not whole: a process that was killed may have been writing it. */
#pragma once

#include "runtime/base/boot_id.h"
#include "runtime/base/buffer.h"
#include "store/remote/format/stamp.h"
#include "store/spool.h"

enum { LOG_HEAD_BYTES = 64, LOG_VERSION = 2, LOG_ENTRY_BYTES_MAX = 2048 };

struct log_head {
    uint8_t spool[SPOOL_ID_BYTES];
    uint8_t boot[BOOT_ID_BYTES]; /* of the machine's start: a log of another one may lack its end */
    int64_t created_ms;
    uint32_t recounts; /* how many there had been when its intents were noted, or fewer; the low bits of that */
    unsigned version;  /* of its entries' bytes; only read */
};

/* What is about to be done to a key, and what the ledger must add if it is done. */
struct ledger_intent {
    uint64_t number; /* in this log */
    enum intent_kind {
        INTENT_WRITE = 1,
        INTENT_DELETE,
        INTENT_BURIED, /* a tombstone that stands (write/tombstone.h): it counts, and is to be removed */
    } kind;
    uint8_t nonce[STAMP_NONCE_BYTES]; /* of what is written */
    struct ledger_amounts made;       /* what the key counts then. No former versions, neither here ... */
    struct ledger_amounts replaced;   /* ... nor in what it counted before */
    bool null_covers; /* a null version that it makes (406) lies over what was there, and may take the place of another
                       */
    bool is_old;      /* of a log of version 1: `made` is less what is replaced, which is not known */
    uint64_t creation_id;
    struct span etag; /* the backend's, of what is there before; empty: nothing is */
    struct object_name name;
};

enum intent_outcome {
    INTENT_DONE = 1,      /* it counts, and what was there is gone */
    INTENT_NOT_DONE,      /* nothing happened */
    INTENT_UNCERTAIN,     /* nobody can know: it does not count, and one more change is uncertain */
    INTENT_DONE_BLIND,    /* it counts, and what it did it to may have been something else: so one more is uncertain */
    INTENT_COVERED,       /* it counts, and what was there is a former version now */
    INTENT_COVERED_BLIND, /* the same, and one more is uncertain */
};
/* Of one that has been done. `version`: of what stands there now, an object or a marker; NULL: nothing does. */
enum intent_outcome intent_outcome_done(const struct ledger_intent *intent, const char *version, bool is_blind);
static inline bool intent_outcome_counts(enum intent_outcome outcome)
{
    return outcome != INTENT_NOT_DONE && outcome != INTENT_UNCERTAIN;
}

struct log_entry {
    enum log_entry_kind { LOG_INTENT = 1, LOG_OUTCOME, LOG_AMOUNTS, LOG_END } kind;
    struct ledger_intent intent; /* spans point into the log; of an outcome, its number */
    enum intent_outcome outcome;
    struct spool_amounts amounts;
};

void log_put_head(struct buffer *log, const struct log_head *head);
void log_put_intent(struct buffer *log, const struct ledger_intent *intent);
void log_put_outcome(struct buffer *log, uint64_t number, enum intent_outcome outcome);
void log_put_amounts(struct buffer *log, const struct spool_amounts *amounts);
void log_put_end(struct buffer *log);

/* Takes the head off the front. False: it is none. A version above LOG_VERSION is one of a later Bale: its entries
 * cannot be taken. */
bool log_take_head(struct span *log, struct log_head *ret_head);
/* Takes the next entry, of a log of this version. False: there is none that is whole and right. */
bool log_take_entry(struct span *log, unsigned version, struct log_entry *ret_entry);
/* Is this, behind the last entry that could be taken, what a process leaves that was killed while it wrote one more? */
bool log_is_cut(struct span rest);
