/* journal/seed.c -- the first head of all (J37), and why an absent one is not an empty journal (J36). */
#include "journal/replica.h"

#include <stdlib.h>

/* Nothing of a journal is here: no segment, no part, no copy of a head. */
static bool is_empty(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    struct store_page *page = journal->tick_page;
    return store->list(store, "", "", page, replica_deadline(journal)) == STORE_DONE && page->count == 0;
}

static bool create_head(struct journal *journal)
{
    const struct random_source *random = journal->environment.random;
    struct head *head = calloc(1, sizeof *head);
    if (head == NULL)
        return false;
    *head = (struct head){.generation = 1,
                          .op_kind_last = OP_KIND_LAST,
                          .window = journal->options.window,
                          .horizon = journal->options.horizon,
                          .ancestors_count = 1};
    random_fill(random, &head->lineage, sizeof head->lineage);
    random_fill(random, &head->ancestors[0].nonce, sizeof head->ancestors[0].nonce);
    struct buffer body;
    struct error error;
    buffer_init(&body, HEAD_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    head_copy_name_format(1, head_nonce(head), name);
    bool is_created = head_encode(head, &body, &error) &&
                      store->create(store, HEAD_NAME, buffer_span(&body), replica_deadline(journal)) == STORE_DONE;
    if (is_created) /* the marker: from now on an absent head is a lost one */
        (void)store->create(store, name, buffer_span(&body), replica_deadline(journal));
    buffer_free(&body);
    free(head);
    return is_created;
}

bool seed(struct journal *journal)
{
    if (journal->has_head || journal->is_halted)
        return false;
    if (!MUTATED(seed_on_404) && !is_empty(journal))
        return false;
    if (create_head(journal))
        (void)bell_ring(journal); /* without a bell every poll would list */
    return false;                 /* whoever made it: the next tick reads it */
}
