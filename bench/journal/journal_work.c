/* bench/journal/journal_work.c -- makes ops. */
#include "bench/journal/journal_work.h"

#include <stdio.h>

static struct span make_key(char ret_key[32], uint64_t index)
{
    int size = snprintf(ret_key, 32, "key-%016llx", (unsigned long long)(index * UINT64_C(0x9e3779b97f4a7c15)));
    return span_of(ret_key, (size_t)size);
}

static void put_entry(struct buffer *ops, struct span key, uint64_t seed)
{
    uint64_t value[5] = {seed, seed * 3, seed * 5, seed * 7, seed * 11};
    op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, SPAN("map"), key, span_of(value, sizeof value)});
}

void journal_work_put_entry(struct buffer *ops, uint64_t index)
{
    char key[32];
    put_entry(ops, make_key(key, index), index);
}

void journal_work_put_ops(const struct journal_work *work, struct buffer *ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char text[32];
        uint64_t drawn = random_u64(work->random);
        struct span key = make_key(text, drawn % work->keys);
        unsigned kind = (unsigned)(drawn >> 56) % 10;
        if (kind < 6)
            op_put_counter_add(ops, SPACE_TEST, SPAN("counters"), key, (int64_t)(drawn >> 40) - (1 << 23));
        else if (kind < 9)
            put_entry(ops, key, drawn);
        else
            op_put(ops, &(struct op){OP_SET_ADD, SPACE_TEST, SPAN("set"), key, SPAN_EMPTY});
    }
}
