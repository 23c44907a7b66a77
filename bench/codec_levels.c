/* bench/codec_levels.c -- the table of docs/compression.md: what each level of zstd saves and costs, by kind of data.
 *
 * Inputs are made here from a fixed seed, but for the binaries, which are the shared libraries of the machine. Every
 * frame goes through codec/ as in the server: slices in, one go out, CRC-32C checked. Times are of this thread's CPU,
 * the best of three runs.
 *
 * Usage: codec_levels [MIB]: how much of each kind, 16 by default. */
#include "codec/codec.h"
#include "codec/decompressor.h"
#include "codec/format/crc.h"
#include "codec/format/frame.h"
#include "codec/stock/compressor.h"
#include "runtime/base/buffer.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { LEVEL_FIRST = -1, LEVEL_LAST = 6, RUNS = 5, SMALL_FRAME = 4096 };

static uint64_t random_state = 42;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % bound);
}

/* Few are frequent, many are rare: rank r comes about 1/r as often as the first. */
static uint32_t random_rank(uint32_t count)
{
    double unit = (double)(random_below(1U << 30) + 1) / (1U << 30);
    uint32_t rank = (uint32_t)(exp(unit * log((double)count)) - 1);
    return rank < count ? rank : count - 1;
}

static const char *pick(const char *const *texts, uint32_t count)
{
    return texts[random_rank(count)];
}
#define PICK(texts) pick((texts), sizeof(texts) / sizeof((texts)[0]))

/* ---- inputs ---- */

static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "aws-cli/2.15.0 Python/3.11.6 Linux/6.1.0 exe/x86_64.debian.12",
    "curl/7.88.1",
    "kube-probe/1.29",
};
static const char *const paths[] = {"/api/v1/orders", "/api/v1/users", "/static/app.js", "/healthz",
                                    "/search",        "/login",        "/img/product",   "/api/v2/cart/items"};
static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
static const char *const statuses[] = {"200", "304", "201", "404", "500"};

static void append_log_line(struct buffer *out, uint64_t *ms)
{
    *ms += random_rank(400);
    uint32_t client = random_rank(5000);
    buffer_append_format(out,
                         "10.%u.%u.%u - - [17/Jun/2026:%02u:%02u:%02u +0000] \"%s %s/%u?session=%08x HTTP/1.1\" %s",
                         client % 7, client / 7 % 251, client / 1757, (unsigned)(*ms / 3600000 % 24),
                         (unsigned)(*ms / 60000 % 60), (unsigned)(*ms / 1000 % 60), PICK(methods), PICK(paths),
                         random_rank(100000), client * 2654435761U, PICK(statuses));
    buffer_append_format(out, " %u \"-\" \"%s\" rt=0.%03u\n", random_rank(60000), agents[client % 6], random_rank(999));
}

static const char *const kinds[] = {"page_view", "add_to_cart", "purchase", "sign_in", "refund"};
static const char *const countries[] = {"DE", "US", "FR", "JP", "BR", "IN", "GB", "KE"};

static void append_json_event(struct buffer *out, uint64_t *ms)
{
    *ms += random_rank(2000);
    buffer_append_format(out,
                         "{\"id\":\"%08x%08x\",\"ts\":%llu,\"type\":\"%s\",\"user\":{\"id\":%u,\"country\":\"%s\","
                         "\"premium\":%s},",
                         random_below(UINT32_MAX), random_below(UINT32_MAX), 1781654400000ULL + *ms, PICK(kinds),
                         random_rank(200000), PICK(countries), random_below(5) == 0 ? "true" : "false");
    buffer_append_format(out, "\"items\":[{\"sku\":\"SKU-%05u\",\"quantity\":%u,\"price\":%u.%02u}],\"score\":%.4f}\n",
                         random_rank(30000), 1 + random_rank(9), random_rank(300), random_below(100),
                         (double)random_below(10000) / 10000);
}

/* Words made of syllables, as frequent as words are, in sentences. */
static void append_sentence(struct buffer *out, uint64_t *unused)
{
    static const char *const syllables[] = {"the",  "of",  "and", "in",  "to", "con", "re", "ti", "on", "al",
                                            "ment", "ver", "sta", "pro", "er", "is",  "lo", "ma", "ne", "qui"};
    (void)unused;
    for (unsigned words = 6 + random_below(14); words > 0; words--) {
        uint32_t word = random_rank(30000);
        for (unsigned i = 0; i == 0 || word > 0; i++, word /= 20)
            buffer_append_string(out, syllables[(word + i * 7) % 20]);
        buffer_append_string(out, words > 1 ? (random_below(12) == 0 ? ", " : " ") : ". ");
    }
    if (random_below(6) == 0)
        buffer_append_byte(out, '\n');
}

static void fill(struct buffer *out, size_t size, void (*append)(struct buffer *, uint64_t *))
{
    uint64_t ms = 0;
    while (out->size < size)
        append(out, &ms);
    out->size = size;
}

static void append_file(struct buffer *out, const char *path, size_t size_max)
{
    struct stat status;
    FILE *file = lstat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL) /* links are other names of the same bytes */
        return;
    size_t size = 1;
    while (size > 0 && out->size < size_max) {
        size_t want = size_max - out->size < 65536 ? size_max - out->size : 65536;
        (void)buffer_reserve(out, want);
        size = fread(out->data + out->size, 1, want, file);
        out->size += size;
    }
    fclose(file);
}

