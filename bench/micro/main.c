/* bench/micro/main.c -- micro: which groups there are, what was asked for, turns, and the two forms of a report. */
#include "bench/micro/micro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum report_form { REPORT_TEXT, REPORT_JSON, REPORT_NAMES };

struct micro {
    enum report_form form;
    const char *file;        /* NULL: none */
    char *const *beginnings; /* of the names that are asked for; none: all are */
    int beginnings_count;
    unsigned cases_count; /* that were reported */
};

static const struct micro_group {
    const char *name; /* which all names in it begin with */
    void (*run)(struct micro *micro);
} GROUPS[] = {
    {"catalogue/", micro_catalogue}, {"codec/", micro_codec},    {"dictionary/", micro_dictionary},
    {"digest/", micro_digest},       {"http/", micro_http_head}, {"journal/", micro_journal},
    {"list/", micro_list_page},      {"policy/", micro_policy},  {"signature/", micro_signature},
    {"small-put/", micro_small_put}, {"socket/", micro_socket},
};

enum { GROUPS_COUNT = sizeof GROUPS / sizeof *GROUPS };

static const char HELP[] =
    "micro [--list | --json] [--file FILE] [NAME...]\n"
    "micro --write-sets FOLDER [MIB]\n\n"
    "CPU time of one round of small pieces of Bale: codecs, hashes, heads, signatures, policies.\n"
    "NAME: a case of --list, or the beginning of some; without one, all are measured, which takes about a minute.\n\n"
    "  --list  the names, and nothing is measured\n"
    "  --json  figures for programs: ns (the median of the turns), ns_best, bytes, ratio\n"
    "  --file FILE  its first MiB as a further set of codec/, named file: codec/zstd-1/file/pack\n"
    "  --write-sets  the data of codec/, a file of 1 MiB for each set, or of MIB, for other programs to be measured "
    "with\n";

/* ---- measuring ---- */

static uint64_t cpu_ns(void *context)
{
    struct timespec now;
    (void)context;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

const struct clock *micro_clock(void)
{
    static const struct clock clock = {.monotonic_ns = cpu_ns};
    return &clock;
}

void micro_fail(const char *name, const char *message)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "micro: %s: %s\n", name, message);
    exit(1);
}

static uint64_t run_rounds(const struct micro_case *what, uint64_t rounds)
{
    uint64_t started = cpu_ns(NULL);
    for (uint64_t i = 0; i < rounds; i++)
        if (!what->run(what->state))
            micro_fail(what->name, "the result is wrong");
    return cpu_ns(NULL) - started;
}

void micro_measure(struct micro *micro, const struct micro_case *what)
{
    static const uint64_t TURN_NS = 10 * 1000 * 1000;
    struct micro_figures figures = {.name = what->name, .bytes = what->bytes};
    uint64_t rounds = 1;
    if (!micro_wants(micro, what->name))
        return;
    while (run_rounds(what, rounds) < TURN_NS)
        rounds *= 2;
    for (unsigned turn = 0; turn < MICRO_TURNS; turn++)
        figures.ns[turn] = (double)run_rounds(what, rounds) / (double)rounds;
    micro_report(micro, &figures);
}

/* ---- what was asked for ---- */

/* A group is asked for where a name in it is: the shorter of the two begins the longer. */
static bool is_asked_for(const struct micro *micro, const char *name, bool is_group)
{
    for (int i = 0; i < micro->beginnings_count; i++) {
        const char *beginning = micro->beginnings[i];
        if (strncmp(name, beginning, strlen(beginning)) == 0 ||
            (is_group && strncmp(name, beginning, strlen(name)) == 0))
            return true;
    }
    return micro->beginnings_count == 0;
}

bool micro_wants(struct micro *micro, const char *name)
{
    if (!is_asked_for(micro, name, false))
        return false;
    if (micro->form != REPORT_NAMES)
        return true;
    micro->cases_count++;
    (void)puts(name);
    return false;
}

const char *micro_file(const struct micro *micro)
{
    return micro->file;
}

/* ---- the report ---- */

static int compare_times(const void *one, const void *other)
{
    double first = *(const double *)one;
    double second = *(const double *)other;
    return (first > second) - (first < second);
}

static double megabytes_per_second(size_t bytes, double ns)
{
    return ns > 0 ? (double)bytes * 1e3 / ns : 0;
}

static void print_text(const struct micro_figures *figures, double median, double best)
{
    printf("%-40s %14.1f ns, best %14.1f", figures->name, median, best);
    if (figures->bytes > 0)
        printf("  %8.0f MB/s", megabytes_per_second(figures->bytes, median));
    if (figures->ratio > 0)
        printf("  %7.2f to 1", figures->ratio);
    (void)putchar('\n');
}

static void print_json(const struct micro_figures *figures, double median, double best, bool is_first)
{
    printf("%s\n  {\"name\": \"%s\", \"ns\": %.1f, \"ns_best\": %.1f, \"bytes\": %zu", is_first ? "" : ",",
           figures->name, median, best, figures->bytes);
    if (figures->ratio > 0)
        printf(", \"ratio\": %.4f", figures->ratio);
    (void)putchar('}');
}

void micro_report(struct micro *micro, struct micro_figures *figures)
{
    qsort(figures->ns, MICRO_TURNS, sizeof *figures->ns, compare_times);
    if (micro->form == REPORT_JSON)
        print_json(figures, figures->ns[MICRO_TURNS / 2], figures->ns[0], micro->cases_count == 0);
    else
        print_text(figures, figures->ns[MICRO_TURNS / 2], figures->ns[0]);
    (void)fflush(stdout);
    micro->cases_count++;
}

static void run_groups(struct micro *micro)
{
    if (micro->form == REPORT_JSON)
        printf("{\"cases\": [");
    for (unsigned i = 0; i < GROUPS_COUNT; i++)
        if (is_asked_for(micro, GROUPS[i].name, true))
            GROUPS[i].run(micro);
    if (micro->form == REPORT_JSON)
        printf("\n]}\n");
}

/* The options, which come first; the names that follow are taken as they are. False: it is not to be understood. */
static bool read_options(int argc, char **argv, struct micro *ret_micro)
{
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--list") == 0)
            ret_micro->form = REPORT_NAMES;
        else if (strcmp(argv[at], "--json") == 0)
            ret_micro->form = REPORT_JSON;
        else if (strcmp(argv[at], "--file") == 0 && at + 1 < argc)
            ret_micro->file = argv[++at];
        else
            return false;
    }
    ret_micro->beginnings = argv + at;
    ret_micro->beginnings_count = argc - at;
    return true;
}

int main(int argc, char **argv)
{
    struct micro micro = {0};
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return fputs(HELP, stdout) < 0;
    if (argc > 2 && strcmp(argv[1], "--write-sets") == 0)
        return micro_write_sets(argv[2], argc > 3 ? strtoul(argv[3], NULL, 10) : 1) ? 0 : 1;
    if (!read_options(argc, argv, &micro)) {
        (void)fputs(HELP, stderr);
        return 2;
    }
    run_groups(&micro);
    if (micro.cases_count > 0)
        return 0;
    (void)fprintf(stderr, "micro: nothing has such a name; micro --list shows those that there are\n");
    return 2;
}
