/* journal/replica/seed.c -- the first head of all (J37), and why an absent one is not an empty journal (J36). */
#include "journal/ground/ground.h"
#include "journal/replica/rules.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

static bool create_head(struct journal *journal)
{
    const struct random_source *random = journal->environment.random;
    struct head *head = calloc(1, sizeof *head);
    ASSERT(head != NULL);
    *head = (struct head){.generation = 1,
                          .op_kind_last = OP_KIND_LAST_KNOWN,
                          .window = journal->options.window,
                          .horizon = journal->options.horizon,
                          .ancestors_count = 1};
    random_fill(random, &head->lineage, sizeof head->lineage);
    random_fill(random, &head->ancestors[0].nonce, sizeof head->ancestors[0].nonce);
    struct buffer body;
    struct error error;
    buffer_init(&body, HEAD_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    bool is_created = head_encode(head, &body, &error) &&
                      store->create(store, HEAD_NAME, buffer_span(&body), replica_deadline(journal)) == STORE_DONE;
    buffer_free(&body);
    free(head);
    return is_created;
}

/* Asked after the listing showed something: whatever wrote that had a head. */
static bool head_is_missing(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    struct buffer body;
    struct store_etag etag;
    buffer_init(&body, HEAD_BYTES_MAX);
    bool is_missing = store->get(store, HEAD_NAME, NULL, &body, &etag, replica_deadline(journal)) == STORE_NOT_FOUND;
    buffer_free(&body);
    return is_missing;
}

void seed(struct journal *journal)
{
    bool is_empty = true;
    if (journal->shown.has_head || standing_is_halted(&journal->standing))
        return;
    if (!rule_trusts_absence() && !ground_is_empty(&journal->environment, journal->options.request_ms, &is_empty))
        return;
    if (!is_empty && head_is_missing(journal))
        replica_halt(journal, JOURNAL_HEAD_MISSING, ALARM_HEAD_MISSING);
    if (is_empty && journal->options.may_seed && replica_may_write(journal) && create_head(journal))
        (void)bell_ring(journal); /* without a bell every poll would list */
    /* whoever made it: the next tick reads it */
}
