/* tests/unit/journal/restore_fixture.c -- lives of a journal, and an operator's machine without one. */
#include "tests/unit/journal/restore_fixture.h"

#include "journal/report/report.h"

struct memory_store store;
struct machine machine; /* an operator's: without a journal */

static void with(void (*body)(void))
{
    memory_store_init(&store, NULL);
    machine_prepare(&machine, &store, 1);
    body();
    machine_stop(&machine);
    memory_store_free(&store);
}

static void run_body(void *argument)
{
    with(*(void (**)(void))argument);
}

void run(void (*body)(void))
{
    run_on_loop(run_body, &body);
}

/* A process's life: it adds what it is told, and leaves. */
void live(struct memory_store *in, uint8_t place, unsigned additions, int64_t amount, unsigned generations)
{
    static struct machine process;
    machine_start(&process, in, place);
    ck_assert_int_eq(machine_wait_condition(&process, JOURNAL_RUNS), JOURNAL_RUNS);
    for (unsigned i = 0; i < additions; i++)
        machine_add(&process, amount);
    if (generations > 0)
        machine_fold(&process, generations);
    machine_stop(&process);
    in->scheduler = &machine.scheduler.base;
}

/* What a process that starts now says. */
int64_t sum_of(struct memory_store *in, uint8_t place, enum journal_condition condition)
{
    static struct machine process;
    machine_start(&process, in, place);
    ck_assert_str_eq(journal_condition_name(machine_wait_condition(&process, condition)),
                     journal_condition_name(condition));
    for (unsigned i = 0; i < 1000 && journal_state(process.journal) == NULL; i++)
        pause_ms(1);
    int64_t sum = machine_sum(&process);
    machine_stop(&process);
    in->scheduler = &machine.scheduler.base;
    return sum;
}

void expect_stopped(enum journal_condition condition)
{
    static struct machine process;
    struct buffer ops = {0};
    struct error error;
    machine_start(&process, &store, 1);
    ck_assert_str_eq(journal_condition_name(machine_wait_condition(&process, condition)),
                     journal_condition_name(condition));
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), 1);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    ck_assert_int_eq(journal_submit(process.journal, &batch, &error).outcome, JOURNAL_REFUSED);
    uint64_t writes = store.writes;
    pause_ms(100);
    ck_assert_uint_eq(store.writes, writes); /* nor does it fold, or make a head */
    buffer_free(&ops);
    machine_stop(&process);
    store.scheduler = &machine.scheduler.base;
}

void expect_sound(struct memory_store *in, uint8_t place)
{
    static struct journal_report report;
    struct error error;
    struct journal_environment environment = machine.environment;
    environment.store = &in->base;
    environment.place.bytes[0] = place;
    ck_assert(report_of_store(&environment, true, NULL, &report, &error));
    if (!report_is_sound(&report)) {
        struct buffer text = {0};
        report_put_text(&report, &text);
        ck_abort_msg("%.*s", SPAN_FORMAT(buffer_span(&text)));
    }
    report_free(&report);
}

void plan_restore(enum restore_kind kind, struct restore_plan *ret_plan)
{
    struct error error;
    if (!restore_plan(&machine.environment, kind, ret_plan, &error))
        ck_abort_msg("%s", error.message);
}

void expect_no_plan(enum restore_kind kind, enum error_kind expected, const char *words)
{
    struct restore_plan plan;
    struct error error;
    ck_assert(!restore_plan(&machine.environment, kind, &plan, &error));
    ck_assert_msg(error.kind == expected && strstr(error.message, words) != NULL, "%d %s", error.kind, error.message);
}

void restore_now(enum restore_kind kind)
{
    struct restore_plan plan;
    struct journal_id lineage;
    struct error error;
    plan_restore(kind, &plan);
    if (!restore_execute(&machine.environment, &plan, &lineage, &error))
        ck_abort_msg("%s", error.message);
    ck_assert(!journal_id_equal(&lineage, &plan.old_lineage));
}
