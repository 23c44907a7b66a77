/* server/s3/bucket/make_bucket.c -- settings first, then the bucket. */
#include "server/s3/bucket/make_bucket.h"

#include <stdio.h>

/* As bucket_find will tell it. */
static struct bucket_info describe(const struct bucket_intent *intent)
{
    struct bucket_info info = {
        .creation_id = intent->creation_id, .versioning = intent->versioning, .has_lock = intent->has_lock};
    (void)snprintf(info.name, sizeof info.name, "%.*s", SPAN_FORMAT(intent->name));
    (void)snprintf(info.owner, sizeof info.owner, "%.*s", SPAN_FORMAT(intent->owner));
    return info;
}

SUSPENDS bool s3_make_bucket(struct s3_request *request, const struct bucket_intent *intent,
                             const struct setting_document *documents, unsigned count, struct error *error)
{
    struct bucket_store *store = request->settings->store;
    struct settings *settings = request->settings->bucket_settings;
    struct bucket_info info;
    struct error ignored;
    if (count == 0 || bucket_find(store, intent->name, &info, &ignored))
        return bucket_create(store, intent, error);
    struct bucket_intent drawn = *intent;
    drawn.creation_id = bucket_draw_creation_id(random_system());
    info = describe(&drawn);
    if (!settings_put_first(settings, &info, documents, count, error))
        return false;
    if (bucket_create(store, &drawn, error))
        return true;
    if (error->kind ==
        ERROR_CONFLICT) /* surely not made. Else it may be, and must not be without them: the sweep knows */
        settings_forget(settings, drawn.creation_id);
    return false;
}
