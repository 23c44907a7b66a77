/* tools/bale/estimate/estimate.c -- rounds of draws, each read, packed, and added in the order in which it was drawn.
 */
#include "tools/bale/estimate/estimate.h"

#include "codec/format/sidecar.h"
#include "codec/trial.h"
#include "runtime/fiber/parallel.h"
#include "tools/bale/view/progress.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum { ROUND_FRAMES_MAX = 4096 };

/* One frame of a round. */
struct draw {
    struct population_frame frame;
    unsigned stratum;
    enum { DRAW_WAITS, DRAW_PACKED, DRAW_ALREADY, DRAW_LOST, DRAW_FAILED } outcome;
    double part;
    uint64_t ns; /* 0: it was known already */
};

struct estimation {
    struct estimate_source *source;
    struct population *population;
    const struct estimate_settings *settings;
    struct estimate_sums *sums;
    struct trial *trial; /* packing does not suspend: one for all fibers */
    struct draw draws[ROUND_FRAMES_MAX];
    unsigned draws_count;
    double ns[POPULATION_STRATA];
    double ns_bytes[POPULATION_STRATA];
    struct progress progress;
    struct error *error; /* of what failed */
};

/* ---- one frame ---- */

static uint64_t cpu_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static const struct clock cpu_clock = {.monotonic_ns = cpu_ns};

/* What it takes of the stored object: of several frames each has a header and a place in the index, also one that does
 * not shrink. */
static double stored_bytes(const struct population_frame *frame, const struct trial_result *result)
{
    if (frame->object->size <= FRAME_ORIGINAL_BYTES)
        return (double)result->stored_bytes;
    double share = (double)frame->size / (double)frame->object->size;
    return (double)result->payload_bytes + FRAME_HEADER_BYTES + SIDECAR_ENTRY_BYTES + SIDECAR_HEAD_BYTES * share;
}

static void pack(struct estimation *estimation, struct draw *draw, struct span bytes, struct error *error)
{
    trial_begin(estimation->trial);
    if (!trial_add(estimation->trial, bytes, true, error)) {
        draw->outcome = DRAW_FAILED;
        return;
    }
    struct trial_result result = trial_end(estimation->trial);
    draw->part = stored_bytes(&draw->frame, &result) / (double)draw->frame.size;
    draw->ns = result.in_ns + result.out_ns;
    draw->outcome = DRAW_PACKED;
}

SUSPENDS static void read_and_pack(struct estimation *estimation, struct draw *draw, uint8_t *bytes)
{
    const struct estimate_source_operations *operations = estimation->source->operations;
    enum source_reading reading;
    struct error error = {0};
    if (!operations->read(estimation->source, estimation->population, &draw->frame, bytes, &reading, &error)) {
        draw->outcome = DRAW_FAILED;
    } else if (reading == SOURCE_READ) {
        pack(estimation, draw, span_of(bytes, draw->frame.size), &error);
    } else {
        draw->outcome = reading == SOURCE_IS_PACKED ? DRAW_ALREADY : DRAW_LOST;
        draw->part = 1;
    }
    if (draw->outcome == DRAW_FAILED)
        *estimation->error = error;
    else if (draw->outcome == DRAW_LOST)
        estimation->sums->loss = error;
}

/* Small objects are drawn more than once. */
SUSPENDS static void measure(void *context, unsigned index)
{
    struct estimation *estimation = context;
    struct draw *draw = &estimation->draws[index];
    const struct population_object *object = draw->frame.object;
    if (object->is_known) {
        draw->part = (double)object->part;
        draw->outcome = DRAW_PACKED;
        return;
    }
    uint8_t *bytes = malloc(draw->frame.size);
    if (bytes != NULL) {
        read_and_pack(estimation, draw, bytes);
        free(bytes);
    } else {
        draw->outcome = DRAW_FAILED;
        (void)error_set(estimation->error, ERROR_BUSY, NULL, "there is no memory for a frame");
    }
    progress_show(&estimation->progress, estimation->sums->frames + index);
}

/* ---- a round ---- */

static void add(struct estimation *estimation, const struct draw *draw)
{
    struct stratum *stratum = &estimation->population->strata[draw->stratum];
    struct estimate_sums *sums = estimation->sums;
    struct population_object *object = draw->frame.object;
    if (draw->outcome == DRAW_LOST) {
        sums->lost++;
        return;
    }
    if (stratum->is_whole)
        stratum_add_whole(stratum, draw->frame.size, draw->part);
    else
        stratum_add_drawn(stratum, draw->part);
    sums->already += draw->outcome == DRAW_ALREADY ? 1 : 0;
    sums->frames++;
    if (draw->ns > 0) {
        sums->bytes += draw->frame.size;
        estimation->ns[draw->stratum] += (double)draw->ns;
    }
    if (draw->ns > 0 || draw->outcome == DRAW_ALREADY)
        estimation->ns_bytes[draw->stratum] += (double)draw->frame.size;
    if (object->size <= FRAME_ORIGINAL_BYTES) {
        object->is_known = true;
        object->part = (float)draw->part;
    }
}

