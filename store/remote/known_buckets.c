/* store/remote/known_buckets.c -- two small tables, whose oldest entries make room. */
#include "store/remote/known_buckets.h"

/* Every request asks: most places are passed by without a look at their text. */
static bool is_name(const char *text, size_t size, struct span name)
{
    return size == name.size && memcmp(text, name.data, size) == 0;
}

/* The place in `there`; BUCKETS_KNOWN: it is not in it. */
static unsigned find_there(const struct known_buckets *known, struct span name)
{
    unsigned i = name.size == 0 ? BUCKETS_KNOWN : 0;
    while (i < BUCKETS_KNOWN && !is_name(known->there[i].info.name, known->there[i].name_size, name))
        i++;
    return i;
}

/* The place in `absent`; BUCKETS_ABSENT: it is not in it. */
static unsigned find_absent(const struct known_buckets *known, struct span name)
{
    unsigned i = name.size == 0 ? BUCKETS_ABSENT : 0;
    while (i < BUCKETS_ABSENT && !is_name(known->absent[i].name, known->absent[i].name_size, name))
        i++;
    return i;
}

static bool holds(const struct known_bucket *bucket, struct bucket_changes changes, uint64_t now_ms)
{
    return bucket->changes.removed == changes.removed && (bucket->has_record || bucket->changes.made == changes.made) &&
           bucket->until_ms > now_ms;
}

const struct bucket_info *known_buckets_find(const struct known_buckets *known, struct span name,
                                             struct bucket_changes changes, uint64_t now_ms)
{
    unsigned i = find_there(known, name);
    bool is_known = i < BUCKETS_KNOWN && holds(&known->there[i], changes, now_ms);
    return is_known ? &known->there[i].info : NULL;
}

bool known_buckets_take_turn(struct known_buckets *known, struct span name, uint64_t now_ms)
{
    unsigned i = find_there(known, name);
    if (i == BUCKETS_KNOWN || now_ms < known->there[i].fresh_until_ms)
        return false;
    known->there[i].fresh_until_ms = UINT64_MAX; /* this caller's turn */
    return true;
}

bool known_buckets_is_absent(const struct known_buckets *known, struct span name, uint64_t made, uint64_t now_ms)
{
    unsigned i = find_absent(known, name);
    return i < BUCKETS_ABSENT && known->absent[i].made == made && known->absent[i].until_ms > now_ms;
}

void known_buckets_note(struct known_buckets *known, const struct bucket_info *info, bool has_record,
                        struct bucket_changes changes, uint64_t now_ms)
{
    struct span name = span_from_string(info->name);
    unsigned own = find_there(known, name);
    known_buckets_forget(known, name);
    /* In its own place again: one that wandered through the table would be searched for ever further back. */
    struct known_bucket *place = &known->there[own < BUCKETS_KNOWN ? own : known->there_next++ % BUCKETS_KNOWN];
    *place = (struct known_bucket){
        .name_size = name.size,
        .info = *info,
        .has_record = has_record,
        .changes = changes,
        .fresh_until_ms = now_ms + BUCKET_FRESH_MS,
        .until_ms = now_ms + BUCKET_KNOWN_MS,
    };
}

void known_buckets_note_absence(struct known_buckets *known, struct span name, uint64_t made, uint64_t now_ms)
{
    if (name.size == 0 || name.size > BUCKET_NAME_BYTES_MAX)
        return;
    known_buckets_forget(known, name);
    struct absent_bucket *place = &known->absent[known->absent_next++ % BUCKETS_ABSENT];
    *place = (struct absent_bucket){.name_size = name.size, .made = made, .until_ms = now_ms + BUCKET_ABSENT_MS};
    memcpy(place->name, name.data, name.size);
}

void known_buckets_forget(struct known_buckets *known, struct span name)
{
    unsigned there = find_there(known, name);
    unsigned absent = find_absent(known, name);
    if (there < BUCKETS_KNOWN)
        known->there[there] = (struct known_bucket){0};
    if (absent < BUCKETS_ABSENT)
        known->absent[absent] = (struct absent_bucket){0};
}
