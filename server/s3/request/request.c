/* server/s3/request/request.c -- what a request addresses, its parameters and headers, and the checks that all
 * operations share.
 */
#include "server/s3/request/request.h"

#include "runtime/base/decimal.h"
#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/request/names.h"

/* ---- memory ---- */

void *s3_allocate(struct s3_request *request, size_t size, struct error *error)
{
    void *memory = arena_allocate(request->arena, size);
    if (memory == NULL)
        error_set(error, ERROR_TOO_LARGE, S3_MaxMessageLengthExceeded, "The request needs more memory than one may.");
    return memory;
}

struct span s3_copy(struct s3_request *request, struct span bytes, struct error *error)
{
    uint8_t *copy = s3_allocate(request, bytes.size + 1, error);
    if (copy == NULL)
        return SPAN_EMPTY;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    return span_of(copy, bytes.size);
}

struct span s3_decimal(struct s3_request *request, uint64_t value)
{
    char digits[DECIMAL_BYTES_MAX];
    return arena_copy(request->arena, span_of(digits, decimal_format(value, digits)));
}

/* ---- what is addressed ---- */

static bool refuse_uri(struct error *error, const char *what)
{
    return error_set(error, ERROR_INVALID, S3_InvalidURI, "Couldn't parse the specified URI: %s.", what);
}

enum coding {
    CODING_PATH,  /* '+' is a plus */
    CODING_QUERY, /* '+' is a space (statement 349) */
};

/* What has nothing to decode is used where it lies. */
static bool decode(struct s3_request *request, struct span encoded, enum coding coding, struct span *ret_text,
                   struct error *error)
{
    *ret_text = encoded;
    bool is_form = coding == CODING_QUERY;
    if (span_find(encoded, '%') == SIZE_MAX && (!is_form || span_find(encoded, '+') == SIZE_MAX))
        return true;
    uint8_t *text = s3_allocate(request, encoded.size, error);
    size_t size;
    if (text == NULL)
        return false;
    if (!(is_form ? uri_decode_form(encoded, text, &size) : uri_decode(encoded, text, &size)))
        return refuse_uri(error, "an escape is not % and two hex digits");
    *ret_text = span_of(text, size);
    return true;
}

static bool is_hoisted_header(struct span name)
{
    static const struct span own[] = {
        SPAN("algorithm"), SPAN("credential"),    SPAN("date"),           SPAN("expires"),
        SPAN("signature"), SPAN("signedheaders"), SPAN("security-token"), SPAN("content-sha256"),
    };
    const struct span prefix = SPAN("x-amz-");
    if (name.size <= prefix.size || !span_equal_ignore_case(span_take(name, prefix.size), prefix))
        return false;
    struct span rest = span_skip(name, prefix.size);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (span_equal_ignore_case(rest, own[i]))
            return false;
    }
    return true;
}

static bool parse_parameters(struct s3_request *request, struct error *error)
{
    struct span query = request->head->query;
    if (query.size == 0)
        return true;
    size_t count_max = 1;
    for (size_t next, from = 0; (next = span_find(span_skip(query, from), '&')) != SIZE_MAX; from += next + 1)
        count_max++;
    request->parameters = s3_allocate(request, count_max * sizeof *request->parameters, error);
    if (request->parameters == NULL)
        return false;

    /* Without a plus the two are the same, and nothing is searched for one twelve times. */
    enum coding coding = span_find(query, '+') == SIZE_MAX ? CODING_PATH : CODING_QUERY;
    size_t position = 0;
    struct span name;
    struct span value;
    bool has_value;
    while (uri_query_next(query, &position, &name, &value, &has_value)) {
        if (request->parameters_count == count_max)
            return refuse_uri(error, "the query is not a list of parameters");
        struct s3_parameter *parameter = &request->parameters[request->parameters_count++];
        if (!decode(request, name, coding, &parameter->name, error) ||
            !decode(request, value, coding, &parameter->value, error))
            return false;
        if (parameter->name.size > 0)
            request->parameters_present |= s3_parameter_bit(parameter->name.data[0]);
        request->has_hoisted_headers = request->has_hoisted_headers || is_hoisted_header(parameter->name);
    }
    return true;
}

/* "[::1]:8014" -> "[::1]", "host:8014" -> "host". */
static struct span without_port(struct span host)
{
    if (host.size > 0 && host.data[0] == '[')
        return host;
    return span_take(host, span_find(host, ':'));
}

