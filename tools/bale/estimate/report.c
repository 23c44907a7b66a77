/* tools/bale/estimate/report.c -- one line for each ending, and the sum. */
#include "tools/bale/estimate/report.h"

#include "tools/bale/view/bytes_text.h"
#include "tools/bale/view/svg.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>

/* What is said of one ending. */
struct line {
    const char *name;
    uint64_t objects;
    double bytes;
    double stored;
    double packed;
    double percent;
    double points;
};

static struct line line_of(const struct population *population, unsigned ending)
{
    unsigned first = ending * POPULATION_SIZES;
    const struct stratum *strata = &population->strata[first];
    struct line line = {
        .name = population_ending_name(population, ending),
        .percent = 100 * sampling_part(strata, POPULATION_SIZES),
        .points = 100 * sampling_half_width(strata, POPULATION_SIZES),
    };
    for (size_t i = population->first[first]; i < population->first[first + POPULATION_SIZES]; i++) {
        line.objects++;
        line.bytes += (double)population->objects[i].size;
        line.stored += (double)population->objects[i].stored;
    }
    line.packed = line.bytes * line.percent / 100;
    return line;
}

/* The part of all bytes that strata hold; the rest cannot be read. */
static double share_read(const struct population *population)
{
    return population->bytes == 0
               ? 0
               : (double)(population->bytes - population->unreadable_bytes) / (double)population->bytes;
}

double report_percent(const struct estimate_report *report)
{
    double share = share_read(report->population);
    return 100 * (share * sampling_part(report->population->strata, POPULATION_STRATA) + (1 - share));
}

double report_points(const struct estimate_report *report)
{
    return 100 * share_read(report->population) * sampling_half_width(report->population->strata, POPULATION_STRATA);
}

static struct line total_of(const struct estimate_report *report)
{
    const struct population *population = report->population;
    double percent = report_percent(report);
    return (struct line){.name = "total",
                         .objects = population->count,
                         .bytes = (double)population->bytes,
                         .stored = (double)population->stored,
                         .packed = (double)population->bytes * percent / 100,
                         .percent = percent,
                         .points = report_points(report)};
}

/* ---- for people ---- */

enum { BAR_COLUMNS = 25 };

static void print_line(const struct line *line, bool has_bar)
{
    char bytes[BYTES_TEXT_BYTES];
    char stored[BYTES_TEXT_BYTES];
    char packed[BYTES_TEXT_BYTES];
    bytes_text(line->bytes, bytes);
    bytes_text(line->stored, stored);
    bytes_text(line->packed, packed);
    printf("%-15s %9" PRIu64 " %12s %12s %12s %6.1f %% +/- %4.1f", line->name, line->objects, bytes, stored, packed,
           line->percent, line->points);
    int columns = (int)(line->percent / 100 * BAR_COLUMNS + 0.5);
    if (has_bar) {
        printf("  ");
        for (int i = 0; i < columns && i < BAR_COLUMNS; i++)
            putchar('#');
        for (int i = columns; i < BAR_COLUMNS; i++)
            putchar('.');
    }
    printf("\n");
}

static void print_money(const struct estimate_report *report)
{
    const struct money *money = report->money;
    const char *currency = report->prices->currency;
    printf("\nSaved: %.4f %s a month. It costs %.4f %s once: requests for %.4f, and %.2f hours of a processor at %g.",
           money->saved_a_month, currency, money->once, currency, money->requests, money->core_hours,
           report->prices->core_hour);
    if (money->saved_a_month > 0)
        printf(" It pays in %.1f months.\n", money->once / money->saved_a_month);
    else
        printf(" It never pays.\n");
}

/* What the figures do not speak of. */
static void print_notes(const struct estimate_report *report)
{
    const struct estimate_sums *sums = report->sums;
    const struct population *population = report->population;
    char bytes[BYTES_TEXT_BYTES];
    bytes_text((double)population->unreadable_bytes, bytes);
    if (!report->is_all)
        printf("There are more objects, of which nothing is known (--max-keys).\n");
    if (population->unreadable_count > 0)
        printf("%" PRIu64 " of them (%s) cannot be read, and stay as they are.\n", population->unreadable_count, bytes);
    if (sums->already > 0)
        printf("%" PRIu64 " of the frames were packed already, and stay as they are.\n", sums->already);
    if (sums->lost > 0)
        printf("%" PRIu64 " frames could not be read, the last because: %s\n", sums->lost, sums->loss.message);
    if (report->within > 0 && report_points(report) > report->within)
        printf("The interval did not become as narrow as --within asks: there are not enough frames.\n");
}

