/* server/training/samples.h -- objects to learn from: drawn at random from all under a prefix. */
#pragma once

#include "codec/dictionary/dictionary_train.h"
#include "server/object/object.h"

enum {
    SAMPLE_BYTES_MAX = 16 << 10,    /* of an object, its beginning */
    SAMPLED_KEYS_MAX = 1000 * 1000, /* that are looked at, from the first on */
};

struct samples {
    struct buffer bytes; /* one after the other */
    size_t sizes[TRAINING_SAMPLES_MAX];
    unsigned count;
    uint64_t seen; /* objects that could have been drawn */
};

/* Of objects that a dictionary would be used for, by their size: at most TRAINING_SAMPLES_MAX, each as likely as the
 * next. What cannot be read, or is encrypted, is left out. Freed by samples_free in any case. */
SUSPENDS bool samples_draw(struct object_codecs *codecs, struct bucket_store *store, struct span bucket,
                           struct span prefix, const struct random_source *random, struct samples *ret_samples,
                           struct error *error);
void samples_free(struct samples *samples);
