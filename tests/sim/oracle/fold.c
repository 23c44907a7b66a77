/* tests/sim/oracle/fold.c -- the order of a compactor's steps: what it replaces it had read before it listed (J27), and
 * not just now (J52). */
#include "tests/sim/oracle/oracle.h"

#include "tests/sim/actors/interference.h"
#include "tests/sim/coverage.h"
#include "tests/sim/world/objects.h"

#include <stdlib.h>

/* A page behind a whole name goes on with a listing; one behind a base begins it. */
static bool begins_listing(const char *name, const char *after)
{
    struct segment_key key;
    return strcmp(name, SEGMENTS_PREFIX) == 0 && !segment_name_parse(span_from_string(after), &key);
}

static const struct head_reading *find_reading(const struct progress *progress, const struct store_etag *etag)
{
    for (unsigned i = 0; i < HEADS_REMEMBERED; i++) {
        if (etag->text[0] != '\0' && strcmp(progress->heads[i].etag.text, etag->text) == 0)
            return &progress->heads[i];
    }
    return NULL;
}

/* It counts from when the replica came to that head, which is no earlier than when that was published. */
static void check_gap(const struct store_etag *replaced)
{
    const struct process *process = world_process();
    if (process == NULL || process->number >= sim.actors_count || sim.is_ending)
        return;
    uint64_t hash = strtoull(replaced->text, NULL, 16); /* tests/sim/world/objects.c */
    uint64_t generation = generations_count();
    while (generation > 0 && generation_known(generation)->body_hash != hash)
        generation--;
    uint64_t gap_ns = sim.actors[process->number].journal->options.fold_gap_ms * UINT64_C(1000000);
    if (generation > 0 && world_now() - generation_known(generation)->published_at < gap_ns)
        violate("J52", -1, "a head is replaced sooner than the least time between generations");
}

static bool is_of(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* J36: what is written while there is no copy of any head cannot be restored. An old head that was put back may have
 * taken its copies with it. */
static void check_written_behind_copy(void)
{
    if (interference_head() == HEAD_IS_TRUE && sim.has_head && world_names(HEADS_PREFIX, NULL) == 0)
        violate("J36", -1, "something is written before there is a copy of the first head");
}

void check_request(struct progress *progress, enum verb verb, const char *name, const char *after,
                   const struct store_etag *condition)
{
    if (verb == VERB_LIST && begins_listing(name, after))
        progress->listed_at = world_now();
    bool is_of_journal = progress->task != NULL; /* and not an operator's, who has no head yet */
    if (is_of_journal && verb == VERB_CREATE && (is_of(name, SEGMENTS_PREFIX) || is_of(name, PARTS_PREFIX)))
        check_written_behind_copy();
    COVER_IF(verb == VERB_DELETE && sim.has_head && !newest_head_is_copied(), delete_for_earlier_head);
    if (verb != VERB_REPLACE || strcmp(name, HEAD_NAME) != 0)
        return;
    const struct head_reading *reading = find_reading(progress, condition);
    check_gap(condition);
    if (reading != NULL && progress->listed_at < reading->at)
        violate("J27", -1, "a fold's listing began before the head was read that it replaces");
}

void check_answer(struct progress *progress, enum verb verb, const char *name, enum store_answer answer,
                  const struct store_etag *etag)
{
    if (verb != VERB_GET || answer != STORE_DONE || strcmp(name, HEAD_NAME) != 0 ||
        find_reading(progress, etag) != NULL)
        return;
    progress->heads[progress->heads_next++ % HEADS_REMEMBERED] = (struct head_reading){*etag, world_now()};
}
