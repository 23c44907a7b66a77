/* runtime/fiber/fiber_switch.h -- leaves one stack and goes on with another; private to fiber.c.
 *
 * The layout of a saved context is known to the assembly and to fiber_switch_prepare only. */
#pragma once

/* Saves the callee-saved registers on the current stack and its top in *save, then goes on with the context `load`.
 * Floating-point control words are not saved: nobody changes rounding modes. */
void fiber_switch(void **save, void *load);

/* A context that will call entry(argument) on an empty stack whose highest address is `top` (16-byte aligned).
 * `entry` must not return. */
void *fiber_switch_prepare(void *top, void (*entry)(void *argument), void *argument);
