/* tests/unit/runtime/fixture.c -- runs a test's body on a fiber of a loop of its own. */
#include "tests/unit/runtime/fixture.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/stack.h"

#include <stdlib.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

struct body {
    fiber_entry *entry;
    void *argument;
};

static void run_body(void *argument)
{
    struct body *body = argument;
    body->entry(body->argument);
    loop_stop(loop_current(), deadline_after_ms(2000));
}

void spawn(const char *name, fiber_entry *entry, void *argument)
{
    struct error error;
    bool spawned = fiber_spawn(name, entry, argument, &error);
    ck_assert_msg(spawned, "%s", spawned ? "" : error.message);
}

void run_with(const struct loop_options *options, fiber_entry *entry, void *argument)
{
    struct error error;
    struct loop *loop = loop_create(options, &error);
    ck_assert_msg(loop != NULL, "%s", loop == NULL ? error.message : "");
    struct body body = {entry, argument};
    spawn("test", run_body, &body);
    loop_run(loop);
    loop_destroy(loop);
}

void run_on_loop(fiber_entry *entry, void *argument)
{
    run_with(&(struct loop_options){.ring_entries = 64}, entry, argument);
}

void run_to_end(fiber_entry *entry, void *argument)
{
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){0}, &error);
    ASSERT(loop != NULL);
    ASSERT(fiber_spawn("test", entry, argument, &error));
    loop_stop(loop, DEADLINE_NONE);
    loop_run(loop);
    loop_destroy(loop);
}

bool is_instrumented(void)
{
    return STACK_SANITIZED || RUNNING_ON_VALGRIND;
}
