/* s3client/wire/date.c -- times as text and back, without the C library's calendar (its locks, its locale). */
#include "s3client/wire/date.h"

static const char days_short[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const days_long[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

enum { DAY_MS = 86400000 };
static const int64_t time_ms_max = 253402300799999; /* the last millisecond of 9999 */

struct calendar {
    unsigned year, month, day; /* month and day from 1 */
    unsigned hour, minute, second, millisecond;
    unsigned weekday; /* 0: Sunday */
};

/* Days since 1970-01-01 of a date of the Gregorian calendar. Years are counted from March, so that the leap day is the
 * last of its year; 719468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t days_from_date(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = month <= 2 ? year - 1 : year;
    uint64_t era = y / 400;
    uint64_t year_of_era = y - era * 400;
    uint64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)(era * 146097 + day_of_era) - 719468;
}

static void date_from_days(uint32_t days, struct calendar *ret_calendar)
{
    uint32_t shifted = days + 719468;
    uint32_t era = shifted / 146097;
    uint32_t day_of_era = shifted % 146097;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153;
    ret_calendar->day = day_of_year - (153 * month + 2) / 5 + 1;
    ret_calendar->month = month < 10 ? month + 3 : month - 9;
    ret_calendar->year = year_of_era + era * 400 + (ret_calendar->month <= 2);
    ret_calendar->weekday = (days + 4) % 7;
}

static struct calendar calendar_of(int64_t time_ms)
{
    if (time_ms < 0)
        time_ms = 0;
    if (time_ms > time_ms_max)
        time_ms = time_ms_max;
    struct calendar calendar;
    uint32_t days = (uint32_t)((uint64_t)time_ms / DAY_MS);
    unsigned in_day = (unsigned)((uint64_t)time_ms - (uint64_t)days * DAY_MS);
    date_from_days(days, &calendar);
    calendar.hour = in_day / 3600000;
    calendar.minute = in_day / 60000 % 60;
    calendar.second = in_day / 1000 % 60;
    calendar.millisecond = in_day % 1000;
    return calendar;
}

/* ---- writing ---- */

/* Below 100. */
static inline char *put_two(char *at, unsigned value)
{
    at[0] = (char)('0' + value / 10);
    at[1] = (char)('0' + value % 10);
    return at + 2;
}

static inline char *put_four(char *at, unsigned value)
{
    return put_two(put_two(at, value / 100), value % 100);
}

static inline char *put_three(char *at, unsigned value)
{
    *at = (char)('0' + value / 100);
    return put_two(at + 1, value % 100);
}

static inline char *put_text(char *at, const char *text)
{
    while (*text != '\0')
        *at++ = *text++;
    return at;
}

static inline char *put_clock(char *at, const struct calendar *calendar, const char *separator)
{
    at = put_text(put_two(at, calendar->hour), separator);
    at = put_text(put_two(at, calendar->minute), separator);
    return put_two(at, calendar->second);
}

void date_format_http(int64_t time_ms, char ret_text[DATE_TEXT_BYTES])
{
    struct calendar calendar = calendar_of(time_ms);
    char *at = put_text(put_text(ret_text, days_short[calendar.weekday]), ", ");
    at = put_text(put_two(at, calendar.day), " ");
    at = put_text(put_text(at, months[calendar.month - 1]), " ");
    at = put_text(put_four(at, calendar.year), " ");
    at = put_text(put_clock(at, &calendar, ":"), " GMT");
    *at = '\0';
}

void date_format_xml(int64_t time_ms, char ret_text[DATE_TEXT_BYTES])
{
    struct calendar calendar = calendar_of(time_ms);
    char *at = put_text(put_four(ret_text, calendar.year), "-");
    at = put_text(put_two(at, calendar.month), "-");
    at = put_text(put_two(at, calendar.day), "T");
    at = put_text(put_clock(at, &calendar, ":"), ".");
    at = put_text(put_three(at, calendar.millisecond), "Z");
    *at = '\0';
}

void date_format_signature(int64_t time_ms, char ret_text[DATE_TEXT_BYTES])
{
    struct calendar calendar = calendar_of(time_ms);
    char *at = put_two(put_four(ret_text, calendar.year), calendar.month);
    at = put_text(put_two(at, calendar.day), "T");
    at = put_text(put_clock(at, &calendar, ""), "Z");
    *at = '\0';
}

/* ---- reading ---- */

/* Each take_... moves *text on and returns false when something else stands there. */
static bool take_text(struct span *text, const char *expected)
{
    struct span prefix = span_from_string(expected);
    if (!span_starts_with(*text, prefix))
        return false;
    *text = span_skip(*text, prefix.size);
    return true;
}

static bool take_byte(struct span *text, uint8_t expected)
{
    if (text->size == 0 || text->data[0] != expected)
        return false;
    *text = span_skip(*text, 1);
    return true;
}

static bool take_digits(struct span *text, unsigned digits, unsigned *ret_value)
{
    if (text->size < digits)
        return false;
    unsigned value = 0;
    for (unsigned i = 0; i < digits; i++) {
        uint8_t digit = text->data[i];
        if (digit < '0' || digit > '9')
            return false;
        value = value * 10 + (digit - '0');
    }
    *text = span_skip(*text, digits);
    *ret_value = value;
    return true;
}

static bool take_month(struct span *text, unsigned *ret_month)
{
    enum { LETTERS = 3 };
    for (unsigned i = 0; i < 12; i++) {
        if (text->size >= LETTERS && memcmp(text->data, months[i], LETTERS) == 0) {
            *text = span_skip(*text, LETTERS);
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

/* `separator` 0: there is none. */
static bool take_clock(struct span *text, struct calendar *calendar, uint8_t separator)
{
    return take_digits(text, 2, &calendar->hour) && (separator == 0 || take_byte(text, separator)) &&
           take_digits(text, 2, &calendar->minute) && (separator == 0 || take_byte(text, separator)) &&
           take_digits(text, 2, &calendar->second);
}

static unsigned days_of_month(unsigned year, unsigned month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

/* Of the years 1 to 9999. */
static bool any_time_from_calendar(const struct calendar *calendar, int64_t *ret_time_ms)
{
    if (calendar->year < 1 || calendar->year > 9999 || calendar->month < 1 || calendar->month > 12)
        return false;
    if (calendar->day < 1 || calendar->day > days_of_month(calendar->year, calendar->month))
        return false;
    if (calendar->hour > 23 || calendar->minute > 59 || calendar->second > 60)
        return false;
    unsigned second = calendar->second == 60 ? 59 : calendar->second; /* a leap second: clocks here have none */
    int64_t days = days_from_date(calendar->year, calendar->month, calendar->day);
    unsigned in_day = (calendar->hour * 3600 + calendar->minute * 60 + second) * 1000 + calendar->millisecond;
    *ret_time_ms = days * DAY_MS + in_day;
    return true;
}

static bool time_from_calendar(const struct calendar *calendar, int64_t *ret_time_ms)
{
    return any_time_from_calendar(calendar, ret_time_ms) && *ret_time_ms >= 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", behind the name of the day and ", ". */
static bool take_http_date(struct span *text, struct calendar *calendar)
{
    return take_digits(text, 2, &calendar->day) && take_byte(text, ' ') && take_month(text, &calendar->month) &&
           take_byte(text, ' ') && take_digits(text, 4, &calendar->year) && take_byte(text, ' ') &&
           take_clock(text, calendar, ':') && (take_text(text, " GMT") || take_text(text, " +0000"));
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": two digits of the year, the century is the one that lies nearer. */
static bool take_rfc850_date(struct span *text, struct calendar *calendar)
{
    if (!take_digits(text, 2, &calendar->day) || !take_byte(text, '-') || !take_month(text, &calendar->month) ||
        !take_byte(text, '-') || !take_digits(text, 2, &calendar->year) || !take_byte(text, ' ') ||
        !take_clock(text, calendar, ':') || !take_text(text, " GMT"))
        return false;
    calendar->year += calendar->year < 70 ? 2000 : 1900;
    return true;
}

/* "Sun Nov  6 08:49:37 1994", behind the name of the day and a space. */
static bool take_asctime_date(struct span *text, struct calendar *calendar)
{
    if (!take_month(text, &calendar->month) || !take_byte(text, ' '))
        return false;
    bool is_short = take_byte(text, ' ');
    return take_digits(text, is_short ? 1 : 2, &calendar->day) && take_byte(text, ' ') &&
           take_clock(text, calendar, ':') && take_byte(text, ' ') && take_digits(text, 4, &calendar->year);
}

bool date_parse_http(struct span text, int64_t *ret_time_ms)
{
    enum { LETTERS = 3 };
    struct calendar calendar = {0};
    for (unsigned i = 0; i < 7; i++) {
        struct span rest = text;
        bool is_read = false;
        if (text.size < LETTERS || memcmp(text.data, days_short[i], LETTERS) != 0)
            continue;
        if (take_text(&rest, days_long[i]) && take_text(&rest, ", ")) {
            is_read = take_rfc850_date(&rest, &calendar);
        } else {
            rest = span_skip(text, LETTERS);
            if (take_text(&rest, ", "))
                is_read = take_http_date(&rest, &calendar);
            else if (take_byte(&rest, ' '))
                is_read = take_asctime_date(&rest, &calendar);
        }
        return is_read && rest.size == 0 && time_from_calendar(&calendar, ret_time_ms);
    }
    return false;
}

/* ".000" and the like: up to nine digits, of which three count. */
static bool take_fraction(struct span *text, unsigned *ret_millisecond)
{
    unsigned scale = 100;
    unsigned digits = 0;
    for (unsigned digit; digits < 9 && take_digits(text, 1, &digit); digits++, scale /= 10)
        *ret_millisecond += digit * scale;
    return digits > 0;
}

/* "Z", "+02:00", "-07:00". */
static bool take_offset(struct span *text, int64_t *ret_offset_ms)
{
    unsigned hours;
    unsigned minutes;
    *ret_offset_ms = 0;
    if (take_byte(text, 'Z'))
        return true;
    bool is_behind = take_byte(text, '-');
    if ((!is_behind && !take_byte(text, '+')) || !take_digits(text, 2, &hours) || !take_byte(text, ':') ||
        !take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_offset_ms = (int64_t)(hours * 60 + minutes) * (is_behind ? -60000 : 60000);
    return true;
}

bool date_parse_xml_of_any_year(struct span text, int64_t *ret_time_ms)
{
    struct calendar calendar = {0};
    if (!take_digits(&text, 4, &calendar.year) || !take_byte(&text, '-') || !take_digits(&text, 2, &calendar.month) ||
        !take_byte(&text, '-') || !take_digits(&text, 2, &calendar.day) || !take_byte(&text, 'T') ||
        !take_clock(&text, &calendar, ':'))
        return false;
    if (take_byte(&text, '.') && !take_fraction(&text, &calendar.millisecond))
        return false;
    int64_t offset_ms;
    if (!take_offset(&text, &offset_ms) || text.size != 0 || !any_time_from_calendar(&calendar, ret_time_ms))
        return false;
    *ret_time_ms -= offset_ms;
    return *ret_time_ms <= time_ms_max;
}

bool date_parse_xml(struct span text, int64_t *ret_time_ms)
{
    return date_parse_xml_of_any_year(text, ret_time_ms) && *ret_time_ms >= 0;
}

bool date_parse_signature(struct span text, int64_t *ret_time_ms)
{
    struct calendar calendar = {0};
    return take_digits(&text, 4, &calendar.year) && take_digits(&text, 2, &calendar.month) &&
           take_digits(&text, 2, &calendar.day) && take_byte(&text, 'T') && take_clock(&text, &calendar, 0) &&
           take_byte(&text, 'Z') && text.size == 0 && time_from_calendar(&calendar, ret_time_ms);
}
