/* s3client/credentials/container.c -- finds the URL and the token, asks, and asks again where that may help. */
#include "s3client/credentials/container.h"

#include "runtime/base/assert.h"
#include "runtime/base/read_file.h"
#include "s3client/credentials/key_document.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTEMPTS_MAX = 3, TIMEOUT_MS = 2000, TOKEN_BYTES_MAX = 16 << 10 };

/* ---- where ---- */

/* As a literal: a name could be anybody's, but localhost, which libcurl itself takes for loopback. */
static bool is_near(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    struct in6_addr agent;
    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127 || four.s_addr == inet_addr("169.254.170.2") ||
               four.s_addr == inet_addr("169.254.170.23");
    return inet_pton(AF_INET6, host, &six) == 1 && inet_pton(AF_INET6, "fd00:ec2::23", &agent) == 1 &&
           (IN6_IS_ADDR_LOOPBACK(&six) || IN6_ARE_ADDR_EQUAL(&six, &agent));
}

enum found container_find_url(const struct search *search, char ret_url[FETCH_URL_BYTES], struct error *error)
{
    struct fetch_url parts;
    const char *relative = search_variable(search, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = search_variable(search, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (relative == NULL && full == NULL)
        return FOUND_ABSENT;
    if (relative != NULL && relative[0] != '/')
        return found_if(
            error_set(error, ERROR_INVALID, NULL, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /"));
    int size = snprintf(ret_url, FETCH_URL_BYTES, "%s%s", relative != NULL ? "http://169.254.170.2" : "",
                        relative != NULL ? relative : full);
    if (size >= FETCH_URL_BYTES || !fetch_url_read(ret_url, &parts))
        return found_if(error_set(error, ERROR_INVALID, NULL, "AWS_CONTAINER_CREDENTIALS_%s_URI is no URL",
                                  relative != NULL ? "RELATIVE" : "FULL"));
    if (!parts.is_https && !is_near(parts.host))
        return found_if(
            error_set(error, ERROR_DENIED, NULL,
                      "AWS_CONTAINER_CREDENTIALS_FULL_URI: plain HTTP goes to loopback and to 169.254.170.2, "
                      "169.254.170.23 and fd00:ec2::23 only: use https"));
    return FOUND;
}

/* ---- the token ---- */

static const char TOKEN_NAME[] = "Authorization: ";

static bool set_token(struct span token, struct buffer *header, struct error *error)
{
    for (size_t i = 0; i < token.size; i++) {
        if (token.data[i] < ' ' || token.data[i] > '~')
            return error_set(error, ERROR_INVALID, NULL,
                             "the authorization token holds a byte that cannot stand in a header");
    }
    buffer_append_string(header, TOKEN_NAME);
    buffer_append(header, token);
    buffer_append_byte(header, '\0');
    return true;
}

/* Leaves the header empty where there is no token. */
static bool find_token(const struct search *search, struct buffer *header, struct error *error)
{
    struct buffer text;
    const char *file = search_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = search_variable(search, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (file == NULL && token == NULL)
        return true;
    if (file == NULL)
        return strlen(token) <= TOKEN_BYTES_MAX ? set_token(span_from_string(token), header, error)
                                                : error_set(error, ERROR_TOO_LARGE, NULL, "its token is too long");
    if (!read_file(file, TOKEN_BYTES_MAX, &text, error))
        return false;
    struct span whole = keys_trim(buffer_span(&text)); /* of a file that was written by hand */
    bool done =
        whole.size > 0 ? set_token(whole, header, error) : error_set(error, ERROR_INVALID, NULL, "%s is empty", file);
    read_file_wipe(&text);
    return done;
}

/* ---- asking ---- */

static bool ask_once(const struct search *search, const char *url, struct keys *ret_keys, bool *ret_again,
                     struct error *error)
{
    struct buffer token;
    struct fetch_answer answer = {0};
    buffer_init(&token, TOKEN_BYTES_MAX + sizeof TOKEN_NAME);
    bool has_room = buffer_reserve(&token, TOKEN_BYTES_MAX + sizeof TOKEN_NAME); /* nothing moves: it is wiped below */
    ASSERT(has_room);
    struct fetch_request request = {
        .method = "GET", .url = url, .timeout_ms = TIMEOUT_MS, .headers = {"Accept: application/json"}};
    bool done = find_token(search, &token, error);
    request.headers[1] = token.size > 0 ? (const char *)token.data : NULL;
    *ret_again = false;
    if (done) {
        done = fetch(search, &request, &answer, error);
        *ret_again = !done && error->kind != ERROR_CANCELLED;
    }
    if (done && answer.status != 200) {
        char refusal[160];
        key_document_describe_refusal(buffer_span(&answer.body), refusal, sizeof refusal);
        *ret_again = answer.status >= 500 || answer.status == 429;
        done = error_set(error, ERROR_DENIED, NULL, "%.80s answers %u: %s", url, answer.status, refusal);
    } else if (done && !key_document_read(buffer_span(&answer.body), KEY_DOCUMENT_CONTAINER, ret_keys, error)) {
        done = error_prepend(error, "%.80s", url);
    }
    fetch_answer_free(&answer);
    read_file_wipe(&token);
    return done;
}

enum found container_ask(const struct search *search, struct keys *ret_keys, struct error *error)
{
    char url[FETCH_URL_BYTES];
    enum found found = container_find_url(search, url, error);
    if (found != FOUND)
        return found;
    bool done = false;
    bool is_again = true;
    for (unsigned attempt = 1; is_again && !done; attempt++) {
        done = ask_once(search, url, ret_keys, &is_again, error);
        is_again = is_again && attempt < ATTEMPTS_MAX && search_pause(search, attempt);
    }
    return found_if(done);
}
