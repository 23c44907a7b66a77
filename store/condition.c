/* store/condition.c -- deciding the conditions of RFC 9110 section 13 as S3 has them. */
#include "store/condition.h"

#include "s3client/wire/s3_error.h"
#include "store/attributes.h"

/* One ETag of a list: unquoted, whether it was weak. */
struct listed_etag {
    struct span text;
    bool is_weak;
};

/* Takes the next ETag off the list. A quoted one ends at its quote, so that a comma inside it separates nothing. */
static bool next_etag(struct span *list, struct listed_etag *ret_etag)
{
    while (list->size > 0 && (list->data[0] == ' ' || list->data[0] == '\t' || list->data[0] == ','))
        *list = span_skip(*list, 1);
    if (list->size == 0)
        return false;
    ret_etag->is_weak = span_starts_with(*list, SPAN("W/"));
    struct span rest = ret_etag->is_weak ? span_skip(*list, 2) : *list;
    if (rest.size > 0 && rest.data[0] == '"') {
        rest = span_skip(rest, 1);
        size_t quote = span_find(rest, '"');
        size_t end = quote == SIZE_MAX ? rest.size : quote;
        ret_etag->text = span_take(rest, end);
        *list = span_skip(rest, quote == SIZE_MAX ? end : end + 1);
        return true;
    }
    size_t comma = span_find(rest, ',');
    size_t end = comma == SIZE_MAX ? rest.size : comma;
    ret_etag->text = span_trim(span_take(rest, end));
    *list = span_skip(rest, end);
    return true;
}

static bool list_matches(struct span list, struct span etag, bool allow_weak)
{
    struct listed_etag listed;
    while (next_etag(&list, &listed)) {
        if (!listed.is_weak && span_equal(listed.text, SPAN("*")))
            return true;
        if ((allow_weak || !listed.is_weak) && etag.size > 0 && span_equal(listed.text, etag))
            return true;
    }
    return false;
}

bool etag_list_matches(struct span list, struct span etag)
{
    return list_matches(list, etag, false);
}

static int64_t whole_seconds(int64_t milliseconds)
{
    return milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000;
}

static bool refuse(struct error *error, const char *failed_condition)
{
    return error_set(error, ERROR_CONFLICT, S3_PreconditionFailed,
                     "At least one of the preconditions that you specified did not hold: %s", failed_condition);
}

bool write_condition_holds(const struct write_condition *condition, const struct object_attributes *current,
                           struct error *error)
{
    bool needs_current =
        condition->if_match.size > 0 || condition->has_size || condition->has_modified || condition->over_damage;
    if (current == NULL)
        return !needs_current || error_set(error, ERROR_NOT_FOUND, S3_NoSuchKey, "The specified key does not exist.");
    struct span etag = span_from_string(condition->is_stored_etag ? current->stored_etag : current->etag);
    if (condition->over_damage && etag.size > 0)
        return refuse(error, "it is not damaged");
    if (condition->if_match.size > 0 && !etag_list_matches(condition->if_match, etag))
        return refuse(error, "If-Match");
    if (condition->if_none_match.size > 0 && etag_list_matches(condition->if_none_match, etag))
        return refuse(error, "If-None-Match");
    if (condition->has_size && condition->size != current->original_size)
        return refuse(error, "x-amz-if-match-size");
    if (condition->has_modified && whole_seconds(condition->modified_ms) != whole_seconds(current->modified_ms))
        return refuse(error, "x-amz-if-match-last-modified-time");
    return true;
}

bool write_condition_holds_over_damage(const struct write_condition *condition, struct error *error)
{
    if (condition == NULL)
        return true;
    if (condition->if_none_match.size > 0 && etag_list_matches(condition->if_none_match, SPAN_EMPTY))
        return refuse(error, "If-None-Match");
    bool is_undecided = condition->if_match.size > 0 && !etag_list_matches(condition->if_match, SPAN_EMPTY);
    return !is_undecided && condition->if_none_match.size == 0 && !condition->has_size && !condition->has_modified;
}

bool write_condition_holds_of_marker(const struct write_condition *condition, struct error *error)
{
    if (condition == NULL ||
        (!condition->has_size && !condition->has_modified && etag_list_matches(condition->if_match, SPAN_EMPTY)))
        return true;
    return error_set(error, ERROR_CONFLICT, S3_PreconditionFailed,
                     "At least one of the preconditions that you specified did not hold: the current version is a "
                     "delete marker");
}

static struct read_decision fail_read(const char *failed)
{
    return (struct read_decision){READ_PRECONDITION_FAILED, failed};
}

struct read_decision read_condition_decide(const struct read_condition *condition,
                                           const struct object_attributes *current)
{
    const struct read_decision proceed = {.verdict = READ_PROCEED};
    const struct read_decision not_modified = {.verdict = READ_NOT_MODIFIED};
    if (condition == NULL)
        return proceed;
    struct span etag = span_from_string(condition->is_stored_etag ? current->stored_etag : current->etag);
    int64_t modified = whole_seconds(current->modified_ms);
    if (condition->if_match.size > 0) { /* a date beside If-Match is not looked at (statement 185) */
        if (!list_matches(condition->if_match, etag, false))
            return fail_read("If-Match");
    } else if (condition->has_unmodified_since && modified > whole_seconds(condition->unmodified_since_ms)) {
        return fail_read("If-Unmodified-Since");
    }
    if (condition->if_none_match.size > 0) /* RFC 9110 13.1.2: the weak comparison */
        return list_matches(condition->if_none_match, etag, true) ? not_modified : proceed;
    bool is_future = condition->modified_since_ms > condition->now_ms; /* statement 189 */
    if (condition->has_modified_since && !is_future && modified <= whole_seconds(condition->modified_since_ms))
        return not_modified;
    return proceed;
}
