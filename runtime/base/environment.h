/* runtime/base/environment.h -- variables of an environment that is an argument, as environ(7) has it. */
#pragma once

/* The value, or NULL when it is not set. */
const char *environment_find(char *const *environment, const char *name);
