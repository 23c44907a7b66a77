/* tests/sim/oracle_fold.c -- the order of a compactor's steps: what it replaces it had read before it listed (J27). */
#include "tests/sim/oracle.h"

/* A page behind a whole name goes on with a listing; one behind a base begins it. */
static bool begins_listing(const char *name, const char *after)
{
    struct segment_key key;
    return strcmp(name, SEGMENTS_PREFIX) == 0 && !segment_name_parse(span_from_string(after), &key);
}

void check_request(struct progress *progress, enum verb verb, const char *name, const char *after,
                   const struct store_etag *condition)
{
    if (verb == VERB_LIST && begins_listing(name, after))
        progress->listed_at = world_now();
    if (verb != VERB_REPLACE || strcmp(name, HEAD_NAME) != 0 || strcmp(condition->text, progress->head.text) != 0)
        return;
    if (progress->listed_at < progress->head_read_at)
        violate("J27", -1, "a fold's listing began before the head was read that it replaces");
}

void check_answer(struct progress *progress, enum verb verb, const char *name, enum store_answer answer,
                  const struct store_etag *etag)
{
    if (verb != VERB_GET || answer != STORE_DONE || strcmp(name, HEAD_NAME) != 0 ||
        strcmp(etag->text, progress->head.text) == 0)
        return;
    progress->head = *etag;
    progress->head_read_at = world_now();
}
