/* bench/job/keys.h -- the names of a job's objects: a number becomes a key, by shape. Letters, digits, "-", "/" and
 * "." only, so that a key stands for its own encoding. */
#pragma once

#include <stdint.h>

#define KEY_SHAPE_WORDS "flat|dated|hashed|deep"

enum key_shape {
    KEY_FLAT,   /* 00000042 */
    KEY_DATED,  /* 2026/01/05/13/00000042.log, a thousand objects an hour */
    KEY_HASHED, /* 8f3a1c02-00000042: neighbours lie far apart */
    KEY_DEEP,   /* a/f/3/1/00000042, four folders of sixteen each */
};

enum { KEY_PREFIX_BYTES_MAX = 128, KEY_BYTES = KEY_PREFIX_BYTES_MAX + 64 };

/* `prefix` has at most KEY_PREFIX_BYTES_MAX bytes. */
void key_format(enum key_shape shape, const char *prefix, uint64_t number, char ret_key[KEY_BYTES]);
