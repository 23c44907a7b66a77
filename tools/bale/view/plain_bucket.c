/* tools/bale/view/plain_bucket.c -- asks the journal for the bucket's encryption. */
#include "tools/bale/view/plain_bucket.h"

#include "tools/bale/view/settings_view.h"

SUSPENDS bool plain_bucket_check(struct bucket_store *store, const struct bucket_info *bucket, struct error *error)
{
    struct ledger_view *journal = ledger_view_open(store, error);
    if (journal == NULL)
        return false;
    const struct bucket_settings *settings = settings_view_read(store, journal, bucket);
    bool is_plain = settings_are_whole(settings, error) &&
                    (settings_compiled(settings, SETTING_ENCRYPTION) == NULL ||
                     error_set(error, ERROR_CONFLICT, NULL,
                               "the bucket %s encrypts what is put into it, and this would not: take another bucket, "
                               "and copy the objects from there through the server",
                               bucket->name));
    settings_view_drop(settings);
    ledger_view_close(journal);
    return is_plain;
}
