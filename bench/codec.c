/* bench/codec.c -- ratios and speeds of the codecs, on one core: the tables of docs/compression.md.
 *
 * Usage: codec [MIB] [NAME...]: data sets of bench/data/data_sets.h (all, at their full size, or at most MIB of each),
 * and files, whose names hold a slash. Without names: all sets, and what there is of some files that most machines
 * have. Every frame is packed, unpacked and compared. Times are of this thread's CPU, the best of three runs. Levels of
 * zstd alone stand beside, in frames of 1 MiB as well, and gzip, all on the first MiB. */
#include "codec/codec.h"
#include "bench/data/data_sets.h"
#include "codec/stock/compressor.h"
#include "codec/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 3, LEVELS_BYTES_MAX = 1 << 20, FILE_BYTES_MAX = 64 << 20 };

static uint64_t cpu_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static const struct clock cpu_clock = {.monotonic_ns = cpu_ns};

static struct trial_result measure(enum trial_way way, int level, unsigned runs, struct span body)
{
    struct trial_result best = {0};
    const struct trial_settings settings = {way, level, &cpu_clock};
    for (unsigned run = 0; run < runs; run++) {
        struct error error;
        struct trial_result result;
        if (!trial_run(&settings, body, &result, &error)) {
            (void)fprintf(stderr, "codec: %s\n", error.message);
            exit(1);
        }
        if (run > 0 && best.in_ns < result.in_ns)
            result.in_ns = best.in_ns;
        if (run > 0 && best.out_ns < result.out_ns)
            result.out_ns = best.out_ns;
        best = result;
    }
    return best;
}

/* Of payloads, as others publish theirs. */
static double ratio_of(const struct trial_result *result)
{
    return (double)result->original_bytes / (double)result->payload_bytes;
}

static double mbs(uint64_t bytes, uint64_t ns)
{
    return ns == 0 ? 0 : (double)bytes * 1e3 / (double)ns;
}

static void print_head(void)
{
    printf("| data | MiB | S4's best | zstd 1 | 3 | 9 | 19 | gzip 1 | Bale, stock zstd: ratio, in/out MB/s | Bale with "
           "columns: ratio (stored), in/out MB/s |\n|---|---|---|---|---|---|---|---|---|---|\n");
}

/* zstd and nothing else, whatever it makes of a frame. */
static size_t compressed_size(struct compressor *compressor, int level, struct span frame)
{
    static uint8_t payload[FRAME_ORIGINAL_BYTES];
    const struct compression how = {.level = level};
    size_t size;
    compressor_begin(compressor, &how, frame, payload, frame.size);
    while (compressor_step(compressor, &size) == CODEC_MORE)
        ;
    return size > 0 ? size : frame.size;
}

static void print_levels(struct span body)
{
    static const int levels[] = {1, 3, 9, 19};
    struct compressor *compressor = compressor_create();
    for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        size_t size = 0;
        for (size_t at = 0; at < body.size && at < LEVELS_BYTES_MAX; at += FRAME_ORIGINAL_BYTES)
            size += compressed_size(compressor, levels[i], span_take(span_skip(body, at), FRAME_ORIGINAL_BYTES));
        printf(" %.2f |", (double)span_take(body, LEVELS_BYTES_MAX).size / (double)size);
    }
    compressor_destroy(compressor);
    struct trial_result gzip = measure(TRIAL_GZIP, 1, 1, span_take(body, LEVELS_BYTES_MAX));
    printf(" %.2f |", ratio_of(&gzip));
}

static void print_row(const char *name, const struct s4_figures *s4, struct span body)
{
    printf("| %s | %.0f |", name, (double)body.size / (1 << 20));
    if (s4->ratio > 0 && s4->in_mbs > 0)
        printf(" %.2f %s, %.0f/%.0f |", s4->ratio, s4->codec, s4->in_mbs, s4->out_mbs);
    else if (s4->ratio > 0)
        printf(" %.2f %s |", s4->ratio, s4->codec);
    else
        printf(" |");
    print_levels(body);
    struct trial_result stock = measure(TRIAL_ZSTD, 1, RUNS, body);
    struct trial_result columns = measure(TRIAL_COLUMNS, 1, RUNS, body);
    printf(" %.2f, %.0f/%.0f | %.2f (%.2f), %.0f/%.0f |\n", ratio_of(&stock), mbs(body.size, stock.in_ns),
           mbs(body.size, stock.out_ns), ratio_of(&columns), (double)body.size / (double)columns.stored_bytes,
           mbs(body.size, columns.in_ns), mbs(body.size, columns.out_ns));
    (void)fflush(stdout);
}

static uint8_t *allocate(size_t size)
{
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        (void)fprintf(stderr, "codec: no memory for %zu bytes\n", size);
        exit(1);
    }
    return bytes;
}

static void measure_set(const struct data_set *set, size_t bytes_max)
{
    size_t size = set->full_bytes < bytes_max ? set->full_bytes : bytes_max;
    uint8_t *bytes = allocate(size);
    data_set_fill(set, bytes, size);
    print_row(set->name, &set->s4, span_of(bytes, size));
    free(bytes);
}

static bool measure_file(const char *path, size_t bytes_max)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t capacity = FILE_BYTES_MAX < bytes_max ? FILE_BYTES_MAX : bytes_max;
    uint8_t *bytes = allocate(capacity);
    size_t size = fread(bytes, 1, capacity, file);
    if (size > 0)
        print_row(path, &(struct s4_figures){0}, span_of(bytes, size));
    free(bytes);
    return fclose(file) == 0 && size > 0;
}

static void measure_everything(size_t bytes_max)
{
    static const char *const files[] = {
        "/usr/bin/python3",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "/usr/lib/x86_64-linux-gnu/libicudata.so.72",
        "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
        "/usr/share/mime/mime.cache",
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "/var/cache/man/index.db",
    };
    for (unsigned i = 0; data_set_at(i) != NULL; i++)
        measure_set(data_set_at(i), bytes_max);
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)measure_file(files[i], bytes_max); /* not every machine has it */
}

int main(int argc, char **argv)
{
    size_t bytes_max = SIZE_MAX;
    int at = 1;
    if (at < argc && argv[at][0] >= '1' && argv[at][0] <= '9')
        bytes_max = (size_t)strtoul(argv[at++], NULL, 10) << 20;
    print_head();
    if (at == argc)
        measure_everything(bytes_max);
    for (; at < argc; at++) {
        const struct data_set *set = data_set_find(argv[at]);
        if (set != NULL) {
            measure_set(set, bytes_max);
        } else if (!measure_file(argv[at], bytes_max)) {
            (void)fprintf(stderr, "codec: %s is no data set, and no file that can be read\n", argv[at]);
            return 2;
        }
    }
    return 0;
}