void report_print(const struct estimate_report *report)
{
    const struct population *population = report->population;
    char bytes[BYTES_TEXT_BYTES];
    bytes_text((double)report->sums->bytes, bytes);
    printf("%s: %zu objects, of which %" PRIu64 " frames were looked at and %s packed; seed %" PRIu64 "\n\n",
           report->target, population->count, report->sums->frames, bytes, report->seed);
    printf("%-15s %9s %12s %12s %12s   of original (95 %%)\n", "ending", "objects", "original", "now", "packed");
    for (unsigned ending = 0; ending <= POPULATION_ENDINGS; ending++) {
        struct line line = line_of(population, ending);
        if (line.objects > 0)
            print_line(&line, true);
    }
    struct line total = total_of(report);
    print_line(&total, false);
    print_money(report);
    print_notes(report);
}

/* ---- for programs ---- */

static void put_number(struct json_object *to, const char *name, double value)
{
    json_object_object_add(to, name, json_object_new_double(value));
}

static void put_count(struct json_object *to, const char *name, uint64_t value)
{
    json_object_object_add(to, name, json_object_new_int64((int64_t)value));
}

static void put_line(struct json_object *to, const struct line *line)
{
    put_count(to, "objects", line->objects);
    put_count(to, "original_bytes", (uint64_t)line->bytes);
    put_count(to, "stored_bytes", (uint64_t)line->stored);
    put_count(to, "packed_bytes", (uint64_t)line->packed);
    put_number(to, "percent", line->percent);
    put_number(to, "points", line->points);
}

static struct json_object *money_document(const struct estimate_report *report)
{
    struct json_object *money = json_object_new_object();
    json_object_object_add(money, "currency", json_object_new_string(report->prices->currency));
    put_number(money, "saved_a_month", report->money->saved_a_month);
    put_number(money, "requests", report->money->requests);
    put_number(money, "core_hours", report->money->core_hours);
    put_number(money, "once", report->money->once);
    return money;
}

void report_print_json(const struct estimate_report *report)
{
    struct json_object *document = json_object_new_object();
    struct json_object *endings = json_object_new_array();
    struct line total = total_of(report);
    json_object_object_add(document, "target", json_object_new_string(report->target));
    put_count(document, "seed", report->seed);
    json_object_object_add(document, "is_all", json_object_new_boolean(report->is_all));
    put_line(document, &total);
    put_count(document, "unreadable_objects", report->population->unreadable_count);
    put_count(document, "frames", report->sums->frames);
    put_count(document, "frames_already_packed", report->sums->already);
    put_count(document, "frames_lost", report->sums->lost);
    put_count(document, "bytes_packed", report->sums->bytes);
    for (unsigned ending = 0; ending <= POPULATION_ENDINGS; ending++) {
        struct line line = line_of(report->population, ending);
        if (line.objects == 0)
            continue;
        struct json_object *row = json_object_new_object();
        json_object_object_add(row, "ending", json_object_new_string(line.name));
        put_line(row, &line);
        json_object_array_add(endings, row);
    }
    json_object_object_add(document, "endings", endings);
    json_object_object_add(document, "money", money_document(report));
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

/* ---- a picture ---- */

enum {
    NAME_WIDTH = 140,
    BARS_WIDTH = 500,
    TEXT_WIDTH = 320,
    ROW_HEIGHT = 22,
    BAR_HEIGHT = 14,
    TOP = 44,
    TEXT_BYTES = 96
};

/* The bar ends at the estimate; what is lighter behind it, and as much before, is the interval. */
static void draw_line(FILE *to, const struct line *line, int y)
{
    char bytes[BYTES_TEXT_BYTES];
    char text[TEXT_BYTES];
    double scale = BARS_WIDTH / 100.0;
    double end = line->percent > 100 ? 100 : line->percent;
    bytes_text(line->packed, bytes);
    (void)snprintf(text, sizeof text, "%.1f %% +/- %.1f, %s", line->percent, line->points, bytes);
    svg_text(to, NAME_WIDTH - 8, y + 11, "end", line->name);
    svg_bar(to, NAME_WIDTH, y, (end + line->points) * scale, BAR_HEIGHT, "#b9d2e4");
    svg_bar(to, NAME_WIDTH, y, end * scale, BAR_HEIGHT, "#1f5f8b");
    svg_text(to, NAME_WIDTH + (end + line->points) * scale + 6, y + 11, "start", text);
}

bool report_plot(const struct estimate_report *report, const char *path, struct error *error)
{
    enum { ROWS_MAX = POPULATION_ENDINGS + 2 };
    struct line lines[ROWS_MAX];
    int count = 0;
    for (unsigned ending = 0; ending <= POPULATION_ENDINGS; ending++) {
        struct line line = line_of(report->population, ending);
        if (line.objects > 0)
            lines[count++] = line;
    }
    lines[count++] = total_of(report);
    FILE *to = svg_open(path, NAME_WIDTH + BARS_WIDTH + TEXT_WIDTH, TOP + count * ROW_HEIGHT, NAME_WIDTH,
                        "What is left of the original bytes, packed (95 %)", error);
    if (to == NULL)
        return false;
    for (int i = 0; i < count; i++)
        draw_line(to, &lines[i], TOP + i * ROW_HEIGHT);
    return svg_close(to, path, error);
}
