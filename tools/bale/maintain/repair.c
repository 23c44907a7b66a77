/* tools/bale/maintain/repair.c -- asks for the trailer, and what can be had without it. */
#include "tools/bale/maintain/repair.h"

#include "server/maintenance/rewrite.h"
#include "store/remote/remote.h"

static const struct {
    const char *name;
    const char *text;
} OUTCOMES[REPAIR_OUTCOMES] = {
    [REPAIR_SOUND] = {"sound", ""},
    [REPAIR_DONE] = {"repaired", "its index is made anew from its frames"},
    [REPAIR_PARTS] = {"parts", "it was uploaded in parts, and how long they were is lost: upload bale cat of it again"},
    [REPAIR_METADATA] = {"metadata", "the metadata of its client were in the trailer: put bale cat of it again, with "
                                     "them"},
    [REPAIR_SIZE] = {"size", "how long it was is lost: put bale cat of it again, if that is all of it"},
    [REPAIR_ETAG] = {"etag", "its bytes are not those of its ETag: compare bale cat with another copy of it"},
    [REPAIR_ENCRYPTED] = {"encrypted", "it would be written in clear: put bale cat --keyring of it again"},
    [REPAIR_VERSIONED] = {"versioned", "its bucket has versions, of which this one would stay: put it again"},
    [REPAIR_CHANGED] = {"changed", "somebody has changed it meanwhile"},
    [REPAIR_UNREADABLE] = {"unreadable", "bale verify --deep says what of it is wrong"},
};

const char *repair_outcome_name(enum repair_outcome outcome)
{
    return OUTCOMES[outcome].name;
}

const char *repair_outcome_text(enum repair_outcome outcome)
{
    return OUTCOMES[outcome].text;
}

/* Of an open object: REPAIR_DONE, if it can be written anew. */
SUSPENDS static bool judge(const struct repair *repair, struct bucket_object *object, enum repair_outcome *ret_outcome,
                           struct error *error)
{
    const struct object_attributes *attributes = &object->attributes;
    enum remote_trailer trailer;
    if (!remote_ask_trailer(object, &trailer, error))
        return false;
    *ret_outcome = REPAIR_DONE;
    if (trailer == REMOTE_TRAILER_RIGHT)
        *ret_outcome = REPAIR_SOUND;
    else if (trailer == REMOTE_TRAILER_WRONG_WITH_METADATA)
        *ret_outcome = REPAIR_METADATA;
    else if (attributes->is_multipart || attributes->parts_count > 0)
        *ret_outcome = REPAIR_PARTS;
    else if (!attributes->is_size_known)
        *ret_outcome = REPAIR_SIZE;
    else if (attributes->is_encrypted)
        *ret_outcome = REPAIR_UNREADABLE;
    else if (attributes->seal.size > 0)
        *ret_outcome = REPAIR_ENCRYPTED;
    else if (repair->is_versioned)
        *ret_outcome = REPAIR_VERSIONED;
    return true;
}

SUSPENDS static bool write_anew(const struct repair *repair, struct bucket_object *object,
                                const struct object_name *name, const struct list_entry *entry,
                                enum repair_outcome *ret_outcome, struct error *error)
{
    const struct rewrite rewrite = {.store = repair->store,
                                    .codecs = repair->codecs,
                                    .object = object,
                                    .name = name,
                                    .kept_ms = rewrite_time(&object->attributes, entry)};
    enum rewrite_outcome outcome;
    uint64_t stored;
    if (!rewrite_object(&rewrite, &outcome, &stored, error))
        return false;
    *ret_outcome = outcome == REWRITE_DONE ? REPAIR_DONE : REPAIR_ETAG;
    return true;
}

/* What says something of this object alone. */
static bool settle(const struct error *error, enum repair_outcome *ret_outcome)
{
    switch (error->kind) {
    case ERROR_NOT_FOUND:
    case ERROR_CHANGED:
    case ERROR_CONFLICT:
        *ret_outcome = REPAIR_CHANGED;
        return true;
    case ERROR_DENIED:
    case ERROR_DAMAGED:
    case ERROR_INVALID:
        *ret_outcome = REPAIR_UNREADABLE;
        return true;
    default:
        return false;
    }
}

SUSPENDS bool repair_object(const struct repair *repair, const struct object_name *name, const struct list_entry *entry,
                            enum repair_outcome *ret_outcome, struct error *error)
{
    const struct open_intent intent = {.extent = OPEN_ATTRIBUTES};
    struct bucket_object *object;
    if (!bucket_open(repair->store, name, &intent, &object, error))
        return settle(error, ret_outcome);
    bool done =
        judge(repair, object, ret_outcome, error) && (*ret_outcome != REPAIR_DONE || !repair->executes ||
                                                      write_anew(repair, object, name, entry, ret_outcome, error));
    bucket_close(object);
    return done || settle(error, ret_outcome);
}