/* The bucket in front of the server's domain in Host; false: path style. */
static bool find_host_bucket(const struct s3_request *request, struct span *ret_bucket)
{
    if (request->settings->domain == NULL)
        return false;
    struct span host = without_port(request->head->host);
    struct span domain = span_from_string(request->settings->domain);
    if (host.size < domain.size + 2 || host.data[host.size - domain.size - 1] != '.')
        return false;
    if (!span_equal_ignore_case(span_skip(host, host.size - domain.size), domain))
        return false;
    *ret_bucket = span_take(host, host.size - domain.size - 1);
    return true;
}

static bool resolve_host_style(struct s3_request *request, struct span host_bucket, struct error *error)
{
    struct span lower = s3_copy(request, host_bucket, error); /* hosts have no case, buckets are lower case */
    if (lower.data == NULL)
        return false;
    for (size_t i = 0; i < lower.size; i++)
        if (lower.data[i] >= 'A' && lower.data[i] <= 'Z')
            ((uint8_t *)lower.data)[i] |= 0x20;
    request->bucket = lower;
    request->key = span_skip(request->path, 1);
    request->level = request->key.size > 0 ? LEVEL_OBJECT : LEVEL_BUCKET;
    return true;
}

static void resolve_path_style(struct s3_request *request)
{
    struct span rest = span_skip(request->path, 1);
    size_t slash = span_find(rest, '/');
    request->bucket = span_take(rest, slash);
    request->key = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, slash + 1);
    request->level = request->key.size > 0 ? LEVEL_OBJECT : rest.size > 0 ? LEVEL_BUCKET : LEVEL_SERVICE;
}

bool s3_request_resolve(struct s3_request *request, struct error *error)
{
    if (!decode(request, request->head->path, CODING_PATH, &request->path, error))
        return false;
    if (request->path.size == 0 || request->path.data[0] != '/')
        return refuse_uri(error, "the path does not begin with /");
    if (!utf8_is_valid(request->path))
        return refuse_uri(error, "the path is not UTF-8");

    struct span host_bucket;
    if (!find_host_bucket(request, &host_bucket))
        resolve_path_style(request);
    else if (!resolve_host_style(request, host_bucket, error))
        return false;
    request->outcome.bucket = request->bucket;
    request->outcome.key = request->key;
    return parse_parameters(request, error);
}

/* ---- names ---- */

bool s3_key_is_reserved(const struct s3_request *request, struct span key)
{
    return !request->settings->is_raw && object_key_is_reserved(key);
}

bool s3_key_is_allowed(struct s3_request *request, struct span key, bool writes, struct error *error)
{
    if (key.size > OBJECT_KEY_BYTES_MAX) {
        error_details_add(&request->details, "Size", s3_decimal(request, key.size));
        error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, OBJECT_KEY_BYTES_MAX));
        return error_set(error, ERROR_INVALID, S3_KeyTooLongError, "Your key is too long.");
    }
    if (object_key_climbs(key))
        return refuse_uri(error, "the key climbs above its bucket");
    if (!s3_key_is_reserved(request, key))
        return true;
    if (span_starts_with(key, SPAN(".s4dict/"))) /* what is in a dictionary was in somebody's objects */
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "Dictionaries (.s4dict/) are the store's own.");
    if (writes)
        return error_set(error, ERROR_INVALID, S3_InvalidObjectName,
                         "The object name is reserved: *.s4index, .s4dict/, .s4mpu/ and .bale/ belong to the store.");
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
}

bool s3_request_check_names(struct s3_request *request, bool writes, struct error *error)
{
    if (request->level == LEVEL_SERVICE)
        return true;
    if (!bucket_name_is_valid(request->bucket))
        return error_set(error, ERROR_INVALID, S3_InvalidBucketName, "The specified bucket is not valid.");
    return request->level == LEVEL_BUCKET || s3_key_is_allowed(request, request->key, writes, error);
}

/* ---- method, parameters, headers ---- */

bool s3_request_method_is(const struct s3_request *request, const char *method)
{
    return span_equal(request->head->method, span_from_string(method));
}

bool s3_request_parameter(const struct s3_request *request, const char *name, struct span *ret_value)
{
    if (!s3_request_may_have_parameter(request, (uint8_t)name[0]))
        return false;
    struct span wanted = span_from_string(name);
    for (unsigned i = 0; i < request->parameters_count; i++) {
        if (span_equal(request->parameters[i].name, wanted)) {
            *ret_value = request->parameters[i].value;
            return true;
        }
    }
    return false;
}

bool s3_request_version(struct s3_request *request, struct span *ret_version, struct error *error)
{
    *ret_version = SPAN_EMPTY;
    if (!s3_request_parameter(request, "versionId", ret_version))
        return true;
    if (ret_version->size == 0)
        return s3_refuse_argument(request, "versionId", *ret_version, "Version id cannot be the empty string", error);
    if (!version_id_is_well_formed(*ret_version))
        return s3_refuse_argument(request, "versionId", *ret_version, "Invalid version id specified", error);
    return true;
}

