/* tests/unit/journal/folder_machine.c -- a journal on a real folder, started and stopped. */
#include "tests/unit/journal/folder_machine.h"

void folder_machine_prepare(struct folder_machine *machine, struct bucket_store *objects)
{
    *machine = (struct folder_machine){0};
    fiber_scheduler_init(&machine->scheduler);
    machine->bucket = journal_bucket_open(objects, SYSTEM, SPAN_EMPTY);
    machine->environment = (struct journal_environment){.store = journal_bucket_store(machine->bucket),
                                                        .clock = clock_system(),
                                                        .random = random_system(),
                                                        .scheduler = &machine->scheduler.base};
    embedded_id(objects, machine->environment.place.bytes);
}

void folder_machine_start(struct folder_machine *machine, struct bucket_store *objects,
                          const struct journal_options *options)
{
    folder_machine_prepare(machine, objects);
    machine->journal = journal_open(&machine->environment, options);
}

void folder_machine_stop(struct folder_machine *machine)
{
    if (machine->journal != NULL)
        journal_stop(machine->journal);
    ck_assert(fiber_scheduler_stop(&machine->scheduler, deadline_after_ms(300000)));
    if (machine->journal != NULL)
        journal_free(machine->journal);
    journal_bucket_close(machine->bucket);
}

void folder_machine_pause_ms(struct folder_machine *machine, uint64_t milliseconds)
{
    (void)machine->scheduler.base.sleep_until(&machine->scheduler.base, deadline_after_ms(milliseconds));
}

enum journal_condition folder_machine_wait(struct folder_machine *machine)
{
    for (unsigned i = 0; i < 2000 && journal_condition(machine->journal) == JOURNAL_NOT_READY; i++)
        folder_machine_pause_ms(machine, 5);
    return journal_condition(machine->journal);
}

bool folder_machine_add(struct folder_machine *machine, int64_t amount)
{
    struct buffer ops = {0};
    struct error error;
    op_put_counter_add(&ops, SPACE_TEST, text("sums"), text("all"), amount);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = {.outcome = JOURNAL_REJECTED};
    for (unsigned i = 0; i < 20 && answer.outcome == JOURNAL_REJECTED; i++)
        answer = journal_submit(machine->journal, &batch, &error);
    buffer_free(&ops);
    return answer.outcome == JOURNAL_COMMITTED;
}

int64_t folder_machine_sum(const struct folder_machine *machine)
{
    return state_counter(journal_state(machine->journal), SPACE_TEST, text("sums"), text("all"));
}
