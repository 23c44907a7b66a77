/* server/training/automatic.h -- dictionaries that the server makes by itself (--dict auto): of the objects that pass
 * through it, and at most one a day for a prefix.
 *
 * Every ten seconds the prefix that gets the most small objects, and has enough of them to learn from, has its turn.
 * What comes out is published if it is worth it: against zstd without a dictionary, and against the rule that holds for
 * such objects already, be it of a shorter prefix. A dictionary that is stale so gets a follower. */
#pragma once

#include "server/training/trainer.h"

/* Shard 0, when the journal has been opened. Its task is the environment's scheduler's, and ends with it. */
void training_start(struct dictionary_trainer *trainer, const struct journal_environment *environment);
