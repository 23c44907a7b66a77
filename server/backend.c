/* server/backend.c -- which backend it is. */
#include "server/backend.h"

/* The only kind of --backend that options let through today. */
struct backend *backend_open(const struct backend_means *means, struct error *error)
{
    return backend_folder_open(means, 0, error);
}
