/* tests/unit/runtime/fixture.h -- runs a test's body on a fiber of a loop of its own. */
#pragma once

#include "runtime/fiber/io_driver.h"
#include "runtime/fiber/loop.h"

#include "runtime/fiber/fiber.h"
#include "tests/unit/run_suite.h"

#include <check.h>

/* Creates a loop on this thread, runs body(argument) on a fiber, stops the loop when it returns, destroys it. */
void run_on_loop(fiber_entry *body, void *argument);
void run_with(const struct loop_options *options, fiber_entry *body, void *argument);
/* The same, but stops when all fibers have ended that it started. On any thread. */
void run_to_end(fiber_entry *body, void *argument);

/* The test `name`, whose body is such a fiber. */
#define LOOP_TEST(name, body)    \
    START_TEST(name)             \
    {                            \
        run_on_loop(body, NULL); \
    }                            \
    END_TEST

/* Starts a fiber or fails the test. */
void spawn(const char *name, fiber_entry *entry, void *argument);

/* Under a sanitizer or valgrind: memory and time are not what they would be. */
bool is_instrumented(void);
