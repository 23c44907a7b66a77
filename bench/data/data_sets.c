/* bench/data/data_sets.c -- the table of data sets. */
#include "bench/data/data_sets.h"

#include "bench/data/data_generators.h"

enum { MIB = 1 << 20 };

static const struct data_set SETS[] = {
    {"postings", "u32, in truth a counter", DATA_OF_S4, 64 * MIB, fill_postings, {"nvcomp-bitcomp", 11.93, 1610, 1500}},
    {"timestamps",
     "i64, steps of period 32",
     DATA_OF_S4,
     64 * MIB,
     fill_timestamps,
     {"nvcomp-bitcomp", 2.95, 1450, 1390}},
    {"doc-values",
     "i64, 40 bits of a generator",
     DATA_OF_S4,
     64 * MIB,
     fill_doc_values,
     {"nvcomp-zstd", 1.86, 1040, 2590}},
    {"parquet-like",
     "a counter and a repeated head",
     DATA_OF_S4,
     256 * MIB,
     fill_parquet_like,
     {"nvcomp-bitcomp", 2.09, 1490, 1440}},
    {"nginx", "one line and a counter", DATA_OF_S4, 256 * MIB, fill_nginx, {"cpu-zstd-3, one pass", 155.0, 0, 0}},
    {"noise", "xorshift64", DATA_OF_S4, 64 * MIB, fill_noise, {"any", 1.0, 0, 0}},

    {"gaps", "u32 postings, gaps 1-4", DATA_COMPANION, 8 * MIB, fill_gaps, {0}},
    {"posting-lists", "u32, lists of Zipf lengths", DATA_COMPANION, 8 * MIB, fill_posting_lists, {0}},
    {"event-times", "i64 us, exponential gaps of 900", DATA_COMPANION, 8 * MIB, fill_event_times, {0}},
    {"sample-times", "i64 ms, every 15 s +- 4 ms", DATA_COMPANION, 8 * MIB, fill_sample_times, {0}},
    {"uniform-i64", "i64, uniform in 40 bits", DATA_COMPANION, 8 * MIB, fill_uniform_i64, {0}},
    {"zipf-i64", "i64, Zipf 1.3", DATA_COMPANION, 8 * MIB, fill_zipf_i64, {0}},
    {"lognormal-i64", "i64, lognormal", DATA_COMPANION, 8 * MIB, fill_lognormal_i64, {0}},
    {"decimal-f32", "f32 walk, 2 decimals", DATA_COMPANION, 8 * MIB, fill_decimal_f32, {0}},
    {"decimal-f64", "f64 temperatures, 2 decimals", DATA_COMPANION, 8 * MIB, fill_decimal_f64, {0}},
    {"smooth-f64", "f64, smooth", DATA_COMPANION, 8 * MIB, fill_smooth_f64, {0}},
    {"weights-f32", "f32, normal by rows", DATA_COMPANION, 8 * MIB, fill_weights_f32, {0}},
    {"weights-bf16", "bf16, normal by rows", DATA_COMPANION, 8 * MIB, fill_weights_bf16, {0}},
    {"weights-f16", "f16, normal by rows", DATA_COMPANION, 8 * MIB, fill_weights_f16, {0}},
    {"sound", "PCM 16 bit stereo, WAV head", DATA_COMPANION, 8 * MIB, fill_sound, {0}},
    {"picture", "RGB 24 bit, BMP head", DATA_COMPANION, 8 * MIB, fill_picture, {0}},
    {"elevation", "u16 grid", DATA_COMPANION, 8 * MIB, fill_elevation, {0}},
    {"records", "24 B: u64 u32 f32 u16 u16 u32", DATA_COMPANION, 8 * MIB, fill_records, {0}},
    {"points", "3 x f32", DATA_COMPANION, 8 * MIB, fill_points, {0}},

    {"csv", "lines of one width", DATA_OTHER, 8 * MIB, fill_csv, {0}},
    {"json", "events of 170 B", DATA_OTHER, 8 * MIB, fill_json, {0}},
    {"logs", "lines of an access log", DATA_OTHER, 8 * MIB, fill_logs, {0}},
    {"dna", "ACGT in lines of 80", DATA_OTHER, 8 * MIB, fill_dna, {0}},
    {"qualities", "of sequencing, lines of 150", DATA_OTHER, 8 * MIB, fill_qualities, {0}},
    {"hex", "random digits", DATA_OTHER, 8 * MIB, fill_hex, {0}},
    {"base64", "random, lines of 76", DATA_OTHER, 8 * MIB, fill_base64, {0}},
};
enum { SETS_COUNT = sizeof SETS / sizeof SETS[0], SEED = 42 };

const struct data_set *data_set_at(unsigned index)
{
    return index < SETS_COUNT ? &SETS[index] : NULL;
}

const struct data_set *data_set_find(const char *name)
{
    for (unsigned i = 0; i < SETS_COUNT; i++) {
        if (strcmp(SETS[i].name, name) == 0)
            return &SETS[i];
    }
    return NULL;
}

void data_set_fill(const struct data_set *set, uint8_t *bytes, size_t size)
{
    struct data_filler filler = {.bytes = bytes, .size = size, .random = SEED};
    set->fill(&filler);
}
