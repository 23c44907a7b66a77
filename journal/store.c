/* journal/store.c -- what callers of a store do alike. */
#include "journal/store.h"

enum store_answer store_put_over(struct journal_store *store, const char *name, enum store_answer found,
                                 const struct store_etag *etag, struct span body, deadline_t deadline)
{
    struct store_etag new_etag;
    enum store_answer answer = found;
    if (found == STORE_DONE || found == STORE_DAMAGED)
        answer = store->replace(store, name, etag, body, &new_etag, deadline);
    bool is_hidden = found == STORE_DAMAGED && answer == STORE_NOT_FOUND; /* its name is damaged, too */
    if (found == STORE_NOT_FOUND || is_hidden)
        answer = store->create(store, name, body, deadline);
    return answer;
}
