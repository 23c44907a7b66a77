/* store/remote/ledger/files.h -- the files of the ledger's folder: their names, written whole or not at all.
 *
 *   SPOOL.SHARD.GENERATION.intents   a log of intents (log_format.h)
 *   SPOOL.NUMBER.record              a frozen record of a spool
 *   SPOOL: 32 hex digits; the rest decimal
 *
 * A record: 8 "BALE-REC", u16 version 1, u8 x6 zero, 16 id of the spool, i64 created (ms, of the spool), u64 number,
 * u64 generation: logs of the spool below it are counted, u32 bytes of the amounts, u32 CRC-32C of them, u32 1: the
 * record behind it was frozen with it, else 0, u32 CRC-32C of what is before it (72 bytes), then the amounts
 * (store/spool.h). One that was trimmed and is the last of its spool stays without its amounts: it says how far the
 * spool has come. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "store/spool.h"

enum {
    RECORD_HEAD_BYTES = 72,
    LEDGER_FILE_NAME_BYTES = 100,
    LEDGER_FILE_BYTES_MAX = 64 << 20, /* a larger one is none of ours */
};

struct ledger_file_name {
    uint8_t spool[SPOOL_ID_BYTES];
    bool is_record;      /* else a log */
    uint64_t shard;      /* of a log */
    uint64_t generation; /* of a log; the number of a record */
};
void ledger_file_name_encode(const struct ledger_file_name *name, char ret_text[LEDGER_FILE_NAME_BYTES]);
/* False: it is none of these. */
bool ledger_file_name_decode(const char *text, struct ledger_file_name *ret_name);

struct record_head {
    uint8_t spool[SPOOL_ID_BYTES];
    int64_t created_ms;
    uint64_t number;
    uint64_t generation;
    bool goes_on; /* its amounts did not fit: without the record behind it, it does not count, and the logs do */
};
void record_encode(const struct record_head *head, struct span amounts, struct buffer *ret_bytes);
/* *ret_amounts points into the bytes; *ret_is_trimmed: it has none any more. False: it is damaged. */
bool record_decode(struct span bytes, struct record_head *ret_head, struct span *ret_amounts, bool *ret_is_trimmed);

/* These block: for start, and for other threads. */
/* Under a name of its own first, so that the name has the old bytes or the new ones; `is_durable`: also after a power
 * failure. */
bool ledger_file_write(int folder_fd, const char *name, struct span bytes, bool is_durable, struct error *error);
/* ERROR_DAMAGED: it is there, and its bytes cannot be had, or are more than any file of ours has. */
bool ledger_file_read(int folder_fd, const char *name, struct buffer *ret_bytes, struct error *error);
