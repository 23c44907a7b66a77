/* bench/micro/small_put.c -- what a PUT of 4 KiB over a bucket cannot do without, whoever does it: each case is what
 * one such PUT takes, and their sum comes on top of what it takes to pass bytes on. The bodies are those of http_load,
 * one after the other, since a processor learns the branches of one that comes again. */
#include "bench/data/log_data.h"
#include "bench/micro/micro.h"
#include "codec/format/crc.h"
#include "codec/stock/compressor.h"
#include "runtime/base/buffer.h"
#include "s3client/wire/md5_lanes.h"
#include "s3client/wire/sigv4.h"

enum { BODY_BYTES = 4096, BODIES = 64 };

static uint8_t bodies[BODIES][BODY_BYTES];
static struct {
    uint8_t payload[BODY_BYTES];
    size_t size;
} packed[BODIES];

static unsigned next_body(unsigned *turn)
{
    return (*turn)++ % BODIES;
}

static struct span body_at(unsigned index)
{
    return span_of(bodies[index % BODIES], BODY_BYTES);
}

/* ---- packing ---- */

struct packing {
    struct compressor *compressor;
    unsigned turn;
};

static bool pack(void *state)
{
    struct packing *packing = state;
    const struct compression how = {.level = CODEC_LEVEL_DEFAULT};
    unsigned index = next_body(&packing->turn);
    compressor_begin(packing->compressor, &how, body_at(index), packed[index].payload, BODY_BYTES);
    while (compressor_step(packing->compressor, &packed[index].size) == CODEC_MORE)
        ;
    return packed[index].size > 0;
}

/* ---- hashes ---- */

/* The MD5 of the ETag and the SHA-256 that the client signed, of four bodies at once in every fourth round. */
static bool hash_what_came(void *state)
{
    unsigned first = (*(unsigned *)state)++;
    if (first % MD5_LANES != 0)
        return true;
    struct md5_sum md5[MD5_LANES];
    struct sha256_sum sha256[MD5_LANES];
    struct md5_lane lanes[MD5_LANES];
    uint8_t digest[SHA256_BYTES];
    for (unsigned i = 0; i < MD5_LANES; i++) {
        md5_begin(&md5[i]);
        sha256_begin(&sha256[i]);
        lanes[i] = (struct md5_lane){&md5[i], body_at(first + i), &sha256[i]};
    }
    md5_update_lanes(lanes, MD5_LANES);
    for (unsigned i = 0; i < MD5_LANES; i++) {
        md5_end(&md5[i], digest);
        sha256_end(&sha256[i], digest);
    }
    return true;
}

/* The SHA-256 that is signed for the bucket, of the packed body. */
static bool hash_what_goes(void *state)
{
    unsigned index = next_body(state);
    uint8_t digest[SHA256_BYTES];
    sha256_of(span_of(packed[index].payload, packed[index].size), digest);
    return packed[index].size > 0;
}

/* CRC-64/NVME for the client, CRC-32C of the frame and of what goes. */
static bool sum_up(void *state)
{
    unsigned index = next_body(state);
    return crc64nvme_update(0, body_at(index)) != 0 && crc32c_update(0, body_at(index)) != 0 &&
           crc32c_update(0, span_of(packed[index].payload, packed[index].size)) != 0;
}

/* ---- signatures ---- */

#define TIMESTAMP "20261201T055232Z"
#define HASH "b0db084ea39d1c7beb3d540faa200cdb0c193ed35025171cbebef6c2dace3847"

static const struct sigv4_header came[] = {
    {SPAN("host"), SPAN("127.0.0.1:8014")},
    {SPAN("x-amz-content-sha256"), SPAN(HASH)},
    {SPAN("x-amz-date"), SPAN(TIMESTAMP)},
};

