/* server/s3/request/conditions.c -- the conditional headers of a request. */
#include "server/s3/request/conditions.h"

#include "runtime/base/decimal.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"

#include <stdio.h>

/* ---- reads ---- */

static bool date_header(const struct s3_request *request, const char *name, int64_t *ret_time_ms)
{
    struct span text;
    return s3_request_header(request, name, &text) && date_parse_http(text, ret_time_ms);
}

void s3_read_condition(const struct s3_request *request, struct read_condition *ret_condition)
{
    *ret_condition = (struct read_condition){.now_ms = request->now_ms};
    (void)s3_request_header(request, "if-match", &ret_condition->if_match);
    (void)s3_request_header(request, "if-none-match", &ret_condition->if_none_match);
    ret_condition->has_modified_since = date_header(request, "if-modified-since", &ret_condition->modified_since_ms);
    ret_condition->has_unmodified_since =
        date_header(request, "if-unmodified-since", &ret_condition->unmodified_since_ms);
}

void s3_source_condition(const struct s3_request *request, struct read_condition *ret_condition)
{
    *ret_condition = (struct read_condition){.now_ms = request->now_ms};
    (void)s3_request_header(request, "x-amz-copy-source-if-match", &ret_condition->if_match);
    (void)s3_request_header(request, "x-amz-copy-source-if-none-match", &ret_condition->if_none_match);
    ret_condition->has_modified_since =
        date_header(request, "x-amz-copy-source-if-modified-since", &ret_condition->modified_since_ms);
    ret_condition->has_unmodified_since =
        date_header(request, "x-amz-copy-source-if-unmodified-since", &ret_condition->unmodified_since_ms);
}

static bool refuse(struct s3_request *request, struct span condition, struct error *error)
{
    error_details_add(&request->details, "Condition", condition);
    return error_set(error, ERROR_CONFLICT, S3_PreconditionFailed,
                     "At least one of the pre-conditions you specified did not hold");
}

bool s3_check_read(struct s3_request *request, const struct read_decision *decision, const char *prefix,
                   bool *ret_not_modified, struct error *error)
{
    *ret_not_modified = decision->verdict == READ_NOT_MODIFIED;
    if (decision->verdict != READ_PRECONDITION_FAILED)
        return true;
    char text[64];
    int size = snprintf(text, sizeof text, "%s%s", prefix, decision->failed);
    return refuse(request, arena_copy(request->arena, span_of(text, (size_t)size)), error);
}

/* ---- writes ---- */

bool s3_write_condition(struct s3_request *request, struct write_condition *storage,
                        const struct write_condition **ret_condition, struct error *error)
{
    struct span ignored;
    *storage = (struct write_condition){0};
    bool has_match = s3_request_header(request, "if-match", &storage->if_match);
    bool has_none_match = s3_request_header(request, "if-none-match", &storage->if_none_match);
    if (has_match && has_none_match)
        return s3_refuse_header(request, "If-Match,If-None-Match", error);
    if (s3_request_header(request, "if-unmodified-since", &ignored))
        return s3_refuse_header(request, "If-Unmodified-Since", error);
    if (has_match && storage->if_match.size == 0)
        return s3_refuse_argument(request, "If-Match", SPAN_EMPTY, "If-Match is empty.", error);
    if (has_none_match && storage->if_none_match.size == 0)
        return s3_refuse_argument(request, "If-None-Match", SPAN_EMPTY, "If-None-Match is empty.", error);
    *ret_condition = has_match || has_none_match ? storage : NULL;
    return true;
}

bool s3_delete_condition(struct s3_request *request, struct write_condition *storage,
                         const struct write_condition **ret_condition, struct error *error)
{
    struct span size;
    struct span modified;
    if (!s3_write_condition(request, storage, ret_condition, error))
        return false;
    if (storage->if_none_match.size > 0)
        return s3_refuse_header(request, "If-None-Match", error);
    storage->has_size = s3_request_header(request, "x-amz-if-match-size", &size);
    if (storage->has_size && !decimal_parse(size, &storage->size))
        return s3_refuse_argument(request, "x-amz-if-match-size", size, "The size is not a number.", error);
    storage->has_modified = s3_request_header(request, "x-amz-if-match-last-modified-time", &modified);
    if (storage->has_modified && !date_parse_http(modified, &storage->modified_ms) &&
        !date_parse_xml(modified, &storage->modified_ms))
        return s3_refuse_argument(request, "x-amz-if-match-last-modified-time", modified, "The time cannot be read.",
                                  error);
    if (storage->has_size || storage->has_modified)
        *ret_condition = storage;
    return true;
}

bool s3_is_deleted(const struct delete_item *item)
{
    bool is_missing = !item->is_deleted && item->error.code != NULL && strcmp(item->error.code, S3_NoSuchKey) == 0;
    return item->is_deleted || (is_missing && item->condition != NULL);
}

bool s3_explain_condition(struct s3_request *request, const struct write_condition *condition,
                          const struct error *error)
{
    if (condition == NULL || error->code == NULL || strcmp(error->code, S3_PreconditionFailed) != 0)
        return false;
    struct span name = condition->if_none_match.size > 0 ? SPAN("If-None-Match")
                       : condition->if_match.size > 0    ? SPAN("If-Match")
                       : condition->has_size             ? SPAN("x-amz-if-match-size")
                                                         : SPAN("x-amz-if-match-last-modified-time");
    error_details_add(&request->details, "Condition", name);
    return false;
}

/* ---- If-Range ---- */

bool s3_range_is_wanted(const struct s3_request *request, const struct object_attributes *current)
{
    struct span text;
    int64_t time_ms;
    if (!http_head_find(request->head, "if-range", &text))
        return true;
    if (date_parse_http(text, &time_ms))
        return time_ms / 1000 == current->modified_ms / 1000;
    return etag_list_matches(text, span_from_string(current->etag));
}
