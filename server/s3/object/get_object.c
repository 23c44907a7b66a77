/* server/s3/object/get_object.c -- GET and HEAD /bucket/key: find it, decide the conditions, promise a length, stream
 * it. */
#include "codec/codec.h"
#include "runtime/base/decimal.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "server/keys/object_seal.h"
#include "server/s3/answer/answer.h"
#include "server/s3/answer/setting_headers.h"
#include "server/s3/headers/encryption.h"
#include "server/s3/headers/locks.h"
#include "server/s3/headers/object_headers.h"
#include "server/s3/object/body.h"
#include "server/s3/operations.h"
#include "server/s3/request/conditions.h"
#include "server/s3/request/missing.h"
#include "server/s3/request/range.h"
#include "server/s3/rights/authorize.h"

#include <assert.h>

/* Which bytes the answer holds, and how it says so. */
struct selection {
    uint64_t first;
    uint64_t size;
    bool is_partial;                /* 206 with Content-Range */
    bool is_part;                   /* of an object that was completed from parts */
    struct checksum_value checksum; /* of just these bytes; NONE: it is not known */
};

/* What is being read. */
struct target {
    const struct object_name *name;
    const struct object_attributes *attributes;
    struct bucket_object *object; /* NULL: only the attributes are at hand */
    struct read_decision decision;
    const struct object_secret *proof; /* of what is encrypted, where its body may be read; else NULL */
};

enum { LOOKS_MAX = 3 }; /* at an object that changes while it is looked at */

static SUSPENDS bool refuse_range(struct s3_request *request, struct span header, uint64_t total, struct error *error)
{
    char text[CONTENT_RANGE_BYTES];
    range_format(0, 0, total, text);
    request->content_range = arena_copy(request->arena, span_from_string(text));
    error_details_add(&request->details, "RangeRequested", header);
    error_details_add(&request->details, "ActualObjectSize", s3_decimal(request, total));
    return error_set(error, ERROR_INVALID, S3_InvalidRange, "The requested range is not satisfiable");
}

static bool select_range(struct s3_request *request, struct span header, uint64_t total, struct selection *selection,
                         struct error *error)
{
    switch (range_resolve(header, total, &selection->first, &selection->size)) {
    case RANGE_PART:
        selection->is_partial = true;
        selection->checksum.algorithm = CHECKSUM_NONE;
        return true;
    case RANGE_UNSATISFIABLE:
        return refuse_range(request, header, total, error);
    case RANGE_WHOLE:
        break;
    }
    return true;
}

/* The bytes of the `number`th part: behind those of the parts before it. */
static SUSPENDS bool find_part(struct s3_request *request, const struct target *target, uint64_t number,
                               struct selection *selection, struct error *error)
{
    unsigned after = 0;
    bool has_more = true;
    selection->first = 0;
    while (has_more) {
        struct object_part *parts;
        unsigned count;
        if (!object_read_parts(request->settings->codecs, target->object, target->name, request->customer_key, after,
                               LIST_ENTRIES_MAX, request->arena, &parts, &count, &has_more, error))
            return false;
        for (unsigned i = 0; i < count; i++) {
            selection->size = parts[i].original_size;
            selection->checksum = parts[i].checksum;
            if (--number == 0)
                return true;
            selection->first += parts[i].original_size;
            after = parts[i].number;
        }
        has_more = has_more && count > 0;
    }
    return error_set(error, ERROR_DAMAGED, S3_InternalError, "the object has fewer parts than its attributes say");
}

/* partNumber counts the parts that the object was completed from. An object of a single PUT has one, which is
 * everything. */
