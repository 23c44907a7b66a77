/* tools/bale/commands/estimate.c -- bale estimate: what would packing save? Asked of some frames, said of all. */
#include "runtime/log/log.h"
#include "tools/bale/command.h"
#include "tools/bale/estimate/report.h"
#include "tools/bale/session/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 2, QUEUED_MAX = 64 };
enum { FORMAT_TABLE, FORMAT_JSON }; /* in the order of the option's words */

struct estimating {
    const struct command_line *line;
    struct config where;     /* of a bucket */
    struct offload *threads; /* of a bucket */
    struct prices prices;
    struct population *population;
};

static bool is_bucket(const struct command_line *line)
{
    return strncmp(line->target, "s3:", 3) == 0;
}

SUSPENDS static struct estimate_source *open_source(struct estimating *estimating, struct error *error)
{
    const struct command_line *line = estimating->line;
    if (is_bucket(line))
        return source_open_bucket(&estimating->where, estimating->threads, error);
    if (strncmp(line->target, "dir:", 4) == 0)
        return source_open_store(line->target + 4, line->bucket, line->prefix, error);
    return source_open_files(line->target, error);
}

static bool has_columns(const struct command_line *line, const struct estimate_source *source)
{
    return line->columns == CONFIG_COLUMNS_AUTO ? source->takes_columns : line->columns == CONFIG_COLUMNS_ON;
}

static bool show(const struct command_line *line, const struct estimate_report *report, struct error *error)
{
    if (line->format == FORMAT_JSON)
        report_print_json(report);
    else
        report_print(report);
    return line->plot == NULL || report_plot(report, line->plot, error);
}

SUSPENDS static bool estimate_source(struct estimating *estimating, struct estimate_source *source, struct error *error)
{
    const struct command_line *line = estimating->line;
    struct population *population = estimating->population;
    uint64_t seed = line->seed != 0 ? line->seed : 1 + random_below(random_system(), 999999);
    struct random_seeded state;
    struct random_source random = random_seeded(&state, seed);
    const struct estimate_settings settings = {.random = &random,
                                               .frames = (unsigned)line->sample_frames,
                                               .within = line->within,
                                               .level = (int)line->zstd_level,
                                               .columns = has_columns(line, source)};
    struct estimate_sums sums;
    struct money money;
    struct estimate_report report = {.target = line->target,
                                     .seed = seed,
                                     .population = population,
                                     .sums = &sums,
                                     .prices = &estimating->prices,
                                     .money = &money,
                                     .within = line->within};
    if (!source->operations->list(source, population, line->max_keys, &report.is_all, error))
        return false;
    population_settle(population);
    if (!estimate_run(source, population, &settings, &sums, error))
        return false;
    if (sums.frames == 0 && sums.lost > 0)
        return error_set(error, sums.loss.kind, NULL, "no frame can be read: %.200s", sums.loss.message);
    money_reckon(population, &sums, &estimating->prices, source->costs_requests, &money);
    return show(line, &report, error);
}

SUSPENDS static bool estimate(struct bucket_store *none, void *context, struct error *error)
{
    struct estimating *estimating = context;
    (void)none;
    struct estimate_source *source = open_source(estimating, error);
    if (source == NULL)
        return false;
    bool done = estimate_source(estimating, source, error);
    source->operations->close(source);
    return done;
}

static bool run(struct estimating *estimating, struct error *error)
{
    struct population *population = malloc(sizeof *population);
    if (population == NULL)
        return error_set(error, ERROR_BUSY, NULL, "there is no memory");
    population_init(population);
    estimating->population = population;
    bool done = session_run_bare(estimate, estimating, error);
    population_free(population);
    free(population);
    return done;
}

bool command_estimate(const struct command_line *line, struct error *error)
{
    struct estimating estimating = {.line = line, .where = line->where};
    if (!prices_load(line->prices, &estimating.prices, error))
        return false;
    if (!is_bucket(line))
        return run(&estimating, error);
    estimating.where.backend = (char *)line->target;
    estimating.threads = offload_create("bale", THREADS, QUEUED_MAX, error);
    if (estimating.threads == NULL)
        return false;
    bool done = log_start(STDERR_FILENO, LOG_TEXT, LOG_ERROR, error);
    done = done && run(&estimating, error);
    offload_destroy(estimating.threads);
    log_stop();
    return done;
}
