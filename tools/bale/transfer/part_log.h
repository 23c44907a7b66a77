/* tools/bale/transfer/part_log.h -- which parts of NAME.bale-part have come, noted as they come, for whoever goes on
 * after a kill: the file NAME.bale-log beside it.
 *
 *     bale get 1: 1073741824 bytes in parts of 8388608, CRC64NVME, "72b78befe48cba088abbad90564ac03a-36"
 *     part 3 8fe1ab3c9a0be3d1
 *     part 0 77a0d2f1c8e5bb12
 *
 * The first line says of which revision. Nothing is synced: a note is believed only if the part's bytes have the sum
 * that it gives, so that a torn line, or a part that a loss of power took, costs no more than that part. */
#pragma once

#include "runtime/base/buffer.h"
#include "s3client/wire/checksum.h"
#include "tools/bale/transfer/local_file.h"

struct part_log_facts {
    uint64_t size;
    const char *etag;
    enum checksum_algorithm algorithm; /* of the parts' sums */
    uint64_t part_bytes;
};

struct part_log {
    int fd; /* -1: nothing is noted */
    struct buffer found;
    struct span rest; /* of what was found */
};

/* For whoever goes on: opens the file's log. *ret_is_there: it is one of the revision that `facts` say, and their
 * part_bytes are the log's now. ERROR_CHANGED: it is of another revision. */
bool part_log_open(const struct local_file *file, struct part_log_facts *facts, struct part_log *ret_log,
                   bool *ret_is_there, struct error *error);
/* The next note of the log that was found; false behind the last. Lines that are none are skipped. */
bool part_log_next(struct part_log *log, enum checksum_algorithm algorithm, unsigned *ret_number,
                   struct checksum_value *ret_sum);

/* A new log, without a part. */
bool part_log_begin(const struct local_file *file, const struct part_log_facts *facts, struct part_log *ret_log,
                    struct error *error);
bool part_log_add(struct part_log *log, unsigned number, const struct checksum_value *sum, struct error *error);
void part_log_close(struct part_log *log);
