/* bench/data/data_texts.c -- text, and letters that are noise to a search for matches. */
#include "bench/data/data_generators.h"
#include "bench/data/log_data.h"

#include <stdio.h>

/* Columns of fixed width, as programs for people write them. */
void fill_csv(struct data_filler *filler)
{
    unsigned seconds = 0;
    for (unsigned id = 1; !filler_is_full(filler); id++) {
        char line[96];
        seconds += (unsigned)filler_exponential(filler, 4);
        int size = snprintf(line, sizeof line, "%08u,2026-03-%02u %02u:%02u:%02u,S%03u,%8.2f,%6u\n", id,
                            1 + seconds / 86400 % 28, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60,
                            (unsigned)filler_zipf(filler, 1.4, 900), 40 + 5 * filler_gauss(filler),
                            (unsigned)filler_zipf(filler, 1.6, 90000));
        filler_put(filler, line, (size_t)size);
    }
}

void fill_json(struct data_filler *filler)
{
    static const char *const kinds[] = {"page_view", "add_to_cart", "purchase", "sign_in", "refund"};
    static const char *const countries[] = {"DE", "US", "FR", "JP", "BR", "IN", "GB", "KE"};
    uint64_t ms = UINT64_C(1781654400000);
    while (!filler_is_full(filler)) {
        char line[256];
        ms += (uint64_t)filler_exponential(filler, 600);
        int size =
            snprintf(line, sizeof line,
                     "{\"id\":\"%016llx\",\"ts\":%llu,\"type\":\"%s\",\"user\":{\"id\":%u,\"country\":\"%s\"},"
                     "\"sku\":\"SKU-%05u\",\"price\":%.2f}\n",
                     (unsigned long long)filler_random(filler), (unsigned long long)ms, kinds[filler_below(filler, 5)],
                     (unsigned)filler_zipf(filler, 1.1, 2e5), countries[filler_below(filler, 8)],
                     (unsigned)filler_zipf(filler, 1.2, 3e4), exp(3 + filler_gauss(filler)));
        filler_put(filler, line, (size_t)size);
    }
}

void fill_logs(struct data_filler *filler)
{
    log_data_fill(filler->bytes, filler->size, 1);
    filler->filled = filler->size;
}

static void fill_with_letters(struct data_filler *filler, const char *letters, uint32_t count, unsigned line)
{
    for (unsigned column = 1; !filler_is_full(filler); column++) {
        filler_put(filler, column % line == 0 ? "\n" : letters + filler_below(filler, count), 1);
    }
}

void fill_dna(struct data_filler *filler)
{
    fill_with_letters(filler, "ACGT", 4, 81);
}

/* Of sequencing: skewed letters that change slowly. */
void fill_qualities(struct data_filler *filler)
{
    double quality = 36;
    for (unsigned column = 1; !filler_is_full(filler); column++) {
        quality += 1.5 * filler_gauss(filler) + 0.1 * (35 - quality);
        double clipped = quality < 2 ? 2 : quality > 40 ? 40 : quality;
        char letter = column % 151 == 0 ? '\n' : (char)(33 + (int)clipped);
        filler_put(filler, &letter, 1);
    }
}

void fill_hex(struct data_filler *filler)
{
    fill_with_letters(filler, "0123456789abcdef", 16, UINT32_MAX);
}

void fill_base64(struct data_filler *filler)
{
    fill_with_letters(filler, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 64, 77);
}
