/* server/s3/rights/condition_values.c -- condition keys: headers, parameters, the connection, the clock, tags. */
#include "server/s3/rights/condition_values.h"
#include "server/keys/kms_grant.h"

#include "runtime/base/decimal.h"
#include "s3client/wire/date.h"
#include "s3client/wire/s3_error.h"
#include "s3client/wire/uri.h"
#include "server/s3/form/form.h"
#include "server/s3/form/form_signature.h"
#include "server/s3/request/client_address.h"
#include "server/s3/request/tag_header.h"
#include "server/s3/rights/upload_encryption.h"

#include <stdio.h>

struct lookup {
    struct s3_request *request;
    const struct object_name *name;
    struct span owner;
    struct policy_values *values;
    struct error *error;
};

/* ---- one value, or none ---- */

static bool give(struct lookup *lookup, struct span value)
{
    struct span *kept = s3_allocate(lookup->request, sizeof *kept, lookup->error);
    if (kept == NULL)
        return false;
    *kept = value;
    *lookup->values = (struct policy_values){kept, 1};
    return true;
}

static bool give_copy(struct lookup *lookup, const char *text)
{
    struct span copy = s3_copy(lookup->request, span_from_string(text), lookup->error);
    return copy.data != NULL && give(lookup, copy);
}

static bool give_nothing(struct lookup *lookup)
{
    *lookup->values = (struct policy_values){NULL, 0};
    return true;
}

static bool give_header(struct lookup *lookup, const char *name)
{
    struct span value;
    return s3_request_header(lookup->request, name, &value) ? give(lookup, value) : give_nothing(lookup);
}

static bool give_parameter(struct lookup *lookup, const char *name)
{
    struct span value;
    return s3_request_parameter(lookup->request, name, &value) ? give(lookup, value) : give_nothing(lookup);
}

static bool give_decimal(struct lookup *lookup, uint64_t number)
{
    return give(lookup, s3_decimal(lookup->request, number));
}

static bool give_bool(struct lookup *lookup, bool value)
{
    return give(lookup, value ? SPAN("true") : SPAN("false"));
}

/* ---- who asks, from where, when ---- */

static bool give_arn(struct lookup *lookup)
{
    const struct account *account = lookup->request->authentication.account;
    char arn[sizeof "arn:aws:iam:::root" + ACCOUNT_ID_BYTES_MAX];
    if (account == NULL)
        return give_nothing(lookup);
    (void)snprintf(arn, sizeof arn, "arn:aws:iam::%s:root", account->id);
    return give_copy(lookup, arn);
}

static bool give_account(struct lookup *lookup)
{
    const struct account *account = lookup->request->authentication.account;
    return account == NULL ? give_nothing(lookup) : give(lookup, span_from_string(account->id));
}

static bool give_address(struct lookup *lookup)
{
    struct span address;
    if (!client_address(lookup->request, &address, lookup->error))
        return false;
    return address.size == 0 ? give_nothing(lookup) : give(lookup, address);
}

/* Of the connection that ends here: what a proxy speaks with its client it does not say. */
static bool give_tls_version(struct lookup *lookup)
{
    const char *version = stream_tls_version(lookup->request->exchange->stream);
    return version == NULL ? give_nothing(lookup) : give(lookup, span_from_string(version));
}

static bool give_time(struct lookup *lookup)
{
    char text[DATE_TEXT_BYTES];
    date_format_xml(lookup->request->now_ms, text);
    return give_copy(lookup, text);
}

static bool give_signature_age(struct lookup *lookup)
{
    const struct authentication *authentication = &lookup->request->authentication;
    int64_t age_ms = lookup->request->now_ms - authentication->signed_ms;
    if (!authentication->is_presigned)
        return give_nothing(lookup);
    return give_decimal(lookup, age_ms > 0 ? (uint64_t)age_ms : 0);
}

static bool give_authentication_type(struct lookup *lookup)
{
    const struct authentication *authentication = &lookup->request->authentication;
    if (authentication->account == NULL)
        return give_nothing(lookup);
    if (lookup->request->form != NULL)
        return give(lookup, SPAN("POST"));
    return give(lookup, authentication->is_presigned ? SPAN("REST-QUERY-STRING") : SPAN("REST-HEADER"));
}

