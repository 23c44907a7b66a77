/* tools/bale/estimate/source.h -- where the objects of an estimate lie: a folder of files, a bucket of an S3 server, or
 * Bale's store in a folder. Nothing is written to any of them. */
#pragma once

#include "runtime/fiber/offload.h"
#include "server/config/config.h"
#include "tools/bale/estimate/population.h"

enum source_reading {
    SOURCE_READ,
    SOURCE_IS_PACKED, /* it is S4's already, and would stay as it is */
    SOURCE_IS_GONE,   /* not there any more, another one by now, or not to be read; *error says so */
};

struct estimate_source;

struct estimate_source_operations {
    /* All objects there are, at most `objects_max`; false in *ret_is_all: there are more. */
    SUSPENDS bool (*list)(struct estimate_source *source, struct population *population, uint64_t objects_max,
                          bool *ret_is_all, struct error *error);
    /* The bytes of one frame. False: nothing more can be read at all. */
    SUSPENDS bool (*read)(struct estimate_source *source, const struct population *population,
                          const struct population_frame *frame, uint8_t *ret_bytes, enum source_reading *ret_reading,
                          struct error *error);
    SUSPENDS void (*close)(struct estimate_source *source);
};

/* An implementation embeds this as its first member. */
struct estimate_source {
    const struct estimate_source_operations *operations;
    unsigned reads_at_once; /* reads on several fibers are worth while */
    bool costs_requests;    /* listing, reading and writing are requests that somebody is billed for */
    bool takes_columns;     /* what only Bale reads may be written there, as --columns auto of baled decides */
};

/* NULL with a sentence. On a fiber, which closes it; texts outlive it. */
SUSPENDS struct estimate_source *source_open_files(const char *folder, struct error *error);
/* `bucket` and `prefix`: these alone; NULL: all. Also beside a server that has the folder open. */
SUSPENDS struct estimate_source *source_open_store(const char *folder, const char *bucket, const char *prefix,
                                                   struct error *error);
/* `where` says which bucket, and outlives the source, as do `threads`. */
SUSPENDS struct estimate_source *source_open_bucket(const struct config *where, struct offload *threads,
                                                    struct error *error);
