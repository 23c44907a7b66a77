/* runtime/base/assert.c -- prints the broken promise and aborts, so that a core dump shows the caller. */
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void assert_fail(const char *expression, const char *file, int line)
{
    fprintf(stderr, "bale: broken promise: %s, at %s:%d\n", expression, file, line);
    abort();
}
