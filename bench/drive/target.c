/* bench/drive/target.c -- URLs, and what is made of them. */
#include "bench/drive/target.h"

#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT_HTTP = 80, PORT_HTTPS = 443, KEPT_MS = 600000, CONNECT_MS = 30000, PROGRESS_MS = 120000 };

struct url {
    bool is_secure;
    struct span authority;
    struct span host;
    uint64_t port;
};

static struct span url_at(const char *urls, unsigned index)
{
    struct span rest = span_from_string(urls);
    for (; index > 0; index--)
        rest = span_skip(rest, span_find(rest, ',') + 1);
    struct span url = span_trim(span_take(rest, span_find(rest, ',')));
    while (url.size > 0 && url.data[url.size - 1] == '/')
        url.size--;
    return url;
}

unsigned target_count_urls(const char *urls)
{
    unsigned count = 1;
    for (; *urls != '\0'; urls++)
        count += *urls == ',';
    return count;
}

static bool is_host_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == ':' || byte == '%';
}

static bool split_authority(struct url *url)
{
    struct span rest = url->authority;
    bool has_bracket = rest.size > 0 && rest.data[0] == '[';
    size_t end = span_find(rest, has_bracket ? ']' : ':');
    if (has_bracket && end == SIZE_MAX)
        return false;
    url->host = has_bracket ? span_take(span_skip(rest, 1), end - 1) : span_take(rest, end);
    rest = end == SIZE_MAX ? SPAN_EMPTY : span_skip(rest, end + has_bracket);
    if (rest.size > 0 && (rest.data[0] != ':' || !decimal_parse_range(span_skip(rest, 1), 1, UINT16_MAX, &url->port)))
        return false;
    for (size_t i = 0; i < url->host.size; i++)
        if (!is_host_byte(url->host.data[i]))
            return false;
    return url->host.size > 0 && url->host.size <= DIAL_HOST_BYTES_MAX;
}

static bool split(struct span text, struct url *ret_url, struct error *error)
{
    *ret_url = (struct url){.is_secure = span_starts_with(text, SPAN("https://"))};
    ret_url->port = ret_url->is_secure ? PORT_HTTPS : PORT_HTTP;
    struct span scheme = ret_url->is_secure ? SPAN("https://") : SPAN("http://");
    bool good = span_starts_with(text, scheme);
    if (good) {
        ret_url->authority = span_skip(text, scheme.size);
        good = split_authority(ret_url);
    }
    return good || error_set(error, ERROR_INVALID, NULL, "endpoint: \"%.*s\" is not http[s]://host[:port]",
                             SPAN_FORMAT(span_take(text, 100)));
}

bool target_check_urls(const char *urls, struct error *error)
{
    struct url url;
    unsigned count = target_count_urls(urls);
    if (count > JOB_ENDPOINTS_MAX)
        return error_set(error, ERROR_INVALID, NULL, "endpoint: there are more than %d", JOB_ENDPOINTS_MAX);
    for (unsigned i = 0; i < count; i++)
        if (!split(url_at(urls, i), &url, error))
            return false;
    return true;
}

static char *copy_of(struct span text)
{
    char *copy = strndup((const char *)text.data, text.size);
    ASSERT(copy != NULL);
    return copy;
}

/* "": there is none. */
static const char *or_environment(const char *value, const char *name)
{
    if (value == NULL)
        value = getenv(name);
    return value == NULL ? "" : value;
}

bool target_open(const struct job *job, unsigned index, struct dialer *dialer, struct target *ret_target,
                 struct error *error)
{
    struct url url;
    struct span text = url_at(job->endpoint, index);
    *ret_target = (struct target){0};
    const char *access_key = or_environment(job->access_key, "AWS_ACCESS_KEY_ID");
    const char *secret_key = or_environment(job->secret_key, "AWS_SECRET_ACCESS_KEY");
    if (!split(text, &url, error))
        return false;
    if (job->sign != SIGN_NONE && (access_key[0] == '\0' || secret_key[0] == '\0'))
        return error_set(error, ERROR_INVALID, NULL,
                         "there are no keys to sign with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                         "access-key and secret-key");
    if (url.is_secure && (ret_target->tls = tls_client_create(job->ca_file, error)) == NULL)
        return false;
    ret_target->url = copy_of(text);
    ret_target->host = copy_of(url.host);
    ret_target->authority = copy_of(url.authority);
    ret_target->port = (uint16_t)url.port;
    const struct http_client_settings settings = {.dialer = dialer,
                                                  .tls = ret_target->tls,
                                                  .port = ret_target->port,
                                                  .kept_max = job->connections_are_new ? 0 : JOB_CONNECTIONS_MAX,
                                                  .kept_ms = KEPT_MS,
                                                  .connect_ms = CONNECT_MS,
                                                  .progress_ms = PROGRESS_MS};
    ret_target->http = http_client_create(&settings);
    ret_target->signer = (struct signer){.host = ret_target->authority,
                                         .access_key = access_key,
                                         .secret_key = secret_key,
                                         .region = job->region,
                                         .cache = &ret_target->cache};
    return true;
}

void target_close(struct target *target)
{
    http_client_destroy(target->http);
    tls_client_destroy(target->tls);
    free(target->url);
    free(target->host);
    free(target->authority);
    *target = (struct target){0};
}
