/* tests/sim/oracle/fates.c -- a table of names. */
#include "tests/sim/oracle/fates.h"

#include "journal/format/entries.h"
#include "tests/sim/coverage.h"
#include "tests/sim/simulation.h"
#include "tests/sim/world/faults.h"

static struct entries fates;
static uint64_t names_changed;

void fates_begin(void)
{
    entries_free(&fates);
    names_changed = 0;
}

struct fate *fate_of(const char *name)
{
    struct span key = span_from_string(name);
    uint64_t hash = entries_hash(key);
    const struct entry *entry = entries_find(&fates, key, hash);
    if (entry == NULL) {
        static const struct fate none;
        entry = entries_put(&fates, key, hash, span_of(&none, sizeof none));
    }
    return (struct fate *)(uintptr_t)entry_value(entry).data;
}

static struct fate *fate_of_key(const struct segment_key *key)
{
    char name[JOURNAL_NAME_BYTES];
    segment_name_format(key, name);
    return fate_of(name);
}

void fate_touch(const struct segment_key *key)
{
    fate_of_key(key)->flags |= FATE_TOUCHED;
    segment_known(segment_index(key))->is_touched = true;
}

/* Asked for at every step, so that its name is made once: entries whose size stays lie where they were made. */
static const struct fate *fate_of_known(struct known_segment *segment)
{
    if (segment->fate == NULL)
        segment->fate = fate_of_key(&segment->key);
    return segment->fate;
}

bool fate_is_shadowed(const struct segment_key *key, uint64_t generation, bool is_old)
{
    for (;;) {
        struct known_segment *segment = segment_known(segment_index(key));
        const struct fate *fate = fate_of_known(segment);
        if (segment->covered != 0 && segment->covered <= generation)
            return false;
        bool is_unknown = is_old && (fate->flags & FATE_NEWER);
        if ((fate->flags & FATE_TOUCHED) || is_unknown || !fate->has_predecessor)
            return (fate->flags & FATE_TOUCHED) || is_unknown;
        key = &fate->predecessor;
    }
}

void fate_damaged_read(const char *name)
{
    struct segment_key key;
    if (segment_name_parse(span_from_string(name), &key) && ++fate_of(name)->damaged_reads >= FAILED_READS_ARE_DAMAGE)
        fate_touch(&key);
}

bool fate_is_touched(const struct segment_key *key)
{
    return (fate_of_key(key)->flags & FATE_TOUCHED) != 0;
}

void fate_folded(const struct segment_key *key)
{
    struct fate *fate = fate_of_key(key);
    fate->flags |= FATE_FOLDED;
    COVER_IF((fate->flags & FATE_ANSWER_LOST) && (fate->flags & FATE_LATE), late_after_answer_folded);
}

static bool has_newer(struct span body)
{
    struct segment segment;
    struct error error;
    bool has_newer = false;
    if (world_rates.special != SPECIAL_MIXED || !segment_decode(body, &segment, &error))
        return false;
    struct cursor cursor = cursor_of(segment.batches);
    for (struct batch batch; segment_next_batch(&cursor, &batch);)
        has_newer |= !ops_are_permitted(batch.ops, OP_LIST_APPEND);
    return has_newer;
}

static void note_body(struct fate *fate, const struct segment_key *key, struct span body)
{
    struct segment segment;
    struct error error;
    fate->created_at = world_now();
    segment_learn_body(segment_index(key), body);
    fate->has_predecessor = segment_decode(body, &segment, &error) && segment.has_predecessor;
    if (fate->has_predecessor)
        fate->predecessor = segment.predecessor;
    if (has_newer(body))
        fate->flags |= FATE_NEWER;
}

void fate_created(const char *name, struct span body, bool is_first, bool is_new)
{
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key))
        return;
    struct fate *fate = fate_of(name);
    if (is_new) {
        names_changed++;
        if (fate->flags & FATE_DELETED)
            fate->flags |= FATE_RECREATED;
        if (fate->created_at == 0)
            note_body(fate, &key, body);
    }
    COVER_IF(is_first && fates_generation() > key.base + fates_horizon(), late_beyond_retention);
    if (is_first)
        return;
    COVER_IF(is_new && (fate->flags & FATE_DELETED), again_after_deletion);
    COVER_IF(fates_generation() >= key.base + fates_window(), again_after_rejection);
    COVER_IF(fate->flags & FATE_DELETE_SKIPPED, again_after_skipped_delete);
}

void fate_deleted(const char *name, bool was_skipped, bool is_late)
{
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key))
        return;
    struct fate *fate = fate_of(name);
    COVER_IF(is_late && (fate->flags & FATE_RECREATED), delete_after_recreation);
    fate->flags |= was_skipped ? FATE_DELETE_SKIPPED : FATE_DELETED;
    names_changed += !was_skipped;
}

uint64_t fates_names_changed(void)
{
    return names_changed;
}

uint64_t fates_generation(void)
{
    return sim.has_head ? sim.head.generation : 0;
}

uint64_t fates_window(void)
{
    return sim.options.window;
}

uint64_t fates_horizon(void)
{
    return sim.options.horizon;
}
