/* tools/bale/files/stored_file.h -- the files of an export: a stored body or a sidecar, as S4 keeps it in a bucket. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* A file's bytes in memory that the page cache gives and takes. */
struct stored_file {
    struct span bytes;
};

/* `size` is what it must hold. A file FOLDER/NAME that ends in .gz and is not of that size is unpacked: repetitive
 * bodies are kept so. */
bool stored_file_open(const char *folder, const char *name, uint64_t size, struct stored_file *ret_file,
                      struct error *error);
void stored_file_close(struct stored_file *file);

/* A new file. */
bool stored_file_create(const char *folder, const char *name, int *ret_fd, struct error *error);
bool stored_file_write(int fd, struct span bytes, struct error *error);
/* One that shall not stay. */
bool stored_file_remove(const char *folder, const char *name, struct error *error);
