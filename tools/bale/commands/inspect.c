/* tools/bale/commands/inspect.c -- bale inspect: how one object is stored. */
#include "codec/codec.h"
#include "codec/format/sidecar.h"
#include "codec/seal/seal_record.h"
#include "runtime/base/hex.h"
#include "server/keys/kms_grant.h"
#include "tools/bale/command.h"
#include "tools/bale/files/body_file.h"
#include "tools/bale/session/backend_session.h"
#include "tools/bale/view/frame_view.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <time.h>

enum { PARTS_MAX = PART_NUMBER_MAX, PARTS_BYTES_MAX = 4 << 20 };

struct inspection {
    const struct command_line *line;
    struct object_name name;
    struct json_object *document; /* in the order in which it is printed */
};

static void put(struct inspection *inspection, const char *name, struct json_object *value)
{
    json_object_object_add(inspection->document, name, value);
}

static struct json_object *text_of(struct span text)
{
    return json_object_new_string_len((const char *)text.data, (int)text.size);
}

static const char *layout_name(const struct object_attributes *attributes)
{
    if (attributes->layout == LAYOUT_FRAMED)
        return "frames";
    return attributes->layout == LAYOUT_RAW ? "as it is" : "one stream";
}

/* Nothing of it is known of a body in a file. */
static void put_name(struct inspection *inspection, const struct object_attributes *attributes)
{
    const char *path = body_file_path(inspection->line->target);
    if (path != NULL) {
        put(inspection, "file", json_object_new_string(path));
        return;
    }
    put(inspection, "bucket", text_of(inspection->name.bucket));
    put(inspection, "key", text_of(inspection->name.key));
    put(inspection, "etag", json_object_new_string(attributes->etag));
    put(inspection, "stored etag", json_object_new_string(attributes->stored_etag));
}

/* Of an encrypted object its hashes are not told, nor what is in its frames. */
static void put_seal(struct inspection *inspection, struct span seal)
{
    struct seal_record record;
    struct kms_grant grant;
    struct error ignored;
    char id[2 * SEAL_KEY_ID_BYTES + 1] = "unknown";
    bool is_known = seal_record_decode(seal, &record, &ignored);
    if (is_known)
        hex_encode(span_of(record.key_id, SEAL_KEY_ID_BYTES), id);
    put(inspection, "encrypted", json_object_new_boolean(true));
    put(inspection, "key id", json_object_new_string(id));
    if (is_known && record.mode == SEAL_CUSTOMER)
        put(inspection, "needs a customer's key", json_object_new_boolean(true));
    if (is_known && record.mode == SEAL_KMS && kms_grant_decode(record.kms, &grant, &ignored))
        put(inspection, "kms key id", text_of(kms_grant_told(&grant)));
}

