/* server/maintenance/encrypt.c -- looks, and writes in place or as a whole, on a condition. */
#include "server/maintenance/encrypt.h"

#include "runtime/base/hex.h"
#include "server/maintenance/rewrite.h"
#include "server/object/object_rewrite.h"

#include <string.h>

/* One object on its way. */
struct work {
    const struct encryption *encryption;
    const struct object_name *name;
    const struct list_entry *entry;
    struct maintained *maintained;
};

static enum outcome judge(const struct object_attributes *attributes)
{
    if (attributes->seal.size > 0)
        return OUTCOME_ALREADY;
    if (!attributes->is_size_known)
        return OUTCOME_FOREIGN;
    uint8_t md5[MD5_BYTES];
    bool is_md5 = hex_decode(span_from_string(attributes->etag), md5, sizeof md5);
    return is_md5 && !attributes->is_multipart && attributes->parts_count == 0 ? OUTCOME_SEALED : OUTCOME_OTHER_ETAG;
}

/* ---- in place ---- */

static bool expect_judged(const struct object_rewrite *rewrite, const struct object_attributes *judged,
                          struct error *error)
{
    return strcmp(object_rewrite_found(rewrite)->stored_etag, judged->stored_etag) == 0 ||
           error_set(error, ERROR_CHANGED, NULL, "The object was replaced while it was looked at.");
}

SUSPENDS static bool seal_in_place(const struct work *work, const struct object_attributes *judged, struct error *error)
{
    const struct encryption *encryption = work->encryption;
    const struct deletion_grounds listed = {.creation_id = encryption->creation_id,
                                            .version = work->entry->version,
                                            .modified_ms = work->entry->modified_ms,
                                            .original_size = work->entry->original_size,
                                            .etag = work->entry->etag,
                                            .ignores_tags = true};
    const struct object_rewrite_intent intent = {
        .name = *work->name, .is_sealed = true, .grounds = encryption->is_bucket ? &listed : NULL};
    struct object_rewrite *rewrite;
    if (!object_rewrite_begin(encryption->codecs, encryption->store, &intent, &rewrite, error))
        return false;
    if (!expect_judged(rewrite, judged, error)) {
        object_rewrite_abort(rewrite);
        return false;
    }
    work->maintained->after = object_rewrite_stored_size(rewrite);
    return object_rewrite_commit(rewrite, error);
}

/* ---- as a whole ---- */

SUSPENDS static bool seal_whole(const struct work *work, struct bucket_object *object, struct error *error)
{
    const struct rewrite rewrite = {.store = work->encryption->store,
                                    .codecs = work->encryption->codecs,
                                    .object = object,
                                    .name = work->name,
                                    .kept_ms = rewrite_time(&object->attributes, work->entry),
                                    .is_sealed = true};
    enum rewrite_outcome outcome;
    if (!rewrite_object(&rewrite, &outcome, &work->maintained->after, error))
        return false;
    work->maintained->outcome = outcome == REWRITE_DONE ? OUTCOME_SEALED : OUTCOME_OTHER_ETAG;
    return true;
}

/* ---- one object ---- */

/* What Bale has not written in a bucket is not rewritten there, which is said before a byte of it is read. */
SUSPENDS static bool seal(const struct work *work, struct bucket_object *object, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    bool is_bucket = work->encryption->is_bucket;
    bool may_be_bales = !is_bucket || (attributes->is_s4 && !attributes->is_encrypted);
    if (may_be_bales && seal_in_place(work, attributes, error))
        return true;
    bool is_others = !may_be_bales || (is_bucket && error->kind == ERROR_UNSUPPORTED);
    return is_others && seal_whole(work, object, error);
}

SUSPENDS static bool encrypt_open(const struct work *work, struct bucket_object *object, struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    work->maintained->before = work->maintained->after = attributes->stored_size;
    work->maintained->outcome = judge(attributes);
    if (work->maintained->outcome != OUTCOME_SEALED || !work->encryption->executes)
        return true;
    if (seal(work, object, error))
        return true;
    if (error->kind == ERROR_UNSUPPORTED)
        error->kind = ERROR_DENIED; /* S4's, and its key is not there; or nobody here reads its codec */
    return false;
}

SUSPENDS bool encrypt_object(const struct encryption *encryption, const struct object_name *name,
                             const struct list_entry *entry, struct maintained *ret_maintained, struct error *error)
{
    const struct work work = {encryption, name, entry, ret_maintained};
    struct bucket_object *object;
    if (!bucket_open(encryption->store, name, NULL, &object, error))
        return outcome_settle(error, ret_maintained);
    bool done = encrypt_open(&work, object, error);
    bucket_close(object);
    return done || outcome_settle(error, ret_maintained);
}
