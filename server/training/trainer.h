/* server/training/trainer.h -- makes dictionaries, and puts them into force: on shard 0, beside the journal.
 *
 * Training draws samples, makes a dictionary of them on a thread of its own, and publishes it when it is worth it: at
 * least a tenth smaller than plain zstd on samples that it has not seen, and a twentieth smaller than the one that is
 * in force. Publishing writes the object first and then the mapping (journal/dictionaries/publish.h), so that whatever
 * is cut off leaves at most an object of some KiB that nobody names. One training at a time. */
#pragma once

#include "runtime/fiber/offload.h"
#include "server/dictionaries/keeper.h"
#include "server/dictionaries/reservoir.h"
#include "server/object/object.h"
#include "server/training/samples.h"

struct dictionary_trainer {
    struct dictionary_keeper *keeper;
    struct object_codecs *codecs; /* shard 0's */
    struct bucket_store *store;
    struct offload *thread;        /* one */
    struct reservoirs *reservoirs; /* NULL: no --dict auto */
    bool is_busy;                  /* with a training or a retirement: one at a time */
};

struct training_report {
    char id[DICTIONARY_ID_BYTES];      /* of what was made; "": nothing was */
    char current[DICTIONARY_ID_BYTES]; /* of what was in force; "": none */
    uint32_t bytes;
    unsigned samples;
    uint64_t objects;                                                      /* that it could have been drawn from */
    uint64_t original_bytes, plain_bytes, dictionary_bytes, current_bytes; /* of the judging quarter */
    bool is_worth_it;
    bool is_published;
};

/* `is_trial`: nothing is published. ERROR_INVALID: not enough to learn from. ERROR_CONFLICT: somebody else has
 * published meanwhile. ERROR_BUSY: another training is under way, or the journal does not take it now. A dictionary
 * that is not worth it is no error: the report says so. */
SUSPENDS bool trainer_train(struct dictionary_trainer *trainer, struct span bucket, struct span prefix, bool is_trial,
                            struct training_report *ret_report, struct error *error);
/* The same of samples that are there already. What is in force for such objects, be it by the rule of a shorter prefix,
 * is what it must be better than. */
SUSPENDS bool trainer_train_on(struct dictionary_trainer *trainer, const struct reservoir_place *place,
                               const struct samples *samples, struct training_report *ret_report, struct error *error);
/* New objects under the prefix are written without a dictionary again. True also when they were. */
SUSPENDS bool trainer_unmap(struct dictionary_trainer *trainer, struct span bucket, struct span prefix,
                            struct error *error);
