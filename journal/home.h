/* journal/home.h -- where a backend keeps what is Bale's own: the journal, and what lies beside it.
 *
 * In a folder these are buckets that no client can name; in a bucket of an S3 server, prefixes below ".bale/" that no
 * client can reach. Whoever opens a room closes it; rooms are of the shard that opened them. */
#pragma once

#include "journal/bucket_store.h"

/* No names of buckets (s3/names.h). */
#define JOURNAL_SYSTEM_BUCKET SPAN(".bale")
#define SETTINGS_SYSTEM_BUCKET SPAN(".bale-settings")

enum journal_room {
    ROOM_JOURNAL,
    ROOM_SETTINGS, /* documents of buckets' settings (journal/settings/documents.h) */
    ROOMS_COUNT,
};

/* One of the two is set; both NULL: there is no journal. All of it outlives every room. */
struct journal_home {
    struct bucket_store *store;
    struct s3_endpoint *endpoint;
    struct span bucket;      /* of the S3 server */
    struct span prefix;      /* of all that is Bale's in it, before ".bale/" */
    bool labels_hold;        /* bucket_store.h */
    struct journal_id place; /* which store it is (journal/ground/ground.h) */
};

struct journal_home journal_home_of_store(struct bucket_store *store);
bool journal_home_is_there(const struct journal_home *home);

/* Makes what must be there before rooms can be used: the buckets of a folder, which nobody owns. */
SUSPENDS bool journal_home_prepare(const struct journal_home *home, struct error *error);
struct journal_bucket *journal_room_open(const struct journal_home *home, enum journal_room room);
