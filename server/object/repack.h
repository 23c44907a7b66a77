/* server/object/repack.h -- one version is packed anew at another level, goes to another storage class, or both: one
 * step, of which a client sees the class alone.
 *
 * Of stores that rewrite (capabilities.rewrites). A level that would gain too little is noted beside the version
 * (object_attributes.level_tried), so that nobody tries it twice. */
#pragma once

#include "server/object/object.h"

struct repack {
    struct object_codecs *codecs;
    struct bucket_store *store;
    struct object_name name;                /* with its version, or the current one */
    const char *judged;                     /* stored_etag of the bytes that are meant */
    int level;                              /* 0: the body stays */
    unsigned least_gain;                    /* percent: a body that shrinks by less stays */
    struct span storage_class;              /* empty: its own */
    const struct deletion_grounds *grounds; /* as in body_rewrite, and living as long */
    const bool *is_cut_off;                 /* as in object_write_intent; so is the next */
    const struct frame_gate *gate;
    bool makes_version; /* as in body_rewrite */
};

/* Why a body stays as it is, whatever it would gain. */
enum repack_bar {
    REPACK_MAY,        /* nothing speaks against it */
    REPACK_ENCRYPTED,  /* its frames are sealed */
    REPACK_FOREIGN,    /* not Bale's own, or nobody knows its size */
    REPACK_SMALL,      /* beside its row in the catalogue, where a few bytes less gain nothing */
    REPACK_DICTIONARY, /* packed by one, which is denser */
    REPACK_TRIED,      /* at this level or a higher one */
};
enum repack_bar repack_find_bar(const struct object_attributes *attributes, int level);

struct repacked {
    bool is_packed;       /* the body is another one */
    uint64_t stored_size; /* of the body now */
};

/* Errors as of object_rewrite_begin and bucket_commit_rewrite. ERROR_CHANGED: other bytes than those that were judged.
 */
SUSPENDS bool repack_object(const struct repack *repack, struct repacked *ret_repacked, struct error *error);
/* The level was tried on some of it, and gains too little. */
SUSPENDS bool repack_note_level(const struct repack *repack, struct error *error);
