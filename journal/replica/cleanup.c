/* journal/replica/cleanup.c -- removes what two generations have left behind: after proof, never in a hurry (J29, J51).
 */
#include "journal/replica/rules.h"

#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAGES_MAX = 16 /* of a prefix, in one cleanup: more than one fold can leave behind */ };

/* Everything is judged by one head, that of which the copy was written, whatever the replica has come to meanwhile: of
 * a later head there may be no copy, and what that one covers no other (J36). */

static bool segment_is_dead(const struct journal *journal, const struct head *head, const struct segment_key *key)
{
    return head_find_quarantined(head, key) == NULL && rule_is_dead(head, key, rule_folded_in(journal, key));
}

static bool part_is_dead(const struct head *head, const struct part_name *part)
{
    if (rule_may_be_published(head, part))
        return false;
    const struct head_ancestor *ancestor = head_ancestor(head, part->generation);
    if (ancestor != NULL && !journal_id_equal(&ancestor->nonce, &part->nonce))
        return true; /* of a fold that lost */
    if (part->kind == PART_ROLL)
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

static bool name_is_dead(const struct journal *journal, const struct head *copied, struct span name)
{
    const struct head *head = rule_head_of_deletion(journal, copied);
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    if (segment_name_parse(name, &key))
        return segment_is_dead(journal, head, &key);
    if (part_name_parse(name, &part))
        return part_is_dead(head, &part);
    return head_copy_name_parse(name, &generation, &nonce) && generation + 2 < copied->generation;
}

/* Behind this name nothing is dead: a segment is folded in a generation after its base, and dead two later. */
static bool is_in_use(const struct head *head, struct span name)
{
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    if (segment_name_parse(name, &key))
        return key.base + 2 >= head->generation;
    if (part_name_parse(name, &part))
        return part.generation >= head->generation;
    return head_copy_name_parse(name, &generation, &nonce) && generation >= head->generation;
}

/* The dead ones of a page move to its front. */
static unsigned gather_dead(const struct journal *journal, const struct head *copied, struct store_page *page)
{
    unsigned dead = 0;
    for (unsigned i = 0; i < page->count; i++) {
        if (!name_is_dead(journal, copied, span_from_string(page->names[i])))
            continue;
        if (dead != i)
            memcpy(page->names[dead], page->names[i], JOURNAL_NAME_BYTES);
        dead++;
    }
    return dead;
}

/* Who has stood still for long does not know any more what the generations about that head folded; then a key alone
 * would say that what was released from quarantine has long been dead. */
static bool may_delete(const struct journal *journal, const struct head *head)
{
    return replica_may_write(journal) && journal->shown.has_head &&
           journal->shown.head->generation >= head->generation &&
           journal->shown.head->generation + 2 <= head->generation + rule_rolls_kept(head);
}

/* From the beginning of the prefix: mostly one page, and as many more as it takes while whole pages lie before what is
 * in use. */
static void clean(struct journal *journal, const struct head *copied, const char *prefix)
{
    struct journal_store *store = journal->environment.store;
    struct store_page *page = journal->compactor.page;
    char after[JOURNAL_NAME_BYTES];
    bool goes_on = true;
    (void)snprintf(after, sizeof after, "%s", prefix);
    for (unsigned i = 0; i < PAGES_MAX && goes_on; i++) {
        if (replica_list(journal, prefix, after, page) != STORE_DONE || page->count == 0 ||
            !may_delete(journal, copied))
            return;
        memcpy(after, page->names[page->count - 1], sizeof after);
        goes_on = page->is_truncated && !is_in_use(copied, span_from_string(after));
        unsigned dead = gather_dead(journal, copied, page);
        if (dead > 0)
            (void)store->delete_names(store, page->names, dead, replica_deadline(journal));
        journal->counters.names_deleted += dead;
    }
}

void cleanup(struct journal *journal)
{
    struct head *head = malloc(sizeof *head);
    ASSERT(head != NULL);
    *head = *journal->shown.head;
    if (replica_may_write(journal) && copies_write(journal)) {
        clean(journal, head, SEGMENTS_PREFIX);
        clean(journal, head, PARTS_PREFIX);
        clean(journal, head, HEADS_PREFIX);
    }
    free(head);
}
