/* server/auth/error_details.c -- the list of a refusal's details. */
#include "server/auth/error_details.h"

void error_details_add(struct error_details *details, const char *name, struct span value)
{
    if (details->count == ERROR_DETAILS_MAX)
        return;
    details->items[details->count].name = name;
    details->items[details->count].value = value;
    details->count++;
}
