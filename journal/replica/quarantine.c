/* journal/replica/quarantine.c -- resolves segments in quarantine: folds those that are good again, gives up the
 * others. */
#include "journal/replica/quarantine.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

bool quarantine_has_work(const struct journal *journal)
{
    for (uint32_t i = 0; i < journal->shown.head->quarantine_count; i++) {
        if (state_has_release(&journal->shown.view, &journal->shown.head->quarantine[i].key))
            return true;
    }
    return false;
}

static void read_released(struct journal *journal, struct released *released)
{
    struct journal_store *store = journal->environment.store;
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    struct error error;
    segment_name_format(&released->key, name);
    buffer_init(&released->body, SEGMENT_BYTES_MAX);
    unsigned failed = 0;
    for (unsigned i = 0; i < FAILED_READS_ARE_DAMAGE && !released->is_good; i++) {
        buffer_clear(&released->body);
        enum store_answer answer = store->get(store, name, NULL, &released->body, &etag, replica_deadline(journal));
        released->is_good = answer == STORE_DONE && segment_decode_named(buffer_span(&released->body), &released->key,
                                                                         &released->segment, &error);
        bool is_newer = answer == STORE_DONE && !released->is_good && error.kind == ERROR_UNSUPPORTED;
        failed += !released->is_good && !is_newer && answer != STORE_UNKNOWN;
    }
    released->is_read = released->is_good || failed == FAILED_READS_ARE_DAMAGE;
}

void quarantine_read_released(struct journal *journal, struct released_list *ret_list)
{
    struct segment_key keys[16]; /* the others in later folds */
    size_t count = 0;
    for (uint32_t i = 0; i < journal->shown.head->quarantine_count && count < 16; i++) {
        if (state_has_release(&journal->shown.view, &journal->shown.head->quarantine[i].key))
            keys[count++] = journal->shown.head->quarantine[i].key;
    }
    if (count == 0)
        return;
    ret_list->items = calloc(count, sizeof *ret_list->items);
    ASSERT(ret_list->items != NULL);
    for (size_t i = 0; i < count; i++) {
        struct released *released = &ret_list->items[ret_list->count++];
        released->key = keys[i];
        read_released(journal, released);
        released->is_good &= journal_id_equal(&released->segment.lineage, &journal->shown.head->lineage);
    }
}

void released_list_free(struct released_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_free(&list->items[i].body);
    free(list->items);
    *list = (struct released_list){0};
}

struct released *released_find(const struct released_list *list, const struct segment_key *key)
{
    for (size_t i = 0; i < list->count; i++) {
        if (segment_key_equal(&list->items[i].key, key))
            return &list->items[i];
    }
    return NULL;
}

void quarantine_mark_released(struct released_list *list, const struct state *base)
{
    for (size_t i = 0; i < list->count; i++)
        list->items[i].is_released = state_has_release(base, &list->items[i].key);
}

void quarantine_settle(const struct released_list *list, struct head *head)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < head->quarantine_count; i++) {
        const struct segment_key *key = &head->quarantine[i].key;
        const struct released *released = released_find(list, key);
        bool is_given_up =
            released != NULL && released->is_read && !released->is_good && key->base < head_window_begin(head);
        if (released == NULL || !released->is_released || !(released->is_good || is_given_up))
            head->quarantine[kept++] = head->quarantine[i];
    }
    head->quarantine_count = kept;
}
