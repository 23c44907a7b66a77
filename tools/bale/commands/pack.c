/* tools/bale/commands/pack.c -- bale pack: what Bale would make of these files, before anything is stored. */
#include "tools/bale/commands/pack.h"

#include "codec/codec.h"
#include "codec/stock/gzip.h"
#include "tools/bale/command.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <time.h>

const char *const pack_way_names[PACK_WAYS] = {
    [TRIAL_RAW] = "raw", [TRIAL_ZSTD] = "zstd", [TRIAL_COLUMNS] = "columns", [TRIAL_GZIP] = "gzip"};

static uint64_t cpu_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static const struct clock cpu_clock = {.monotonic_ns = cpu_ns};

double pack_percent(const struct trial_result *result)
{
    return result->original_bytes == 0 ? 100 : 100 * (double)result->stored_bytes / (double)result->original_bytes;
}

/* ---- one file ---- */

struct pack_run {
    struct trial *trials[PACK_WAYS];
    uint8_t *frames[2]; /* one is read while the other is packed: whether a frame is the last, the next one says */
};

static bool begin(struct pack_run *run, int level, struct error *error)
{
    bool done = true;
    for (unsigned way = 0; way < PACK_WAYS; way++) {
        const struct trial_settings settings = {
            .way = (enum trial_way)way,
            .level = way == TRIAL_GZIP ? GZIP_LEVEL_DEFAULT : level,
            .clock = &cpu_clock,
        };
        run->trials[way] = trial_create(&settings);
        done = done && run->trials[way] != NULL;
    }
    for (unsigned i = 0; i < 2; i++) {
        run->frames[i] = malloc(FRAME_ORIGINAL_BYTES);
        done = done && run->frames[i] != NULL;
    }
    return done || error_set(error, ERROR_BUSY, NULL, "there is no memory for the trials");
}

static void end(struct pack_run *run)
{
    for (unsigned way = 0; way < PACK_WAYS; way++)
        trial_destroy(run->trials[way]);
    for (unsigned i = 0; i < 2; i++)
        free(run->frames[i]);
}

static bool add(struct pack_run *run, struct span frame, bool is_last, struct error *error)
{
    for (unsigned way = 0; way < PACK_WAYS; way++)
        if (!trial_add(run->trials[way], frame, is_last, error))
            return false;
    return true;
}

static bool pack_stream(struct pack_run *run, FILE *file, struct error *error)
{
    unsigned now = 0;
    size_t size = fread(run->frames[now], 1, FRAME_ORIGINAL_BYTES, file);
    while (size > 0) {
        size_t next = size < FRAME_ORIGINAL_BYTES ? 0 : fread(run->frames[1 - now], 1, FRAME_ORIGINAL_BYTES, file);
        if (!add(run, span_of(run->frames[now], size), next == 0, error))
            return false;
        now = 1 - now;
        size = next;
    }
    return ferror(file) == 0 || error_set_errno(error, errno, "read");
}

static bool pack_file(const char *path, int level, struct packed_file *ret_file, struct error *error)
{
    struct pack_run run = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return error_set_errno(error, errno, "%s", path);
    bool done = (begin(&run, level, error) && pack_stream(&run, file, error)) || error_prepend(error, "%s", path);
    (void)fclose(file);
    ret_file->name = path;
    for (unsigned way = 0; way < PACK_WAYS && done; way++)
        ret_file->ways[way] = trial_end(run.trials[way]);
    end(&run);
    return done;
}

/* ---- what is printed ---- */

/* In the order of the table: what there is without Bale first. */
static const enum trial_way SHOWN[PACK_WAYS] = {TRIAL_RAW, TRIAL_GZIP, TRIAL_ZSTD, TRIAL_COLUMNS};

static double mbs(uint64_t bytes, uint64_t ns)
{
    return ns == 0 ? 0 : (double)bytes * 1e3 / (double)ns;
}

static void print_frames(const struct trial_result *result, enum trial_way way)
{
    if (way == TRIAL_ZSTD || way == TRIAL_COLUMNS)
        printf("  %" PRIu64 " of %" PRIu64 " raw", result->frames_raw, result->frames);
    if (way == TRIAL_COLUMNS)
        printf(", %" PRIu64 " in columns", result->frames_in_columns);
}

static void print_file(const struct packed_file *file)
{
    printf("%s: %" PRIu64 " bytes\n", file->name, file->ways[TRIAL_RAW].original_bytes);
    printf("  way              stored   ratio     in MB/s  out MB/s  frames\n");
    for (unsigned i = 0; i < PACK_WAYS; i++) {
        const struct trial_result *result = &file->ways[SHOWN[i]];
        printf("  %-8s %14" PRIu64 " %7.2f", pack_way_names[SHOWN[i]], result->stored_bytes,
               100 / pack_percent(result));
        if (SHOWN[i] != TRIAL_RAW)
            printf("  %10.0f %9.0f", mbs(result->original_bytes, result->in_ns),
                   mbs(result->original_bytes, result->out_ns));
        print_frames(result, SHOWN[i]);
        printf("\n");
    }
}

static void print_json(const struct packed_file *file)
{
    struct json_object *document = json_object_new_object();
    struct json_object *ways = json_object_new_object();
    json_object_object_add(document, "file", json_object_new_string(file->name));
    json_object_object_add(document, "original", json_object_new_int64((int64_t)file->ways[TRIAL_RAW].original_bytes));
    for (unsigned i = 0; i < PACK_WAYS; i++) {
        const struct trial_result *result = &file->ways[SHOWN[i]];
        struct json_object *way = json_object_new_object();
        json_object_object_add(way, "stored", json_object_new_int64((int64_t)result->stored_bytes));
        json_object_object_add(way, "in_seconds", json_object_new_double((double)result->in_ns / 1e9));
        json_object_object_add(way, "out_seconds", json_object_new_double((double)result->out_ns / 1e9));
        json_object_object_add(way, "frames", json_object_new_int64((int64_t)result->frames));
        json_object_object_add(way, "frames_raw", json_object_new_int64((int64_t)result->frames_raw));
        json_object_object_add(way, "frames_in_columns", json_object_new_int64((int64_t)result->frames_in_columns));
        json_object_object_add(ways, pack_way_names[SHOWN[i]], way);
    }
    json_object_object_add(document, "ways", ways);
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
    json_object_put(document);
}

bool command_pack(const struct command_line *line, struct error *error)
{
    struct packed_file files[COMMAND_TARGETS_MAX];
    for (unsigned i = 0; i < line->targets_count; i++) {
        if (!pack_file(line->targets[i], (int)line->zstd_level, &files[i], error))
            return false;
        if (line->json)
            print_json(&files[i]);
        else
            print_file(&files[i]);
        (void)fflush(stdout);
    }
    return line->plot == NULL || pack_plot(line->plot, files, line->targets_count, error);
}
