/* bench/data/data_of_s4.c -- the data of S4's own benchmark, by its definitions
 * (crates/s4-codec/examples/bench_codecs.rs).
 */
#include "bench/data/data_generators.h"

#include <stdio.h>

/* The step is 1 + (bytes so far modulo 4): always 1, so these are 0, 1, 2, 3, ... */
void fill_postings(struct data_filler *filler)
{
    for (uint32_t value = 0; !filler_is_full(filler); value++)
        filler_put_u32(filler, value);
}

/* The step depends on the bytes so far modulo 256, which are a multiple of 8: it repeats after 32 values. */
void fill_timestamps(struct data_filler *filler)
{
    uint64_t value = UINT64_C(1700000000000000000);
    while (!filler_is_full(filler)) {
        value += 1000000 + ((filler->filled + 8) & 255);
        filler_put_u64(filler, value);
    }
}

/* The low byte of such a generator repeats after 256 values, the low two after 65536. */
void fill_doc_values(struct data_filler *filler)
{
    uint64_t state = UINT64_C(0xaaaaaaaa55555555);
    while (!filler_is_full(filler)) {
        state = state * UINT64_C(6364136223846793005) + 1;
        filler_put_u64(filler, state & ((UINT64_C(1) << 40) - 1));
    }
}

void fill_parquet_like(struct data_filler *filler)
{
    static const char head[] = "col=user_id,type=u32,encoding=plain\n";
    for (uint32_t value = 0; !filler_is_full(filler);) {
        for (unsigned i = 0; i < 1024; i++)
            filler_put_u32(filler, value++);
        for (unsigned i = 0; i < 32; i++)
            filler_put(filler, head, sizeof head - 1);
    }
}

void fill_nginx(struct data_filler *filler)
{
    static const char fixed[] =
        "192.168.1.100 - - [13/May/2026:12:34:56 +0000] \"GET /api/v1/users?page=1&limit=20&sort=created_at HTTP/1.1\" "
        "200 1234 \"https://example.com/dashboard\" \"Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 "
        "Firefox\" "
        "rt=0.001";
    _Static_assert(sizeof fixed - 1 == 224, "as long as S4's");
    for (uint64_t id = 0; !filler_is_full(filler); id++) {
        char line[32];
        filler_put(filler, fixed, sizeof fixed - 1);
        filler_put(filler, line, (size_t)snprintf(line, sizeof line, " id=%016llx\n", (unsigned long long)id));
    }
}

void fill_noise(struct data_filler *filler)
{
    uint64_t state = UINT64_C(0xdeadbeefcafebabe);
    while (!filler_is_full(filler)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        filler_put_u64(filler, state);
    }
}
