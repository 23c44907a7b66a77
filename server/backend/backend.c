/* server/backend/backend.c -- which backend it is. */
#include "server/backend/backend.h"

struct backend *backend_open(const struct backend_means *means, struct error *error)
{
    return config_is_bucket(means->config) ? backend_bucket_open(means, error) : backend_folder_open(means, 0, error);
}
