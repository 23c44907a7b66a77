/* store/remote/ledger/settled.c -- one table of buckets, which is forgotten as a whole. */
#include "store/remote/ledger/settled.h"

#include "runtime/base/assert.h"

void settled_note(struct settled_lately *lately, struct span bucket, uint64_t recounts, uint64_t now_ms)
{
    ASSERT(lately->uncertain.count == 0 || lately->recounts == recounts);
    amounts_table_add_uncertain(&lately->uncertain, bucket);
    lately->recounts = recounts;
    lately->until_ms = now_ms + SETTLED_REMEMBERED_MS;
}

void settled_check(struct settled_lately *lately, struct intent_log *log, uint64_t recounts, uint64_t now_ms)
{
    struct amounts_table *uncertain = &lately->uncertain;
    bool was_recounted = lately->recounts != recounts;
    if (uncertain->count == 0 || (!was_recounted && now_ms < lately->until_ms))
        return;
    for (unsigned i = 0; was_recounted && i < uncertain->count; i++) {
        const struct amounts_line *line = &uncertain->lines[i];
        log_add(log, &(struct spool_amounts){span_from_string(line->bucket), line->creation_id, line->amounts});
    }
    amounts_table_free(uncertain);
}
