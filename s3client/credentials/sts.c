/* s3client/credentials/sts.c -- a form is posted to STS, signed or not, and keys come back. */
#include "s3client/credentials/sts.h"

#include "runtime/base/assert.h"
#include "runtime/base/random.h"
#include "runtime/base/read_file.h"
#include "s3client/credentials/fetch.h"
#include "s3client/credentials/signed_headers.h"
#include "s3client/credentials/sts_document.h"
#include "s3client/wire/partition.h"
#include "s3client/wire/uri.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ATTEMPTS_MAX = 3,
    TIMEOUT_MS = 5000,
    TOKEN_BYTES_MAX = 20000, /* of a web identity: what STS takes */
    FORM_BYTES_MAX = 64 << 10,
    REGION_BYTES_MAX = 50,
};

/* ---- where it is ---- */

static struct span find_region(const struct search *search, struct span profile_region)
{
    const char *text = search_variable(search, "AWS_REGION");
    if (text == NULL)
        text = search_variable(search, "AWS_DEFAULT_REGION");
    if (text == NULL && profile_region.size > 0)
        return profile_region;
    if (text == NULL)
        text = search->options->region;
    return text == NULL ? SPAN_EMPTY : span_from_string(text);
}

static bool check_region(struct span region, struct error *error)
{
    bool is_good = region.size <= REGION_BYTES_MAX;
    for (size_t i = 0; i < region.size && is_good; i++) {
        uint8_t byte = region.data[i];
        is_good = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    }
    char quoted[64];
    keys_quote(region, quoted, sizeof quoted);
    return is_good || error_set(error, ERROR_INVALID, NULL,
                                "\"%s\" is no region: up to 50 lower-case letters, digits and hyphens", quoted);
}

bool sts_find_endpoint(const struct search *search, struct span profile_region, struct sts_endpoint *ret_endpoint,
                       struct error *error)
{
    struct fetch_url parts;
    struct span region = find_region(search, profile_region);
    if (!check_region(region, error))
        return false;
    bool is_global = region.size == 0 || span_equal(region, SPAN("aws-global"));
    const char *url = search_variable(search, "AWS_ENDPOINT_URL_STS");
    if (url == NULL)
        url = search_variable(search, "AWS_ENDPOINT_URL");
    if (url != NULL)
        (void)snprintf(ret_endpoint->url, sizeof ret_endpoint->url, "%s", url);
    else if (is_global)
        (void)snprintf(ret_endpoint->url, sizeof ret_endpoint->url, "https://sts.amazonaws.com");
    else
        partition_write_url("sts", region, ret_endpoint->url, sizeof ret_endpoint->url);
    if ((url != NULL && strlen(url) >= sizeof ret_endpoint->url) || !fetch_url_read(ret_endpoint->url, &parts))
        return error_set(error, ERROR_INVALID, NULL, "AWS_ENDPOINT_URL_STS is not http(s)://HOST[:PORT][/PATH]");
    is_global |= strcmp(parts.host, "sts.amazonaws.com") == 0;
    if (is_global)
        region = SPAN("us-east-1");
    (void)snprintf(ret_endpoint->region, sizeof ret_endpoint->region, "%.*s", SPAN_FORMAT(region));
    return true;
}

/* ---- the form ---- */

static void put_field(struct buffer *form, const char *name, struct span value)
{
    if (value.size == 0)
        return;
    if (form->size > 0)
        buffer_append_byte(form, '&');
    buffer_append_string(form, name);
    buffer_append_byte(form, '=');
    uri_encode(form, value, URI_ENCODE_ALL);
}

static bool put_role(struct buffer *form, const char *action, const struct sts_role *role, struct error *error)
{
    char session_name[32];
    (void)snprintf(session_name, sizeof session_name, "bale-%016llx", (unsigned long long)random_u64(random_system()));
    put_field(form, "Action", span_from_string(action));
    put_field(form, "Version", SPAN("2011-06-15"));
    put_field(form, "RoleArn", role->arn);
    put_field(form, "RoleSessionName",
              role->session_name.size > 0 ? role->session_name : span_from_string(session_name));
    put_field(form, "DurationSeconds", role->duration);
    put_field(form, "ExternalId", role->external_id);
    return role->arn.size > 0 || error_set(error, ERROR_INVALID, NULL, "it has no role_arn (AWS_ROLE_ARN)");
}

#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

/* ---- asking ---- */

/* Is it worth another attempt? */
static bool is_passing(unsigned status, const struct sts_refusal *refusal)
{
    return status == 0 || status >= 500 || status == 429 || strcmp(refusal->code, "IDPCommunicationError") == 0 ||
           strncmp(refusal->code, "Throttl", 7) == 0 || strcmp(refusal->code, "RequestLimitExceeded") == 0;
}