static SUSPENDS bool select_part(struct s3_request *request, struct span text, const struct target *target,
                                 struct selection *selection, struct error *error)
{
    const struct object_attributes *attributes = target->attributes;
    uint64_t number;
    uint64_t parts_count = attributes->parts_count > 0 ? attributes->parts_count : 1;
    if (!decimal_parse_range(text, 1, PART_NUMBER_MAX, &number))
        return s3_refuse_argument(request, "partNumber", text, "Part number must be an integer between 1 and 10000.",
                                  error);
    if (number > parts_count) {
        error_details_add(&request->details, "ActualPartCount", s3_decimal(request, parts_count));
        error_details_add(&request->details, "PartNumberRequested", text);
        return error_set(error, ERROR_INVALID, S3_InvalidPartNumber, "The requested partnumber is not satisfiable");
    }
    if (attributes->parts_count > 0 && !find_part(request, target, number, selection, error))
        return false;
    selection->is_part = attributes->parts_count > 0;
    selection->is_partial = selection->size > 0;
    return true;
}

static SUSPENDS bool select_bytes(struct s3_request *request, const struct target *target,
                                  struct selection *ret_selection, struct error *error)
{
    const struct object_attributes *attributes = target->attributes;
    struct span range;
    struct span part;
    *ret_selection = (struct selection){.size = attributes->original_size, .checksum = attributes->checksum};
    bool has_range = http_head_find(request->head, "range", &range);
    bool has_part = request->parameters_count > 0 && s3_request_parameter(request, "partNumber", &part);
    if (has_range && has_part)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "Cannot specify both Range header and partNumber query parameter");
    if (has_part)
        return select_part(request, part, target, ret_selection, error);
    if (has_range && s3_range_is_wanted(request, attributes))
        return select_range(request, range, attributes->original_size, ret_selection, error);
    return true;
}

/* An object of another tool may be one that cannot be given back as it was. */
static bool check_readable(const struct s3_request *request, const struct object_attributes *attributes,
                           struct error *error)
{
    if (attributes->is_encrypted && request->customer_key == NULL && !object_codecs_read_s4(request->settings->codecs))
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The object is encrypted by S4, and the server has no keys of S4 (--keyring); or by a newer "
                         "version of Bale.");
    if (!attributes->is_size_known)
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "The object's original size is not recorded; rewrite it with the tool that made it.");
    return true;
}

/* The type is the object's, also beside the checksum of a part. */
static void add_checksum(struct s3_request *request, const struct object_attributes *attributes,
                         const struct selection *selection)
{
    struct span mode;
    if (selection->checksum.algorithm == CHECKSUM_NONE || !s3_request_header(request, "x-amz-checksum-mode", &mode) ||
        !span_equal_ignore_case(mode, SPAN("ENABLED")))
        return;
    s3_answer_part_checksum(request, &selection->checksum);
    http_response_field_string(request->exchange, "x-amz-checksum-type", checksum_type_name(attributes->checksum.type));
}

static void add_validators(struct s3_request *request, const struct object_attributes *attributes)
{
    char date[DATE_TEXT_BYTES];
    date_format_http(attributes->modified_ms, date);
    http_response_field_string(request->exchange, "Last-Modified", date);
    s3_answer_etag(request, attributes->etag);
    s3_answer_read_version(request, &request->bucket_info, attributes->version);
}

static SUSPENDS void begin_answer(struct s3_request *request, const struct object_attributes *attributes,
                                  const struct selection *selection)
{
    char range[CONTENT_RANGE_BYTES];
    s3_answer_begin(request, selection->is_partial ? 206 : 200);
    add_validators(request, attributes);
    http_response_field(request->exchange, "Accept-Ranges", SPAN("bytes"));
    if (selection->is_partial) {
        range_format(selection->first, selection->size, attributes->original_size, range);
        http_response_field_string(request->exchange, "Content-Range", range);
    }
    if (selection->is_part)
        http_response_field_decimal(request->exchange, "x-amz-mp-parts-count", attributes->parts_count);
    if (attributes->tags_count > 0)
        http_response_field_decimal(request->exchange, "x-amz-tagging-count", attributes->tags_count);
    s3_answer_expiration(request, attributes, NULL);
    object_headers_answer(request, attributes->metadata);
    struct object_encryption encryption = object_seal_encryption(attributes);
    if (attributes->is_encrypted && request->customer_key != NULL)
        encryption.mode = SEAL_CUSTOMER; /* S4's, and the key has proved right */
    encryption_answer(request, &encryption);
    add_checksum(request, attributes, selection);
    locks_answer_headers(request, span_from_string(attributes->version), &attributes->lock);
}

