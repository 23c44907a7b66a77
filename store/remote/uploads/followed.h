/* store/remote/uploads/followed.h -- uploads whose parts come in order, as a shard knows them. Private to
 * store/remote/uploads/, but for how a shard begins and ends.
 *
 * A stored part of less than 5 MiB may only be the last one. What shrinks to less is joined with its neighbours; who
 * still has the bytes of the one before need not read it for that. So a shard follows uploads whose parts all come to
 * it, one after the other, and keeps what the next one may need in front: the *waiting* bytes, all of which are in
 * objects as well.
 *
 * Either they are small pieces, each of them whole, that have no place in any stored part so far: what comes next has
 * to bring them along. Or they are the end of a piece with a lead (lead.h), and what comes next may do without.
 *
 * Complete, which sends what is left of the last pieces with the object's end, does not read what waits either.
 *
 * Each shard follows FOLLOWED_UPLOADS_MAX uploads. The waiting bytes are less than 5 MiB each, come out of the memory
 * for bodies, at most half of it, and go as soon as anybody waits for memory, on any shard. */
#pragma once

#include "store/remote/uploads/upload.h"

enum { FOLLOWED_UPLOADS_MAX = 64 };

/* Left of the next part everything is in the backend's upload, or can be copied into it; but for small pieces that
 * wait. */
struct followed_upload {
    struct list_link link;
    char id[UPLOAD_ID_BYTES];
    unsigned next;          /* the number that comes next */
    bool is_ours;           /* the record `straight` was made by us (straight.h) */
    bool is_busy;           /* a part is on its way, or the end: nobody else may take or drop the upload */
    bool is_held;           /* it is the end: what waits may go, then its last pieces are read */
    bool is_end;            /* what waits is the end of a piece that needs nobody */
    unsigned waiting_count; /* of pieces */
    struct body waiting;
    size_t reserved; /* for it, in the shard's budget */
    struct before_digest digest;
};

/* The upload of which the writer's part is the next. NULL: it is not followed, or that part is not the next; a gap ends
 * the following, for who leaves one sends parts in parallel. */
struct followed_upload *followed_next(const struct remote_writer *writer);
void followed_drop(struct remote_shard *shard, struct followed_upload *upload);
/* Nothing waits any more. */
void followed_clear(struct remote_shard *shard, struct followed_upload *upload);

/* What waits, and the writer's body behind it, as a request takes them. The caller frees the array. */
struct span *followed_spans(const struct followed_upload *upload, const struct remote_writer *writer,
                            unsigned *ret_count);
/* Of what waits, as facts of such a part say it. */
void followed_tell(const struct followed_upload *upload, bool is_straight, struct before_facts *ret_before);

/* The writer's body becomes what waits, behind what does already; only while half of all memory is free. `name` is that
 * of the part. False: it does not, and what waited has to go. */
bool followed_keep(struct remote_writer *writer, struct followed_upload *upload, const struct part_facts *facts,
                   struct span name);

/* The part has become an object of its own, with this name and nothing in front. The writer's body may be taken. */
void followed_note(struct remote_writer *writer, const struct part_facts *facts, struct span name);
/* The upload's part, which went with what waited, has its name. */
void followed_go_on(struct remote_shard *shard, struct followed_upload *upload);

/* The upload whose last pieces wait, for who completes it, and gives it to followed_release then. What waits may have
 * gone whenever that fiber was suspended: waiting_count is 0. NULL: nothing waits. */
struct followed_upload *followed_hold(struct remote_shard *shard, struct span id);
void followed_release(struct remote_shard *shard, struct followed_upload *upload);
/* The upload was completed or aborted: nothing comes next. */
void followed_end(struct remote_shard *shard, struct span id);

/* ---- memory ---- */

/* At the beginning and the end of a shard's time on this thread's loop. Then nothing is followed. */
void followed_attach(struct remote_shard *shard);
SUSPENDS void followed_detach(struct remote_shard *shard);
/* A fiber of this shard lacks memory (memory_budget.h): what is kept of uploads that nobody sends to at this moment is
 * given back, by this shard at once, and by the others, when that is too little, as soon as their loops turn. */
void followed_make_room(struct memory_budget *memory, size_t bytes);
