/* server/kms/aws.c -- credentials, a signature, and one request after the other until there is an answer. */
#include "server/kms/aws.h"

#include "s3client/credentials/credentials.h"
#include "s3client/credentials/signed_headers.h"
#include "s3client/wire/partition.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/aws_answer.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_TYPE "application/x-amz-json-1.1"

struct aws_kms {
    struct kms_service service; /* whose credentials they are; the options point into it */
    struct credentials_options options;
    struct s3_credential_source *credentials; /* NULL: none were found, or nobody has looked */
};

struct aws_kms *aws_kms_create(void)
{
    return calloc(1, sizeof(struct aws_kms));
}

static void forget_credentials(struct aws_kms *aws)
{
    s3_credentials_destroy(aws->credentials);
    aws->credentials = NULL;
}

void aws_kms_destroy(struct aws_kms *aws)
{
    if (aws == NULL)
        return;
    forget_credentials(aws);
    free(aws);
}

/* ---- credentials ---- */

/* Whatever it is, it is no single key's trouble. */
static bool refuse_for_service(struct error *error)
{
    error->kind = ERROR_IO;
    error->code = S3_ServiceUnavailable;
    return false;
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static bool find_credentials(struct aws_kms *aws, const struct search *search, const struct kms_service *service,
                             struct error *error)
{
    if (aws->credentials != NULL && kms_service_is_same(&aws->service, service))
        return true;
    forget_credentials(aws);
    aws->service = *service;
    aws->options = (struct credentials_options){
        .environment = search->options->environment,
        .file = text_or_null(aws->service.credentials),
        .profile = text_or_null(aws->service.profile),
        .region = aws->service.region,
        .ca_file = text_or_null(aws->service.ca_file),
        .cut_from = search->cut_from,
    };
    aws->credentials = credentials_open(&aws->options, error);
    return aws->credentials != NULL || refuse_for_service(error);
}

/* ---- one request ---- */

struct call {
    const struct search *search;
    const struct key_request *request;
    char url[FETCH_URL_BYTES];
    struct fetch_url parts;
    struct buffer body;
};

static bool call_begin(struct call *call, struct error *error)
{
    const struct kms_service *service = call->request->service;
    struct span region = span_from_string(service->region);
    if (service->url[0] == '\0')
        partition_write_url("kms", region, call->url, sizeof call->url);
    else
        memcpy(call->url, service->url, strlen(service->url) + 1);
    buffer_init(&call->body, AWS_BODY_BYTES_MAX);
    if (!fetch_url_read(call->url, &call->parts))
        return error_set(error, ERROR_IO, S3_ServiceUnavailable, "its url is not http(s)://HOST[:PORT][/PATH]");
    return aws_body_write(call->request, &call->body, error);
}

static void sign(const struct call *call, const struct s3_credentials *with, struct signed_headers *ret_headers)
{
    const struct signed_request to_sign = {
        .url = &call->parts,
        .service = "kms",
        .region = call->request->service->region,
        .content_type = CONTENT_TYPE,
        .target = call->request->blob.size > 0 ? "TrentService.Decrypt" : "TrentService.GenerateDataKey",
        .body = buffer_span(&call->body),
        .access_key_id = with->access_key_id,
        .secret_key = with->secret_key,
        .session_token = with->session_token,
    };
    signed_headers_make(&to_sign, ret_headers);
}

static bool send(const struct call *call, const struct signed_headers *headers, struct kms_key *key,
                 enum aws_remedy *ret_remedy, struct error *error)
{
    struct fetch_answer answer;
    struct fetch_request request = {
        .method = "POST",
        .url = call->url,
        .headers = {"Content-Type: " CONTENT_TYPE},
        .body = buffer_span(&call->body),
        .timeout_ms = KEY_REQUEST_MS,
        .has_proxy = true,
    };
    signed_headers_add(headers, 1, &request);
    *ret_remedy = AWS_ASK_AGAIN;
    bool answered = fetch(call->search, &request, &answer, error);
    bool taken = answered && aws_answer_take(call->request->service->name, answer.status, buffer_span(&answer.body),
                                             call->request->blob.size > 0, key, ret_remedy, error);
    fetch_answer_free(&answer);
    return taken || (!answered && refuse_for_service(error));
}

static bool ask_once(struct aws_kms *aws, const struct call *call, struct kms_key *key, enum aws_remedy *ret_remedy,
                     struct error *error)
{
    struct s3_credential_source *source = aws->credentials;
    *ret_remedy = AWS_NO_REMEDY;
    struct signed_headers *headers = calloc(1, sizeof *headers);
    if (headers == NULL)
        return error_set(error, ERROR_BUSY, S3_ServiceUnavailable, "there is no memory to sign a request");
    const struct s3_credentials *with = source->operations->pin(source, error);
    bool taken = false;
    if (with != NULL) {
        sign(call, with, headers);
        source->operations->unpin(source, with);
        taken = send(call, headers, key, ret_remedy, error);
    } else {
        (void)refuse_for_service(error);
    }
    explicit_bzero(headers, sizeof *headers);
    free(headers);
    return taken;
}

/* ---- until there is an answer ---- */

static bool ask(struct aws_kms *aws, const struct call *call, struct kms_key *key, struct error *error)
{
    enum aws_remedy remedy;
    bool has_new = false;
    for (unsigned attempt = 1; !ask_once(aws, call, key, &remedy, error); attempt++) {
        if (remedy == AWS_NO_REMEDY || attempt == KEY_REQUEST_ATTEMPTS)
            return false;
        if (remedy == AWS_ASK_AGAIN && !search_pause(call->search, attempt))
            return false;
        if (remedy == AWS_NEW_CREDENTIALS) {
            if (has_new)
                return false;
            forget_credentials(aws);
            has_new = true;
            if (!find_credentials(aws, call->search, call->request->service, error))
                return false;
        }
    }
    return true;
}

bool aws_kms_ask(struct aws_kms *aws, const struct search *search, const struct key_request *request,
                 struct kms_key *ret_key, struct error *error)
{
    struct search timed = *search;
    struct call call = {.search = &timed, .request = request};
    *ret_key = (struct kms_key){.blob_size = 0};
    bool given = find_credentials(aws, search, request->service, error);
    timed.deadline = clock_monotonic_ns(clock_system()) + (uint64_t)KEY_REQUEST_ALL_MS * 1000000;
    given = given && call_begin(&call, error) && ask(aws, &call, ret_key, error);
    buffer_free(&call.body);
    return given || (error->code == S3_ServiceUnavailable && key_request_refuse_unavailable(request->service, error));
}
