/* server/s3/form/form.c -- a web form from its first byte to that of its file. */
#include "server/s3/form/form.h"

#include "runtime/base/utf8.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/body/checksum_headers.h"
#include "server/s3/body/object_body.h"
#include "server/s3/form/form_head.h"
#include "server/s3/form/form_signature.h"

enum { WINDOW_BYTES = 64 << 10 };

bool s3_form_is_meant(const struct s3_request *request)
{
    struct span value;
    return request->level == LEVEL_BUCKET && s3_request_method_is(request, "POST") &&
           !http_head_find(request->head, "authorization", &value) &&
           !s3_request_parameter(request, "X-Amz-Signature", &value) &&
           !s3_request_parameter(request, "Signature", &value);
}

/* ---- bytes ---- */

static SUSPENDS bool fill(struct s3_request *request, struct s3_form *form, struct error *error)
{
    size_t size;
    if (form->start > 0) {
        memmove(form->window, form->window + form->start, form->end - form->start);
        form->end -= form->start;
        form->start = 0;
    }
    if (!http_body_read(request->exchange, form->window + form->end, WINDOW_BYTES - form->end, &size, error))
        return false;
    form->end += size;
    form->has_body_ended = size == 0;
    return true;
}

/* The next step that is not MULTIPART_MORE. Its spans are valid until the next call. */
static SUSPENDS bool next(struct s3_request *request, struct s3_form *form, struct multipart_step *ret_step,
                          struct error *error)
{
    for (;;) {
        struct span window = span_of(form->window + form->start, form->end - form->start);
        if (!multipart_next(&form->multipart, window, form->has_body_ended, ret_step, error))
            return false;
        form->start += ret_step->used;
        if (ret_step->kind != MULTIPART_MORE)
            return true;
        if (!fill(request, form, error))
            return false;
    }
}

/* ---- fields ---- */

static bool refuse_fields(struct s3_request *request, struct error *error)
{
    error_details_add(&request->details, "MaxPostPreDataLengthBytes", s3_decimal(request, FORM_FIELDS_BYTES_MAX));
    return error_set(error, ERROR_TOO_LARGE, S3_MaxPostPreDataLengthExceeded,
                     "Your POST request fields preceding the upload file were too large.");
}

static bool count_bytes(struct s3_request *request, struct s3_form *form, size_t size, struct error *error)
{
    form->fields_bytes += size;
    return form->fields_bytes <= FORM_FIELDS_BYTES_MAX || refuse_fields(request, error);
}

static bool unquote(struct s3_request *request, struct span quoted, struct span *ret_text, struct error *error)
{
    uint8_t *text = s3_allocate(request, quoted.size + 1, error);
    if (text == NULL)
        return false;
    *ret_text = span_of(text, multipart_unquote(quoted, text));
    return true;
}

static SUSPENDS bool read_value(struct s3_request *request, struct s3_form *form, struct buffer *value,
                                struct error *error)
{
    for (;;) {
        struct multipart_step step;
        if (!next(request, form, &step, error))
            return false;
        if (step.kind == MULTIPART_PART_END)
            return true;
        if (!count_bytes(request, form, step.data.size, error))
            return false;
        buffer_append(value, step.data);
    }
}

static SUSPENDS bool read_field(struct s3_request *request, struct s3_form *form, struct span name, struct error *error)
{
    struct buffer value;
    if (form->fields.count == FORM_FIELDS_MAX)
        return refuse_fields(request, error);
    struct form_field *field = &form->fields.items[form->fields.count++];
    buffer_init(&value, FORM_FIELDS_BYTES_MAX);
    bool ok = count_bytes(request, form, name.size, error) && read_value(request, form, &value, error);
    if (ok)
        *field = (struct form_field){name, s3_copy(request, buffer_span(&value), error)};
    buffer_free(&value);
    return ok && field->value.data != NULL;
}

/* A browser may send the path on its user's disk; both kinds of slashes end a folder there. */
static struct span without_path(struct span name)
{
    for (size_t i = name.size; i > 0; i--)
        if (name.data[i - 1] == '/' || name.data[i - 1] == '\\')
            return span_skip(name, i);
    return name;
}