static bool hoisted_header(const struct s3_request *request, struct span name, struct span *ret_value)
{
    for (unsigned i = 0; i < request->parameters_count; i++) {
        if (is_hoisted_header(name) && span_equal_ignore_case(request->parameters[i].name, name)) {
            *ret_value = request->parameters[i].value;
            return true;
        }
    }
    return false;
}

bool s3_request_header(const struct s3_request *request, const char *name, struct span *ret_value)
{
    if (http_head_find(request->head, name, ret_value))
        return true;
    return request->has_hoisted_headers && request->authentication.is_presigned &&
           hoisted_header(request, span_from_string(name), ret_value);
}

bool s3_request_next_amz_header(const struct s3_request *request, unsigned *position, struct span *ret_name,
                                struct span *ret_value)
{
    struct span prefix = SPAN("x-amz-");
    const struct http_head *head = request->head;
    for (; *position < head->fields_count; ++*position) {
        const struct http_field *field = &head->fields[*position];
        if (field->name.size > prefix.size && span_equal_ignore_case(span_take(field->name, prefix.size), prefix)) {
            *ret_name = field->name;
            *ret_value = field->value;
            ++*position;
            return true;
        }
    }
    if (!request->has_hoisted_headers || !request->authentication.is_presigned)
        return false;
    for (; *position < head->fields_count + request->parameters_count; ++*position) {
        const struct s3_parameter *parameter = &request->parameters[*position - head->fields_count];
        if (is_hoisted_header(parameter->name)) {
            *ret_name = parameter->name;
            *ret_value = parameter->value;
            ++*position;
            return true;
        }
    }
    return false;
}

/* ---- the bucket ---- */

SUSPENDS bool s3_find_bucket(struct s3_request *request, struct span name, const char *owner_header,
                             struct bucket_info *ret_info, struct error *error)
{
    struct span expected;
    if (!bucket_find(request->settings->store, name, ret_info, error))
        return false;
    if (s3_request_header(request, owner_header, &expected) && !span_equal(expected, span_from_string(ret_info->owner)))
        return error_set(error, ERROR_DENIED, S3_AccessDenied, "The bucket does not belong to the expected owner.");
    return true;
}

SUSPENDS bool s3_check_same_bucket(struct s3_request *request, struct error *error)
{
    struct bucket_info now;
    if (request->bucket_info.name[0] == '\0') /* CreateBucket: none is there yet */
        return true;
    if (!bucket_find(request->settings->store, request->bucket, &now, error))
        return false;
    return now.creation_id == request->bucket_info.creation_id ||
           error_set(error, ERROR_NOT_FOUND, S3_NoSuchBucket, "The bucket was removed while the request came.");
}

bool s3_operation_writes(enum s3_operation operation)
{
    static const bool writes[S3_OPERATIONS] = {
#define S3_OPERATION(name, action, writes) writes,
#include "server/s3/operations.def"
#undef S3_OPERATION
    };
    return writes[operation];
}

void s3_note_written(struct s3_request *request, const struct object_attributes *attributes)
{
    request->outcome.original_bytes_written = request->outcome.object_size = attributes->original_size;
    request->outcome.has_object_size = true;
    request->outcome.stored_bytes_written = attributes->stored_size + attributes->sidecar_size;
    request->outcome.codec = attributes->codec;
    request->outcome.has_codec = true;
}

void s3_note_part(struct s3_request *request, const struct part_attributes *part)
{
    request->outcome.original_bytes_written = request->outcome.object_size = part->original_size;
    request->outcome.has_object_size = true;
    request->outcome.stored_bytes_written = part->stored_size;
}

bool s3_parse_count(struct s3_request *request, const char *name, struct span text, unsigned most, unsigned *ret_count,
                    struct error *error)
{
    uint64_t count;
    if (!decimal_parse_range(text, 0, INT32_MAX, &count))
        return s3_refuse_argument(request, name, text, "The argument must be an integer between 0 and 2147483647",
                                  error);
    *ret_count = count < most ? (unsigned)count : most;
    return true;
}

/* ---- refusals that several operations share ---- */

bool s3_refuse_argument(struct s3_request *request, const char *name, struct span value, const char *message,
                        struct error *error)
{
    error_details_add_argument(&request->details, name, value);
    return error_set(error, ERROR_INVALID, S3_InvalidArgument, "%s", message);
}

bool s3_refuse_header(struct s3_request *request, const char *header, struct error *error)
{
    error_details_add(&request->details, "Header", span_from_string(header));
    return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                     "A header you provided implies functionality that is not implemented: %s.", header);
}
