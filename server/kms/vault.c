/* server/kms/vault.c -- two calls of the transit engine. */
#include "server/kms/vault.h"

#include "runtime/base/base64.h"
#include "s3client/credentials/fetch.h"
#include "s3client/wire/s3_error.h"
#include "server/kms/vault_answer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    TOKEN_BYTES_MAX = 1024,
    CONTEXT_TEXT_BYTES = BASE64_ENCODED_BYTES(KMS_CONTEXT_BYTES),
    BODY_BYTES_MAX = KMS_BLOB_BYTES_MAX + 128,
};

struct call {
    const struct search *search;
    const struct kms_service *service;
    struct span key;  /* of the service's */
    const char *verb; /* "datakey/plaintext" or "decrypt" */
    char body[BODY_BYTES_MAX];
};

/* ---- asking ---- */

static bool read_token(const struct call *call, char ret_header[TOKEN_BYTES_MAX + 32], struct error *error)
{
    char token[TOKEN_BYTES_MAX + 1];
    int fd = open(call->service->token_file, O_RDONLY | O_CLOEXEC);
    ssize_t read_bytes = fd >= 0 ? read(fd, token, TOKEN_BYTES_MAX) : 0; /* stdio would keep a copy */
    size_t size = read_bytes > 0 ? (size_t)read_bytes : 0;
    if (fd >= 0)
        (void)close(fd);
    while (size > 0 && (token[size - 1] == '\n' || token[size - 1] == '\r' || token[size - 1] == ' '))
        size--;
    token[size] = '\0';
    bool is_token = size > 0 && strpbrk(token, "\r\n") == NULL && strlen(token) == size;
    (void)snprintf(ret_header, TOKEN_BYTES_MAX + 32, "X-Vault-Token: %s", token);
    explicit_bzero(token, sizeof token);
    return is_token ||
           error_set(error, ERROR_IO, S3_ServiceUnavailable, "there is no token in %s", call->service->token_file);
}

static bool ask_once(const struct call *call, struct kms_key *key, bool *ret_is_worth_another, struct error *error)
{
    char url[FETCH_URL_BYTES];
    char token[TOKEN_BYTES_MAX + 32];
    const struct kms_service *service = call->service;
    struct fetch_answer answer;
    *ret_is_worth_another = false;
    if (!read_token(call, token, error))
        return false;
    (void)snprintf(url, sizeof url, "%s/v1/%s/%s/%.*s", service->url,
                   service->mount[0] != '\0' ? service->mount : "transit", call->verb, SPAN_FORMAT(call->key));
    const struct fetch_request request = {
        .method = "POST",
        .url = url,
        .headers = {token, "X-Vault-Request: true", "Content-Type: application/json"},
        .body = span_from_string(call->body),
        .timeout_ms = KEY_REQUEST_MS,
        .has_proxy = true,
    };
    bool answered = fetch(call->search, &request, &answer, error);
    explicit_bzero(token, sizeof token);
    bool taken = answered && vault_answer_take(service->name, answer.status, buffer_span(&answer.body), key, error);
    *ret_is_worth_another = !answered || answer.status >= 500;
    if (!answered) {
        error->kind = ERROR_IO;
        error->code = S3_ServiceUnavailable;
    }
    fetch_answer_free(&answer);
    return taken;
}

static bool ask(const struct call *call, struct kms_key *key, struct error *error)
{
    bool is_worth_another;
    for (unsigned attempt = 1; !ask_once(call, key, &is_worth_another, error); attempt++)
        if (!is_worth_another || attempt == KEY_REQUEST_ATTEMPTS || !search_pause(call->search, attempt))
            return error->code == S3_ServiceUnavailable && key_request_refuse_unavailable(call->service, error);
    return true;
}

bool vault_ask(const struct search *search, const struct key_request *request, struct kms_key *ret_key,
               struct error *error)
{
    char context[CONTEXT_TEXT_BYTES + 1];
    bool opens = request->blob.size > 0;
    struct call call = {.search = search,
                        .service = request->service,
                        .key = request->key,
                        .verb = opens ? "decrypt" : "datakey/plaintext"};
    *ret_key = (struct kms_key){.blob_size = request->blob.size};
    if (opens && !vault_is_blob(request->blob))
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "What is kept of the key is none of the service's.");
    base64_encode(span_of(request->context->hash, KMS_CONTEXT_BYTES), context);
    context[CONTEXT_TEXT_BYTES] = '\0';
    if (opens)
        (void)snprintf(call.body, sizeof call.body, "{\"ciphertext\":\"%.*s\",\"context\":\"%s\"}",
                       SPAN_FORMAT(request->blob), context);
    else
        (void)snprintf(call.body, sizeof call.body, "{\"bits\":256,\"context\":\"%s\"}", context);
    return ask(&call, ret_key, error);
}
