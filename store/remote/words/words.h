/* store/remote/words/words.h -- what the backend said last about a key, for opens that need not ask it again.
 *
 * A word is the answer to a HEAD, with the time at which that was sent. By default there are none: each open asks. Two
 * settings give something up for the request that is saved (docs/tier.md):
 *   tier_fresh_ms       an open may go by a word that is no older;
 *   trusts_named_tier   ... by one of any age, if the client names its ETag in If-Match, or one version.
 *
 * A word counts only for what was near when it was asked for: an answer may bear the ETag of one revision and the bytes
 * of another, so bytes are believed between two answers that named the ETag. And this process sees what it writes. So
 * words of a key end when it is written to through this process, and when bytes of it come from the backend.
 *
 * Threads: words are a shard's; what ends them is noted by any shard, on its thread. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { WORDS_BYTES_MAX = 8 << 20 /* of a shard; the least recently used go */ };

struct words;
struct word_changes; /* of the process: what has ended words */
struct open_intent;
struct remote;
struct remote_key;
struct remote_settings;
struct s3_answer;
struct s3_call;

/* When a HEAD was sent. Time that passes while the machine sleeps counts; when the wall clock and that one part, by a
 * jump or because a copy of the machine goes on later, a word is as old as the one that says more. */
struct word_time {
    int64_t boot_ms;
    int64_t wall_ms;
    uint64_t changes; /* of the key, by then */
};

/* NULL: the settings want no words, and then each call below does nothing. */
struct word_changes *word_changes_create(const struct remote_settings *settings);
void word_changes_destroy(struct word_changes *changes);
struct words *words_create(const struct remote *remote);
void words_destroy(struct words *words);

/* Before bytes of the key that came from the backend may be believed, or have been. */
void words_note_bytes(const struct remote_key *key);
/* A request of this process has ended that may have changed something: before anybody is told. */
void words_note_call(const struct remote *remote, const struct s3_call *call);
/* ... one that names no key, or several. */
void words_note_changes(const struct remote *remote);

/* Before a HEAD is sent; and what it was answered, which names this ETag. */
struct word_time words_now(const struct remote_key *key);
void words_keep(const struct remote_key *key, const struct word_time *asked, const char *stored_etag,
                const struct s3_answer *answer);
/* May an open with this intent go by what was said of the revision of the key's row? Then that is *ret_answer, to be
 * closed as any. */
bool words_find(const struct remote_key *key, const struct open_intent *intent, struct s3_answer *ret_answer);

/* ---- for tests ---- */

bool word_is_fresh(const struct word_time *asked, const struct word_time *now, uint64_t fresh_ms);
