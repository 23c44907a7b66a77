/* journal/replica/copies.c -- copies of heads: written before anything is deleted in a head's name (J36), and looked at
 * by a replica that starts, which has no other memory of what was, and by one for which something is gone. */
#include "journal/replica/rules.h"
#include "runtime/base/assert.h"

#include <stdlib.h>

enum { COPIES_LOOKED_AT = 16 /* cleanup leaves three or four */ };

struct copy_name {
    uint64_t generation;
    struct journal_id nonce;
};

/* The last of those that are listed, in order. */
struct copy_names {
    struct copy_name names[COPIES_LOOKED_AT];
    unsigned count;
};

static void remember(struct copy_names *copies, const struct copy_name *name)
{
    if (copies->count == COPIES_LOOKED_AT)
        memmove(copies->names, copies->names + 1, --copies->count * sizeof *name);
    copies->names[copies->count++] = *name;
}

static enum store_answer list_copies(struct journal *journal, struct copy_names *ret)
{
    struct store_page *page = journal->poller.page;
    char after[JOURNAL_NAME_BYTES] = HEADS_PREFIX;
    *ret = (struct copy_names){0};
    do {
        enum store_answer answer = replica_list(journal, HEADS_PREFIX, after, page);
        if (answer != STORE_DONE)
            return answer;
        for (unsigned i = 0; i < page->count; i++) {
            struct copy_name name;
            if (head_copy_name_parse(span_from_string(page->names[i]), &name.generation, &name.nonce))
                remember(ret, &name);
        }
        if (page->count > 0)
            memcpy(after, page->names[page->count - 1], sizeof after);
    } while (page->is_truncated && page->count > 0);
    return STORE_DONE;
}

enum soundness { COPY_SOUND, COPY_NO_COPY, COPY_UNKNOWN };

static enum soundness read_once(struct journal *journal, const struct copy_name *copy, struct head *head,
                                struct buffer *body)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    struct error error;
    head_copy_name_format(copy->generation, &copy->nonce, name);
    buffer_clear(body);
    struct journal_store *store = journal->environment.store;
    enum store_answer answer = store->get(store, name, NULL, body, &etag, replica_deadline(journal));
    if (answer == STORE_UNKNOWN)
        return COPY_UNKNOWN;
    bool is_sound = answer == STORE_DONE && head_decode(buffer_span(body), head, &error) &&
                    head->generation == copy->generation && journal_id_equal(head_nonce(head), &copy->nonce);
    return is_sound ? COPY_SOUND : COPY_NO_COPY;
}

/* Does it hold the head that its name says? What is damaged in several readings, or is of a later version, is none. */
static enum soundness read_copy(struct journal *journal, const struct copy_name *copy)
{
    struct head *head = malloc(sizeof *head);
    struct buffer body;
    ASSERT(head != NULL);
    buffer_init(&body, HEAD_BYTES_MAX);
    enum soundness soundness = COPY_NO_COPY;
    for (unsigned i = 0; i < FAILED_READS_ARE_DAMAGE && soundness == COPY_NO_COPY; i++)
        soundness = read_once(journal, copy, head, &body);
    buffer_free(&body);
    free(head);
    return soundness;
}

enum store_answer copies_look(struct journal *journal)
{
    struct copy_names copies;
    enum soundness soundness = COPY_NO_COPY;
    enum store_answer answer = list_copies(journal, &copies);
    if (answer != STORE_DONE)
        return answer;
    while (copies.count > 0 && soundness == COPY_NO_COPY) {
        const struct copy_name *newest = &copies.names[--copies.count];
        bool is_known = newest->generation == journal->poller.copy_generation &&
                        journal_id_equal(&newest->nonce, &journal->poller.copy_nonce);
        soundness = is_known ? COPY_SOUND : read_copy(journal, newest);
        if (soundness != COPY_SOUND)
            continue;
        journal->poller.copy_generation = newest->generation;
        journal->poller.copy_nonce = newest->nonce;
        if (newest->generation > journal->poller.newest_known)
            journal->poller.newest_known = newest->generation;
    }
    return soundness == COPY_UNKNOWN ? STORE_UNKNOWN : STORE_DONE;
}

bool copies_write(struct journal *journal)
{
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    head_copy_name_format(journal->shown.head->generation, head_nonce(journal->shown.head), name);
    struct buffer body = {0};
    buffer_append(&body, buffer_span(&journal->shown.body));
    enum store_answer answer = store->create(store, name, buffer_span(&body), replica_deadline(journal));
    buffer_free(&body);
    return answer == STORE_DONE || answer == STORE_CONDITION_FAILED;
}

bool copies_write_first(struct journal *journal)
{
    if (journal->shown.head->ancestors_count > 1 || rule_trusts_copy(journal))
        return true;
    journal->shown.is_first_copied = copies_write(journal);
    return journal->shown.is_first_copied;
}
