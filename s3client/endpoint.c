/* s3client/endpoint.c -- where the backend is: its URL taken apart, whom to believe, its clock. */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "s3client/client_private.h"
#include "s3client/wire/date.h"
#include "s3client/wire/partition.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PORT_HTTP = 80,
    PORT_HTTPS = 443,
    URL_BYTES_MAX = 1024,
    /* A backend whose clock is further off than this is not believed: signatures have a date, no year of their own
     * choice. */
    CLOCK_OFFSET_MS_MAX = 7LL * 24 * 3600 * 1000,
    ANSWER_NOTED_NS = 500 * 1000 * 1000,
};

/* ---- the URL ---- */

struct parts {
    bool is_secure;
    struct span host;
    uint64_t port;
    struct span path;
};

static bool is_host_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '.' || byte == '_' || byte == ':';
}

static bool is_host(struct span host)
{
    for (size_t i = 0; i < host.size; i++) {
        if (!is_host_byte(host.data[i]))
            return false;
    }
    return host.size > 0 && host.size <= DIAL_HOST_BYTES_MAX;
}

/* "host", "host:port", "[ipv6]", "[ipv6]:port" */
static bool split_authority(struct span authority, struct parts *parts)
{
    struct span port = SPAN_EMPTY;
    if (authority.size > 0 && authority.data[0] == '[') {
        size_t end = span_find(authority, ']');
        if (end == SIZE_MAX)
            return false;
        parts->host = span_take(span_skip(authority, 1), end - 1);
        port = span_skip(authority, end + 1);
        if (port.size > 0 && port.data[0] != ':')
            return false;
    } else {
        size_t colon = span_find(authority, ':');
        parts->host = span_take(authority, colon);
        port = colon == SIZE_MAX ? SPAN_EMPTY : span_skip(authority, colon);
        if (port.size > 0 && span_find(span_skip(port, 1), ':') != SIZE_MAX)
            return false;
    }
    if (port.size > 0 && !decimal_parse_range(span_skip(port, 1), 1, UINT16_MAX, &parts->port))
        return false;
    return is_host(parts->host);
}

static bool is_path(struct span path)
{
    for (size_t i = 0; i < path.size; i++) {
        if (path.data[i] <= ' ' || path.data[i] >= 0x7f || strchr("?#%\"<>\\^`{|}", path.data[i]) != NULL)
            return false;
    }
    return true;
}

static bool split_url(const char *url, struct parts *parts, struct error *error)
{
    struct span text = span_from_string(url);
    struct span scheme = SPAN("https://");
    if (text.size > URL_BYTES_MAX)
        return error_set(error, ERROR_INVALID, NULL, "the endpoint's URL is too long");
    parts->is_secure = span_starts_with(text, scheme);
    if (!parts->is_secure)
        scheme = SPAN("http://");
    if (!span_starts_with(text, scheme))
        return error_set(error, ERROR_INVALID, NULL, "the endpoint \"%s\" must begin with http:// or https://", url);
    text = span_skip(text, scheme.size);
    parts->port = parts->is_secure ? PORT_HTTPS : PORT_HTTP;
    size_t slash = span_find(text, '/');
    parts->path = slash == SIZE_MAX ? SPAN_EMPTY : span_skip(text, slash);
    while (parts->path.size > 0 && parts->path.data[parts->path.size - 1] == '/')
        parts->path.size--;
    if (!split_authority(span_take(text, slash), parts) || !is_path(parts->path))
        return error_set(error, ERROR_INVALID, NULL, "the endpoint \"%s\" must be http[s]://host[:port][/path]", url);
    return true;
}

/* ---- life ---- */

static char *copy_of(struct span text)
{
    char *copy = calloc(1, text.size + 1);
    ASSERT(copy != NULL);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    ASSERT(vasprintf(&text, format, arguments) >= 0);
    va_end(arguments);
    return text;
}

static void take_url(struct s3_endpoint *endpoint, const struct parts *parts)
{
    bool is_v6 = span_find(parts->host, ':') != SIZE_MAX;
    bool is_usual = parts->port == (parts->is_secure ? PORT_HTTPS : PORT_HTTP);
    char port[DECIMAL_BYTES_MAX + 2] = "";
    if (!is_usual)
        (void)snprintf(port, sizeof port, ":%u", (unsigned)parts->port);
    endpoint->host = copy_of(parts->host);
    endpoint->port = (uint16_t)parts->port;
    endpoint->base_path = copy_of(parts->path);
    endpoint->authority = text_of(is_v6 ? "[%s]%s" : "%s%s", endpoint->host, port);
    endpoint->url = text_of("%s://%s%s", parts->is_secure ? "https" : "http", endpoint->authority, endpoint->base_path);
}

static bool take_headers(struct s3_endpoint *endpoint, const struct s3_endpoint_settings *settings, struct error *error)
{
    if (settings->headers_count > S3_EXTRA_HEADERS_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "more than %d headers for all requests", S3_EXTRA_HEADERS_MAX);
    for (unsigned i = 0; i < settings->headers_count; i++) {
        const struct s3_extra_header *header = &settings->headers[i];
        endpoint->headers[i].name = span_from_string(copy_of(span_from_string(header->name)));
        endpoint->headers[i].value = span_from_string(copy_of(span_from_string(header->value)));
        endpoint->headers_kinds[i] = header->kinds;
        endpoint->headers_count++;
    }
    struct s3_call none = {
        .kind = S3_GET_OBJECT, .headers = endpoint->headers, .headers_count = endpoint->headers_count};
    return s3_request_check(&none, error);
}

