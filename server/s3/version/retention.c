/* server/s3/version/retention.c -- GET and PUT /bucket/key?retention and ?legal-hold: the lock of one version. */
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_tree.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/headers/locks.h"
#include "server/s3/operations.h"
#include "server/s3/request/missing.h"
#include "server/s3/rights/authorize.h"

static const struct document_rules rules = {.bytes_max = S3_DOCUMENT_BYTES_MAX, .needs_checksum = true};

static bool refuse_document(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "The XML you provided was not well-formed or did not validate against our published schema: %s.",
                     why);
}

static bool unset(struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, S3_NoSuchObjectLockConfiguration,
                     "The specified object does not have a ObjectLock configuration");
}

static SUSPENDS bool answer_done(struct s3_request *request, const char *version, struct error *error)
{
    s3_answer_begin(request, 200);
    s3_answer_read_version(request, &request->bucket_info, version);
    return s3_answer_empty(request, error);
}

/* ---- what a body asks ---- */

struct asked {
    struct lock_asked text; /* as it is written, which policies compare */
    struct retention_change retention;
    enum lock_hold hold;
    struct span version; /* that the client named; empty: none */
};
typedef bool parse_asked(struct s3_request *request, const struct xml_element *root, struct asked *ret_asked,
                         struct error *error);

/* The version that was found is the one that is written to, and named in the answer, which not every store can say. */
static void pin(struct s3_request *request, const struct object_attributes *attributes, struct object_name *name)
{
    if (name->version.size == 0)
        name->version = arena_copy(request->arena, span_from_string(attributes->version));
}

/* Of the object nobody learns who is let in by nothing but what the body says: it is looked for afterwards. */
static SUSPENDS bool take_asked(struct s3_request *request, parse_asked *parse, struct object_name *ret_name,
                                struct asked *ret_asked, struct error *error)
{
    struct object_attributes attributes;
    const struct xml_element *root;
    bool is_let_in = !request->waits_for_body;
    if ((is_let_in && !locks_find_object(request, ret_name, &attributes, error)) ||
        !s3_read_tree(request, &rules, &root, error) || !parse(request, root, ret_asked, error))
        return false;
    request->lock_to_put = &ret_asked->text;
    if (!s3_authorize_body(request, error) || (!is_let_in && !locks_find_object(request, ret_name, &attributes, error)))
        return false;
    ret_asked->version = ret_name->version;
    pin(request, &attributes, ret_name);
    return true;
}

/* ---- retention ---- */

SUSPENDS bool s3_get_object_retention(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct object_attributes attributes;
    if (!locks_find_object(request, &name, &attributes, error))
        return false;
    const struct object_lock *lock = &attributes.lock;
    if (lock->mode == LOCK_NONE)
        return unset(error);
    struct s3_document document;
    s3_document_open(&document, "Retention");
    xml_string(&document.xml, "Mode", locks_mode_name(lock->mode));
    s3_document_date(&document, "RetainUntilDate", lock->retain_until_ms);
    s3_answer_begin(request, 200);
    s3_answer_read_version(request, &request->bucket_info, attributes.version);
    return s3_document_finish(request, &document, error);
}

/* An empty Retention takes it away. */
static bool parse_retention(struct s3_request *request, const struct xml_element *root, struct asked *ret_asked,
                            struct error *error)
{
    struct xml_field fields[] = {{"Mode", 0, 1}, {"RetainUntilDate", 0, 1}};
    struct retention_change *change = &ret_asked->retention;
    *ret_asked = (struct asked){.retention = {.mode = LOCK_NONE}};
    if (!xml_tree_expect_root(root, "Retention", error) || !xml_tree_sort(root, fields, 2, error))
        return false;
    if (fields[0].count == 0 && fields[1].count == 0)
        return true;
    if (fields[0].count == 0 || fields[1].count == 0)
        return refuse_document(error, "Mode and RetainUntilDate go together");
    if (!locks_parse_mode(fields[0].first->text, &change->mode))
        return refuse_document(error, "Mode is neither GOVERNANCE nor COMPLIANCE");
    struct span date = span_trim(fields[1].first->text);
    if (!date_parse_xml_of_any_year(date, &change->retain_until_ms))
        return refuse_document(error, "RetainUntilDate is no date");
    ret_asked->text = (struct lock_asked){.mode = fields[0].first->text, .retain_until = date};
    return change->retain_until_ms > request->now_ms ||
           s3_refuse_argument(request, "RetainUntilDate", date, "The retain until date must be in the future!", error);
}

SUSPENDS bool s3_put_object_retention(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct asked asked;
    char version[VERSION_TEXT_BYTES];
    bool may = take_asked(request, parse_retention, &name, &asked, error);
    asked.retention.may_bypass_governance = may && locks_may_bypass(request, name.key, asked.version);
    request->lock_to_put = NULL;
    if (!may)
        return false;
    if (!bucket_write_retention(request->settings->store, &name, &asked.retention, version, error))
        return s3_explain_missing(request, &name, error);
    return answer_done(request, version, error);
}

/* ---- legal hold ---- */

SUSPENDS bool s3_get_object_legal_hold(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct object_attributes attributes;
    if (!locks_find_object(request, &name, &attributes, error))
        return false;
    if (attributes.lock.hold == HOLD_UNSET)
        return unset(error);
    struct s3_document document;
    s3_document_open(&document, "LegalHold");
    xml_string(&document.xml, "Status", attributes.lock.hold == HOLD_ON ? "ON" : "OFF");
    s3_answer_begin(request, 200);
    s3_answer_read_version(request, &request->bucket_info, attributes.version);
    return s3_document_finish(request, &document, error);
}

static bool parse_hold(struct s3_request *request, const struct xml_element *root, struct asked *ret_asked,
                       struct error *error)
{
    (void)request;
    struct xml_field fields[] = {{"Status", 1, 1}};
    if (!xml_tree_expect_root(root, "LegalHold", error) || !xml_tree_sort(root, fields, 1, error))
        return false;
    struct span status = fields[0].first->text;
    enum lock_hold hold = span_equal(status, SPAN("ON"))    ? HOLD_ON
                          : span_equal(status, SPAN("OFF")) ? HOLD_OFF
                                                            : HOLD_UNSET;
    *ret_asked = (struct asked){.text.hold = status, .hold = hold};
    return hold != HOLD_UNSET || refuse_document(error, "Status is neither ON nor OFF");
}

SUSPENDS bool s3_put_object_legal_hold(struct s3_request *request, struct error *error)
{
    struct object_name name;
    struct asked asked;
    char version[VERSION_TEXT_BYTES];
    bool may = take_asked(request, parse_hold, &name, &asked, error);
    request->lock_to_put = NULL;
    if (!may)
        return false;
    if (!bucket_write_legal_hold(request->settings->store, &name, asked.hold, version, error))
        return s3_explain_missing(request, &name, error);
    return answer_done(request, version, error);
}
