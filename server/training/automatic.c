/* server/training/automatic.c -- takes a reservoir, and has it trained on. */
#include "server/training/automatic.h"

#include "runtime/base/assert.h"
#include "runtime/log/log.h"
#include "server/dictionaries/reservoir.h"

#include <stdlib.h>

enum {
    TURN_MS = 10000,
    FIRST_TURN_MS = 5000,
    AGAIN_MS = 24 * 3600 * 1000, /* a prefix is trained on once in so long */
};

static void train_on(struct dictionary_trainer *trainer, const struct reservoir_place *place, struct samples *samples)
{
    struct training_report report;
    struct error error;
    if (trainer_train_on(trainer, place, samples, &report, &error))
        return;
    if (error.kind != ERROR_INVALID && error.kind != ERROR_UNSUPPORTED && error.kind != ERROR_CONFLICT)
        log_message(LOG_WARNING, "no dictionary is made for %s/%.*s: %s", place->bucket, (int)place->prefix_size,
                    (const char *)place->prefix, error.message);
}

static void take_turn(struct dictionary_trainer *trainer, struct samples *samples)
{
    struct reservoir_place place;
    int64_t now_ms = clock_wall_ms(clock_system());
    buffer_init(&samples->bytes, RESERVOIR_BYTES);
    if (reservoirs_take(trainer->reservoirs, now_ms, now_ms - AGAIN_MS, &place, &samples->bytes, samples->sizes,
                        &samples->count)) {
        samples->seen = samples->count;
        train_on(trainer, &place, samples);
    }
    samples_free(samples);
}

SUSPENDS static void run(void *argument)
{
    struct dictionary_trainer *trainer = argument;
    struct journal_scheduler *scheduler = trainer->keeper->environment->scheduler;
    struct samples *samples = calloc(1, sizeof *samples);
    ASSERT(samples != NULL);
    for (uint64_t wait_ms = FIRST_TURN_MS; scheduler->sleep_until(scheduler, deadline_after_ms(wait_ms));
         wait_ms = TURN_MS)
        take_turn(trainer, samples);
    free(samples);
}

void training_start(struct dictionary_trainer *trainer, const struct journal_environment *environment)
{
    if (!environment->scheduler->spawn(environment->scheduler, "training", run, trainer))
        log_message(LOG_ERROR, "there is no fiber for --dict auto");
}
