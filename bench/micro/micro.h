/* bench/micro/micro.h -- what one small piece of Bale costs: nanoseconds of CPU for one round of it.
 *
 * A group is one file: it makes what it measures and calls micro_measure for each case. Times are of the calling
 * thread's CPU, so that other work on the machine hardly counts; of several turns the median and the best are kept. A
 * round whose result is not what it should be ends the program: nothing that is wrong has a speed.
 *
 * Names are paths, GROUP/CASE, with no character that JSON would escape. One thread. */
#pragma once

#include "runtime/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MICRO_TURNS = 5, MICRO_NAME_BYTES = 64 };

struct micro; /* what was asked for, and where figures go */

struct micro_case {
    const char *name;
    size_t bytes;             /* that a round goes over; 0: there are none to speak of */
    bool (*run)(void *state); /* one round. False: the result is wrong */
    void *state;
};

/* Measures it, if it was asked for. */
void micro_measure(struct micro *micro, const struct micro_case *what);

/* For what has clocks of its own: was it asked for? Then its figures follow. */
bool micro_wants(struct micro *micro, const char *name);

/* A real one, whose bytes codecs are measured with, too; NULL: none was given. */
const char *micro_file(const struct micro *micro);

struct micro_figures {
    const char *name;
    size_t bytes;
    double ratio;           /* of original bytes to packed ones; 0: nothing is packed */
    double ns[MICRO_TURNS]; /* for a round, of each turn in any order */
};
void micro_report(struct micro *micro, struct micro_figures *figures);

/* CPU of the calling thread, as monotonic time. */
const struct clock *micro_clock(void);

/* "micro: NAME: what is wrong" on standard error; exit 1. */
_Noreturn void micro_fail(const char *name, const char *message);

/* ---- the groups ---- */

void micro_catalogue(struct micro *micro);
void micro_codec(struct micro *micro);
/* Its data, a file for each set, of `mib` MiB or what the set has at its full size. False: what cannot be written was
 * named on standard error. */
bool micro_write_sets(const char *folder, size_t mib);
void micro_dictionary(struct micro *micro);
void micro_digest(struct micro *micro);
void micro_http_head(struct micro *micro);
void micro_journal(struct micro *micro);
void micro_list_page(struct micro *micro);
void micro_policy(struct micro *micro);
void micro_signature(struct micro *micro);
void micro_small_put(struct micro *micro);
void micro_socket(struct micro *micro);
