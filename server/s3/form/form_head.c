/* server/s3/form/form_head.c -- the fields of a form as headers. */
#include "server/s3/form/form_head.h"

#include "s3client/wire/http_field.h"

/* Names of fields that act as the header of that name; a star at the end: all that begin so. */
static const char *const header_fields[] = {
    "content-type",        "cache-control",
    "content-disposition", "content-encoding",
    "content-language",    "expires",
    "x-amz-meta-*",        "x-amz-storage-class",
    "x-amz-checksum-*",    "x-amz-website-redirect-location",
    "x-amz-object-lock-*", "x-amz-sdk-checksum-algorithm",
    "x-amz-grant-*",       "x-amz-server-side-encryption*",
    "x-amz-acl",           "x-amz-request-payer",
};

static bool fits(struct span name, const char *pattern)
{
    struct span text = span_from_string(pattern);
    if (!span_ends_with(text, SPAN("*")))
        return span_equal_ignore_case(name, text);
    return form_name_starts_with(name, span_take(text, text.size - 1));
}

static bool acts_as_header(struct span name)
{
    for (size_t i = 0; i < sizeof header_fields / sizeof header_fields[0]; i++)
        if (fits(name, header_fields[i]))
            return true;
    return false;
}

/* A header of the request itself that would say something of the object, or that somebody must have signed. */
static bool is_dropped(struct span name)
{
    static const char *const others[] = {"content-md5", "if-*", "range", "x-amz-*"};
    if (span_equal_ignore_case(name, SPAN("x-amz-expected-bucket-owner")))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (fits(name, others[i]))
            return true;
    return acts_as_header(name);
}

static bool is_header_value(struct span value)
{
    for (size_t i = 0; i < value.size; i++)
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return false;
    return true;
}

static bool is_header_name(struct span name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!http_is_token[name.data[i]])
            return false;
    return true;
}

bool form_head_make(struct s3_request *request, const struct form_fields *fields, struct error *error)
{
    struct http_head *head = s3_allocate(request, sizeof *head, error);
    if (head == NULL)
        return false;
    *head = *request->head;
    head->fields_count = 0;
    head->names_present = 0;
    for (unsigned i = 0; i < request->head->fields_count; i++)
        if (!is_dropped(request->head->fields[i].name))
            head->fields[head->fields_count++] = request->head->fields[i];
    for (unsigned i = 0; i < fields->count; i++) {
        struct span name = fields->items[i].name;
        struct span value = span_trim(fields->items[i].value);
        bool is_acl = span_equal_ignore_case(name, SPAN("acl"));
        if (!is_acl && !acts_as_header(name))
            continue;
        if (head->fields_count == HTTP_FIELDS_MAX || !is_header_name(name) || !is_header_value(value))
            return s3_refuse_argument(request, "form field", name,
                                      "The field is none that a header can be made of, or there are too many.", error);
        head->fields[head->fields_count++] = (struct http_field){is_acl ? SPAN("x-amz-acl") : name, value};
    }
    request->head = head;
    return true;
}