static void fill_with_libraries(struct buffer *out, size_t size_max)
{
    static const char folder[] = "/usr/lib/x86_64-linux-gnu";
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (strstr(path, ".so") != NULL)
            append_file(out, path, size_max);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* ---- measuring ---- */

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct result {
    double ratio;
    double in_ms; /* per MiB of original bytes */
    double out_ms;
    double slice_ms_max;
};

struct frame_result {
    uint8_t *payload;    /* room for the frame's size */
    size_t payload_size; /* 0: stored as it is */
    double in_ms;
    double out_ms;
};

static uint8_t original[FRAME_ORIGINAL_BYTES];

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Returns the longest slice. */
static double compress_frame(struct compressor *compressor, int level, struct span frame, struct frame_result *result)
{
    double slice_ms_max = 0;
    double start = cpu_ms();
    double before = start;
    enum codec_step step;
    compressor_begin(compressor, &(struct compression){.level = level}, frame, result->payload, frame.size - 1);
    do {
        step = compressor_step(compressor, &result->payload_size);
        double now = cpu_ms();
        slice_ms_max = now - before > slice_ms_max ? now - before : slice_ms_max;
        before = now;
    } while (step == CODEC_MORE);
    result->in_ms = smaller(result->in_ms, before - start);
    return slice_ms_max;
}

static void decompress_frame(struct decompressor *decompressor, struct span frame, struct frame_result *result)
{
    struct error error = {0};
    struct span payload = span_of(result->payload, result->payload_size);
    double start = cpu_ms();
    bool works = decompressor_run(decompressor, CODEC_ZSTD, payload, original, frame.size, &error);
    uint32_t crc32c = crc32c_update(0, span_of(original, frame.size));
    result->out_ms = smaller(result->out_ms, cpu_ms() - start);
    if (!works || crc32c != crc32c_update(0, frame)) {
        (void)fprintf(stderr, "a frame did not come back: %s\n", error.message);
        exit(1);
    }
}

/* Of one frame, the best of all runs; *slice_ms_max becomes the best run's longest slice if that is longer. */
static struct frame_result measure_frame(struct compressor *compressor, struct decompressor *decompressor, int level,
                                         struct span frame, uint8_t *payload, double *slice_ms_max)
{
    struct frame_result result = {.payload = payload, .in_ms = 1e9, .out_ms = 1e9};
    double slice_ms = 1e9;
    for (unsigned run = 0; run < RUNS; run++) {
        slice_ms = smaller(slice_ms, compress_frame(compressor, level, frame, &result));
        if (result.payload_size > 0)
            decompress_frame(decompressor, frame, &result);
        else
            result.out_ms = 0;
    }
    *slice_ms_max = slice_ms > *slice_ms_max ? slice_ms : *slice_ms_max;
    return result;
}

static struct result measure(int level, struct span input, size_t frame_size)
{
    struct compressor *compressor = compressor_create();
    struct decompressor *decompressor = decompressor_create();
    uint8_t *payload = malloc(frame_size);
    struct result sum = {0};
    size_t stored = 0;
    for (size_t i = 0; i < input.size; i += frame_size) {
        struct span frame = span_take(span_skip(input, i), frame_size);
        struct frame_result one = measure_frame(compressor, decompressor, level, frame, payload, &sum.slice_ms_max);
        stored += FRAME_HEADER_BYTES + (one.payload_size > 0 ? one.payload_size : frame.size);
        sum.in_ms += one.in_ms;
        sum.out_ms += one.out_ms;
    }
    double mib = (double)input.size / (1 << 20);
    free(payload);
    compressor_destroy(compressor);
    decompressor_destroy(decompressor);
    return (struct result){(double)input.size / (double)stored, sum.in_ms / mib, sum.out_ms / mib, sum.slice_ms_max};
}

static void print_table(const char *name, struct span input, size_t frame_size)
{
    printf("\n%s, %zu MiB, frames of %zu KiB\n\n", name, input.size >> 20, frame_size >> 10);
    printf("| level | ratio | in, ms/MiB | out, ms/MiB | longest slice, ms |\n|---|---|---|---|---|\n");
    for (int level = LEVEL_FIRST; level <= LEVEL_LAST; level++) {
        if (level == 0)
            continue; /* zstd's name for 3 */
        struct result result = measure(level, input, frame_size);
        printf("| %d | %.2f | %.2f | %.2f | %.2f |\n", level, result.ratio, result.in_ms, result.out_ms,
               result.slice_ms_max);
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 16) << 20;
    if (size == 0 || size > UINT32_MAX) {
        (void)fprintf(stderr, "usage: codec_levels [MIB]\n");
        return 2;
    }
    struct buffer logs = {0};
    struct buffer json = {0};
    struct buffer text = {0};
    struct buffer binaries = {0};
    fill(&logs, size, append_log_line);
    fill(&json, size, append_json_event);
    fill(&text, size, append_sentence);
    fill_with_libraries(&binaries, size);
    print_table("logs", buffer_span(&logs), FRAME_ORIGINAL_BYTES);
    print_table("JSON", buffer_span(&json), FRAME_ORIGINAL_BYTES);
    print_table("text", buffer_span(&text), FRAME_ORIGINAL_BYTES);
    print_table("binaries", buffer_span(&binaries), FRAME_ORIGINAL_BYTES);
    print_table("logs", buffer_span(&logs), SMALL_FRAME);
    buffer_free(&logs);
    buffer_free(&json);
    buffer_free(&text);
    buffer_free(&binaries);
    return 0;
}
