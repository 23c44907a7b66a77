/* runtime/base/assert.h -- what the programmer promised.
 *
 * ASSERT stays on in release builds: a broken promise stops the process with file and line, before it can
 * damage what is stored. What the world does (input, disks, peers) is never asserted: it becomes a struct error. */
#pragma once

__attribute__((noreturn, cold)) void assert_fail(const char *expression, const char *file, int line);

#define ASSERT(condition) (__builtin_expect(!!(condition), 1) ? (void)0 : assert_fail(#condition, __FILE__, __LINE__))
#define UNREACHABLE() assert_fail("unreachable", __FILE__, __LINE__)