static SUSPENDS bool answer_not_modified(struct s3_request *request, const struct object_attributes *attributes,
                                         struct error *error)
{
    s3_answer_begin(request, 304);
    add_validators(request, attributes);
    object_headers_answer_caching(request, attributes->metadata);
    return s3_answer_empty(request, error);
}

/* Conditions, then the range: what GET and HEAD decide before a byte of the answer. */
static SUSPENDS bool decide(struct s3_request *request, const struct target *target, struct selection *ret_selection,
                            bool *ret_not_modified, struct error *error)
{
    request->outcome.object_size = target->attributes->original_size;
    request->outcome.has_object_size = target->attributes->is_size_known;
    return check_readable(request, target->attributes, error) &&
           s3_check_read(request, &target->decision, "", ret_not_modified, error) &&
           (*ret_not_modified || select_bytes(request, target, ret_selection, error));
}

static_assert((int)OBJECT_SPANS_MAX <= (int)HTTP_SPANS_MAX, "a piece is sent at once");

/* The first piece is at hand before the status line goes out, so that damage found in it is still an honest 500. What
 * fits into it leaves in one send with the head. */
static SUSPENDS bool stream(struct s3_request *request, const struct object_attributes *attributes,
                            const struct selection *selection, struct body *body, struct error *error)
{
    struct object_piece piece;
    uint64_t sent = 0;
    if (!body_next(body, &piece, error))
        return false;
    begin_answer(request, attributes, selection);
    if (piece.size == selection->size && piece.count <= 1)
        return http_response_finish(request->exchange, piece.count > 0 ? piece.spans[0] : SPAN_EMPTY, error);
    if (!http_response_start_body(request->exchange, selection->size, error))
        return false;
    while (piece.size > 0) {
        if (!http_response_send_spans(request->exchange, piece.spans, piece.count, error))
            return false;
        sent += piece.size;
        if (!body_next(body, &piece, error))
            return false;
    }
    return sent == selection->size ||
           error_set(error, ERROR_DAMAGED, S3_InternalError, "the stored object is shorter than its size says");
}

/* The sentence of a 500 is for the log; which dictionary is missing or wrong its operator may learn from a client. */
static bool name_dictionary(struct s3_request *request, const struct object_attributes *attributes,
                            const struct error *error)
{
    if (error->kind == ERROR_DAMAGED && attributes->dictionary[0] != '\0')
        error_details_add(&request->details, "DictionaryId",
                          arena_copy(request->arena, span_from_string(attributes->dictionary)));
    return false;
}

/* For the log: what a tier would have been asked for. */
static void note_stored_read(struct s3_request *request, const struct bucket_object *object, const struct body *body)
{
    struct stored_read *read = &request->outcome.stored_read;
    if (!bucket_wants_window(object) || body->reader == NULL ||
        !object_reader_stored_range(body->reader, &read->first, &read->end))
        return;
    read->etag = arena_copy(request->arena, span_from_string(object->attributes.stored_etag));
    read->size = object->attributes.stored_size;
}

