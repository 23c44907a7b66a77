/* store/remote/lists/page.c -- what of the backend's lists clients see, and where they go on. */
#include "store/remote/lists/page.h"

#include "store/remote/names.h"

#include <stdlib.h>

enum { ENTRIES_BESIDE = 2 };
/* U+10FFFF, behind every other character. */
static const struct span last_character = SPAN("\xf4\x8f\xbf\xbf");

enum listed_fate listed_decide(const struct listed *listed, struct span after, struct span last_prefix)
{
    if (!listed->is_prefix)
        return name_is_reserved(listed->key) ? LISTED_HIDDEN : LISTED_SHOWN;
    /* Its keys sort behind it, so it comes again when one goes on behind it. */
    if (span_equal(listed->key, after) || span_equal(listed->key, last_prefix))
        return LISTED_HIDDEN;
    if (name_behind_reserved(listed->key).size > 0)
        return LISTED_HIDDEN;
    return name_may_begin_reserved(listed->key) ? LISTED_DOUBTFUL : LISTED_SHOWN;
}

static int compare(const void *a, const void *b)
{
    const struct listed *one = a;
    const struct listed *other = b;
    int order = span_compare(one->key, other->key);
    return order != 0 ? order : (one->source > other->source) - (one->source < other->source);
}

void listed_sort(struct listed *entries, unsigned count)
{
    qsort(entries, count, sizeof *entries, compare);
}

void listed_behind(const struct listed *listed, struct buffer *ret_after)
{
    struct span behind = name_behind_reserved(listed->key);
    buffer_clear(ret_after);
    if (behind.size > 0) {
        buffer_append(ret_after, behind);
        return;
    }
    buffer_append(ret_after, listed->key);
    if (listed->is_prefix)
        buffer_append(ret_after, last_character);
}

unsigned listed_ask(unsigned wanted)
{
    unsigned ask = wanted + ENTRIES_BESIDE;
    return ask < LIST_ENTRIES_MAX ? ask : LIST_ENTRIES_MAX;
}
