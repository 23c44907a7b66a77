/* tests/fuzz/lifecycle/record_fuzz.c -- records of sweeps, of whoever wrote them into a journal. */
#include "runtime/base/assert.h"
#include "server/lifecycle/record.h"

enum { BUCKET = 7 };

static void put(struct state *state, struct span table, struct span key, struct span value)
{
    static const struct journal_id none;
    struct buffer ops;
    uint32_t count;
    struct error error;
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_LIFECYCLE, table, key, value});
    ASSERT(ops_check(buffer_span(&ops), &count, &error));
    (void)state_apply_batch(state, &none, 1, buffer_span(&ops));
    buffer_free(&ops);
}

/* Found whole, or not at all. */
static void fuzz_record(const struct state *state)
{
    static struct sweep_record record;
    struct state_walk walk = {0};
    uint64_t id;
    uint64_t mark;
    unsigned count = 0;
    ASSERT(sweep_record_mark(state, BUCKET, &mark));
    if (sweep_record_find(state, BUCKET, &record)) {
        ASSERT(record.nonce != 0 && record.rules_count <= SWEEP_RULES_COUNTED_MAX);
        ASSERT(record.cursor.key_size <= OBJECT_KEY_BYTES_MAX);
        ASSERT(memchr(record.cursor.version, '\0', sizeof record.cursor.version) != NULL);
    }
    while (sweep_record_next(state, &walk, &id))
        count++;
    ASSERT(count >= 1);
    (void)sweep_clock_find(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t key[] = {0, 0, 0, 0, 0, 0, 0, BUCKET};
    struct state state;
    if (size > 6000)
        return 0;
    state_init(&state, NULL, 0);
    put(&state, SPAN("sweep"), span_of(key, sizeof key), span_of(bytes, size));
    put(&state, SPAN("clock"), SPAN("all"), span_of(bytes, size));
    if (size > 0 && size <= OP_KEY_BYTES_MAX)
        put(&state, SPAN("sweep"), span_of(bytes, size), span_of(bytes, size));
    fuzz_record(&state);
    state_free(&state);
    return 0;
}