/* docs/bucket-format.md has what they say. */
static const struct sigv4_header goes[] = {
    {SPAN("content-type"), SPAN("binary/octet-stream")},
    {SPAN("host"), SPAN("127.0.0.1:9000")},
    {SPAN("if-none-match"), SPAN("*")},
    {SPAN("x-amz-checksum-crc32c"), SPAN("X4l0Qw==")},
    {SPAN("x-amz-content-sha256"), SPAN(HASH)},
    {SPAN("x-amz-date"), SPAN(TIMESTAMP)},
    {SPAN("x-amz-meta-s4-bale"),
     SPAN("1;n=p8iYL43llZfVnKeGW36Ehg;l=apOB1hywenmIf4W2sSw94Q/2GORIBAGfCI;c=CRC64NVME FULL_OBJECT "
          "W4Q3fmymdGs=")},
    {SPAN("x-amz-meta-s4-codec"), SPAN("cpu-zstd")},
    {SPAN("x-amz-meta-s4-compressed-size"), SPAN("1043")},
    {SPAN("x-amz-meta-s4-crc32c"), SPAN("3323360237")},
    {SPAN("x-amz-meta-s4-framed"), SPAN("true")},
    {SPAN("x-amz-meta-s4-logical-etag"), SPAN("7a804629945eb15fccd0c291f108ae1f")},
    {SPAN("x-amz-meta-s4-original-size"), SPAN("4096")},
};

#define NAMES_THAT_COME "host;x-amz-content-sha256;x-amz-date"
#define NAMES_THAT_GO                                                                                           \
    "content-type;host;if-none-match;x-amz-checksum-crc32c;x-amz-content-sha256;x-amz-date;x-amz-meta-s4-bale;" \
    "x-amz-meta-s4-codec;x-amz-meta-s4-compressed-size;x-amz-meta-s4-crc32c;x-amz-meta-s4-framed;"              \
    "x-amz-meta-s4-logical-etag;x-amz-meta-s4-original-size"

struct signing {
    struct hmac_sha256_key key;
    struct buffer canonical;
    struct buffer to_sign;
};

static bool sign(struct signing *signing, const struct sigv4_header *headers, unsigned count, struct span names)
{
    const struct sigv4_request request = {.method = SPAN("PUT"),
                                          .path = SPAN("/bench-packed/new-t0-17-1234"),
                                          .headers = headers,
                                          .headers_count = count,
                                          .are_headers_in_order = true,
                                          .signed_headers = names,
                                          .payload_hash = SPAN(HASH)};
    struct span missing;
    char signature[2 * SHA256_BYTES];
    buffer_clear(&signing->canonical);
    buffer_clear(&signing->to_sign);
    if (!sigv4_canonical_request(&request, &signing->canonical, &missing))
        return false;
    sigv4_string_to_sign(SPAN(TIMESTAMP), SPAN("20261201/us-east-1/s3/aws4_request"), buffer_span(&signing->canonical),
                         &signing->to_sign);
    sigv4_signature_prepared(&signing->key, buffer_span(&signing->to_sign), signature);
    return true;
}

/* The one that is verified is made, too. */
static bool sign_both(void *state)
{
    return sign(state, came, sizeof came / sizeof *came, SPAN(NAMES_THAT_COME)) &&
           sign(state, goes, sizeof goes / sizeof *goes, SPAN(NAMES_THAT_GO));
}

void micro_small_put(struct micro *micro)
{
    struct packing packing = {.compressor = compressor_create()};
    struct signing signing = {0};
    unsigned turns[3] = {0};
    for (unsigned i = 0; i < BODIES; i++)
        log_data_fill(bodies[i], BODY_BYTES, i + 1);
    for (unsigned i = 0; i < BODIES; i++) /* what is hashed and summed up, also where that alone is asked for */
        if (!pack(&packing))
            micro_fail("small-put/zstd-1", "a body did not shrink");
    hmac_sha256_prepare(&signing.key, SPAN("a key of a day"));
    micro_measure(micro, &(struct micro_case){"small-put/zstd-1", BODY_BYTES, pack, &packing});
    micro_measure(micro, &(struct micro_case){"small-put/md5-and-sha256", BODY_BYTES, hash_what_came, &turns[0]});
    micro_measure(micro, &(struct micro_case){"small-put/sha256-of-packed", packed[0].size, hash_what_goes, &turns[1]});
    micro_measure(micro, &(struct micro_case){"small-put/crcs", BODY_BYTES, sum_up, &turns[2]});
    micro_measure(micro, &(struct micro_case){"small-put/signatures", 0, sign_both, &signing});
    buffer_free(&signing.canonical);
    buffer_free(&signing.to_sign);
    compressor_destroy(packing.compressor);
}
