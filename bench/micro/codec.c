/* bench/micro/codec.c -- one frame of each data set (bench/data/data_sets.h), and of the file that was given, packed
 * and unpacked in each way that a body can be stored, at several levels. A round packs the frame, or unpacks and checks
 * it. */
#include "bench/data/data_sets.h"
#include "bench/micro/micro.h"
#include "codec/format/frame.h"
#include "codec/trial.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES_MAX = 4096 };

static uint8_t bytes[FRAME_ORIGINAL_BYTES];
static size_t bytes_size; /* of them, what the frame has */

/* What frames are made of: a set, or the beginning of a file. */
struct material {
    const char *name;
    const struct data_set *set; /* NULL: the file */
    const char *path;
};

static const struct way {
    const char *name;
    enum trial_way way;
    int level;
} WAYS[] = {
    {"zstd-1", TRIAL_ZSTD, 1}, {"zstd-3", TRIAL_ZSTD, 3}, {"zstd-6", TRIAL_ZSTD, 6},
    {"zstd-9", TRIAL_ZSTD, 9}, {"gzip-1", TRIAL_GZIP, 1}, {"columns-1", TRIAL_COLUMNS, 1},
};

static void fill_frame(const struct material *material)
{
    bytes_size = sizeof bytes;
    if (material->set != NULL) {
        data_set_fill(material->set, bytes, sizeof bytes);
        return;
    }
    FILE *file = fopen(material->path, "rbe");
    bytes_size = file == NULL ? 0 : fread(bytes, 1, sizeof bytes, file);
    if (bytes_size == 0)
        micro_fail(material->path, "cannot be read, or is empty");
    (void)fclose(file);
}

/* The frame as a body of its own. The trial is kept, for its memory is at hand in a server as well; gzip's packs one
 * body only. */
static struct trial_result run_frame(struct trial **trial, const struct trial_settings *settings, const char *name)
{
    struct error error;
    if (*trial != NULL && settings->way != TRIAL_GZIP) {
        trial_begin(*trial);
    } else {
        trial_destroy(*trial);
        *trial = trial_create(settings);
    }
    if (*trial == NULL)
        micro_fail(name, "there is no memory for a trial");
    if (!trial_add(*trial, span_of(bytes, bytes_size), true, &error))
        micro_fail(name, error.message);
    return trial_end(*trial);
}

static void measure(struct micro *micro, const struct way *way, const struct material *material)
{
    char pack_name[MICRO_NAME_BYTES];
    char unpack_name[MICRO_NAME_BYTES];
    (void)snprintf(pack_name, sizeof pack_name, "codec/%s/%s/pack", way->name, material->name);
    (void)snprintf(unpack_name, sizeof unpack_name, "codec/%s/%s/unpack", way->name, material->name);
    bool wants_pack = micro_wants(micro, pack_name);
    bool wants_unpack = micro_wants(micro, unpack_name);
    if (!wants_pack && !wants_unpack)
        return;
    const struct trial_settings settings = {way->way, way->level, micro_clock()};
    struct trial *trial = NULL;
    fill_frame(material);
    struct micro_figures pack = {.name = pack_name, .bytes = bytes_size};
    struct micro_figures unpack = {.name = unpack_name, .bytes = bytes_size};
    (void)run_frame(&trial, &settings, pack_name);
    for (unsigned turn = 0; turn < MICRO_TURNS; turn++) {
        struct trial_result result = run_frame(&trial, &settings, pack_name);
        pack.ns[turn] = (double)result.in_ns;
        unpack.ns[turn] = (double)result.out_ns;
        pack.ratio = (double)result.original_bytes / (double)result.payload_bytes;
    }
    trial_destroy(trial);
    if (wants_pack)
        micro_report(micro, &pack);
    if (wants_unpack)
        micro_report(micro, &unpack);
}

void micro_codec(struct micro *micro)
{
    const struct data_set *set;
    const struct material of_file = {.name = "file", .path = micro_file(micro)};
    for (unsigned way = 0; way < sizeof WAYS / sizeof *WAYS; way++) {
        for (unsigned i = 0; (set = data_set_at(i)) != NULL; i++)
            measure(micro, &WAYS[way], &(struct material){.name = set->name, .set = set});
        if (of_file.path != NULL)
            measure(micro, &WAYS[way], &of_file);
    }
}

static bool write_set(const struct data_set *set, const char *folder, size_t size)
{
    char path[PATH_BYTES_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, set->name);
    FILE *file = fopen(path, "wbe");
    uint8_t *body = malloc(size);
    if (body != NULL)
        data_set_fill(set, body, size);
    bool done = file != NULL && body != NULL && fwrite(body, 1, size, file) == size;
    done = file != NULL && fclose(file) == 0 && done;
    free(body);
    if (!done)
        (void)fprintf(stderr, "micro: %s cannot be written\n", path);
    return done;
}

bool micro_write_sets(const char *folder, size_t mib)
{
    const struct data_set *set;
    bool done = true;
    for (unsigned i = 0; done && (set = data_set_at(i)) != NULL; i++)
        done = write_set(set, folder, set->full_bytes >> 20 < mib ? set->full_bytes : mib << 20);
    return done;
}
