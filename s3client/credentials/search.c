/* s3client/credentials/search.c -- variables, and pauses that end when the search is cut. */
#include "s3client/credentials/search.h"

#include "runtime/base/decimal.h"
#include "runtime/base/environment.h"
#include "runtime/base/random.h"

#include <time.h>

enum { PAUSE_MS = 100, SLICE_MS = 20 };

bool search_is_cut(const struct search *search)
{
    return (search->is_cut != NULL && atomic_load(search->is_cut)) ||
           (search->cut_from != NULL && atomic_load(search->cut_from) <= clock_monotonic_ns(clock_system()));
}

const char *search_variable(const struct search *search, const char *name)
{
    const char *value = environment_find(search->options->environment, name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

unsigned search_variable_number(const struct search *search, const char *name, unsigned most, unsigned fallback)
{
    uint64_t number;
    const char *value = search_variable(search, name);
    return value != NULL && decimal_parse_range(span_from_string(value), 1, most, &number) ? (unsigned)number
                                                                                           : fallback;
}

bool search_pause(const struct search *search, unsigned attempt)
{
    uint64_t most_ms = (uint64_t)PAUSE_MS << (attempt < 6 ? attempt : 6);
    uint64_t pause_ms = most_ms / 2 + random_below(random_system(), most_ms / 2 + 1);
    deadline_t end = clock_monotonic_ns(clock_system()) + pause_ms * UINT64_C(1000000);
    const struct timespec slice = {.tv_nsec = SLICE_MS * 1000000L};
    while (!search_is_cut(search) && clock_monotonic_ns(clock_system()) < end) {
        if (clock_monotonic_ns(clock_system()) >= search->deadline)
            return false;
        (void)nanosleep(&slice, NULL);
    }
    return !search_is_cut(search);
}