/* `with`: NULL for a request that is not signed. *ret_again: another attempt may go better. */
static bool ask_once(const struct search *search, const struct sts_endpoint *endpoint, const struct keys *with,
                     struct span form, struct keys *ret_keys, bool *ret_again, struct error *error)
{
    struct fetch_url url;
    bool is_url = fetch_url_read(endpoint->url, &url); /* it was one when the endpoint was found */
    ASSERT(is_url);
    struct signed_headers *headers = calloc(1, sizeof *headers);
    ASSERT(headers != NULL);
    struct fetch_request request = {.method = "POST",
                                    .url = endpoint->url,
                                    .headers = {"Content-Type: " CONTENT_TYPE},
                                    .body = form,
                                    .timeout_ms = TIMEOUT_MS,
                                    .has_proxy = true};
    if (with != NULL) {
        const struct signed_request to_sign = {.url = &url,
                                               .service = "sts",
                                               .region = endpoint->region,
                                               .content_type = CONTENT_TYPE,
                                               .body = form,
                                               .access_key_id = span_from_string(with->access_key_id),
                                               .secret_key = span_from_string(with->secret_key),
                                               .session_token = span_from_string(with->session_token)};
        signed_headers_make(&to_sign, headers);
        signed_headers_add(headers, 1, &request);
    }
    struct fetch_answer answer;
    struct sts_refusal refusal = {0};
    bool done = fetch(search, &request, &answer, error);
    if (done && !sts_document_read(buffer_span(&answer.body), ret_keys, &refusal, error))
        done =
            refusal.code[0] != '\0' ? false : error_prepend(error, "%.100s, status %u", endpoint->url, answer.status);
    *ret_again = !done && error->kind != ERROR_CANCELLED && is_passing(answer.status, &refusal);
    fetch_answer_free(&answer);
    explicit_bzero(headers, sizeof *headers);
    free(headers);
    return done;
}

bool sts_assume_role(const struct search *search, const struct sts_role *role, const struct keys *with,
                     struct keys *ret_keys, struct error *error)
{
    struct sts_endpoint endpoint;
    struct buffer form;
    buffer_init(&form, FORM_BYTES_MAX);
    bool done = false;
    bool is_again =
        sts_find_endpoint(search, role->region, &endpoint, error) && put_role(&form, "AssumeRole", role, error);
    for (unsigned attempt = 1; is_again && !done; attempt++) {
        done = ask_once(search, &endpoint, with, buffer_span(&form), ret_keys, &is_again, error);
        is_again = is_again && attempt < ATTEMPTS_MAX && search_pause(search, attempt);
    }
    buffer_free(&form);
    return done;
}

static bool put_token(struct buffer *form, const char *token_file, struct error *error)
{
    struct buffer token;
    if (!read_file(token_file, TOKEN_BYTES_MAX, &token, error))
        return false;
    struct span text = keys_trim(buffer_span(&token));
    put_field(form, "WebIdentityToken", text);
    bool done = text.size > 0 || error_set(error, ERROR_INVALID, NULL, "%s is empty", token_file);
    read_file_wipe(&token);
    return done;
}

static bool ask_with_token(const struct search *search, const struct sts_endpoint *endpoint,
                           const struct sts_role *role, const char *token_file, struct keys *ret_keys, bool *ret_again,
                           struct error *error)
{
    struct buffer form;
    buffer_init(&form, FORM_BYTES_MAX);
    bool has_room = buffer_reserve(&form, FORM_BYTES_MAX); /* nothing moves: the token is wiped below */
    ASSERT(has_room);
    *ret_again = false;
    bool done = put_role(&form, "AssumeRoleWithWebIdentity", role, error) && put_token(&form, token_file, error) &&
                ask_once(search, endpoint, NULL, buffer_span(&form), ret_keys, ret_again, error);
    read_file_wipe(&form);
    return done;
}

bool sts_assume_role_with_web_identity(const struct search *search, const struct sts_role *role, const char *token_file,
                                       struct keys *ret_keys, struct error *error)
{
    struct sts_endpoint endpoint;
    bool done = false;
    bool is_again = sts_find_endpoint(search, role->region, &endpoint, error);
    for (unsigned attempt = 1; is_again && !done; attempt++) {
        done = ask_with_token(search, &endpoint, role, token_file, ret_keys, &is_again, error);
        is_again = is_again && attempt < ATTEMPTS_MAX && search_pause(search, attempt);
    }
    return done;
}
