/* server/access/policy/values.c -- numbers, moments, networks and ARNs as policies write them. */
#include "server/access/policy/values.h"

#include "runtime/base/decimal.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Takes what digits *text begins with; their count. */
static size_t take_digits(struct span *text)
{
    size_t count = 0;
    while (count < text->size && is_digit(text->data[count]))
        count++;
    *text = span_skip(*text, count);
    return count;
}

static bool take_byte(struct span *text, uint8_t byte)
{
    if (text->size == 0 || text->data[0] != byte)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

/* ---- numbers ---- */

/* [sign] digits [. digits] [e [sign] digits], and nothing else of what strtod takes. */
static bool is_number(struct span text)
{
    (void)(take_byte(&text, '-') || take_byte(&text, '+'));
    if (take_digits(&text) == 0 || (take_byte(&text, '.') && take_digits(&text) == 0))
        return false;
    if (take_byte(&text, 'e') || take_byte(&text, 'E')) {
        (void)(take_byte(&text, '-') || take_byte(&text, '+'));
        if (take_digits(&text) == 0)
            return false;
    }
    return text.size == 0;
}

bool value_parse_number(struct span text, double *ret_number)
{
    char digits[65];
    while (text.size > 1 && text.data[0] == '0' && is_digit(text.data[1])) /* as many as a client likes to send */
        text = span_skip(text, 1);
    if (text.size >= sizeof digits || !is_number(text))
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    *ret_number = strtod(digits, NULL);
    return isfinite(*ret_number);
}

bool value_parse_boolean(struct span text, bool *ret_boolean)
{
    *ret_boolean = span_equal_ignore_case(text, SPAN("true"));
    return *ret_boolean || span_equal_ignore_case(text, SPAN("false"));
}

/* ---- moments ---- */

static bool take_number(struct span *text, size_t digits, unsigned most, unsigned *ret_number)
{
    uint64_t number;
    if (text->size < digits || !decimal_parse_range(span_take(*text, digits), 0, most, &number))
        return false;
    *text = span_skip(*text, digits);
    *ret_number = (unsigned)number;
    return true;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

/* Days from 1970-01-01 to a date of the years 1 to 9999. */
static int64_t days_of_date(unsigned year, unsigned month, unsigned day)
{
    int64_t before = year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400 + day - 1;
    for (unsigned m = 1; m < month; m++)
        days += days_of_month(year, m);
    return days - 719162; /* from 0001-01-01 to 1970-01-01 */
}

static bool take_date(struct span *text, int64_t *ret_days)
{
    unsigned year;
    unsigned month;
    unsigned day = 1;
    if (!take_number(text, 4, 9999, &year) || year == 0 || !take_byte(text, '-') || !take_number(text, 2, 12, &month) ||
        month == 0)
        return false;
    if (text->size > 0 &&
        (!take_byte(text, '-') || !take_number(text, 2, days_of_month(year, month), &day) || day == 0))
        return false;
    *ret_days = days_of_date(year, month, day);
    return true;
}

/* hh:mm, and for a time of day seconds with a fraction behind them, of which milliseconds count. */
static bool take_clock(struct span *text, int64_t *ret_ms)
{
    unsigned hour;
    unsigned minute;
    unsigned second = 0;
    unsigned fraction_ms = 0;
    if (!take_number(text, 2, 23, &hour) || !take_byte(text, ':') || !take_number(text, 2, 59, &minute))
        return false;
    if (take_byte(text, ':')) {
        if (!take_number(text, 2, 59, &second))
            return false;
        if (take_byte(text, '.')) {
            struct span digits = *text;
            size_t count = take_digits(text);
            if (count == 0 || count > 9)
                return false;
            for (size_t i = 0; i < 3; i++)
                fraction_ms = fraction_ms * 10 + (i < count ? digits.data[i] - (unsigned)'0' : 0);
        }
    }
    *ret_ms = ((hour * 60L + minute) * 60 + second) * 1000 + fraction_ms;
    return true;
}

/* "Z", "+hh:mm", "-hh:mm". */
static bool take_zone(struct span *text, int64_t *ret_ms)
{
    unsigned hours;
    unsigned minutes;
    *ret_ms = 0;
    if (take_byte(text, 'Z'))
        return true;
    bool east = take_byte(text, '+');
    if (!east && !take_byte(text, '-'))
        return false;
    if (!take_number(text, 2, 23, &hours) || !take_byte(text, ':') || !take_number(text, 2, 59, &minutes))
        return false;
    *ret_ms = (hours * 60L + minutes) * 60000 * (east ? 1 : -1);
    return true;
}

bool value_parse_moment(struct span text, int64_t *ret_moment_ms)
{
    uint64_t seconds;
    int64_t days;
    int64_t clock_ms = 0;
    int64_t zone_ms = 0;
    if (decimal_parse_range(text, 0, INT64_MAX / 1000, &seconds)) {
        *ret_moment_ms = (int64_t)seconds * 1000;
        return true;
    }
    size_t letter = span_find(text, 'T');
    struct span date = letter == SIZE_MAX ? text : span_take(text, letter);
    if (!take_date(&date, &days) || date.size > 0)
        return false;
    if (letter != SIZE_MAX) {
        text = span_skip(text, letter + 1);
        if (!take_clock(&text, &clock_ms) || !take_zone(&text, &zone_ms) || text.size > 0)
            return false;
    }
    *ret_moment_ms = days * 86400000 + clock_ms - zone_ms;
    return true;
}

/* ---- networks ---- */

static bool parse_address(struct span text, struct network *ret_network)
{
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    char address[INET6_ADDRSTRLEN + 1];
    if (text.size == 0 || text.size >= sizeof address || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(address, text.data, text.size);
    address[text.size] = '\0';
    *ret_network = (struct network){.address_bits = 32};
    if (inet_pton(AF_INET, address, ret_network->bytes) == 1)
        return true;
    if (inet_pton(AF_INET6, address, ret_network->bytes) != 1)
        return false;
    ret_network->address_bits = 128;
    if (memcmp(ret_network->bytes, mapped, sizeof mapped) == 0) {
        struct network inner = {.address_bits = 32};
        memcpy(inner.bytes, ret_network->bytes + sizeof mapped, 4);
        *ret_network = inner;
    }
    return true;
}

bool value_parse_network(struct span text, struct network *ret_network)
{
    size_t slash = span_find(text, '/');
    struct span address = slash == SIZE_MAX ? text : span_take(text, slash);
    if (!parse_address(address, ret_network))
        return false;
    ret_network->prefix_bits = ret_network->address_bits;
    if (slash == SIZE_MAX)
        return true;
    bool is_mapped = ret_network->address_bits == 32 && span_find(address, ':') != SIZE_MAX;
    unsigned hidden = is_mapped ? 96 : 0; /* bits that the written prefix counts and the address has no more */
    uint64_t prefix;
    if (text.size - slash > 4 ||
        !decimal_parse_range(span_skip(text, slash + 1), hidden, hidden + ret_network->address_bits, &prefix))
        return false;
    ret_network->prefix_bits = (uint8_t)(prefix - hidden);
    return true;
}

bool network_has(const struct network *network, const struct network *address)
{
    if (network->address_bits != address->address_bits)
        return false;
    unsigned whole = network->prefix_bits / 8;
    unsigned rest = network->prefix_bits % 8;
    return memcmp(network->bytes, address->bytes, whole) == 0 &&
           (rest == 0 || ((network->bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0);
}

/* ---- ARNs ---- */

/* The first colon that is not inside a variable, or SIZE_MAX. */
static size_t find_colon(struct span text, bool has_variables)
{
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] == ':')
            return at;
        if (has_variables && span_starts_with(span_skip(text, at), SPAN("${"))) {
            size_t end = span_find(span_skip(text, at), '}');
            if (end == SIZE_MAX)
                return SIZE_MAX;
            at += end;
        }
    }
    return SIZE_MAX;
}

bool value_split_arn(struct span text, bool has_variables, struct span ret_parts[ARN_PARTS])
{
    for (unsigned i = 0; i < ARN_PARTS - 1; i++) {
        size_t colon = find_colon(text, has_variables);
        if (colon == SIZE_MAX)
            return false;
        ret_parts[i] = span_take(text, colon);
        text = span_skip(text, colon + 1);
    }
    ret_parts[ARN_PARTS - 1] = text;
    return true;
}
