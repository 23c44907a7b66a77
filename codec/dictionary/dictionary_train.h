/* codec/dictionary/dictionary_train.h -- a dictionary out of samples, and what it saves on those that it has not seen.
 *
 * Three samples of four train, the fourth judges. Dictionaries of 4 to 64 KiB are made, none larger than a quarter of
 * the bytes it is trained on (larger ones come out worse), and the smallest within a hundredth of the best is taken.
 *
 * Long: up to three seconds. On a thread of its own, never inline on a shard. */
#pragma once

#include "codec/dictionary/dictionary.h"
#include "runtime/base/buffer.h"

enum {
    TRAINING_SAMPLES_LEAST = 8, /* as S4 has it */
    TRAINING_SAMPLES_MAX = 1000,
    TRAINING_BYTES_MAX = 16 << 20, /* of all samples together */
};

struct training {
    struct span samples; /* one after the other */
    const size_t *sizes;
    unsigned count;
    int level;
    bool may_be_block;   /* bodies of a dictionary need no header (codec/dictionary/block.h) */
    struct span current; /* a dictionary to compare with; empty: none */
};

struct trained {
    struct buffer dictionary; /* freed by the caller */
    /* What the judging samples take: as bodies, header and all, the plain ones raw where they do not shrink. */
    uint64_t original_bytes;
    uint64_t plain_bytes;
    uint64_t dictionary_bytes;
    uint64_t current_bytes; /* with training.current */
};

/* ERROR_INVALID: the samples are too few or too small. ERROR_BUSY: no memory. ERROR_UNSUPPORTED: nothing that repeats
 * is found in them. */
bool dictionary_train(const struct training *training, struct trained *ret_trained, struct error *error);