static SUSPENDS bool answer_object(struct s3_request *request, const struct target *target, uint64_t *ret_reached,
                                   struct error *error)
{
    const struct object_attributes *attributes = target->attributes;
    struct selection selection;
    struct body body;
    bool not_modified;
    if (!decide(request, target, &selection, &not_modified, error))
        return false;
    if (not_modified)
        return answer_not_modified(request, attributes, error);
    if (!encryption_open(request, target->name, attributes, &request->customer_key, error))
        return false;
    if (!body_begin(request->settings->codecs, target->object, target->name, request->customer_key, target->proof,
                    selection.first, selection.size, &body, error))
        return name_dictionary(request, attributes, error);
    request->outcome.codec = attributes->codec;
    request->outcome.has_codec = true;
    bool ok = stream(request, attributes, &selection, &body, error);
    *ret_reached = body.reached;
    note_stored_read(request, target->object, &body);
    body_end(&body);
    return ok;
}

/* Behind a key that is not there is no marker either. */
static SUSPENDS bool explain_missing(struct s3_request *request, const struct object_name *name, struct error *error)
{
    request->has_no_version = name->version.size == 0 && error->code != NULL && strcmp(error->code, S3_NoSuchKey) == 0;
    return s3_explain_missing(request, name, error);
}

static bool name_object(struct s3_request *request, struct object_name *ret_name, struct error *error)
{
    *ret_name = (struct object_name){.bucket = request->bucket, .key = request->key};
    return encryption_take_of_read(request, error) && s3_request_version(request, &ret_name->version, error);
}

/* What will be read, as far as it can be told before the object is known. */
static void expect_read(struct s3_request *request, struct read_condition *condition, struct open_intent *ret_intent)
{
    struct span header;
    s3_read_condition(request, condition);
    *ret_intent = (struct open_intent){.extent = OPEN_WHOLE, .condition = condition, .may_be_aged = true};
    if (request->parameters_count > 0 && s3_request_parameter(request, "partNumber", &header))
        ret_intent->extent = OPEN_ATTRIBUTES;
    else if (http_head_find(request->head, "range", &header))
        range_expect(header, ret_intent);
}

/* What does not fit together may do so when it is opened again. */
static bool is_doubtful(const struct s3_request *request, const struct error *error)
{
    return error->kind == ERROR_DAMAGED && bucket_opens_again(&request->settings->store->capabilities);
}

/* Nothing has been answered yet, and the next look may find what holds together. */
static bool is_worth_another_look(const struct s3_request *request, const struct error *error)
{
    return !http_response_is_started(request->exchange) &&
           (error->kind == ERROR_CHANGED || is_doubtful(request, error));
}

/* In the middle of a body nothing can be taken back: this client's connection is cut. For those that come after it the
 * frame at `reached` is read once more, and what was kept of it forgotten. */
static SUSPENDS void read_again(struct s3_request *request, const struct object_name *name, uint64_t reached)
{
    const struct open_intent intent = {.extent = OPEN_RANGE, .first = reached, .size = 1, .is_again = true};
    struct object_codecs *codecs = request->settings->codecs;
    struct bucket_object *object;
    struct object_reader *reader;
    struct span piece;
    struct error ignored;
    if (!object_open(codecs, request->settings->store, name, &intent, &object, &ignored))
        return;
    if (reached < object->attributes.original_size &&
        object_reader_begin(codecs, object, name, request->customer_key, reached, 1, &reader, &ignored)) {
        (void)object_reader_next(reader, &piece, &ignored);
        object_reader_end(reader);
    }
    object_close(object);
}

/* What was found is what the asker may read, and what was written. ret_secret: as encryption_prove. */
static SUSPENDS bool judge(struct s3_request *request, const struct object_name *name,
                           const struct object_attributes *attributes, struct object_secret *ret_secret,
                           struct error *error)
{
    const struct s3_target target = {.bucket = &request->access, .key = name->key, .version = name->version};
    return s3_judge_opened(request, &target, ACTION_GetObject, attributes, error) &&
           encryption_prove(request, name, request->customer_key, attributes, ret_secret, error);
}

