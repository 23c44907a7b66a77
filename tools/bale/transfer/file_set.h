/* tools/bale/transfer/file_set.h -- the files that one run has put into their places.
 *
 * Two keys can be one file: where a file system does not tell `A` from `a`, or two ways to write `é`. Whoever finds
 * that the file in a key's place is one that another key has become already would destroy it, on any file system
 * whatever it folds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_set {
    struct file_identity {
        uint64_t device;
        uint64_t inode; /* 0: none is here */
    } * slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* Zeroed: empty. 21 to 43 bytes a file. */
void file_set_free(struct file_set *set);
bool file_set_has(const struct file_set *set, const struct stat *file);
void file_set_add(struct file_set *set, const struct stat *file);