/* What a policy that forbids signatures of version 2 must be told: "AWS" is S3's word for them. */
static bool give_signature_version(struct lookup *lookup)
{
    const struct s3_request *request = lookup->request;
    if (request->authentication.account == NULL)
        return give_nothing(lookup);
    bool is_version_2 = request->form != NULL && form_signature_is_version_2(&request->form->fields);
    return give(lookup, is_version_2 ? SPAN("AWS") : SPAN("AWS4-HMAC-SHA256"));
}

/* ---- what is asked for ---- */

static bool give_prefix(struct lookup *lookup)
{
    if (lookup->request->missed_key.size > 0)
        return give(lookup, lookup->request->missed_key);
    return give_parameter(lookup, "prefix");
}

/* "bucket/key", decoded, without a version (statement 523). */
static bool give_copy_source(struct lookup *lookup)
{
    struct span source;
    struct span text;
    size_t size;
    if (!s3_request_header(lookup->request, "x-amz-copy-source", &source))
        return give_nothing(lookup);
    const uint8_t *version = memmem(source.data, source.size, "?versionId=", sizeof "?versionId=" - 1);
    if (version != NULL)
        source = span_take(source, (size_t)(version - source.data));
    uint8_t *decoded = s3_allocate(lookup->request, source.size + 1, lookup->error);
    if (decoded == NULL)
        return false;
    if (!uri_decode_form(source, decoded, &size))
        return give_nothing(lookup); /* it is refused as soon as it is read */
    text = span_of(decoded, size);
    return give(lookup, size > 0 && decoded[0] == '/' ? span_skip(text, 1) : text);
}

/* ---- what comes in a body ---- */

/* The operation's body says it, and has not been read: nothing can be decided. */
static bool waits_for(struct lookup *lookup, enum s3_operation operation, const void *read)
{
    struct s3_request *request = lookup->request;
    bool waits = request->outcome.operation == operation && read == NULL;
    request->waits_for_body = request->waits_for_body || waits;
    return waits;
}

static bool refuse_unread(struct lookup *lookup)
{
    return error_set(lookup->error, ERROR_DENIED, S3_AccessDenied, "Access Denied");
}

/* ---- locks (526) ---- */

static bool waits_for_lock(struct lookup *lookup)
{
    const struct lock_asked *asked = lookup->request->lock_to_put;
    return waits_for(lookup, S3_PutObjectRetention, asked) || waits_for(lookup, S3_PutObjectLegalHold, asked);
}

/* What the request asks: calls that are about nothing but the lock in their body, whatever headers they have beside it,
 * and writes in headers. */
static bool find_lock(const struct s3_request *request, enum condition_key key, struct span *ret_text)
{
    const struct lock_asked *asked = request->lock_to_put;
    const char *header = key == KEY_lock_mode         ? "x-amz-object-lock-mode"
                         : key == KEY_lock_legal_hold ? "x-amz-object-lock-legal-hold"
                                                      : "x-amz-object-lock-retain-until-date";
    if (asked == NULL)
        return s3_request_header(request, header, ret_text);
    *ret_text = key == KEY_lock_mode ? asked->mode : key == KEY_lock_legal_hold ? asked->hold : asked->retain_until;
    return ret_text->size > 0;
}

static bool give_lock(struct lookup *lookup, enum condition_key key)
{
    struct span text;
    if (waits_for_lock(lookup))
        return refuse_unread(lookup);
    return find_lock(lookup->request, key, &text) ? give(lookup, text) : give_nothing(lookup);
}

static bool give_retention_days(struct lookup *lookup)
{
    struct span text;
    int64_t until_ms;
    const int64_t day_ms = 24 * 3600 * 1000;
    if (waits_for_lock(lookup))
        return refuse_unread(lookup);
    if (!find_lock(lookup->request, KEY_lock_retain_until_date, &text) || !date_parse_xml_of_any_year(text, &until_ms))
        return give_nothing(lookup);
    int64_t left_ms = until_ms - lookup->request->now_ms;
    return give_decimal(lookup, left_ms > 0 ? (uint64_t)((left_ms + day_ms - 1) / day_ms) : 0);
}

/* ---- tags ---- */

