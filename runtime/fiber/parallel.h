/* runtime/fiber/parallel.h -- the same work on many things, a few at a time, each on a fiber of its own. */
#pragma once

#include "runtime/fiber/fiber.h"

/* Runs work(context, i) for every i below `count`, begun in order, at most `at_once` (64) at a time; returns when all
 * have ended. Where no fiber can be had, they run here. */
SUSPENDS void parallel_run(unsigned count, unsigned at_once, void (*work)(void *context, unsigned index),
                           void *context);
