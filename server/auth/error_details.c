/* server/auth/error_details.c -- the list of a refusal's details. */
#include "server/auth/error_details.h"

#include "server/auth/secrets.h"

void error_details_add(struct error_details *details, const char *name, struct span value)
{
    if (details->count == ERROR_DETAILS_MAX)
        return;
    details->items[details->count].name = name;
    details->items[details->count].value = value;
    details->count++;
}

void error_details_add_argument(struct error_details *details, const char *name, struct span value)
{
    error_details_add(details, "ArgumentName", span_from_string(name));
    error_details_add(details, "ArgumentValue", secret_hide(span_from_string(name), value));
}
