/* bench/data/log_data.c -- access-log lines from a small generator: repeated words, skewed paths, random ids and times.
 */
#include "bench/data/log_data.h"

#include <stdio.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    uint64_t value = *state;
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
    *state = value;
    return value;
}

/* Small numbers far more often than large ones, as hits on pages are. */
static unsigned skewed(uint64_t *state, unsigned below)
{
    uint64_t a = next_random(state) % below;
    uint64_t b = next_random(state) % below;
    return (unsigned)(a * b / below);
}

static int write_line(char *line, size_t capacity, uint64_t *state, uint64_t *milliseconds)
{
    static const char *const methods[] = {"GET", "GET", "GET", "GET", "PUT", "POST", "HEAD", "DELETE"};
    static const char *const areas[] = {"items", "users", "orders", "static/js", "static/img", "search", "api/v2/cart"};
    static const char *const agents[] = {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                                         "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0",
                                         "aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.5", "curl/7.88.1"};
    static const int statuses[] = {200, 200, 200, 200, 200, 200, 304, 404, 302, 500};
    *milliseconds += next_random(state) % 40;
    uint64_t seconds = *milliseconds / 1000;
    return snprintf(line, capacity,
                    "10.%u.%u.%u - - [21/Nov/2026:%02u:%02u:%02u.%03u +0000] \"%s /%s/%u HTTP/1.1\" %d %u \"-\" \"%s\" "
                    "rid=%016llx\n",
                    skewed(state, 8), skewed(state, 64), skewed(state, 256), (unsigned)(seconds / 3600 % 24),
                    (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60), (unsigned)(*milliseconds % 1000),
                    methods[next_random(state) % 8], areas[skewed(state, 7)], skewed(state, 20000),
                    statuses[next_random(state) % 10], skewed(state, 100000), agents[skewed(state, 4)],
                    (unsigned long long)next_random(state));
}

void log_data_fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15 + 1;
    uint64_t milliseconds = 0;
    for (size_t filled = 0; filled < size;) {
        char line[512];
        size_t length = (size_t)write_line(line, sizeof line, &state, &milliseconds);
        if (length > size - filled)
            length = size - filled;
        memcpy(bytes + filled, line, length);
        filled += length;
    }
}
