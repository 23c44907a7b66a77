/* server/s3/settings/cors.c -- a bucket's CORSConfiguration: parsed, rendered, asked. */
#include "server/s3/settings/cors.h"

#include "s3client/wire/http_field.h"
#include "s3client/wire/s3_error.h"

enum { ID_CHARACTERS_MAX = 255 };

/* ---- in ---- */

__attribute__((format(printf, 2, 0))) static bool refuse(struct error *error, const char *format, struct span what)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, format, SPAN_FORMAT(span_take(what, 128)));
}

bool cors_is_method(struct span method)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (span_equal(method, span_from_string(methods[i])))
            return true;
    return false;
}

static bool is_header_name(struct span name)
{
    for (size_t i = 0; i < name.size; i++)
        if (!http_is_token[name.data[i]])
            return false;
    return name.size > 0;
}

static bool has_two_stars(struct span pattern)
{
    size_t first = span_find(pattern, '*');
    return first != SIZE_MAX && span_find(span_skip(pattern, first + 1), '*') != SIZE_MAX;
}

static bool fits_head(const struct document_texts *texts, struct error *error)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < texts->count; i++)
        bytes += texts->items[i].size + 2;
    return bytes <= CORS_LIST_BYTES_MAX ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest,
                     "The methods or the exposed headers of a rule are too many for the head of an answer.");
}

static bool check_methods(const struct document_texts *methods, struct error *error)
{
    for (unsigned i = 0; i < methods->count; i++)
        if (!cors_is_method(methods->items[i]))
            return refuse(error,
                          "Found unsupported HTTP method in CORS config. Unsupported method is "
                          "%.*s",
                          methods->items[i]);
    return true;
}

static bool check_origins(const struct document_texts *origins, struct error *error)
{
    for (unsigned i = 0; i < origins->count; i++) {
        if (origins->items[i].size == 0)
            return error_set(error, ERROR_INVALID, S3_MalformedXML, "AllowedOrigin is empty.");
        if (has_two_stars(origins->items[i]))
            return refuse(error, "AllowedOrigin \"%.*s\" can not have more than one wildcard.", origins->items[i]);
    }
    return true;
}

static bool check_headers(const struct cors_rule *rule, struct error *error)
{
    for (unsigned i = 0; i < rule->allowed_headers.count; i++) {
        struct span header = rule->allowed_headers.items[i];
        if (has_two_stars(header))
            return refuse(error, "AllowedHeader \"%.*s\" can not have more than one wildcard.", header);
        if (!is_header_name(header))
            return refuse(error, "AllowedHeader \"%.*s\" contains invalid character.", header);
    }
    for (unsigned i = 0; i < rule->expose_headers.count; i++) {
        struct span header = rule->expose_headers.items[i];
        if (span_find(header, '*') != SIZE_MAX)
            return refuse(error,
                          "ExposeHeader \"%.*s\" contains wildcard. We currently do not support wildcard for "
                          "ExposeHeader.",
                          header);
        if (!is_header_name(header))
            return refuse(error, "ExposeHeader \"%.*s\" contains invalid character.", header);
    }
    return true;
}

static bool parse_rule(const struct xml_element *element, struct arena *arena, struct cors_rule *rule,
                       struct error *error)
{
    enum { ID, ALLOWED_HEADER, ALLOWED_METHOD, ALLOWED_ORIGIN, EXPOSE_HEADER, MAX_AGE, FIELDS };
    struct xml_field fields[FIELDS] = {
        [ID] = {"ID", 0, 1},
        [ALLOWED_HEADER] = {"AllowedHeader", 0, UINT32_MAX},
        [ALLOWED_METHOD] = {"AllowedMethod", 1, UINT32_MAX},
        [ALLOWED_ORIGIN] = {"AllowedOrigin", 1, UINT32_MAX},
        [EXPOSE_HEADER] = {"ExposeHeader", 0, UINT32_MAX},
        [MAX_AGE] = {"MaxAgeSeconds", 0, 1},
    };
    *rule = (struct cors_rule){0};
    if (!xml_tree_sort(element, fields, FIELDS, error) ||
        !document_take_texts(&fields[ALLOWED_HEADER], arena, &rule->allowed_headers, error) ||
        !document_take_texts(&fields[ALLOWED_METHOD], arena, &rule->methods, error) ||
        !document_take_texts(&fields[ALLOWED_ORIGIN], arena, &rule->origins, error) ||
        !document_take_texts(&fields[EXPOSE_HEADER], arena, &rule->expose_headers, error))
        return false;
    rule->has_id = fields[ID].count > 0;
    rule->id = rule->has_id ? fields[ID].first->text : SPAN_EMPTY;
    if (document_count_characters(rule->id) > ID_CHARACTERS_MAX)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest, "The ID of a rule may have 255 characters.");
    rule->has_max_age = fields[MAX_AGE].count > 0;
    if (rule->has_max_age && !document_take_integer(fields[MAX_AGE].first, &rule->max_age_seconds, error))
        return false;
    if (rule->max_age_seconds < 0)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest, "MaxAgeSeconds must not be negative.");
    return fits_head(&rule->methods, error) && fits_head(&rule->expose_headers, error) &&
           check_methods(&rule->methods, error) && check_origins(&rule->origins, error) && check_headers(rule, error);
}

