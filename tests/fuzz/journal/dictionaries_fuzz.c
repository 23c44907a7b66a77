/* tests/fuzz/journal/dictionaries_fuzz.c -- mappings of dictionaries, of whoever wrote them into a journal. */
#include "journal/dictionaries/drift.h"
#include "journal/dictionaries/records.h"
#include "runtime/base/assert.h"

enum { BUCKET = 7 };

static void apply(struct state *state, struct buffer *ops)
{
    static const struct journal_id none;
    uint32_t count;
    struct error error;
    ASSERT(ops_check(buffer_span(ops), &count, &error));
    (void)state_apply_batch(state, &none, 1, buffer_span(ops));
    buffer_clear(ops);
}

static void put(struct state *state, struct buffer *ops, struct span table, struct span key, struct span value)
{
    op_put(ops, &(struct op){OP_MAP_PUT, SPACE_DICT, table, key, value});
    apply(state, ops);
}

/* Whatever stands there is found whole or not at all, and can be replaced and removed. */
static void fuzz_mapping(struct state *state, struct buffer *ops)
{
    struct dictionary_mapping mapping;
    struct dictionary_known known;
    struct state_walk walk = {0};
    while (dictionary_mapping_next(state, &walk, &mapping)) {
        ASSERT(mapping.bucket.size > 0 && mapping.bucket.size <= DICTIONARY_BUCKET_BYTES_MAX);
        ASSERT(mapping.prefix.size <= DICTIONARY_PREFIX_BYTES_MAX);
    }
    walk = (struct state_walk){0};
    while (dictionary_known_next(state, &walk, &known))
        ;
    mapping = (struct dictionary_mapping){.creation_id = BUCKET, .prefix = SPAN("a/"), .bucket = SPAN("bucket")};
    dictionaries_put_mapping(ops, state, &mapping, 1);
    apply(state, ops);
    ASSERT(dictionary_mapping_find(state, BUCKET, SPAN("a/"), &mapping));
    dictionaries_put_unmap(ops, state, BUCKET, SPAN("a/"), 1);
    apply(state, ops);
    ASSERT(!dictionary_mapping_find(state, BUCKET, SPAN("a/"), &mapping));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t key[] = {0, 0, 0, 0, 0, 0, 0, BUCKET, 'a', '/'};
    struct state state;
    struct buffer ops;
    if (size > 2000)
        return 0;
    state_init(&state, NULL, 0);
    buffer_init(&ops, 0);
    put(&state, &ops, SPAN("map"), span_of(key, sizeof key), span_of(bytes, size));
    put(&state, &ops, SPAN("known"), span_of(key, sizeof key), span_of(bytes, size));
    if (size > 0) { /* as keys */
        put(&state, &ops, SPAN("map"), span_of(bytes, size), span_of(bytes, size));
        put(&state, &ops, SPAN("known"), span_of(bytes, size), span_of(bytes, size));
    }
    fuzz_mapping(&state, &ops);
    buffer_free(&ops);
    state_free(&state);
    return 0;
}
