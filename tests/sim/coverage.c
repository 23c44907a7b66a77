/* tests/sim/coverage.c -- the table of what has been tried. */
#include "tests/sim/coverage.h"

struct coverage_table coverage;

static const struct {
    bool is_mandatory;
    const char *text;
} counters[] = {
#define X(is_mandatory, name, text) {is_mandatory, text},
    COVERAGE_LIST(X)
#undef X
};

static const char *const effects[] = {"never", "before", "after restart"};

bool coverage_effect_makes_sense(enum crash_point point, enum crash_effect effect)
{
    bool is_read =
        point == POINT_ACK_CHECK || point == POINT_LIST_MORE || point == POINT_TICK_HEAD || point == POINT_TICK_BODY;
    return !is_read || effect != EFFECT_AFTER_RESTART;
}

void coverage_add(const struct coverage_table *table)
{
    for (unsigned i = 0; i < COVER_COUNT; i++)
        coverage.counts[i] += table->counts[i];
    for (unsigned point = 0; point < CRASH_POINTS; point++) {
        for (unsigned effect = 0; effect < CRASH_EFFECTS; effect++)
            coverage.crashes[point][effect] += table->crashes[point][effect];
    }
}

void coverage_print(FILE *file)
{
    for (unsigned i = 0; i < COVER_COUNT; i++)
        fprintf(file, "%12llu  %s\n", (unsigned long long)coverage.counts[i], counters[i].text);
    for (unsigned point = 0; point < CRASH_POINTS; point++) {
        for (unsigned effect = 0; effect < CRASH_EFFECTS; effect++) {
            if (coverage_effect_makes_sense(point, effect))
                fprintf(file, "%12llu  F15 %s, effect %s\n", (unsigned long long)coverage.crashes[point][effect],
                        crash_point_name(point), effects[effect]);
        }
    }
}

bool coverage_check(FILE *file)
{
    bool is_complete = true;
    for (unsigned i = 0; i < COVER_COUNT; i++) {
        if (counters[i].is_mandatory && coverage.counts[i] == 0) {
            fprintf(file, "never happened: %s\n", counters[i].text);
            is_complete = false;
        }
    }
    for (unsigned point = 0; point < CRASH_POINTS; point++) {
        for (unsigned effect = 0; effect < CRASH_EFFECTS; effect++) {
            if (coverage_effect_makes_sense(point, effect) && coverage.crashes[point][effect] == 0) {
                fprintf(file, "never happened: F15 %s, effect %s\n", crash_point_name(point), effects[effect]);
                is_complete = false;
            }
        }
    }
    return is_complete;
}
