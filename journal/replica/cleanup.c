/* journal/replica/cleanup.c -- removes what two generations have left behind: after proof, never in a hurry (J29, J51).
 */
#include "journal/replica/replica.h"

#include <stdlib.h>

bool cleanup_copy_head(struct journal *journal, uint64_t *ret_generation)
{
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    *ret_generation = journal->head->generation;
    head_copy_name_format(*ret_generation, head_nonce(journal->head), name);
    struct buffer body = {0};
    buffer_append(&body, buffer_span(&journal->head_body));
    enum store_answer answer = store->create(store, name, buffer_span(&body), replica_deadline(journal));
    buffer_free(&body);
    return answer == STORE_DONE || answer == STORE_CONDITION_FAILED;
}

static bool segment_is_dead(const struct journal *journal, const struct segment_key *key)
{
    uint64_t generation = journal->head->generation;
    uint64_t folded = ledger_generation(journal, key);
    if (head_find_quarantined(journal->head, key) != NULL)
        return false;
    if (MUTATED(delete_before_publish) && key->base + 1 < generation)
        return true;
    if (MUTATED(delete_at_once) && folded != 0)
        return true;
    return (folded != 0 && folded + 2 <= generation) || key->base + journal->head->window + 2 <= generation;
}

static bool part_is_dead(const struct journal *journal, const struct part_name *part)
{
    const struct head *head = journal->head;
    if (part->generation > head->generation || MUTATED(part_names_without_nonce))
        return false;
    const struct head_ancestor *ancestor = head_ancestor(head, part->generation);
    if (ancestor != NULL && !journal_id_equal(&ancestor->nonce, &part->nonce))
        return true; /* of a fold that lost */
    if (part->kind == PART_LEDGER)
        return part->generation + head->horizon + 2 <= head->generation;
    for (uint32_t i = 0; i < head->layers_count; i++) {
        if (head->layers[i].generation == part->generation && journal_id_equal(&head->layers[i].nonce, &part->nonce))
            return false;
    }
    for (uint32_t i = 0; i < head->dropped_count; i++) {
        if (head->dropped[i].layer.generation == part->generation &&
            journal_id_equal(&head->dropped[i].layer.nonce, &part->nonce))
            return false;
    }
    return true;
}

static bool name_is_dead(const struct journal *journal, struct span name, uint64_t copied)
{
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    if (segment_name_parse(name, &key))
        return segment_is_dead(journal, &key);
    if (part_name_parse(name, &part))
        return part_is_dead(journal, &part);
    return head_copy_name_parse(name, &generation, &nonce) && generation + 2 < copied;
}

/* One page from the beginning of the prefix: what is dead sorts first. */
static void clean(struct journal *journal, const char *prefix, uint64_t copied)
{
    struct journal_store *store = journal->environment.store;
    struct store_page *page = journal->fold_page;
    if (store->list(store, prefix, prefix, page, replica_deadline(journal)) != STORE_DONE ||
        !replica_may_write(journal))
        return;
    if (!journal->has_head || journal->head->generation < copied)
        return;
    unsigned dead = 0;
    for (unsigned i = 0; i < page->count; i++) { /* the dead ones move to the front */
        if (!name_is_dead(journal, span_from_string(page->names[i]), copied))
            continue;
        if (dead != i)
            memcpy(page->names[dead], page->names[i], JOURNAL_NAME_BYTES);
        dead++;
    }
    if (dead > 0)
        (void)store->delete_names(store, page->names, dead, replica_deadline(journal));
    journal->counters.names_deleted += dead;
}

void cleanup(struct journal *journal)
{
    uint64_t copied;
    if (!replica_may_write(journal) || !cleanup_copy_head(journal, &copied))
        return;
    clean(journal, SEGMENTS_PREFIX, copied);
    clean(journal, PARTS_PREFIX, copied);
    clean(journal, HEADS_PREFIX, copied);
}
