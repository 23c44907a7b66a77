/* bench/micro/codec.c -- one frame of each data set (bench/data/data_sets.h), packed and unpacked in each way that a
 * body can be stored, at several levels. A round packs the frame, or unpacks and checks it. */
#include "bench/data/data_sets.h"
#include "bench/micro/micro.h"
#include "codec/format/frame.h"
#include "codec/trial.h"

#include <stdio.h>

static uint8_t bytes[FRAME_ORIGINAL_BYTES];

static const struct way {
    const char *name;
    enum trial_way way;
    int level;
} WAYS[] = {
    {"zstd-1", TRIAL_ZSTD, 1}, {"zstd-3", TRIAL_ZSTD, 3}, {"zstd-6", TRIAL_ZSTD, 6},
    {"zstd-9", TRIAL_ZSTD, 9}, {"gzip-1", TRIAL_GZIP, 1}, {"columns-1", TRIAL_COLUMNS, 1},
};

static void measure(struct micro *micro, const struct way *way, const struct data_set *set)
{
    char pack_name[MICRO_NAME_BYTES];
    char unpack_name[MICRO_NAME_BYTES];
    (void)snprintf(pack_name, sizeof pack_name, "codec/%s/%s/pack", way->name, set->name);
    (void)snprintf(unpack_name, sizeof unpack_name, "codec/%s/%s/unpack", way->name, set->name);
    bool wants_pack = micro_wants(micro, pack_name);
    bool wants_unpack = micro_wants(micro, unpack_name);
    if (!wants_pack && !wants_unpack)
        return;
    const struct trial_settings settings = {way->way, way->level, micro_clock()};
    struct micro_figures pack = {.name = pack_name, .bytes = sizeof bytes};
    struct micro_figures unpack = {.name = unpack_name, .bytes = sizeof bytes};
    data_set_fill(set, bytes, sizeof bytes);
    for (unsigned turn = 0; turn < MICRO_TURNS; turn++) {
        struct trial_result result;
        struct error error;
        if (!trial_run(&settings, span_of(bytes, sizeof bytes), &result, &error))
            micro_fail(pack_name, error.message);
        pack.ns[turn] = (double)result.in_ns;
        unpack.ns[turn] = (double)result.out_ns;
        pack.ratio = (double)result.original_bytes / (double)result.payload_bytes;
    }
    if (wants_pack)
        micro_report(micro, &pack);
    if (wants_unpack)
        micro_report(micro, &unpack);
}

void micro_codec(struct micro *micro)
{
    const struct data_set *set;
    for (unsigned way = 0; way < sizeof WAYS / sizeof *WAYS; way++)
        for (unsigned i = 0; (set = data_set_at(i)) != NULL; i++)
            measure(micro, &WAYS[way], set);
}
