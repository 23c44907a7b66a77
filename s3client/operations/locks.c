/* s3client/operations/locks.c -- object lock: what a bucket gives to its new versions, and what one version has. */
#include "runtime/base/decimal.h"
#include "s3client/operations/document.h"
#include "s3client/wire/date.h"

enum { LENGTH_MAX = 100000 }; /* of a default retention, in days or years */

static const char *mode_name(enum s3_lock_mode mode)
{
    return mode == S3_LOCK_GOVERNANCE ? "GOVERNANCE" : "COMPLIANCE";
}

enum s3_lock_mode s3_lock_mode_of(struct span name)
{
    if (span_equal(name, SPAN("GOVERNANCE")))
        return S3_LOCK_GOVERNANCE;
    return span_equal(name, SPAN("COMPLIANCE")) ? S3_LOCK_COMPLIANCE : S3_LOCK_NONE;
}

/* Sends a document that nothing but a status answers. */
SUSPENDS static bool send(struct s3_client *client, struct document_request *asked, struct buffer *document,
                          struct s3_answer *ret_answer, struct error *error)
{
    document_request_body(asked, buffer_span(document));
    bool ok = s3_client_call(client, &asked->call, ret_answer, error);
    if (ok)
        s3_answer_close(ret_answer);
    buffer_free(document);
    return ok;
}

/* ---- of a bucket ---- */

static bool close_of_lock(void *context, unsigned depth, struct span element, struct span text, struct error *error)
{
    struct s3_bucket_lock *lock = context;
    uint64_t length = 0;
    (void)error;
    if (depth == 1 && document_is(element, "ObjectLockEnabled"))
        lock->is_enabled = span_equal(text, SPAN("Enabled"));
    if (depth != 3)
        return true;
    if (document_is(element, "Mode"))
        lock->mode = s3_lock_mode_of(text);
    bool is_days = document_is(element, "Days");
    if ((is_days || document_is(element, "Years")) && !decimal_parse_range(text, 1, LENGTH_MAX, &length))
        return false;
    if (length > 0)
        *(is_days ? &lock->days : &lock->years) = (unsigned)length;
    return true;
}

SUSPENDS bool document_lock(struct span document, const struct s3_call *call, struct s3_bucket_lock *ret_lock,
                            struct s3_answer *answer, struct error *error)
{
    static const struct document_kind kind = {"ObjectLockConfiguration", {.close = close_of_lock}};
    *ret_lock = (struct s3_bucket_lock){.mode = S3_LOCK_NONE};
    if (!document_parse(document, call, &kind, ret_lock, answer, error))
        return false;
    bool has_length = (ret_lock->days > 0) != (ret_lock->years > 0);
    bool has_none = ret_lock->days == 0 && ret_lock->years == 0;
    return (ret_lock->mode == S3_LOCK_NONE ? has_none : has_length) ||
           document_refuse(call, "a default retention that is none", error);
}

SUSPENDS bool s3_client_get_bucket_lock(struct s3_client *client, const struct s3_call *call,
                                        struct s3_bucket_lock *ret_lock, struct s3_answer *ret_answer,
                                        struct error *error)
{
    struct document_request asked;
    struct buffer body;
    document_request_begin(&asked, call, S3_GET_BUCKET);
    document_request_query(&asked, "object-lock", SPAN_EMPTY);
    bool ok = document_fetch(client, &asked.call, &body, ret_answer, error) &&
              document_lock(buffer_span(&body), &asked.call, ret_lock, ret_answer, error);
    buffer_free(&body);
    return ok;
}

SUSPENDS bool s3_client_put_bucket_lock(struct s3_client *client, const struct s3_call *call,
                                        const struct s3_bucket_lock *lock, struct s3_answer *ret_answer,
                                        struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct xml_writer writer;
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    xml_begin(&writer, &document);
    xml_open_root(&writer, "ObjectLockConfiguration", XML_NAMESPACE_S3);
    xml_string(&writer, "ObjectLockEnabled", "Enabled");
    if (lock->mode != S3_LOCK_NONE) {
        xml_open(&writer, "Rule");
        xml_open(&writer, "DefaultRetention");
        xml_string(&writer, "Mode", mode_name(lock->mode));
        xml_decimal(&writer, lock->days > 0 ? "Days" : "Years", lock->days > 0 ? lock->days : lock->years);
        xml_close(&writer);
        xml_close(&writer);
    }
    xml_close(&writer);
    xml_end(&writer);
    document_request_begin(&asked, call, S3_PUT_BUCKET);
    document_request_query(&asked, "object-lock", SPAN_EMPTY);
    return send(client, &asked, &document, ret_answer, error);
}

/* ---- of a version ---- */

SUSPENDS bool s3_client_put_retention(struct s3_client *client, const struct s3_call *call, enum s3_lock_mode mode,
                                      int64_t retain_until_ms, struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct xml_writer writer;
    char date[DATE_TEXT_BYTES];
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    xml_begin(&writer, &document);
    xml_open_root(&writer, "Retention", XML_NAMESPACE_S3);
    if (mode != S3_LOCK_NONE) {
        date_format_xml(retain_until_ms, date);
        xml_string(&writer, "Mode", mode_name(mode));
        xml_string(&writer, "RetainUntilDate", date);
    }
    xml_close(&writer);
    xml_end(&writer);
    document_request_begin(&asked, call, S3_PUT_RETENTION);
    document_request_query(&asked, "retention", SPAN_EMPTY);
    return send(client, &asked, &document, ret_answer, error);
}

SUSPENDS bool s3_client_put_legal_hold(struct s3_client *client, const struct s3_call *call, bool is_on,
                                       struct s3_answer *ret_answer, struct error *error)
{
    struct document_request asked;
    struct buffer document;
    struct xml_writer writer;
    buffer_init(&document, DOCUMENT_REQUEST_BYTES_MAX);
    xml_begin(&writer, &document);
    xml_open_root(&writer, "LegalHold", XML_NAMESPACE_S3);
    xml_string(&writer, "Status", is_on ? "ON" : "OFF");
    xml_close(&writer);
    xml_end(&writer);
    document_request_begin(&asked, call, S3_PUT_LEGAL_HOLD);
    document_request_query(&asked, "legal-hold", SPAN_EMPTY);
    return send(client, &asked, &document, ret_answer, error);
}