SUSPENDS static bool end_round(struct estimation *estimation)
{
    bool done = true;
    parallel_run(estimation->draws_count, estimation->source->reads_at_once, measure, estimation);
    for (unsigned i = 0; i < estimation->draws_count; i++)
        done = done && estimation->draws[i].outcome != DRAW_FAILED;
    for (unsigned i = 0; i < estimation->draws_count && done; i++)
        add(estimation, &estimation->draws[i]);
    estimation->draws_count = 0;
    return done;
}

SUSPENDS static bool draw_frame(struct estimation *estimation, unsigned stratum, uint64_t position)
{
    estimation->draws[estimation->draws_count++] = (struct draw){
        .frame = population_find_frame(estimation->population, stratum, position),
        .stratum = stratum,
    };
    return estimation->draws_count < ROUND_FRAMES_MAX || end_round(estimation);
}

SUSPENDS static bool draw_all(struct estimation *estimation, unsigned stratum)
{
    uint64_t bytes = estimation->population->strata[stratum].bytes;
    bool done = true;
    stratum_begin_whole(&estimation->population->strata[stratum]);
    for (uint64_t position = 0; position < bytes && done;) {
        position += population_find_frame(estimation->population, stratum, position).size;
        done = draw_frame(estimation, stratum, position - 1);
    }
    return done && end_round(estimation); /* before the stratum may be drawn from otherwise */
}

/* Up to `wanted` frames of a stratum, with those that it has. */
SUSPENDS static bool draw_up_to(struct estimation *estimation, unsigned stratum, unsigned wanted)
{
    const struct stratum *of = &estimation->population->strata[stratum];
    bool done = true;
    if (of->is_whole || of->bytes == 0)
        return true;
    if (wanted >= of->frames)
        return draw_all(estimation, stratum);
    for (unsigned have = of->drawn; have < wanted && done; have++)
        done = draw_frame(estimation, stratum, random_below(estimation->settings->random, of->bytes));
    return done;
}

SUSPENDS static bool run_round(struct estimation *estimation, unsigned frames)
{
    unsigned wanted[POPULATION_STRATA];
    bool done = true;
    sampling_allocate(estimation->population->strata, POPULATION_STRATA, frames, wanted);
    for (unsigned i = 0; i < POPULATION_STRATA && done; i++)
        done = draw_up_to(estimation, i, wanted[i]);
    return done && end_round(estimation);
}

/* ---- all of them ---- */

/* How many frames would make the interval that narrow; not more than twice as many at once. */
static unsigned next_frames(const struct estimation *estimation, unsigned frames)
{
    double width = 100 * sampling_half_width(estimation->population->strata, POPULATION_STRATA);
    double ratio = width / estimation->settings->within;
    return (unsigned)fmin(ESTIMATE_FRAMES_MAX, ceil(frames * fmin(2, 1.1 * ratio * ratio)));
}

static bool is_wide(const struct estimation *estimation)
{
    double width = 100 * sampling_half_width(estimation->population->strata, POPULATION_STRATA);
    return estimation->settings->within > 0 && width > estimation->settings->within;
}

SUSPENDS static bool run_rounds(struct estimation *estimation)
{
    unsigned frames = estimation->settings->frames;
    progress_begin(&estimation->progress, "frames", frames);
    bool done = run_round(estimation, 0) && run_round(estimation, frames);
    while (done && is_wide(estimation) && frames < ESTIMATE_FRAMES_MAX) {
        frames = next_frames(estimation, frames);
        estimation->progress.all = frames;
        done = run_round(estimation, frames);
    }
    progress_end(&estimation->progress);
    return done;
}

SUSPENDS bool estimate_run(struct estimate_source *source, struct population *population,
                           const struct estimate_settings *settings, struct estimate_sums *ret_sums,
                           struct error *error)
{
    struct estimation *estimation = calloc(1, sizeof *estimation);
    if (estimation == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory");
    const struct trial_settings trial = {
        .way = settings->columns ? TRIAL_COLUMNS : TRIAL_ZSTD, .level = settings->level, .clock = &cpu_clock};
    *ret_sums = (struct estimate_sums){0};
    estimation->source = source;
    estimation->population = population;
    estimation->settings = settings;
    estimation->sums = ret_sums;
    estimation->error = error;
    estimation->trial = trial_create(&trial);
    bool done = estimation->trial != NULL ? run_rounds(estimation)
                                          : error_set(error, ERROR_BUSY, NULL, "there is no memory for a trial");
    for (unsigned i = 0; i < POPULATION_STRATA; i++)
        ret_sums->ns_for_byte[i] = estimation->ns_bytes[i] == 0 ? 0 : estimation->ns[i] / estimation->ns_bytes[i];
    trial_destroy(estimation->trial);
    free(estimation);
    return done;
}
