/* codec/dictionary/dictionary.h -- a zstd dictionary, digested once and then only read (spec/s4-format.md, section 5).
 *
 * A dictionary is what small objects of one kind have in common: with it an event of 300 bytes takes 70, without it
 * 240. It is what zstd's training makes, or any bytes. Its id, the first 16 digits of its SHA-256, is the caller's
 * affair: objects name it, frames do not.
 *
 * Once made it does not change: any number of threads may use it. It is held by whoever uses it, and goes with the
 * last. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DICTIONARY_BYTES_MAX = 1 << 20, /* of any: S4's bound */
    DICTIONARY_BYTES_LEAST = 8,     /* less is none for zstd */
    DICTIONARY_ID_DIGITS = 16,
    DICTIONARY_ID_BYTES = DICTIONARY_ID_DIGITS + 1, /* 16 lower-case hex digits and a zero */
};

struct dictionary;

/* With one holder; the bytes are copied. ERROR_DAMAGED: of an impossible size, or it begins as a trained one and is
 * none. ERROR_BUSY: no memory. The second one compresses as well, at that level only, and takes 100 KiB more up to
 * level 3, megabytes at high ones. */
struct dictionary *dictionary_create(struct span bytes, struct error *error);
struct dictionary *dictionary_create_for_level(struct span bytes, int level, struct error *error);
struct dictionary *dictionary_hold(struct dictionary *dictionary);
void dictionary_drop(struct dictionary *dictionary); /* NULL: nothing is done */

/* Nobody else holds it. True is only to be relied on by who hands out all holds. */
bool dictionary_is_held_once(const struct dictionary *dictionary);
bool dictionary_can_compress(const struct dictionary *dictionary, int level);
size_t dictionary_memory(const struct dictionary *dictionary); /* all that it takes */
struct span dictionary_bytes(const struct dictionary *dictionary);

/* 16 lower-case hex digits? */
bool dictionary_id_is_valid(struct span id);

/* What the coders of this folder take: ZSTD_DDict and ZSTD_CDict (NULL where it does not compress). */
const struct ZSTD_DDict_s *dictionary_for_decoding(const struct dictionary *dictionary);
const struct ZSTD_CDict_s *dictionary_for_coding(const struct dictionary *dictionary);