/* Those that the object has before the request; of none, and of no object, none. */
static SUSPENDS bool give_existing_tag(struct lookup *lookup, struct span key)
{
    struct buffer packed;
    struct span value;
    struct error error;
    buffer_init(&packed, 0);
    bool ok = bucket_read_tags(lookup->request->settings->store, lookup->name, &packed, NULL, &error);
    if (!ok && error.kind != ERROR_NOT_FOUND) {
        *lookup->error = error;
    } else if (!ok || !metadata_find(buffer_span(&packed), key, &value)) {
        ok = give_nothing(lookup);
    } else {
        struct span copy = s3_copy(lookup->request, value, lookup->error);
        ok = copy.data != NULL && give(lookup, copy);
    }
    buffer_free(&packed);
    return ok;
}

/* Those that the request brings: packed by who has read them from its body, else as its header has them. A header that
 * is broken is refused as soon as the operation reads it. */
static bool take_request_tags(struct lookup *lookup, struct tag_list *tags)
{
    struct error ignored;
    if (lookup->request->tags_to_put != NULL) {
        buffer_append(&tags->packed, buffer_span(lookup->request->tags_to_put));
        return true;
    }
    struct span document;
    if (lookup->request->form == NULL)
        return tag_header_take(lookup->request, tags, &ignored);
    return form_fields_find(&lookup->request->form->fields, "tagging", &document) &&
           tags_parse(document, lookup->request->arena, tags, &ignored);
}

static bool waits_for_tags(struct lookup *lookup)
{
    return waits_for(lookup, S3_PutObjectTagging, lookup->request->tags_to_put);
}

static bool give_request_tag(struct lookup *lookup, struct span key)
{
    if (waits_for_tags(lookup))
        return refuse_unread(lookup);
    struct tag_list tags;
    struct span value;
    tags_init(&tags);
    bool ok;
    if (take_request_tags(lookup, &tags) && metadata_find(buffer_span(&tags.packed), key, &value)) {
        struct span copy = s3_copy(lookup->request, value, lookup->error);
        ok = copy.data != NULL && give(lookup, copy);
    } else {
        ok = give_nothing(lookup);
    }
    tags_free(&tags);
    return ok;
}

static bool give_request_tag_keys(struct lookup *lookup)
{
    if (waits_for_tags(lookup))
        return refuse_unread(lookup);
    struct tag_list tags;
    tags_init(&tags);
    struct span *keys = s3_allocate(lookup->request, OBJECT_TAGS_MAX * sizeof *keys, lookup->error);
    bool ok = keys != NULL;
    unsigned count = 0;
    size_t position = 0;
    struct span key;
    struct span value;
    if (ok && !take_request_tags(lookup, &tags))
        buffer_clear(&tags.packed);
    while (ok && count < OBJECT_TAGS_MAX && metadata_next(buffer_span(&tags.packed), &position, &key, &value)) {
        keys[count] = s3_copy(lookup->request, key, lookup->error);
        ok = keys[count++].data != NULL;
    }
    *lookup->values = (struct policy_values){keys, count};
    tags_free(&tags);
    return ok;
}

/* ---- encryption ---- */

static const char *encryption_header_of(enum condition_key key)
{
    if (key == KEY_kms_key_id)
        return "x-amz-server-side-encryption-aws-kms-key-id";
    return key == KEY_customer_algorithm ? "x-amz-server-side-encryption-customer-algorithm"
                                         : "x-amz-server-side-encryption";
}

/* A part is encrypted if its upload is, whatever its request says: clients ask once, when they begin it. */
static SUSPENDS bool give_encryption(struct lookup *lookup, enum condition_key key)
{
    struct span value;
    struct kms_grant grant;
    struct error ignored;
    if (s3_request_header(lookup->request, encryption_header_of(key), &value))
        return give(lookup, value);
    const struct object_encryption encryption = upload_encryption_find(lookup->request);
    bool is_kms = encryption.mode == SEAL_KMS && kms_grant_decode(encryption.kms, &grant, &ignored);
    if (key == KEY_kms_key_id)
        return is_kms ? give(lookup, kms_grant_told(&grant)) : give_nothing(lookup);
    if (key == KEY_server_side_encryption && is_kms)
        return give(lookup, SPAN("aws:kms"));
    enum seal_mode told = key == KEY_customer_algorithm ? SEAL_CUSTOMER : SEAL_KEYRING;
    return encryption.mode == told ? give(lookup, SPAN("AES256")) : give_nothing(lookup);
}