static SUSPENDS bool look(struct s3_request *request, const struct object_name *name, const struct open_intent *intent,
                          uint64_t *ret_reached, struct error *error)
{
    struct bucket_object *object;
    struct object_secret secret = {.has_data_key = false};
    if (!object_open(request->settings->codecs, request->settings->store, name, intent, &object, error))
        return explain_missing(request, name, error);
    const struct target target = {name, &object->attributes, object, object->decision, &secret};
    bool ok = judge(request, name, &object->attributes, &secret, error) &&
              answer_object(request, &target, ret_reached, error);
    explicit_bzero(&secret, sizeof secret);
    object_close(object);
    return ok;
}

SUSPENDS bool s3_get_object(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct read_condition condition;
    struct open_intent intent;
    uint64_t reached = 0;
    if (!name_object(request, &name, error))
        return false;
    expect_read(request, &condition, &intent);
    for (unsigned looks = 1; !look(request, &name, &intent, &reached, error); looks++) {
        if (http_response_is_started(request->exchange) && is_doubtful(request, error))
            read_again(request, &name, reached);
        if (looks == LOOKS_MAX || !is_worth_another_look(request, error))
            return false;
        intent.is_again = true;
    }
    return true;
}

static SUSPENDS bool answer_head(struct s3_request *request, const struct target *target, struct error *error)
{
    struct selection selection;
    bool not_modified;
    if (codec_find(target->attributes->codec) == NULL)
        return codec_refuse(target->attributes->codec, error);
    if (!decide(request, target, &selection, &not_modified, error))
        return false;
    if (not_modified)
        return answer_not_modified(request, target->attributes, error);
    begin_answer(request, target->attributes, &selection);
    return http_response_start_body(request->exchange, selection.size, error);
}

/* Where a part lies only an open object knows. */
static SUSPENDS bool head_part(struct s3_request *request, const struct object_name *name, struct error *error)
{
    struct read_condition condition;
    struct bucket_object *object;
    s3_read_condition(request, &condition);
    const struct open_intent intent = {.extent = OPEN_ATTRIBUTES, .condition = &condition};
    if (!bucket_open(request->settings->store, name, &intent, &object, error))
        return explain_missing(request, name, error);
    const struct target target = {name, &object->attributes, object, object->decision, NULL};
    bool ok = judge(request, name, &object->attributes, NULL, error) && answer_head(request, &target, error);
    bucket_close(object);
    return ok;
}

/* Whose key opens what S4 encrypted its body alone says. */
static SUSPENDS bool prove_s4(struct s3_request *request, const struct object_name *name,
                              const struct object_attributes *attributes, struct error *error)
{
    struct object_codecs *codecs = request->settings->codecs;
    const struct open_intent intent = {.extent = OPEN_WHOLE,
                                       .if_stored_etag = span_from_string(attributes->stored_etag)};
    struct bucket_object *object;
    struct object_reader *reader;
    if (!attributes->is_encrypted || request->customer_key == NULL)
        return true;
    if (!bucket_open(request->settings->store, name, &intent, &object, error))
        return false;
    bool opened = object_reader_begin(codecs, object, name, request->customer_key, 0, 0, &reader, error);
    if (opened)
        object_reader_end(reader);
    bucket_close(object);
    return opened;
}

SUSPENDS bool s3_head_object(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct object_attributes attributes;
    struct read_condition condition;
    struct span part;
    if (!name_object(request, &name, error))
        return false;
    if (request->parameters_count > 0 && s3_request_parameter(request, "partNumber", &part))
        return head_part(request, &name, error);
    if (!bucket_head(request->settings->store, &name, request->arena, &attributes, error))
        return explain_missing(request, &name, error);
    if (!judge(request, &name, &attributes, NULL, error) || !prove_s4(request, &name, &attributes, error))
        return false;
    s3_read_condition(request, &condition);
    return answer_head(request,
                       &(struct target){&name, &attributes, NULL, read_condition_decide(&condition, &attributes), NULL},
                       error);
}
