/* tools/bale/view/settings_view.c -- records of the journal's state, and the documents that they name. */
#include "tools/bale/view/settings_view.h"

#include "journal/home.h"
#include "journal/settings/documents.h"
#include "runtime/fiber/loop.h"
#include "server/s3/settings/setting_kinds.h"
#include "server/settings/snapshot.h"

enum { READ_MS = 30000 };

static SUSPENDS void add(struct bucket_settings *settings, struct journal_store *documents,
                         const struct bucket_info *bucket, enum bucket_setting setting,
                         const struct setting_record *record)
{
    struct buffer document;
    buffer_init(&document, SETTING_DOCUMENT_BYTES_MAX);
    if (document_read(documents, bucket->creation_id, (uint8_t)setting, record, &document,
                      deadline_after_ms(READ_MS)) == STORE_DONE)
        snapshot_add(settings, bucket, &setting_kinds[setting], setting, buffer_span(&document));
    else
        snapshot_add_damaged(settings, setting);
    buffer_free(&document);
}

SUSPENDS const struct bucket_settings *settings_view_read(struct bucket_store *snapshot, const struct ledger_view *view,
                                                          const struct bucket_info *bucket)
{
    struct bucket_settings *settings = snapshot_create();
    const struct journal_home home = journal_home_of_store(snapshot);
    struct journal_bucket *documents = journal_room_open(&home, ROOM_SETTINGS);
    for (enum bucket_setting setting = 0; setting < SETTINGS_COUNT; setting++) {
        struct setting_record record;
        if (setting_record_find(ledger_view_state(view), bucket->creation_id, (uint8_t)setting, &record))
            add(settings, journal_bucket_store(documents), bucket, setting, &record);
    }
    journal_bucket_close(documents);
    return settings;
}

void settings_view_drop(const struct bucket_settings *settings)
{
    snapshot_drop(settings);
}