/* ---- the keys ---- */

/* Headers that are a key as they are sent (522). */
static const char *header_of(enum condition_key key)
{
    switch (key) {
    case KEY_UserAgent:
        return "user-agent";
    case KEY_Referer:
        return "referer";
    case KEY_content_sha256:
        return "x-amz-content-sha256";
    case KEY_acl:
        return "x-amz-acl";
    case KEY_grant_read:
        return "x-amz-grant-read";
    case KEY_grant_write:
        return "x-amz-grant-write";
    case KEY_grant_read_acp:
        return "x-amz-grant-read-acp";
    case KEY_grant_write_acp:
        return "x-amz-grant-write-acp";
    case KEY_grant_full_control:
        return "x-amz-grant-full-control";
    case KEY_storage_class:
        return "x-amz-storage-class";
    case KEY_metadata_directive:
        return "x-amz-metadata-directive";
    case KEY_website_redirect_location:
        return "x-amz-website-redirect-location";
    case KEY_object_ownership:
        return "x-amz-object-ownership";
    case KEY_if_match:
        return "if-match";
    case KEY_if_none_match:
        return "if-none-match";
    default:
        return NULL;
    }
}

/* Who asks, from where and when: keys of all actions. */
static bool find_of_asker(struct lookup *lookup, enum condition_key key)
{
    const struct s3_request *request = lookup->request;
    bool is_anonymous = request->authentication.account == NULL;
    switch (key) {
    case KEY_SourceIp:
        return give_address(lookup);
    case KEY_SecureTransport:
        return give_bool(lookup, client_is_secure(request));
    case KEY_TlsVersion:
        return give_tls_version(lookup);
    case KEY_CurrentTime:
        return give_time(lookup);
    case KEY_EpochTime:
        return give_decimal(lookup, (uint64_t)(request->now_ms / 1000));
    case KEY_PrincipalArn:
        return give_arn(lookup);
    case KEY_PrincipalAccount:
        return give_account(lookup);
    case KEY_PrincipalType:
        return give(lookup, is_anonymous ? SPAN("Anonymous") : SPAN("Account"));
    case KEY_userid:
        return is_anonymous ? give(lookup, SPAN("anonymous")) : give_account(lookup);
    case KEY_RequestedRegion:
        return give(lookup, span_from_string(request->settings->region));
    case KEY_ResourceAccount:
    case KEY_S3ResourceAccount:
        return give(lookup, lookup->owner);
    case KEY_authType:
        return give_authentication_type(lookup);
    case KEY_signatureversion:
        return give_signature_version(lookup);
    case KEY_signatureAge:
        return give_signature_age(lookup);
    default:
        return give_nothing(lookup);
    }
}

SUSPENDS bool condition_values_find(struct s3_request *request, const struct object_name *name, struct span owner,
                                    enum condition_key key, struct span part, struct policy_values *ret_values,
                                    struct error *error)
{
    struct lookup lookup = {request, name, owner, ret_values, error};
    const char *header = header_of(key);
    if (header != NULL)
        return give_header(&lookup, header);
    switch (key) {
    case KEY_prefix:
        return give_prefix(&lookup);
    case KEY_delimiter:
        return give_parameter(&lookup, "delimiter");
    case KEY_max_keys:
        return give_parameter(&lookup, "max-keys");
    case KEY_VersionId:
        return name->version.size > 0 ? give(&lookup, name->version) : give_nothing(&lookup);
    case KEY_copy_source:
        return give_copy_source(&lookup);
    case KEY_server_side_encryption:
    case KEY_kms_key_id:
    case KEY_customer_algorithm:
        return give_encryption(&lookup, key);
    case KEY_lock_mode:
    case KEY_lock_legal_hold:
    case KEY_lock_retain_until_date:
        return give_lock(&lookup, key);
    case KEY_lock_remaining_retention_days:
        return give_retention_days(&lookup);
    case KEY_ExistingObjectTag:
        return give_existing_tag(&lookup, part);
    case KEY_RequestObjectTag:
        return give_request_tag(&lookup, part);
    case KEY_RequestObjectTagKeys:
        return give_request_tag_keys(&lookup);
    default:
        return find_of_asker(&lookup, key);
    }
}
