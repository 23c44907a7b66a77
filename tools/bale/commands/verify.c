/* tools/bale/commands/verify.c -- bale verify: can every object be read, and is it what it says of itself? */
#include "tools/bale/verify/stored_check.h"

#include "server/dictionaries/table.h"
#include "server/keys/keyring.h"
#include "store/walk.h"
#include "tools/bale/command.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/session/stopping.h"
#include "tools/bale/view/printable.h"
#include "tools/bale/view/progress.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

enum { FRAME_BUFFERS = 2, WAIT_MS = 10000, TRIES = 3, DICTIONARY_MEMORY = 64 << 20 };

struct verification {
    const struct command_line *line;
    struct stored_check check;
    struct keyring *keyring; /* NULL: none was given */
    uint64_t objects;
    uint64_t original_bytes;
    uint64_t stored_bytes;
    uint64_t findings;
    uint64_t unread; /* of these, in a form that this version cannot read: no damage */
    struct progress progress;
};

static struct json_object *text_of(struct span text)
{
    return json_object_new_string_len((const char *)text.data, (int)text.size);
}

static void report(struct verification *verification, const struct object_name *name, enum finding_kind kind,
                   const char *sentence)
{
    verification->findings++;
    verification->unread += kind == FINDING_UNKNOWN_FORM ? 1 : 0;
    progress_hide(&verification->progress);
    if (!verification->line->json) {
        printf("%.*s/", SPAN_FORMAT(name->bucket));
        printable_write(stdout, name->key);
        if (name->version.size > 0)
            printf(" (version %.*s)", SPAN_FORMAT(name->version));
        printf(": %s: %s (%s)\n", finding_name(kind), sentence, finding_advice(kind));
        return;
    }
    struct json_object *document = json_object_new_object();
    json_object_object_add(document, "bucket", text_of(name->bucket));
    json_object_object_add(document, "key", text_of(name->key));
    if (name->version.size > 0)
        json_object_object_add(document, "version", text_of(name->version));
    json_object_object_add(document, "kind", json_object_new_string(finding_name(kind)));
    json_object_object_add(document, "finding", json_object_new_string(sentence));
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

/* ---- one object ---- */

static void show_bytes(void *context, uint64_t read, uint64_t all)
{
    struct verification *verification = context;
    progress_show_within(&verification->progress, verification->objects, read, all);
}

/* Says nothing of the object, but of the way to it: then it is the same for the next one. */
static bool is_out_of_reach(const struct error *error)
{
    return error->kind == ERROR_BUSY || error->kind == ERROR_TIMED_OUT || error->kind == ERROR_CLOSED ||
           error->kind == ERROR_CANCELLED || error->kind == ERROR_IO;
}

/* It may be replaced or deleted while it is read: then it is looked at again, or is not there any more. */
SUSPENDS static bool look(struct verification *verification, const struct object_name *name, bool *ret_is_there,
                          struct error *error)
{
    struct stored_check *check = &verification->check;
    enum finding_kind kind = FINDING_NONE;
    bool done = false;
    for (unsigned i = 0; i < TRIES && (!done || kind != FINDING_NONE) && kind != FINDING_UNKNOWN_FORM; i++) {
        done = stored_check_run(check, name, i > 0, &kind, error);
        if (!done && error->kind != ERROR_CHANGED)
            break;
    }
    *ret_is_there = done || error->kind != ERROR_NOT_FOUND;
    if (!done && is_out_of_reach(error))
        return false;
    if (!done && error->kind != ERROR_NOT_FOUND && error->kind != ERROR_CHANGED) /* it is refused: archived, perhaps */
        kind = FINDING_UNREADABLE;
    if (kind != FINDING_NONE) {
        report(verification, name, kind, error->message);
    } else if (done) { /* what changes all the time is not damaged */
        verification->original_bytes += check->original_bytes;
        verification->stored_bytes += check->stored_bytes;
    }
    return true;
}

SUSPENDS static bool verify(void *context, const struct object_name *name, const struct list_entry *entry,
                            struct error *error)
{
    struct verification *verification = context;
    bool is_there = false;
    if (!stopping_go_on(error))
        return false;
    if (entry->is_prefix || entry->is_delete_marker)
        return true;
    if (entry->is_damaged) {
        report(verification, name, FINDING_UNREADABLE, "its row is damaged");
        is_there = true;
    } else if (!look(verification, name, &is_there, error)) {
        return error_prepend(error, "%.*s/%.*s", SPAN_FORMAT(name->bucket), SPAN_FORMAT(span_take(name->key, 80)));
    }
    verification->objects += is_there ? 1 : 0;
    progress_show(&verification->progress, verification->objects);
    return true;
}

/* ---- all objects ---- */

SUSPENDS static bool verify_all(struct bucket_store *store, void *context, struct error *error)
{
    struct verification *verification = context;
    struct dictionary_table *dictionaries = dictionary_table_create(DICTIONARY_MEMORY);
    const struct object_settings settings = {
        .frame_buffers_max = FRAME_BUFFERS,
        .wait_ms = WAIT_MS,
        .dictionaries = dictionaries,
        .store = store,
        .keyring = verification->keyring,
    };
    const struct walk walk = {.bucket = verification->line->bucket,
                              .prefix = verification->line->prefix,
                              .has_versions = true,
                              .has_damaged = true,
                              .visit = verify,
                              .context = verification};
    verification->check = (struct stored_check){.store = store,
                                                .codecs = object_codecs_create(&settings),
                                                .deep = verification->line->deep,
                                                .on_bytes = show_bytes,
                                                .context = verification,
                                                .is_folder = !config_is_bucket(&verification->line->where)};
    progress_begin(&verification->progress, "objects", 0);
    bool done = walk_objects(store, &walk, error);
    progress_end(&verification->progress);
    object_codecs_destroy(verification->check.codecs);
    dictionary_table_destroy(dictionaries);
    return done;
}

/* ---- the command ---- */

static void print_sums(const struct verification *verification, bool is_all)
{
    if (verification->line->json)
        printf("{\"objects\":%" PRIu64 ",\"original_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64
               ",\"findings\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"is_all\":%s}\n",
               verification->objects, verification->original_bytes, verification->stored_bytes, verification->findings,
               verification->unread, is_all ? "true" : "false");
    else
        printf("%" PRIu64 " objects%s, %" PRIu64 " bytes (%" PRIu64 " stored): %" PRIu64 " findings, %" PRIu64
               " of them in a form that cannot be read yet.\n",
               verification->objects, is_all ? "" : " so far", verification->original_bytes, verification->stored_bytes,
               verification->findings, verification->unread);
}

static bool judge(const struct verification *verification, struct error *error)
{
    if (verification->findings > verification->unread)
        return error_set(error, ERROR_DAMAGED, NULL, "%" PRIu64 " of %" PRIu64 " objects are not as they should be",
                         verification->findings - verification->unread, verification->objects);
    return verification->unread == 0 ||
           error_set(error, ERROR_UNSUPPORTED, NULL,
                     "%" PRIu64 " of %" PRIu64 " objects cannot be read by this version of Bale, nor verified",
                     verification->unread, verification->objects);
}

bool command_verify(const struct command_line *line, struct error *error)
{
    struct verification verification = {.line = line};
    if (line->bucket != NULL && !session_check_bucket(span_from_string(line->bucket), error))
        return false;
    if (line->keyring != NULL && (verification.keyring = keyring_load(line->keyring, error)) == NULL)
        return false;
    stopping_watch();
    bool done = backend_session_run(&line->where, verify_all, &verification, error);
    keyring_free(verification.keyring);
    if (done || verification.objects > 0)
        print_sums(&verification, done);
    if (!done && verification.objects > 0) /* whatever it was, it has begun and is not at its end */
        error->kind = ERROR_CANCELLED;
    return done && judge(&verification, error);
}
