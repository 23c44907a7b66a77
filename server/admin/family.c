/* server/admin/family.c -- # HELP and # TYPE. */
#include "server/admin/family.h"

void admin_write_family(struct buffer *to, const char *name, const char *type, const char *help)
{
    buffer_append_format(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}