static bool fill(struct s3_endpoint *endpoint, const struct s3_endpoint_settings *settings, struct error *error)
{
    struct parts parts = {0};
    char of_region[128];
    endpoint->region = copy_of(span_from_string(settings->region == NULL ? "us-east-1" : settings->region));
    if (!is_host(span_from_string(endpoint->region)) || strlen(endpoint->region) > 64)
        return error_set(error, ERROR_INVALID, NULL, "\"%s\" is no name of a region", endpoint->region);
    partition_write_url("s3", span_from_string(endpoint->region), of_region, sizeof of_region);
    if (!split_url(settings->url == NULL ? of_region : settings->url, &parts, error))
        return false;
    take_url(endpoint, &parts);
    endpoint->addressing = settings->addressing;
    endpoint->credentials = settings->credentials;
    endpoint->clock = settings->clock;
    endpoint->dialer = dialer_create(settings->offload);
    if (parts.is_secure) {
        endpoint->tls = tls_client_create(settings->ca_file, error);
        if (endpoint->tls == NULL)
            return false;
    }
    return take_headers(endpoint, settings, error);
}

static int64_t backend_wall_ms(void *context)
{
    return s3_endpoint_now_ms(context);
}

static uint64_t our_monotonic_ns(void *context)
{
    const struct s3_endpoint *endpoint = context;
    return clock_monotonic_ns(endpoint->clock == NULL ? clock_system() : endpoint->clock);
}

struct s3_endpoint *s3_endpoint_create(const struct s3_endpoint_settings *settings, struct error *error)
{
    struct s3_endpoint *endpoint = calloc(1, sizeof *endpoint);
    ASSERT(endpoint != NULL);
    endpoint->backend_clock = (struct clock){backend_wall_ms, our_monotonic_ns, endpoint};
    if (fill(endpoint, settings, error))
        return endpoint;
    s3_endpoint_destroy(endpoint);
    return NULL;
}

void s3_endpoint_destroy(struct s3_endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    for (unsigned i = 0; i < endpoint->headers_count; i++) {
        free((void *)(uintptr_t)endpoint->headers[i].name.data);
        free((void *)(uintptr_t)endpoint->headers[i].value.data);
    }
    tls_client_destroy(endpoint->tls);
    dialer_destroy(endpoint->dialer);
    free(endpoint->url);
    free(endpoint->host);
    free(endpoint->authority);
    free(endpoint->base_path);
    free(endpoint->region);
    free(endpoint);
}

const char *s3_endpoint_url(const struct s3_endpoint *endpoint)
{
    return endpoint->url;
}

const char *s3_endpoint_region(const struct s3_endpoint *endpoint)
{
    return endpoint->region;
}

bool s3_endpoint_is_secure(const struct s3_endpoint *endpoint)
{
    return endpoint->tls != NULL;
}

void s3_endpoint_say_unused(const struct s3_endpoint *endpoint, const char *ca_file)
{
    if (ca_file != NULL && ca_file[0] != '\0' && !s3_endpoint_is_secure(endpoint))
        log_message(LOG_WARNING,
                    "%s shows no certificate, which the authorities of %s could prove: they are believed where "
                    "credentials are fetched, and nowhere else.",
                    s3_endpoint_url(endpoint), ca_file);
}

/* ---- time ---- */

/* Shards share this line: it is written seldom. */
void s3_endpoint_note_answer(struct s3_endpoint *endpoint)
{
    uint64_t now = loop_now_ns();
    uint64_t noted = atomic_load_explicit(&endpoint->answered_ns, memory_order_relaxed);
    if (noted == 0 || now > noted + ANSWER_NOTED_NS)
        atomic_store_explicit(&endpoint->answered_ns, now, memory_order_relaxed);
}

uint64_t s3_endpoint_silent_ms(const struct s3_endpoint *endpoint)
{
    uint64_t now = loop_now_ns();
    uint64_t noted = atomic_load_explicit(&endpoint->answered_ns, memory_order_relaxed);
    return noted == 0 ? UINT64_MAX : now > noted ? (now - noted) / 1000000 : 0;
}

int64_t s3_endpoint_clock_offset_ms(const struct s3_endpoint *endpoint)
{
    return atomic_load_explicit(&endpoint->clock_offset_ms, memory_order_relaxed);
}

static int64_t our_ms(const struct s3_endpoint *endpoint)
{
    return endpoint->clock == NULL ? loop_wall_ms() : clock_wall_ms(endpoint->clock);
}

int64_t s3_endpoint_now_ms(const struct s3_endpoint *endpoint)
{
    return our_ms(endpoint) + s3_endpoint_clock_offset_ms(endpoint);
}

const struct clock *s3_endpoint_clock(const struct s3_endpoint *endpoint)
{
    return &endpoint->backend_clock;
}

bool s3_endpoint_correct_clock(struct s3_endpoint *endpoint, struct span date)
{
    int64_t theirs;
    if (!date_parse_http(date, &theirs))
        return false;
    int64_t offset = theirs - our_ms(endpoint);
    if (offset > CLOCK_OFFSET_MS_MAX || offset < -CLOCK_OFFSET_MS_MAX)
        return false;
    atomic_store_explicit(&endpoint->clock_offset_ms, offset, memory_order_relaxed);
    return true;
}