static void put_attributes(struct inspection *inspection, const struct object_attributes *attributes)
{
    char modified[32];
    char crc[16];
    char checksum[CHECKSUM_TEXT_BYTES];
    time_t seconds = (time_t)(attributes->modified_ms / 1000);
    struct tm parts;
    const struct codec *codec = codec_find(attributes->codec);
    (void)strftime(modified, sizeof modified, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    put_name(inspection, attributes);
    put(inspection, "modified", json_object_new_string(modified));
    if (attributes->is_size_known)
        put(inspection, "original size", json_object_new_int64((int64_t)attributes->original_size));
    put(inspection, "stored size", json_object_new_int64((int64_t)attributes->stored_size));
    put(inspection, "written by", json_object_new_string(attributes->is_s4 ? "Bale or S4" : "another tool"));
    put(inspection, "layout", json_object_new_string(layout_name(attributes)));
    if (attributes->layout != LAYOUT_RAW)
        put(inspection, "codec", json_object_new_string(codec != NULL ? codec->name : "unknown"));
    if (attributes->dictionary[0] != '\0')
        put(inspection, "dictionary", json_object_new_string(attributes->dictionary));
    if (attributes->may_have_columns)
        put(inspection, "other codecs", json_object_new_string("columns, perhaps"));
    if (attributes->is_encrypted)
        put(inspection, "encrypted", json_object_new_boolean(true));
    if (attributes->seal.size > 0)
        put_seal(inspection, attributes->seal);
    if (attributes->has_crc32c) {
        (void)snprintf(crc, sizeof crc, "%08" PRIx32, attributes->crc32c);
        put(inspection, "crc32c", json_object_new_string(crc));
    }
    if (attributes->checksum.algorithm != CHECKSUM_NONE) {
        checksum_format(&attributes->checksum, checksum);
        put(inspection, checksum_name(attributes->checksum.algorithm), json_object_new_string(checksum));
    }
    put(inspection, "tags", json_object_new_int64(attributes->tags_count));
}

static void put_metadata(struct inspection *inspection, struct span list)
{
    struct json_object *metadata = json_object_new_object();
    size_t position = 0;
    struct span name;
    struct span value;
    while (metadata_next(list, &position, &name, &value)) {
        char text[256];
        (void)snprintf(text, sizeof text, "%.*s", SPAN_FORMAT(name));
        json_object_object_add(metadata, text, text_of(value));
    }
    put(inspection, "metadata", metadata);
}

SUSPENDS static bool put_frames(struct inspection *inspection, struct bucket_object *object, struct error *error)
{
    struct buffer encoded;
    struct sidecar sidecar;
    const char *reason = NULL;
    if (object->attributes.layout != LAYOUT_FRAMED)
        return true;
    buffer_init(&encoded, SIDECAR_BYTES_MAX);
    bool done = bucket_read_sidecar(object, &encoded, error);
    if (done && encoded.size == 0)
        put(inspection, "index", json_object_new_string("none"));
    else if (done && !sidecar_decode(buffer_span(&encoded), &sidecar, &reason))
        put(inspection, "index", json_object_new_string(reason != NULL ? reason : "damaged"));
    else if (done)
        put(inspection, "frames", json_object_new_int64((int64_t)sidecar.entries_count));
    buffer_free(&encoded);
    return done;
}

/* ---- frame by frame ---- */

static bool add_frame(void *context, const struct frame_view *view, struct error *error)
{
    struct json_object *frames = context;
    struct json_object *frame = json_object_new_object();
    const struct frame_header *header = &view->header;
    (void)error; /* nothing here can fail */
    json_object_object_add(frame, "offset", json_object_new_int64((int64_t)view->original_offset));
    json_object_object_add(frame, "original", json_object_new_int64((int64_t)header->original_size));
    json_object_object_add(frame, "stored",
                           json_object_new_int64((int64_t)(header->header_size + header->payload_size)));
    json_object_object_add(frame, "codec", json_object_new_string(view->codec));
    if (view->plan[0] != '\0')
        json_object_object_add(frame, "plan", json_object_new_string(view->plan));
    json_object_object_add(frame, "why", json_object_new_string(view->why));
    json_object_array_add(frames, frame);
    return true;
}

SUSPENDS static bool put_each_frame(struct inspection *inspection, struct bucket_object *object, struct error *error)
{
    if (!inspection->line->frames || object->attributes.layout != LAYOUT_FRAMED || object->attributes.is_encrypted ||
        object->attributes.seal.size > 0)
        return true;
    struct json_object *frames = json_object_new_array();
    put(inspection, "each frame", frames);
    return frame_view_walk(object, add_frame, frames, error);
}

static int64_t number_of(struct json_object *frame, const char *name)
{
    return json_object_get_int64(json_object_object_get(frame, name));
}

static void print_each_frame(struct json_object *frames)
{
    printf("each frame:\n    %12s %10s %10s %8s  codec\n", "offset", "original", "stored", "ratio");
    for (size_t i = 0; i < json_object_array_length(frames); i++) {
        struct json_object *frame = json_object_array_get_idx(frames, i);
        struct json_object *plan = json_object_object_get(frame, "plan");
        printf("    %12" PRId64 " %10" PRId64 " %10" PRId64 " %8.2f  %s", number_of(frame, "offset"),
               number_of(frame, "original"), number_of(frame, "stored"),
               (double)number_of(frame, "original") / (double)number_of(frame, "stored"),
               json_object_get_string(json_object_object_get(frame, "codec")));
        if (plan != NULL)
            printf(" of %s", json_object_get_string(plan));
        printf(" (%s)\n", json_object_get_string(json_object_object_get(frame, "why")));
    }
}

SUSPENDS static bool put_parts(struct inspection *inspection, struct bucket_object *object, struct error *error)
{
    struct arena arena;
    struct object_part *parts;
    unsigned count = 0;
    bool is_truncated;
    struct json_object *sizes = json_object_new_object();
    arena_init(&arena, PARTS_BYTES_MAX);
    bool done = bucket_read_parts(object, 0, PARTS_MAX, &arena, &parts, &count, &is_truncated, error);
    for (unsigned i = 0; i < count && done; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%u", parts[i].number);
        json_object_object_add(sizes, number, json_object_new_int64((int64_t)parts[i].original_size));
    }
    arena_free(&arena);
    if (count > 0)
        put(inspection, "parts", sizes);
    else
        json_object_put(sizes);
    return done;
}

SUSPENDS static bool open_object(struct bucket_store *store, struct inspection *inspection,
                                 struct bucket_object **ret_object, struct error *error)
{
    const char *path = body_file_path(inspection->line->target);
    const struct open_intent intent = {.extent = inspection->line->frames ? OPEN_WHOLE : OPEN_ATTRIBUTES};
    return path != NULL ? body_file_open(path, false, ret_object, error)
                        : bucket_open(store, &inspection->name, &intent, ret_object, error);
}

SUSPENDS static bool inspect(struct bucket_store *store, void *context, struct error *error)
{
    struct inspection *inspection = context;
    struct bucket_object *object;
    json_object_put(inspection->document); /* of a look that came to nothing */
    inspection->document = json_object_new_object();
    if (!open_object(store, inspection, &object, error))
        return false;
    put_attributes(inspection, &object->attributes);
    put_metadata(inspection, object->attributes.metadata);
    bool done = put_frames(inspection, object, error) && put_parts(inspection, object, error) &&
                put_each_frame(inspection, object, error);
    bucket_close(object);
    return done;
}

static void print_members(struct json_object *document, const char *indent)
{
    json_object_object_foreach(document, name, value)
    {
        if (json_object_is_type(value, json_type_object)) {
            printf("%s%s:\n", indent, name);
            print_members(value, "    ");
        } else if (json_object_is_type(value, json_type_array)) {
            print_each_frame(value);
        } else {
            printf("%s%-14s %s\n", indent, name, json_object_get_string(value));
        }
    }
}

bool command_inspect(const struct command_line *line, struct error *error)
{
    struct inspection inspection = {.line = line};
    bool is_file = body_file_path(line->target) != NULL;
    if (!is_file && !backend_session_name(line->target, &inspection.name, error))
        return false;
    bool done = is_file ? session_run_bare(inspect, &inspection, error)
                        : backend_session_look(&line->where, inspect, &inspection, error);
    if (done && line->json)
        printf("%s\n", json_object_to_json_string_ext(inspection.document, JSON_C_TO_STRING_PLAIN));
    else if (done)
        print_members(inspection.document, "");
    json_object_put(inspection.document);
    return done;
}
