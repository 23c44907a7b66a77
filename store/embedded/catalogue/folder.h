/* store/embedded/catalogue/folder.h -- the folder of a store: its format, its name for itself, and the lock that makes
 * one process its owner. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/random.h"

#include <stdbool.h>
#include <stdint.h>

enum { STORE_FORMAT = 3, STORE_UUID_BYTES = 16, STORE_PATH_BYTES_MAX = 1024 };

struct folder {
    char path[STORE_PATH_BYTES_MAX];
    int fd; /* of the folder */
    int lock_fd;
    unsigned format;
    bool is_raw; /* of a plain S3 server, without ledger: from FORMAT; of a new folder the caller says so */
    bool is_new; /* FORMAT is not there yet: folder_finish writes it when everything else is */
    uint8_t uuid[STORE_UUID_BYTES];
};

/* Locks the folder and reads its format. With `create`, a missing or empty folder is prepared (and a creation that was
 * cut off is begun again); without, it is ERROR_NOT_FOUND. */
bool folder_open(const char *path, bool create, const struct random_source *random, struct folder *ret_folder,
                 struct error *error);
/* The same without the lock, for reading alone. */
bool folder_open_readonly(const char *path, struct folder *ret_folder, struct error *error);
/* A folder of an earlier format becomes one of STORE_FORMAT, so that no earlier Bale opens it any more. */
bool folder_upgrade(struct folder *folder, struct error *error);
/* The last step of making a store: FORMAT appears, durable. */
bool folder_finish(struct folder *folder, struct error *error);
void folder_close(struct folder *folder);
