/* store/remote/write/rewrite.h -- an object written again in its own place: its body packed anew, or its storage class
 * or its seal changed (bucket_commit_rewrite, bucket_change_class, bucket_change_seal).
 *
 * To the backend that is a write like others, under the condition that the revision is there which was judged; so
 * everything that a client can see is read first, and sent along: metadata, tags, owner and grants, parts, and the time
 * (`m` of the stamp). The stamp also says which revision it was made of, so that a download of that one can go on. The
 * new revision ends with a trailer, whose nonce gives it an ETag of its own.
 *
 * The backend's condition is of the stored bytes alone. So what changes without them is looked at once more right
 * before: of that a window of one request's time is left, which docs/lifecycle.md names.
 *
 * Where the backend itself has it in a class, it stays in that, or goes to the place of its new one
 * (store/remote/write/place.h).
 *
 * ERROR_UNSUPPORTED: an object that Bale did not write, one that lies in an archive of the backend, a body that has no
 * room for a trailer, a bucket that keeps versions, where nobody wants one more (body_rewrite.makes_version). */
#pragma once

#include "store/remote/write/writer.h"

/* Of a writer; it owns what the object keeps. */
struct rewriting {
    struct arena arena;               /* all texts below */
    struct object_attributes kept;    /* as it is, with the list of grants that counts */
    struct object_part *parts;        /* parts_count of the attributes */
    struct write_condition unchanged; /* the stored bytes are those that were judged */
    struct buffer tags;
    bool is_counted;
    struct object_stamp stamp; /* made_of and level; that of the new revision has them */
};

/* bucket_begin with intent->rewrite. */
SUSPENDS bool rewrite_begin(struct bucket_store *store, const struct write_intent *intent,
                            struct bucket_writer **ret_writer, struct error *error);
void rewriting_free(struct rewriting *rewriting);

/* Of bucket.h. */
SUSPENDS bool remote_commit_rewrite(struct bucket_writer *writer, const struct body_rewrite *rewrite,
                                    struct error *error);
SUSPENDS bool remote_change_class(struct bucket_store *store, const struct object_name *name,
                                  const struct class_change *change, struct error *error);
SUSPENDS bool remote_change_seal(struct bucket_store *store, const struct object_name *name,
                                 const struct seal_change *change, struct error *error);
