/* server/s3/request/client_address.c -- the peer's address, and whom to believe about another one. */
#include "server/s3/request/client_address.h"

#include "runtime/base/decimal.h"

#include <arpa/inet.h>

enum { ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN };

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t address[16])
{
    return memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0;
}

/* v4 as mapped v6. */
static bool parse_address(struct span text, uint8_t ret_address[16])
{
    char copy[ADDRESS_TEXT_BYTES];
    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (strlen(copy) != text.size)
        return false;
    memcpy(ret_address, mapped_prefix, sizeof mapped_prefix);
    return inet_pton(AF_INET, copy, ret_address + sizeof mapped_prefix) == 1 ||
           inet_pton(AF_INET6, copy, ret_address) == 1;
}

/* "192.0.2.1:4711" or "[2001:db8::1]:4711", as stream_peer and proxies write them; the port may be missing. */
static struct span without_port(struct span text)
{
    if (text.size > 0 && text.data[0] == '[') {
        size_t end = span_find(text, ']');
        return end == SIZE_MAX ? SPAN_EMPTY : span_skip(span_take(text, end), 1);
    }
    size_t colon = span_find(text, ':');
    bool is_v6 = colon != SIZE_MAX && span_find(span_skip(text, colon + 1), ':') != SIZE_MAX;
    return is_v6 ? text : span_take(text, colon);
}

static bool is_in_range(const uint8_t address[16], const struct trusted_range *range)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;
    if (memcmp(address, range->address, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ range->address[whole]) >> (8 - rest)) == 0;
}

static bool is_trusted(const struct trusted_proxies *proxies, const uint8_t address[16])
{
    for (unsigned i = 0; proxies != NULL && i < proxies->count; i++)
        if (is_in_range(address, &proxies->ranges[i]))
            return true;
    return false;
}

static bool peer_of(const struct s3_request *request, uint8_t ret_address[16])
{
    return parse_address(without_port(span_from_string(stream_peer(request->exchange->stream))), ret_address);
}

/* ---- the option ---- */

static bool parse_range(struct span text, struct trusted_range *ret_range)
{
    size_t slash = span_find(text, '/');
    uint64_t bits = 128;
    if (!parse_address(span_take(text, slash), ret_range->address))
        return false;
    unsigned before = is_mapped(ret_range->address) ? 96 : 0;
    if (slash != SIZE_MAX && !decimal_parse_range(span_skip(text, slash + 1), 0, 128 - before, &bits))
        return false;
    ret_range->bits = slash == SIZE_MAX ? 128 : (unsigned)bits + before;
    return true;
}

bool trusted_proxies_parse(struct span text, struct trusted_proxies *ret_proxies, struct error *error)
{
    ret_proxies->count = 0;
    while (span_trim(text).size > 0) {
        size_t comma = span_find(text, ',');
        struct span item = span_trim(span_take(text, comma));
        text = comma == SIZE_MAX ? SPAN_EMPTY : span_skip(text, comma + 1);
        if (ret_proxies->count == TRUSTED_PROXIES_MAX)
            return error_set(error, ERROR_INVALID, NULL, "there are more than %d proxies", TRUSTED_PROXIES_MAX);
        if (!parse_range(item, &ret_proxies->ranges[ret_proxies->count]))
            return error_set(error, ERROR_INVALID, NULL, "\"%.*s\" is no address and no range such as 10.0.0.0/8",
                             SPAN_FORMAT(span_take(item, 64)));
        ret_proxies->count++;
    }
    return true;
}

/* ---- of a request ---- */

/* From its end: the first entry that is no trusted proxy. False: one before that cannot be read. */
static bool follow_list(const struct trusted_proxies *proxies, struct span list, uint8_t address[16])
{
    while (list.size > 0 && is_trusted(proxies, address)) {
        size_t start = list.size;
        while (start > 0 && list.data[start - 1] != ',')
            start--;
        uint8_t hop[16];
        if (!parse_address(without_port(span_trim(span_skip(list, start))), hop))
            return false;
        memcpy(address, hop, sizeof hop);
        list = span_take(list, start == 0 ? 0 : start - 1);
    }
    return true;
}

/* Several fields are one list: what a client sends itself must not hide what the proxy has added. */
static bool follow_forwarded(const struct s3_request *request, uint8_t address[16])
{
    const struct trusted_proxies *proxies = request->settings->trusted_proxies;
    const struct http_head *head = request->head;
    for (unsigned i = head->fields_count; i > 0 && is_trusted(proxies, address); i--) {
        const struct http_field *field = &head->fields[i - 1];
        if (span_equal_ignore_case(field->name, SPAN("x-forwarded-for")) &&
            !follow_list(proxies, field->value, address))
            return false;
    }
    return true;
}

bool client_address(struct s3_request *request, struct span *ret_address, struct error *error)
{
    char text[ADDRESS_TEXT_BYTES] = "";
    uint8_t address[16];
    *ret_address = SPAN_EMPTY;
    if (!peer_of(request, address) || !follow_forwarded(request, address))
        return true;
    if (is_mapped(address))
        (void)inet_ntop(AF_INET, address + sizeof mapped_prefix, text, sizeof text);
    else
        (void)inet_ntop(AF_INET6, address, text, sizeof text);
    *ret_address = s3_copy(request, span_from_string(text), error);
    return ret_address->data != NULL;
}

/* What the proxy itself has said: the last of all. */
static bool find_protocol(const struct http_head *head, struct span *ret_protocol)
{
    for (unsigned i = head->fields_count; i > 0; i--) {
        const struct http_field *field = &head->fields[i - 1];
        if (!span_equal_ignore_case(field->name, SPAN("x-forwarded-proto")))
            continue;
        size_t start = field->value.size;
        while (start > 0 && field->value.data[start - 1] != ',')
            start--;
        *ret_protocol = span_trim(span_skip(field->value, start));
        return true;
    }
    return false;
}

bool client_is_secure(const struct s3_request *request)
{
    uint8_t address[16];
    struct span protocol;
    if (peer_of(request, address) && is_trusted(request->settings->trusted_proxies, address) &&
        find_protocol(request->head, &protocol))
        return span_equal_ignore_case(protocol, SPAN("https"));
    return stream_is_secure(request->exchange->stream);
}
