/* server/config/ini.h -- an INI file as a list of entries, none of them cut: for --config and --credentials.
 *
 * inih reads it, and inih 55 cuts silently: lines beyond its buffer, names of sections beyond 49 bytes, all that
 * stands behind " ;", what follows "]"; an indented line becomes a second value of the name above. What it would cut or
 * misread is refused before it sees it. Refused too: an entry that stands twice, a section that stands twice or is
 * empty, control bytes. Every refusal begins with "path:line: ".
 *
 * Comments are lines that begin with ; or #. Values run to the end of their line, without quotes. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

enum {
    INI_LINE_BYTES_MAX = 190,
    INI_NAME_BYTES_MAX = 49,
    INI_FILE_BYTES_MAX = 1 << 20,
};

struct ini_entry {
    unsigned line;                        /* from 1 */
    unsigned section_line;                /* where its [section] stands; 0: before the first */
    char section[INI_NAME_BYTES_MAX + 1]; /* "": before the first section */
    char name[INI_NAME_BYTES_MAX + 1];
    char value[INI_LINE_BYTES_MAX + 1];
};

struct ini_file {
    char *path;
    struct ini_entry *entries; /* in the order of the file */
    unsigned count;
};

/* On failure *ret_file is empty. On success it belongs to the caller: ini_file_free. Blocks: for start and reload. */
bool ini_file_load(const char *path, struct ini_file *ret_file, struct error *error);
/* The same from text; `path` is what refusals name. */
bool ini_file_parse(const char *path, struct span text, struct ini_file *ret_file, struct error *error);
/* Overwrites the values, which may be secrets. */
void ini_file_free(struct ini_file *file);

/* Refuses an entry in the words of its file: "path:line: ...". Returns false. */
__attribute__((format(printf, 4, 5), cold)) bool ini_refuse(const struct ini_file *file, const struct ini_entry *entry,
                                                            struct error *error, const char *format, ...);
