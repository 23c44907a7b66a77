/* s3client/credentials/instance.c -- token, role, keys: three requests, the token anew where it is refused. */
#include "s3client/credentials/instance.h"

#include "s3client/credentials/fetch.h"
#include "s3client/credentials/key_document.h"

#include <stdio.h>
#include <strings.h>

enum { TOKEN_BYTES_MAX = 512, ROLE_BYTES_MAX = 128, ENDPOINT_BYTES = 256 };

#define ROLES_PATH "/latest/meta-data/iam/security-credentials/"

struct instance {
    const struct search *search;
    char endpoint[ENDPOINT_BYTES];    /* without / at its end */
    char token[TOKEN_BYTES_MAX + 32]; /* the header; "": version 1 */
    uint64_t timeout_ms;
    unsigned attempts_max;
};

static bool find_endpoint(struct instance *instance, struct error *error)
{
    struct fetch_url parts;
    const char *mode = search_variable(instance->search, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    const char *endpoint = search_variable(instance->search, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    bool is_six = mode != NULL && strcasecmp(mode, "IPv6") == 0;
    if (endpoint == NULL)
        endpoint = is_six ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    size_t size = strlen(endpoint);
    while (size > 0 && endpoint[size - 1] == '/')
        size--;
    if (size >= ENDPOINT_BYTES || !fetch_url_read(endpoint, &parts))
        return error_set(error, ERROR_INVALID, NULL, "AWS_EC2_METADATA_SERVICE_ENDPOINT is not http(s)://HOST[:PORT]");
    (void)snprintf(instance->endpoint, ENDPOINT_BYTES, "%.*s", (int)size, endpoint);
    return true;
}

/* One request, again where nobody answered or the service was in trouble. */
static bool ask(const struct instance *instance, const char *method, const char *path, const char *header,
                struct fetch_answer *ret_answer, struct error *error)
{
    char url[FETCH_URL_BYTES];
    (void)snprintf(url, sizeof url, "%s%s", instance->endpoint, path);
    const struct fetch_request request = {.method = method,
                                          .url = url,
                                          .headers = {header[0] != '\0' ? header : NULL},
                                          .timeout_ms = instance->timeout_ms};
    for (unsigned attempt = 1;; attempt++) {
        bool done = fetch(instance->search, &request, ret_answer, error);
        bool is_again = done ? ret_answer->status >= 500 || ret_answer->status == 429 : error->kind != ERROR_CANCELLED;
        if (!is_again || attempt >= instance->attempts_max || !search_pause(instance->search, attempt))
            return done;
        fetch_answer_free(ret_answer);
    }
}

static bool refuse(const struct instance *instance, const char *what, const struct fetch_answer *answer,
                   struct error *error)
{
    char text[96];
    keys_quote(span_take(buffer_span(&answer->body), 64), text, sizeof text);
    return error_set(error, ERROR_DENIED, NULL, "%.80s answers %u when it is asked for %s: %s", instance->endpoint,
                     answer->status, what, text);
}

/* ---- the session token ---- */

static bool may_use_version_1(const struct instance *instance)
{
    const char *disabled = search_variable(instance->search, "AWS_EC2_METADATA_V1_DISABLED");
    return disabled != NULL && strcasecmp(disabled, "false") == 0;
}

static bool take_token(struct instance *instance, struct span token, struct error *error)
{
    bool is_good = token.size > 0 && token.size <= TOKEN_BYTES_MAX;
    for (size_t i = 0; i < token.size && is_good; i++)
        is_good = token.data[i] > ' ' && token.data[i] <= '~';
    if (!is_good)
        return error_set(error, ERROR_INVALID, NULL, "%.80s hands out a session token that is none",
                         instance->endpoint);
    (void)snprintf(instance->token, sizeof instance->token, "X-aws-ec2-metadata-token: %.*s", SPAN_FORMAT(token));
    return true;
}

/* FOUND_ABSENT: nobody answers. */
static enum found ask_token(struct instance *instance, struct error *error)
{
    struct fetch_answer answer;
    bool done = false;
    instance->token[0] = '\0';
    if (!ask(instance, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 21600", &answer, error)) {
        fetch_answer_free(&answer);
        return error->kind == ERROR_CANCELLED ? FOUND_FAILED : FOUND_ABSENT;
    }
    bool is_refused = answer.status == 403 || answer.status == 404 || answer.status == 405;
    if (answer.status == 200)
        done = take_token(instance, keys_trim(buffer_span(&answer.body)), error);
    else if (is_refused && may_use_version_1(instance))
        done = true;
    else
        done = refuse(instance, "a session token (IMDSv2)", &answer, error);
    fetch_answer_free(&answer);
    return found_if(done);
}

/* ---- role and keys ---- */

/* Names of roles as IAM allows them, so that they are a part of a path as they are. */
static bool take_role(struct span text, char ret_role[ROLE_BYTES_MAX + 1])
{
    size_t size = 0;
    while (size < text.size && text.data[size] != '\n' && text.data[size] != '\r')
        size++;
    bool is_good = size > 0 && size <= ROLE_BYTES_MAX;
    for (size_t i = 0; i < size && is_good; i++) {
        uint8_t byte = text.data[i];
        is_good = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
                  memchr("+=,.@_-", byte, 7) != NULL;
    }
    if (is_good)
        memcpy(ret_role, text.data, size);
    ret_role[is_good ? size : 0] = '\0';
    return is_good;
}

/* FOUND_ABSENT: the instance has no role. *ret_stale: the session token is not taken any more. */
static enum found ask_role(const struct instance *instance, char ret_role[ROLE_BYTES_MAX + 1], bool *ret_stale,
                           struct error *error)
{
    struct fetch_answer answer;
    enum found found = FOUND;
    bool done = ask(instance, "GET", ROLES_PATH, instance->token, &answer, error);
    *ret_stale = done && answer.status == 401;
    if (done && answer.status == 404)
        found = FOUND_ABSENT;
    else if (done && answer.status != 200)
        found = found_if(refuse(instance, "the name of its role", &answer, error));
    else if (!done)
        found = FOUND_FAILED;
    else if (!take_role(buffer_span(&answer.body), ret_role))
        found = found_if(refuse(instance, "the name of its role", &answer, error));
    fetch_answer_free(&answer);
    return found;
}

static enum found ask_keys(const struct instance *instance, const char *role, struct keys *ret_keys, bool *ret_stale,
                           struct error *error)
{
    char path[sizeof ROLES_PATH + ROLE_BYTES_MAX];
    struct fetch_answer answer;
    (void)snprintf(path, sizeof path, ROLES_PATH "%s", role);
    bool done = ask(instance, "GET", path, instance->token, &answer, error);
    *ret_stale = done && answer.status == 401;
    if (done && answer.status != 200)
        done = refuse(instance, "keys", &answer, error);
    else if (done && !key_document_read(buffer_span(&answer.body), KEY_DOCUMENT_INSTANCE, ret_keys, error))
        done = error_prepend(error, "%.80s, role %.60s", instance->endpoint, role);
    fetch_answer_free(&answer);
    return found_if(done);
}

static enum found ask_all(struct instance *instance, struct keys *ret_keys, bool *ret_stale, struct error *error)
{
    char role[ROLE_BYTES_MAX + 1] = "";
    *ret_stale = false;
    enum found found = ask_token(instance, error);
    if (found == FOUND)
        found = ask_role(instance, role, ret_stale, error);
    if (found == FOUND)
        found = ask_keys(instance, role, ret_keys, ret_stale, error);
    return found;
}

enum found instance_ask(const struct search *search, struct keys *ret_keys, struct error *error)
{
    const char *disabled = search_variable(search, "AWS_EC2_METADATA_DISABLED");
    if (disabled != NULL && strcasecmp(disabled, "true") == 0)
        return FOUND_ABSENT;
    struct instance instance = {
        .search = search,
        .timeout_ms = 1000 * search_variable_number(search, "AWS_METADATA_SERVICE_TIMEOUT", 60, 1),
        .attempts_max = search_variable_number(search, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 10, 3),
    };
    bool is_stale;
    if (!find_endpoint(&instance, error))
        return FOUND_FAILED;
    enum found found = ask_all(&instance, ret_keys, &is_stale, error);
    return is_stale ? ask_all(&instance, ret_keys, &is_stale, error) : found;
}
