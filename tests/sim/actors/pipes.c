/* tests/sim/actors/pipes.c -- sends records out of turn on purpose: the op's number alone decides which of them
 * count. */
#include "tests/sim/actors/pipes.h"

#include "runtime/base/assert.h"
#include "tests/sim/oracle/oracle.h"

#include <stdlib.h>

enum { PIPES_MAX = 3, PIPE_RECORDS = 24, IN_FLIGHT = 4 };

struct pipe {
    struct journal_id id;
    int64_t amounts[PIPE_RECORDS]; /* record n at n - 1 */
    bool is_used, is_taken;
    unsigned in_flight;
};

struct sending {
    struct actor *actor;
    struct pipe *pipe;
    uint64_t record;
};

static struct pipe pipes[PIPES_MAX];

void pipes_begin(void)
{
    memset(pipes, 0, sizeof pipes);
}

unsigned pipes_open(void)
{
    return PIPES_MAX;
}

static struct span name_of(const struct pipe *pipe)
{
    return span_of(&pipe->id, sizeof pipe->id);
}

static void submit_ops(struct actor *actor, const struct buffer *ops)
{
    struct error error;
    const struct journal_batch batch = {.ops = buffer_span(ops)};
    struct journal_answer answer = journal_submit(actor->journal, &batch, &error);
    if (actor->process.is_dead || actor->journal->is_stopping)
        answer.outcome = JOURNAL_UNKNOWN;
    if (answer.has_key)
        segment_told(&answer.key, answer.outcome);
}

static void send_run(void *argument)
{
    struct sending sending = *(struct sending *)argument;
    struct buffer inner = {0};
    struct buffer ops = {0};
    free(argument);
    op_put_counter_add(&inner, SPACE_TEST, SPAN("pipes"), name_of(sending.pipe),
                       sending.pipe->amounts[sending.record - 1]);
    op_put_spool_record(&ops, &sending.pipe->id, sending.record, buffer_span(&inner));
    submit_ops(sending.actor, &ops);
    buffer_free(&inner);
    buffer_free(&ops);
    sending.pipe->in_flight--;
}

static void send(struct actor *actor, struct pipe *pipe, uint64_t record)
{
    struct sending *sending = malloc(sizeof *sending);
    ASSERT(sending != NULL);
    *sending = (struct sending){actor, pipe, record};
    pipe->in_flight++;
    world_spawn(&actor->process, send_run, sending);
}

static void open_pipe(struct actor *actor, const struct pipe *pipe)
{
    struct buffer ops = {0};
    op_put_spool_open(&ops, &pipe->id);
    submit_ops(actor, &ops);
    buffer_free(&ops);
}

static struct pipe *take_pipe(void)
{
    for (unsigned i = 0; i < PIPES_MAX; i++) {
        struct pipe *pipe = &pipes[i];
        if (pipe->is_taken || pipe->in_flight > 0)
            continue;
        if (!pipe->is_used) {
            random_fill(world_random(), &pipe->id, sizeof pipe->id);
            for (unsigned n = 0; n < PIPE_RECORDS; n++)
                pipe->amounts[n] = (int64_t)world_below(1000) - 500;
        }
        pipe->is_used = pipe->is_taken = true;
        return pipe;
    }
    return NULL;
}

void pipe_run(void *argument)
{
    struct actor *actor = argument;
    struct pipe *pipe = take_pipe();
    while (pipe != NULL && !actor->process.is_dead && !sim.is_ending) {
        world_sleep_ms(100 + world_below(1000));
        const struct state *state = actor->process.is_dead ? NULL : journal_state(actor->journal);
        uint64_t last;
        if (state == NULL)
            continue;
        if (!state_spool_last(state, &pipe->id, &last)) {
            open_pipe(actor, pipe); /* it is never closed, so that a second open is nothing */
            continue;
        }
        /* mostly what comes next, but also what counted long ago, and what it is not the turn of */
        uint64_t record = world_below(6) == 0 ? 1 + world_below(PIPE_RECORDS) : last + 1;
        for (unsigned i = 0; i < IN_FLIGHT && record + i <= PIPE_RECORDS && pipe->in_flight < IN_FLIGHT; i++)
            send(actor, pipe, record + i);
    }
    if (pipe != NULL)
        pipe->is_taken = false;
}

void check_pipes(const struct state *state)
{
    for (unsigned i = 0; i < PIPES_MAX; i++) {
        uint64_t last = 0;
        int64_t sum = 0;
        if (!pipes[i].is_used)
            continue;
        (void)state_spool_last(state, &pipes[i].id, &last);
        for (uint64_t n = 0; n < last; n++)
            sum += pipes[i].amounts[n];
        if (last > PIPE_RECORDS || sum != state_counter(state, SPACE_TEST, SPAN("pipes"), name_of(&pipes[i])))
            violate("Annex C", -1, "a spool's records do not count once each");
    }
}