static SUSPENDS bool read_part(struct s3_request *request, struct s3_form *form, const struct multipart_step *step,
                               struct error *error)
{
    struct span name;
    struct span file_name;
    if (!unquote(request, step->name, &name, error) || !unquote(request, step->filename, &file_name, error))
        return false;
    form->has_file = span_equal_ignore_case(name, SPAN("file"));
    if (!form->has_file)
        return read_field(request, form, name, error);
    form->file_name = without_path(file_name);
    return true;
}

/* Up to the file's first byte, or to the end of a form without one. */
static SUSPENDS bool read_fields(struct s3_request *request, struct s3_form *form, struct error *error)
{
    struct multipart_step step;
    do {
        bool is_preamble = form->multipart.state == MULTIPART_IN_PREAMBLE;
        if (!next(request, form, &step, error))
            return false;
        if (step.kind == MULTIPART_PART && !read_part(request, form, &step, error))
            return false;
        if (is_preamble && !count_bytes(request, form, step.used, error))
            return false;
    } while (!form->has_file && step.kind != MULTIPART_END);
    return form->has_file ||
           s3_refuse_argument(request, "file", SPAN("0"), "POST requires exactly one file upload per request.", error);
}

/* ---- the key ---- */

/* "${filename}" in it stands for what the file is called. */
static bool put_file_name(struct s3_request *request, const struct s3_form *form, struct span *key, struct error *error)
{
    const struct span variable = SPAN("${filename}");
    struct buffer text;
    buffer_init(&text, FORM_FIELDS_BYTES_MAX);
    for (size_t i = 0; i < key->size;) {
        bool is_here = span_starts_with(span_skip(*key, i), variable);
        buffer_append(&text, is_here ? form->file_name : span_of(key->data + i, 1));
        i += is_here ? variable.size : 1;
    }
    bool ok = !text.overflow || refuse_fields(request, error);
    if (ok)
        *key = s3_copy(request, buffer_span(&text), error);
    buffer_free(&text);
    return ok && key->data != NULL;
}

/* From here on the field holds what the object is called: that is what a policy is about (statement 559). */
static bool find_key(struct s3_request *request, struct s3_form *form, struct error *error)
{
    struct form_field *field = NULL;
    for (unsigned i = 0; i < form->fields.count; i++) {
        if (!span_equal_ignore_case(form->fields.items[i].name, SPAN("key")))
            continue;
        if (!put_file_name(request, form, &form->fields.items[i].value, error))
            return false;
        field = field == NULL ? &form->fields.items[i] : field;
    }
    if (field == NULL)
        return s3_refuse_argument(request, "key", SPAN_EMPTY,
                                  "Bucket POST must contain a field named 'key'. If it is specified, please check the "
                                  "order of the fields.",
                                  error);
    if (field->value.size == 0)
        return s3_refuse_argument(request, "key", SPAN_EMPTY, "User key must have a length greater than 0.", error);
    if (!utf8_is_valid(field->value))
        return s3_refuse_argument(request, "key", field->value, "The key is not UTF-8.", error);
    request->key = field->value;
    request->outcome.key = request->key;
    return s3_key_is_allowed(request, request->key, true, error);
}

/* ---- opening ---- */

bool s3_form_check_type(struct s3_request *request, struct error *error)
{
    struct span type;
    if (http_head_find(request->head, "content-type", &type) && multipart_is_form(type))
        return true;
    error_details_add(&request->details, "Condition",
                      SPAN("Bucket POST must be of the enclosure-type multipart/form-data"));
    return error_set(error, ERROR_INVALID, S3_PreconditionFailed,
                     "At least one of the pre-conditions you specified did not hold");
}

static bool refuse_too_large(struct s3_request *request, uint64_t size, uint64_t most, struct error *error)
{
    error_details_add(&request->details, "ProposedSize", s3_decimal(request, size));
    error_details_add(&request->details, "MaxSizeAllowed", s3_decimal(request, most));
    return error_set(error, ERROR_TOO_LARGE, S3_EntityTooLarge,
                     "Your proposed upload exceeds the maximum allowed size");
}

/* With the largest file, and all that may stand around it. */
static bool check_length(struct s3_request *request, struct error *error)
{
    const struct http_head *head = request->head;
    const uint64_t most = OBJECT_BODY_BYTES_MAX + FORM_BYTES_AROUND_FILE_MAX;
    return !head->has_content_length || head->content_length <= most ||
           refuse_too_large(request, head->content_length, OBJECT_BODY_BYTES_MAX, error);
}

