/* journal/dictionaries/drift.c -- five counters for each dictionary and prefix. */
#include "journal/dictionaries/drift.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"

#define DRIFT SPAN("drift")

enum { FIGURES = 5, KEY_HEAD_BYTES = 8 + DICTIONARY_ID_DIGEST_BYTES + 1, TRIED_LEAST = 100 };

static uint64_t *figure_of(struct dictionary_drift *drift, unsigned figure)
{
    uint64_t *figures[FIGURES] = {&drift->tried, &drift->won, &drift->original_bytes, &drift->plain_bytes,
                                  &drift->dictionary_bytes};
    return figures[figure];
}

struct drift_key {
    uint8_t bytes[KEY_HEAD_BYTES + DICTIONARY_PREFIX_BYTES_MAX];
    size_t size;
};

static void make_key(struct drift_key *key, uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                     struct span prefix)
{
    ASSERT(prefix.size <= DICTIONARY_PREFIX_BYTES_MAX);
    store_u64_be(key->bytes, creation_id);
    memcpy(key->bytes + 8, id, DICTIONARY_ID_DIGEST_BYTES);
    if (prefix.size > 0)
        memcpy(key->bytes + KEY_HEAD_BYTES, prefix.data, prefix.size);
    key->size = KEY_HEAD_BYTES + prefix.size;
}

static struct span key_of_figure(struct drift_key *key, unsigned figure)
{
    key->bytes[KEY_HEAD_BYTES - 1] = (uint8_t)figure;
    return span_of(key->bytes, key->size);
}

struct dictionary_drift dictionary_drift_find(const struct state *state, uint64_t creation_id,
                                              const uint8_t id[DICTIONARY_ID_DIGEST_BYTES], struct span prefix)
{
    struct dictionary_drift drift;
    struct drift_key key;
    make_key(&key, creation_id, id, prefix);
    for (unsigned figure = 0; figure < FIGURES; figure++)
        *figure_of(&drift, figure) = (uint64_t)state_counter(state, SPACE_DICT, DRIFT, key_of_figure(&key, figure));
    return drift;
}

void dictionaries_put_drift(struct buffer *ops, uint64_t creation_id, const uint8_t id[DICTIONARY_ID_DIGEST_BYTES],
                            struct span prefix, const struct dictionary_drift *more)
{
    struct dictionary_drift amounts = *more;
    struct drift_key key;
    make_key(&key, creation_id, id, prefix);
    for (unsigned figure = 0; figure < FIGURES; figure++) {
        uint64_t amount = *figure_of(&amounts, figure);
        if (amount != 0)
            op_put_counter_add(ops, SPACE_DICT, DRIFT, key_of_figure(&key, figure), (int64_t)amount);
    }
}

unsigned dictionary_drift_saving_permille(const struct dictionary_drift *drift)
{
    if (drift->plain_bytes == 0 || drift->dictionary_bytes >= drift->plain_bytes)
        return 0;
    double kept = (double)drift->dictionary_bytes / (double)drift->plain_bytes; /* counters wrap: no product of them */
    return (unsigned)((1 - kept) * 1000);
}

bool dictionary_drift_is_stale(const struct dictionary_drift *drift, unsigned expected_permille)
{
    if (drift->tried < TRIED_LEAST)
        return false;
    return dictionary_drift_saving_permille(drift) * 10 < expected_permille * 7 || drift->won < drift->tried / 2;
}
