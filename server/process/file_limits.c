/* server/process/file_limits.c -- who gets the descriptors. */
#include "server/process/file_limits.h"

enum {
    OWN_FILES = 64,         /* the catalogue, the log, listeners ... */
    OWN_FILES_OF_SHARD = 8, /* ring, wake-up ... */
    CONNECTIONS_LEAST = 16,
    CONNECTIONS_MOST = 1000000,
    NEW_VOLUMES_SHARE = 8, /* the eighth part of all descriptors ... */
    NEW_VOLUMES_MOST = 4096,
};

static uint64_t own_files(const struct file_limits *limits)
{
    return OWN_FILES + (uint64_t)OWN_FILES_OF_SHARD * limits->shards;
}

uint64_t limits_volume_files_max(const struct file_limits *limits)
{
    uint64_t taken = own_files(limits) + CONNECTIONS_LEAST;
    return limits->files > taken ? limits->files - taken : 1;
}

/* For volumes that are made while the server runs: 1 TiB and more where descriptors are plenty. */
static uint64_t new_volumes_share(const struct file_limits *limits, uint64_t rest)
{
    uint64_t share = limits->files / NEW_VOLUMES_SHARE;
    if (share > NEW_VOLUMES_MOST)
        share = NEW_VOLUMES_MOST;
    return share < rest - CONNECTIONS_LEAST ? share : rest - CONNECTIONS_LEAST;
}

bool limits_connections(const struct file_limits *limits, uint64_t volume_files, uint64_t asked,
                        uint64_t *ret_connections, struct error *error)
{
    uint64_t taken = own_files(limits) + volume_files;
    if (limits->files < taken + CONNECTIONS_LEAST)
        return error_set(error, ERROR_INVALID, NULL,
                         "The limit of open files is too low: it is %llu (ulimit -Hn), and the server needs %llu and "
                         "its volumes %llu, beside %d connections.",
                         (unsigned long long)limits->files, (unsigned long long)own_files(limits),
                         (unsigned long long)volume_files, CONNECTIONS_LEAST);
    uint64_t rest = limits->files - taken;
    uint64_t room = rest - new_volumes_share(limits, rest);
    if (asked > room)
        return error_set(error, ERROR_INVALID, NULL,
                         "--connections-max: %llu is not allowed; the limit of open files (%llu, ulimit -Hn) leaves "
                         "at most %llu",
                         (unsigned long long)asked, (unsigned long long)limits->files, (unsigned long long)room);
    if (room > CONNECTIONS_MOST)
        room = CONNECTIONS_MOST;
    *ret_connections = asked != 0 ? asked : room;
    return true;
}