bool cors_parse(const struct xml_element *root, struct arena *arena, struct cors **ret_cors, struct error *error)
{
    struct xml_field rules = {"CORSRule", 1, UINT32_MAX};
    if (!xml_tree_expect_root(root, "CORSConfiguration", error) || !xml_tree_sort(root, &rules, 1, error))
        return false;
    if (rules.count > CORS_RULES_MAX)
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         "The number of CORS rules should not exceed allowed limit of 100 rules.");
    struct cors *cors = document_allocate(arena, sizeof *cors, error);
    if (cors == NULL)
        return false;
    *cors = (struct cors){.rules_count = rules.count};
    cors->rules = document_allocate(arena, rules.count * sizeof cors->rules[0], error);
    if (cors->rules == NULL)
        return false;
    const struct xml_element *element = rules.first;
    for (unsigned i = 0; i < rules.count; i++, element = xml_tree_next(element))
        if (!parse_rule(element, arena, &cors->rules[i], error))
            return false;
    *ret_cors = cors;
    return true;
}

bool cors_compile(const struct bucket_info *bucket, struct span document, struct arena *arena, const void **ret_cors,
                  struct error *error)
{
    (void)bucket;
    const struct xml_element *root;
    struct cors *cors = NULL;
    if (!xml_tree_parse(document, arena, &root, error) || !cors_parse(root, arena, &cors, error))
        return false;
    *ret_cors = cors;
    return true;
}

/* ---- out ---- */

static void render_rule(struct xml_writer *xml, const struct cors_rule *rule)
{
    xml_open(xml, "CORSRule");
    if (rule->has_id)
        xml_text(xml, "ID", rule->id);
    document_write_texts(xml, "AllowedHeader", &rule->allowed_headers);
    document_write_texts(xml, "AllowedMethod", &rule->methods);
    document_write_texts(xml, "AllowedOrigin", &rule->origins);
    document_write_texts(xml, "ExposeHeader", &rule->expose_headers);
    if (rule->has_max_age)
        xml_decimal(xml, "MaxAgeSeconds", (uint64_t)rule->max_age_seconds);
    xml_close(xml);
}

void cors_render(const struct cors *cors, struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "CORSConfiguration");
    for (unsigned i = 0; i < cors->rules_count; i++)
        render_rule(&xml, &cors->rules[i]);
    document_end(&xml);
}

/* ---- asked ---- */

/* The "*" of the pattern, if it has one, may stand for nothing too. Bytes are compared as they are, or without case. */
static bool fits(struct span pattern, struct span text, bool (*equal)(struct span, struct span))
{
    size_t star = span_find(pattern, '*');
    if (star == SIZE_MAX)
        return equal(pattern, text);
    struct span suffix = span_skip(pattern, star + 1);
    return text.size >= star + suffix.size && equal(span_take(pattern, star), span_take(text, star)) &&
           equal(suffix, span_skip(text, text.size - suffix.size));
}

static bool equal_bytes(struct span a, struct span b)
{
    return span_equal(a, b);
}

static bool fits_origin(const struct cors_rule *rule, struct span origin, bool *ret_is_any)
{
    for (unsigned i = 0; i < rule->origins.count; i++) {
        if (fits(rule->origins.items[i], origin, equal_bytes)) {
            *ret_is_any = span_equal(rule->origins.items[i], SPAN("*"));
            return true;
        }
    }
    return false;
}

static bool fits_method(const struct cors_rule *rule, struct span method)
{
    for (unsigned i = 0; i < rule->methods.count; i++)
        if (span_equal(rule->methods.items[i], method))
            return true;
    return false;
}

static bool fits_header(const struct cors_rule *rule, struct span header)
{
    for (unsigned i = 0; i < rule->allowed_headers.count; i++)
        if (fits(rule->allowed_headers.items[i], header, span_equal_ignore_case))
            return true;
    return false;
}

bool cors_next_header(struct span list, size_t *position, struct span *ret_name)
{
    while (*position < list.size) {
        struct span rest = span_skip(list, *position);
        struct span name = span_take(rest, span_find(rest, ','));
        *position += name.size + 1;
        *ret_name = span_trim(name);
        if (ret_name->size > 0)
            return true;
    }
    return false;
}

bool cors_are_header_names(struct span list)
{
    struct span name;
    unsigned count = 0;
    for (size_t position = 0; cors_next_header(list, &position, &name);)
        if (!is_header_name(name) || ++count > CORS_REQUEST_HEADERS_MAX)
            return false;
    return true;
}

static bool fits_headers(const struct cors_rule *rule, struct span headers)
{
    struct span name;
    for (size_t position = 0; cors_next_header(headers, &position, &name);)
        if (!fits_header(rule, name))
            return false;
    return true;
}

const struct cors_rule *cors_match(const struct cors *cors, struct span origin, struct span method, struct span headers,
                                   bool *ret_is_any)
{
    for (unsigned i = 0; i < cors->rules_count; i++) {
        const struct cors_rule *rule = &cors->rules[i];
        if (fits_origin(rule, origin, ret_is_any) && fits_method(rule, method) && fits_headers(rule, headers))
            return rule;
    }
    return NULL;
}
