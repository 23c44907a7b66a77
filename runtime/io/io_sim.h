/* runtime/io/io_sim.h -- I/O as bad as it is allowed to be, and the same again for the same seed: the driver of tests.
 *
 * Descriptors are real: socket pairs, pipes, files of a temporary folder, or files in memory from io_sim_open. What is
 * simulated is everything around them, drawn from one seed:
 *   time       virtual: nothing really waits, a loop that has nothing to do jumps to its next event
 *   order      operations end after random delays, in random order
 *   results    transfers are short; `error_permille` of the operations fail
 *   races      a cancellation comes before, after, or at the same time as the result
 *   power      what was written to a file and not synced may be lost, sector by sector (below)
 * A scenario is reproducible as long as one thread and socket pairs (not TCP) are used.
 *
 * Power loss. Every regular file that is written through the verbs of io.h is watched, however it was opened. After
 * io_sim_power_off operations fail with -EIO and change nothing; the test then stops its loop (loop_stop(loop, 0)),
 * destroys it, and calls io_sim_power_on: each sector of 512 bytes that was written since the last sync (or durable
 * write of it) has the new or the old content, at random, and a file that grew has its old length or a longer one.
 * The files are then as a machine might find them; the next loop may be created. Changes that bypass the verbs count
 * as durable. */
#pragma once

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/fiber/io_driver.h"

#include <stdint.h>

struct io_sim;

struct io_sim_options {
    uint64_t seed;
    unsigned delay_us_max;     /* of an operation; 0: none */
    unsigned short_permille;   /* transfers that move only a part */
    unsigned error_permille;   /* operations that fail, with an error that fits their kind */
    unsigned not_now_permille; /* attempts that would have to wait although they would not */
    unsigned real_wait_ms;     /* before virtual time jumps: for scenarios in which other threads post */
};

struct io_sim *io_sim_create(const struct io_sim_options *options);
void io_sim_destroy(struct io_sim *sim); /* after its loops */

/* For loop_options.driver; one loop at a time. */
const struct io_driver *io_sim_driver(struct io_sim *sim);
const struct clock *io_sim_clock(struct io_sim *sim);

/* A file in memory, which outlives loops and loses of power; the same name is the same file. The descriptor is the
 * caller's, who closes it by io_close. */
int io_sim_open(struct io_sim *sim, const char *name);

/* The operation of this kind that comes after `skip` others fails with -errno_value. At most 16 such orders. */
void io_sim_fail(struct io_sim *sim, enum io_verb verb, uint64_t skip, int errno_value);

/* How many operations of this kind have been carried out (or failed). */
uint64_t io_sim_count(const struct io_sim *sim, enum io_verb verb);

void io_sim_power_off(struct io_sim *sim);
/* The power goes off when `operations` more have been carried out on files: walks a crash through every point of a
 * scenario. */
void io_sim_power_off_after(struct io_sim *sim, uint64_t operations);
bool io_sim_is_powered(const struct io_sim *sim);
/* Returns how many sectors were lost. */
uint64_t io_sim_power_on(struct io_sim *sim);
