/* tools/bale/files/objects_json.h -- objects.json, the list of an export: what each object is called, which file holds
 * its stored body, and its metadata as S4 keeps it. tests/vectors/ has examples, docs/operations.md the fields. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "store/attributes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- reading ---- */

struct objects_json;

/* One object. Spans live as long as the list. */
struct objects_entry {
    struct span key;
    struct span file;          /* in the same folder */
    struct span stored_sha256; /* hex; empty: not given */
    struct span backend_etag;  /* unquoted; empty: not given */
    uint64_t stored_size;
    void *fields; /* json-c's; for objects_entry_metadata */
};

bool objects_json_load(const char *folder, struct objects_json **ret_list, struct error *error);
void objects_json_free(struct objects_json *list);
struct span objects_json_bucket(const struct objects_json *list); /* empty: not given */
/* Calls for each object in the order of the file until one call fails. */
bool objects_json_each(const struct objects_json *list,
                       bool (*each)(const struct objects_entry *entry, void *context, struct error *error),
                       void *context, struct error *error);
/* False: there is none of that key. */
bool objects_json_find(const struct objects_json *list, struct span key, struct objects_entry *ret_entry);

/* The entry's metadata as packed lists (attributes.h): `s4` bare names as S4 has them, `others` as a store keeps them
 * (content-type ..., x-amz-meta-*). */
bool objects_entry_metadata(const struct objects_entry *entry, struct buffer *s4, struct buffer *others,
                            struct error *error);

/* ---- writing ---- */

struct objects_writer {
    FILE *file;
    bool has_entries;
};

bool objects_writer_open(struct objects_writer *writer, const char *folder, struct span bucket, struct error *error);
/* `s4` and `others` as above; `original_size` only where `attributes` is not NULL. */
void objects_writer_add(struct objects_writer *writer, const struct objects_entry *entry, struct span s4,
                        struct span others, const struct object_attributes *attributes);
bool objects_writer_close(struct objects_writer *writer, struct error *error);
