/* bench/micro/digest.c -- each checksum of S3 over 4 KiB and 1 MiB, the two hashes of a PUT side by side, and the MD5
 * of four bodies. */
#include "bench/micro/micro.h"
#include "s3client/wire/md5_lanes.h"

#include <stdio.h>

static uint8_t bytes[1 << 20];

struct summing {
    enum checksum_algorithm algorithm;
    struct span bytes;
};

static bool sum(void *state)
{
    const struct summing *summing = state;
    struct checksum_sum running;
    struct checksum_value value;
    checksum_begin(&running, summing->algorithm);
    checksum_update(&running, summing->bytes);
    checksum_end(&running, &value);
    return value.algorithm == summing->algorithm;
}

static bool sum_md5_and_sha256(void *state)
{
    const struct span *all = state;
    struct md5_sum md5;
    struct sha256_sum sha256;
    uint8_t md5_digest[MD5_BYTES];
    uint8_t sha256_digest[SHA256_BYTES];
    md5_begin(&md5);
    sha256_begin(&sha256);
    md5_sha256_update(&md5, &sha256, *all);
    md5_end(&md5, md5_digest);
    sha256_end(&sha256, sha256_digest);
    return true;
}

static bool sum_four_md5s(void *state)
{
    const struct span *each = state;
    struct md5_sum sums[MD5_LANES];
    struct md5_lane lanes[MD5_LANES];
    uint8_t digest[MD5_BYTES];
    for (unsigned i = 0; i < MD5_LANES; i++) {
        md5_begin(&sums[i]);
        lanes[i] = (struct md5_lane){&sums[i], span_of(each->data + i * each->size, each->size), NULL};
    }
    md5_update_lanes(lanes, MD5_LANES);
    for (unsigned i = 0; i < MD5_LANES; i++)
        md5_end(&sums[i], digest);
    return true;
}

static void measure_size(struct micro *micro, size_t size, const char *size_name)
{
    char name[MICRO_NAME_BYTES];
    struct span all = span_of(bytes, size);
    for (unsigned algorithm = CHECKSUM_NONE + 1; algorithm < CHECKSUM_ALGORITHMS; algorithm++) {
        struct summing summing = {(enum checksum_algorithm)algorithm, all};
        (void)snprintf(name, sizeof name, "digest/%s/%s", checksum_name(summing.algorithm), size_name);
        micro_measure(micro, &(struct micro_case){name, size, sum, &summing});
    }
    (void)snprintf(name, sizeof name, "digest/MD5-and-SHA256/%s", size_name);
    micro_measure(micro, &(struct micro_case){name, size, sum_md5_and_sha256, &all});
    struct span quarter = span_of(bytes, size / MD5_LANES);
    (void)snprintf(name, sizeof name, "digest/MD5-of-four/%s", size_name);
    micro_measure(micro, &(struct micro_case){name, size, sum_four_md5s, &quarter});
}

void micro_digest(struct micro *micro)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 2654435761U >> 13);
    measure_size(micro, 4096, "4KiB");
    measure_size(micro, sizeof bytes, "1MiB");
}
