/* tests/soak/truth.c -- writes what batches do, and judges states by it. */
#include "runtime/base/assert.h"
#include "tests/soak/soak.h"

#include <stdio.h>
#include <stdlib.h>

#define ORDER SPAN("order")
#define TWIN SPAN("twin")
#define SUM SPAN("sum")
#define MAP SPAN("map")

struct name {
    char text[32];
};

static struct span list_name(unsigned caller, uint32_t number, struct name *ret_name)
{
    int size = snprintf(ret_name->text, sizeof ret_name->text, "%u/%u", caller, (unsigned)(number / SOAK_LIST_BATCHES));
    return span_of(ret_name->text, (size_t)size);
}

static int64_t amount_of(uint32_t number)
{
    return number % 3 == 0 ? -100 : 70;
}

void soak_put_ops(const struct caller *caller, uint32_t number, struct buffer *ops)
{
    struct name name;
    struct span list = list_name(caller->number, number, &name);
    struct span value = span_of(&number, sizeof number);
    struct span key = span_of(&caller->number, sizeof caller->number);
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, ORDER, list, value});
    op_put_counter_add(ops, SPACE_TEST, SUM, key, amount_of(number));
    if (number % 4 == 0)
        op_put(ops, &(struct op){OP_MAP_PUT, SPACE_TEST, MAP, span_take(value, 1), key});
    if (number % 5 == 0)
        op_put(ops, &(struct op){OP_MAP_DELETE, SPACE_TEST, MAP, span_take(value, 1), SPAN_EMPTY});
    op_put(ops, &(struct op){OP_LIST_APPEND, SPACE_TEST, TWIN, list, value});
}

/* The numbers of a list, one after the other. */
static bool next_number(struct cursor *cursor, uint32_t *ret_number)
{
    if (cursor->rest.size == 0)
        return false;
    uint32_t size = cursor_u32(cursor);
    ASSERT(size == sizeof *ret_number);
    *ret_number = cursor_u32(cursor);
    return !cursor->failed;
}

bool soak_is_visible(const struct state *state, unsigned caller, uint32_t number)
{
    struct name name;
    struct cursor cursor = cursor_of(state_list(state, SPACE_TEST, ORDER, list_name(caller, number, &name)));
    uint32_t found;
    while (next_number(&cursor, &found)) {
        if (found == number)
            return true;
    }
    return false;
}

static unsigned violation(const struct caller *caller, uint32_t number, const char *what)
{
    (void)fprintf(stderr, "VIOLATION: batch %u of caller %u %s\n", (unsigned)number, caller->number, what);
    return 1;
}

/* How often each number of the list's range is there; committed ones must ascend. */
static unsigned check_list(const struct state *state, const struct caller *caller, uint32_t first, uint8_t *times,
                           int64_t *sum)
{
    struct name name;
    struct span key = list_name(caller->number, first, &name);
    struct span list = state_list(state, SPACE_TEST, ORDER, key);
    unsigned wrong = 0;
    if (!span_equal(list, state_list(state, SPACE_TEST, TWIN, key)))
        wrong += violation(caller, first, "or one behind it is there in part, or the two lists have another order");
    struct cursor cursor = cursor_of(list);
    uint32_t number;
    uint32_t last = 0;
    while (next_number(&cursor, &number)) {
        if (number < first || number - first >= SOAK_LIST_BATCHES || number >= caller->count) {
            wrong += violation(caller, number, "was never submitted");
            continue;
        }
        times[number - first] += times[number - first] < UINT8_MAX;
        *sum += amount_of(number);
        if (caller->truths[number].kind != TRUTH_COMMITTED)
            continue;
        if (number < last)
            wrong += violation(caller, number, "counts behind a later one");
        last = number;
    }
    return wrong;
}

unsigned soak_check_caller(const struct state *state, const struct caller *caller)
{
    unsigned wrong = 0;
    int64_t sum = 0;
    for (uint32_t first = 0; first < caller->count; first += SOAK_LIST_BATCHES) {
        uint8_t times[SOAK_LIST_BATCHES] = {0};
        wrong += check_list(state, caller, first, times, &sum);
        for (uint32_t i = 0; i < SOAK_LIST_BATCHES && first + i < caller->count; i++) {
            enum truth_kind kind = caller->truths[first + i].kind;
            if (kind == TRUTH_COMMITTED && times[i] == 0)
                wrong += violation(caller, first + i, "was committed, and is lost");
            if (kind == TRUTH_REJECTED && times[i] > 0)
                wrong += violation(caller, first + i, "was rejected, and is there");
            if (times[i] > 1)
                wrong += violation(caller, first + i, "counts more than once");
        }
    }
    if (state_counter(state, SPACE_TEST, SUM, span_of(&caller->number, sizeof caller->number)) != sum)
        wrong += violation(caller, 0, "or another is not in the counter as it is in the lists");
    return wrong;
}

/* ---- dumps ---- */

static int by_key(const void *a, const void *b)
{
    return span_compare(entry_key(*(const struct entry *const *)a), entry_key(*(const struct entry *const *)b));
}

void soak_dump(const struct state *state, struct buffer *ret_bytes)
{
    size_t count = 0, capacity = 1024;
    const struct entry **entries = malloc(capacity * sizeof *entries);
    struct state_walk walk = {0};
    for (const struct entry *entry; (entry = state_next(state, &walk)) != NULL;) {
        if (count == capacity)
            entries = realloc(entries, (capacity *= 2) * sizeof *entries);
        ASSERT(entries != NULL);
        entries[count++] = entry;
    }
    qsort(entries, count, sizeof *entries, by_key);
    for (size_t i = 0; i < count; i++) {
        uint32_t sizes[2] = {entries[i]->key_size, entries[i]->value_size};
        buffer_append(ret_bytes, span_of(sizes, sizeof sizes));
        buffer_append(ret_bytes, entry_key(entries[i]));
        buffer_append(ret_bytes, entry_value(entries[i]));
    }
    free(entries);
}
