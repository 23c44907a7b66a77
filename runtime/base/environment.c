/* runtime/base/environment.c -- looks for one name among "NAME=value". */
#include "runtime/base/environment.h"

#include <stddef.h>
#include <string.h>

const char *environment_find(char *const *environment, const char *name)
{
    size_t size = strlen(name);
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
            return *environment + size + 1;
    }
    return NULL;
}