static SUSPENDS bool begin(struct s3_request *request, struct s3_form **ret_form, struct error *error)
{
    struct span type = SPAN_EMPTY;
    if (!s3_form_check_type(request, error) || !check_length(request, error))
        return false;
    (void)http_head_find(request->head, "content-type", &type);
    struct s3_form *form = s3_allocate(request, sizeof *form, error);
    if (form == NULL)
        return false;
    *form = (struct s3_form){.window = s3_allocate(request, WINDOW_BYTES, error)};
    *ret_form = form;
    return form->window != NULL && multipart_begin(&form->multipart, type, error);
}

static bool verify(struct s3_request *request, struct s3_form *form, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    const struct form_signers signers = {settings->accounts, settings->region, settings->takes_form_version_2};
    struct span policy;
    if (!form_signature_verify(&signers, &form->fields, request->arena, &request->authentication.account,
                               &request->details, error))
        return false;
    request->authentication.payload = PAYLOAD_UNSIGNED;
    form->has_policy = form_fields_find(&form->fields, "policy", &policy);
    return !form->has_policy || form_policy_parse(policy, request->arena, &form->policy, error);
}

SUSPENDS bool s3_form_open(struct s3_request *request, struct error *error)
{
    struct s3_form *form;
    if (!begin(request, &form, error) || !read_fields(request, form, error) || !find_key(request, form, error) ||
        !verify(request, form, error) || !form_head_make(request, &form->fields, error))
        return false;
    request->form = form;
    return true;
}

/* ---- the file ---- */

static bool refuse_too_small(struct s3_request *request, uint64_t size, uint64_t least, struct error *error)
{
    error_details_add(&request->details, "ProposedSize", s3_decimal(request, size));
    error_details_add(&request->details, "MinSizeAllowed", s3_decimal(request, least));
    return error_set(error, ERROR_INVALID, S3_EntityTooSmall,
                     "Your proposed upload is smaller than the minimum allowed size");
}

static SUSPENDS bool receive_file(struct s3_request *request, struct s3_form *form, struct object_writer *writer,
                                  struct error *error)
{
    uint64_t size = 0;
    uint64_t most = form->has_policy && form->policy.most_bytes < OBJECT_BODY_BYTES_MAX ? form->policy.most_bytes
                                                                                        : OBJECT_BODY_BYTES_MAX;
    uint64_t least = form->has_policy ? form->policy.least_bytes : 0;
    for (;;) {
        struct multipart_step step;
        if (!next(request, form, &step, error))
            return false;
        if (step.kind == MULTIPART_PART_END)
            return size >= least || refuse_too_small(request, size, least, error);
        size += step.data.size;
        if (size > most)
            return refuse_too_large(request, size, most, error);
        if (!object_writer_put(writer, step.data, error))
            return false;
    }
}

/* What stands behind the file is nobody's, as long as it is not another one, and there is a body's end. */
static SUSPENDS bool skip_rest(struct s3_request *request, struct s3_form *form, struct error *error)
{
    bool is_readable = true;
    while (is_readable && form->multipart.state != MULTIPART_AT_END) {
        struct multipart_step step;
        struct span name;
        is_readable = next(request, form, &step, error);
        if (!is_readable && (error->code == NULL || strcmp(error->code, S3_MalformedPOSTRequest) != 0))
            return false;
        if (!is_readable || step.kind != MULTIPART_PART)
            continue;
        if (!unquote(request, step.name, &name, error))
            return false;
        if (span_equal_ignore_case(name, SPAN("file")))
            return s3_refuse_argument(request, "file", SPAN("2"), "POST requires exactly one file upload per request.",
                                      error);
    }
    while (!form->has_body_ended) {
        form->start = form->end = 0;
        if (!fill(request, form, error))
            return false;
    }
    return true;
}

SUSPENDS bool s3_form_receive(struct s3_request *request, const struct checksum_claim *claim,
                              struct object_writer *writer, struct object_digest *ret_digest, struct error *error)
{
    return receive_file(request, request->form, writer, error) && skip_rest(request, request->form, error) &&
           object_writer_finish(writer, ret_digest, error) &&
           checksum_claim_verify(claim, NULL, ret_digest->md5, &ret_digest->checksum, error);
}
