/* store/remote/known_buckets.h -- which buckets of the backend were there a moment ago, and which were not (with all
 * buckets), so that requests do not begin with one of ours.
 *
 * Bounded, and of one shard. What is there is believed for two seconds, as settings of buckets are: another process may
 * have removed the bucket and made it again, which is then somebody else's, and has other settings. It is believed only
 * until the backend says NoSuchBucket, and until this process removes a bucket, whichever shard does: `removed` counts
 * those. That a name is absent is believed for a second at most, and only until this process makes a bucket, whichever
 * shard does: `made` counts those. Of absent names there are fewer, in a table of their own: whoever guesses at names
 * drives none out that is there.
 *
 * A bucket without Bale's record belongs to the server's owner and has no settings. But it may be one that is just
 * being made, and gets its record in a moment: so this, too, is believed only until this process makes a bucket. Of
 * what other processes make it holds for two seconds.
 *
 * Both counts are read before the backend is asked, and go up when all of the change is there.
 *
 * Times are monotonic: a clock that is put back must not make anything last. */
#pragma once

#include "runtime/base/span.h"
#include "store/bucket.h"

enum {
    BUCKETS_KNOWN = 256,
    BUCKETS_ABSENT = 64,
    BUCKET_KNOWN_MS = 2000,
    BUCKET_FRESH_MS = 1500, /* then one request asks again, while the others go by what is known */
    BUCKET_ABSENT_MS = 1000,
};

/* How many buckets this process has made, and removed. */
struct bucket_changes {
    uint64_t made, removed;
};

/* Zeroed: nothing is known. */
struct known_buckets {
    struct known_bucket {
        size_t name_size; /* 0: none */
        struct bucket_info info;
        bool has_record;
        struct bucket_changes changes;
        uint64_t fresh_until_ms, until_ms;
    } there[BUCKETS_KNOWN];
    struct absent_bucket {
        size_t name_size; /* 0: none */
        char name[BUCKET_NAME_BYTES_MAX];
        uint64_t made;
        uint64_t until_ms;
    } absent[BUCKETS_ABSENT];
    unsigned there_next, absent_next;
};

/* NULL: it is not known. Valid until the next call. */
const struct bucket_info *known_buckets_find(const struct known_buckets *known, struct span name,
                                             struct bucket_changes changes, uint64_t now_ms);
/* Should the caller ask the backend although it is known? One caller is told so, before it is known no more: else all
 * that are under way would ask at once. */
bool known_buckets_take_turn(struct known_buckets *known, struct span name, uint64_t now_ms);
bool known_buckets_is_absent(const struct known_buckets *known, struct span name, uint64_t made, uint64_t now_ms);

void known_buckets_note(struct known_buckets *known, const struct bucket_info *info, bool has_record,
                        struct bucket_changes changes, uint64_t now_ms);
/* Names that no bucket can have are not noted. */
void known_buckets_note_absence(struct known_buckets *known, struct span name, uint64_t made, uint64_t now_ms);
/* Whether it is there is not known any more. */
void known_buckets_forget(struct known_buckets *known, struct span name);
