/* journal/home.c -- opens rooms in a folder or in a bucket. */
#include "journal/home.h"

#include "runtime/base/assert.h"

#include <string.h>

static const struct {
    struct span bucket; /* of a folder */
    struct span folder; /* of a bucket */
} rooms[ROOMS_COUNT] = {
    [ROOM_JOURNAL] = {JOURNAL_SYSTEM_BUCKET, SPAN(".bale/journal/")},
    [ROOM_SETTINGS] = {SETTINGS_SYSTEM_BUCKET, SPAN(".bale/settings/")},
};

struct journal_home journal_home_of_store(struct bucket_store *store)
{
    return (struct journal_home){.store = store};
}

bool journal_home_is_there(const struct journal_home *home)
{
    return home->store != NULL || home->endpoint != NULL;
}

SUSPENDS bool journal_home_prepare(const struct journal_home *home, struct error *error)
{
    for (unsigned room = 0; home->store != NULL && room < ROOMS_COUNT; room++) {
        struct bucket_info info;
        const struct bucket_intent intent = {.name = rooms[room].bucket};
        if (!bucket_find(home->store, intent.name, &info, error) && !bucket_create(home->store, &intent, error))
            return false;
    }
    return true;
}

struct journal_bucket *journal_room_open(const struct journal_home *home, enum journal_room room)
{
    ASSERT(room < ROOMS_COUNT && journal_home_is_there(home));
    if (home->store != NULL)
        return journal_bucket_open(home->store, rooms[room].bucket, SPAN_EMPTY);
    char prefix[JOURNAL_PREFIX_BYTES_MAX];
    struct span folder = rooms[room].folder;
    ASSERT(home->prefix.size + folder.size <= sizeof prefix);
    if (home->prefix.size > 0)
        memcpy(prefix, home->prefix.data, home->prefix.size);
    memcpy(prefix + home->prefix.size, folder.data, folder.size);
    const struct journal_s3_place place = {.endpoint = home->endpoint,
                                           .bucket = home->bucket,
                                           .prefix = span_of(prefix, home->prefix.size + folder.size),
                                           .labels_hold = home->labels_hold};
    return journal_bucket_open_s3(&place);
}
