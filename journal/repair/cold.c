/* journal/repair/cold.c -- a journal's head, checkpoint and live segments, read at one go. */
#include "journal/repair/cold.h"

#include "journal/format/part.h"
#include "journal/replica/replica.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

enum { GET_ATTEMPTS = 4, READS = FAILED_READS_ARE_DAMAGE, ROUNDS = 5 };

deadline_t cold_deadline(const struct journal_environment *environment)
{
    return clock_monotonic_ns(environment->clock) + COLD_REQUEST_MS * UINT64_C(1000000);
}

bool cold_get(const struct journal_environment *environment, const char *name, struct buffer *ret_body,
              struct store_etag *ret_etag, struct error *error)
{
    struct journal_store *store = environment->store;
    enum store_answer answer = STORE_UNKNOWN;
    *ret_etag = (struct store_etag){0};
    for (unsigned i = 0; i < GET_ATTEMPTS && answer != STORE_DONE && answer != STORE_NOT_FOUND; i++) {
        buffer_clear(ret_body);
        answer = store->get(store, name, NULL, ret_body, ret_etag, cold_deadline(environment));
    }
    if (answer == STORE_DONE)
        return true;
    if (answer == STORE_NOT_FOUND)
        return error_set(error, ERROR_NOT_FOUND, NULL, "%s is not there", name);
    if (answer == STORE_DAMAGED)
        return error_set(error, ERROR_DAMAGED, NULL, "%s is damaged, or too large", name);
    return error_set(error, ERROR_BUSY, NULL, "the store does not answer (%s)", name);
}

bool cold_list(const struct journal_environment *environment, const char *prefix, const char *after,
               bool (*visit)(const char *name, void *context, struct error *error), void *context, struct error *error)
{
    struct journal_store *store = environment->store;
    struct store_page *page = malloc(sizeof *page);
    char last[JOURNAL_NAME_BYTES];
    ASSERT(page != NULL);
    (void)snprintf(last, sizeof last, "%s", after);
    bool goes_on = true;
    do {
        enum store_answer answer = STORE_UNKNOWN;
        for (unsigned i = 0; i < GET_ATTEMPTS && answer != STORE_DONE; i++)
            answer = store->list(store, prefix, last, page, cold_deadline(environment));
        if (answer == STORE_DAMAGED)
            goes_on = error_set(error, ERROR_DAMAGED, NULL, "the store cannot list what is there: `bale check`");
        else if (answer != STORE_DONE)
            goes_on = error_set(error, ERROR_BUSY, NULL, "the store does not answer (a listing)");
        for (unsigned i = 0; goes_on && i < page->count; i++)
            goes_on = visit(page->names[i], context, error);
        if (goes_on && page->count > 0)
            memcpy(last, page->names[page->count - 1], sizeof last);
    } while (goes_on && page->is_truncated && page->count > 0);
    free(page);
    return goes_on;
}

/* ---- the checkpoint ---- */

static bool is_settled_error(const struct error *error)
{
    return error->kind != ERROR_DAMAGED; /* damage may have happened on the way: read again */
}

bool cold_read_head(const struct journal_environment *environment, const char *name, struct checkpoint *ret,
                    struct error *error)
{
    bool is_good = false;
    ret->head_body.limit = HEAD_BYTES_MAX;
    for (unsigned i = 0; i < READS && !is_good; i++) {
        if (!cold_get(environment, name, &ret->head_body, &ret->etag, error))
            return false;
        is_good = head_decode(buffer_span(&ret->head_body), &ret->head, error);
        if (!is_good && is_settled_error(error))
            break;
    }
    return is_good || error_prepend(error, "%s", name);
}

static bool read_roll(const struct journal_environment *environment, struct checkpoint *checkpoint,
                      const struct part_name *part, uint32_t expected, struct error *error)
{
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    struct segment_key *keys = NULL;
    uint32_t count = 0;
    bool is_good = false;
    part_name_format(part, name);
    buffer_init(&body, PART_BYTES_MAX);
    for (unsigned i = 0; i < READS && !is_good; i++) {
        if (!cold_get(environment, name, &body, &etag, error))
            break;
        is_good = roll_decode(buffer_span(&body), part, &keys, &count, error) || error_prepend(error, "%s", name);
        if (!is_good && is_settled_error(error))
            break;
    }
    checkpoint->bytes += body.size;
    buffer_free(&body);
    if (is_good && count != expected) {
        free(keys);
        return error_set(error, ERROR_DAMAGED, NULL, "%s has %u segments, the head says %u", name, count, expected);
    }
    if (is_good)
        covered_add(&checkpoint->covered, part->generation, keys, count);
    return is_good;
}

static bool read_layer(const struct journal_environment *environment, struct checkpoint *checkpoint,
                       const struct head_layer *layer, struct layer *into, struct error *error)
{
    struct part_name part = {layer->generation, layer->nonce, PART_STATE};
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    bool is_good = false;
    part_name_format(&part, name);
    buffer_init(&body, PART_BYTES_MAX);
    for (unsigned i = 0; i < READS && !is_good; i++) {
        if (!cold_get(environment, name, &body, &etag, error))
            break;
        is_good = state_part_decode(buffer_span(&body), &part, into, error) || error_prepend(error, "%s", name);
        if (!is_good && is_settled_error(error))
            break;
    }
    checkpoint->bytes += body.size;
    buffer_free(&body);
    return is_good;
}

static bool load(const struct journal_environment *environment, struct checkpoint *checkpoint, bool needs_rolls,
                 struct error *error)
{
    const struct head *head = &checkpoint->head;
    covered_free(&checkpoint->covered);
    layer_free(&checkpoint->base);
    checkpoint->bytes = checkpoint->lost_rolls = checkpoint->lost_until = 0;
    for (uint32_t i = head->ancestors_count; i-- > 0;) { /* the oldest first */
        struct part_name part = {head->generation - i, head->ancestors[i].nonce, PART_ROLL};
        if (head->ancestors[i].folded_count == 0 ||
            read_roll(environment, checkpoint, &part, head->ancestors[i].folded_count, error))
            continue;
        if (needs_rolls || (error->kind != ERROR_DAMAGED && error->kind != ERROR_NOT_FOUND))
            return false;
        checkpoint->lost_rolls++;
        checkpoint->lost_until = part.generation;
    }
    struct layer stacked = {0};
    bool is_good = true;
    for (uint32_t i = 0; i < head->layers_count && is_good; i++)
        is_good = read_layer(environment, checkpoint, &head->layers[i], &stacked, error);
    if (is_good) {
        layer_absorb(&checkpoint->base, &stacked); /* what is deleted in all layers is gone */
        is_good = layer_digest(&checkpoint->base) == head->digest ||
                  error_set(error, ERROR_DAMAGED, NULL,
                            "the checkpoint of generation %llu is not what its head says: the digest differs",
                            (unsigned long long)head->generation);
    }
    layer_free(&stacked);
    return is_good;
}

bool cold_load(const struct journal_environment *environment, struct checkpoint *checkpoint, struct error *error)
{
    return load(environment, checkpoint, true, error);
}

bool cold_load_without_rolls(const struct journal_environment *environment, struct checkpoint *checkpoint,
                             struct error *error)
{
    return load(environment, checkpoint, false, error);
}

/* ---- one segment ---- */

static bool read_body(const struct journal_environment *environment, struct cold_segment *item, struct error *error)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    segment_name_format(&item->key, name);
    buffer_init(&item->body, SEGMENT_BYTES_MAX);
    item->state = COLD_DAMAGED;
    for (unsigned i = 0; i < READS && item->state == COLD_DAMAGED; i++) {
        if (!cold_get(environment, name, &item->body, &etag, error)) {
            if (error->kind == ERROR_BUSY)
                return false;
            item->state = error->kind == ERROR_NOT_FOUND ? COLD_GONE : COLD_DAMAGED;
            continue;
        }
        if (segment_decode_named(buffer_span(&item->body), &item->key, &item->segment, error))
            item->state = COLD_GOOD;
        else if (error->kind == ERROR_UNSUPPORTED)
            item->state = COLD_NEWER;
    }
    return true;
}

/* ---- later heads ---- */

void cold_take_copy(struct cold_copies *copies, const char *name)
{
    struct cold_copy copy;
    if (!head_copy_name_parse(span_from_string(name), &copy.generation, &copy.nonce))
        return;
    if (copies->count == COLD_COPIES_MAX)
        memmove(copies->items, copies->items + 1, --copies->count * sizeof copies->items[0]);
    copies->items[copies->count++] = copy;
}

bool cold_read_copy(const struct journal_environment *environment, const struct cold_copy *copy, struct checkpoint *ret,
                    struct error *error)
{
    char name[JOURNAL_NAME_BYTES];
    head_copy_name_format(copy->generation, &copy->nonce, name);
    return cold_read_head(environment, name, ret, error) &&
           ((ret->head.generation == copy->generation && journal_id_equal(head_nonce(&ret->head), &copy->nonce)) ||
            error_set(error, ERROR_DAMAGED, NULL, "%s holds another head", name));
}

static bool denies(const struct cold_copy *copy, const struct head *head)
{
    const struct head_ancestor *then = head_ancestor(head, copy->generation);
    return copy->generation > head->generation || (then != NULL && !journal_id_equal(&then->nonce, &copy->nonce));
}

bool cold_find_denying_copy(const struct journal_environment *environment, const struct head *head,
                            const struct cold_copies *copies, uint64_t *ret_generation, struct error *error)
{
    struct checkpoint *copy = calloc(1, sizeof *copy);
    bool is_answered = true;
    bool is_sound = false;
    ASSERT(copy != NULL);
    *ret_generation = 0;
    for (unsigned i = copies->count; i-- > 0 && is_answered && !is_sound;) {
        is_sound = cold_read_copy(environment, &copies->items[i], copy, error);
        is_answered = is_sound || error->kind != ERROR_BUSY;
        if (is_sound && denies(&copies->items[i], head))
            *ret_generation = copies->items[i].generation;
    }
    checkpoint_free(copy);
    free(copy);
    return is_answered;
}

struct looking {
    const struct journal_environment *environment;
    const struct head *head;
    uint64_t newest;
};

static bool look_at_later(const char *name, void *context, struct error *error)
{
    struct looking *looking = context;
    struct cold_segment item = {.state = COLD_GONE};
    if (!segment_name_parse(span_from_string(name), &item.key) || item.key.base <= looking->newest)
        return true; /* one for each base */
    bool is_answered = read_body(looking->environment, &item, error);
    if (is_answered && item.state == COLD_GOOD && journal_id_equal(&item.segment.lineage, &looking->head->lineage))
        looking->newest = item.key.base;
    buffer_free(&item.body);
    return is_answered;
}

bool cold_find_later_base(const struct journal_environment *environment, const struct head *head,
                          uint64_t *ret_generation, struct error *error)
{
    struct looking looking = {environment, head, head->generation};
    char after[JOURNAL_NAME_BYTES];
    segment_name_format_before(head->generation + 1, after);
    bool is_listed = cold_list(environment, SEGMENTS_PREFIX, after, look_at_later, &looking, error);
    *ret_generation = looking.newest > head->generation ? looking.newest : 0;
    return is_listed;
}

void checkpoint_free(struct checkpoint *checkpoint)
{
    buffer_free(&checkpoint->head_body);
    covered_free(&checkpoint->covered);
    layer_free(&checkpoint->base);
}

/* By what the checkpoint says itself. */
static bool surely_settles(const struct checkpoint *checkpoint, const struct segment_key *key)
{
    return key->base < head_window_begin(&checkpoint->head) || covered_generation(&checkpoint->covered, key) != 0 ||
           head_find_quarantined(&checkpoint->head, key) != NULL;
}

bool checkpoint_settles(const struct checkpoint *checkpoint, const struct segment_key *key)
{
    return key->base < checkpoint->lost_until || surely_settles(checkpoint, key);
}

/* ---- segments ---- */

struct collecting {
    const struct checkpoint *checkpoint;
    struct cold_segments *segments;
};

static bool collect(const char *name, void *context, struct error *error)
{
    (void)error;
    struct collecting *collecting = context;
    struct cold_segments *segments = collecting->segments;
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key) || checkpoint_settles(collecting->checkpoint, &key))
        return true;
    if (segments->count == segments->capacity) {
        segments->capacity = segments->capacity == 0 ? 64 : 2 * segments->capacity;
        segments->items = realloc(segments->items, segments->capacity * sizeof *segments->items);
        ASSERT(segments->items != NULL);
    }
    segments->items[segments->count++] = (struct cold_segment){.key = key};
    return true;
}

static const struct cold_segment *find_segment(const struct cold_segments *segments, const struct segment_key *key)
{
    size_t low = 0;
    size_t high = segments->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = segment_key_compare(&segments->items[middle].key, key);
        if (order == 0)
            return &segments->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* In order: predecessors come first. One that is only taken for folded, because the roll that would say so is lost, may
 * be neither folded nor live: what follows it is held (J9). */
static void mark_live(const struct checkpoint *checkpoint, struct cold_segments *segments)
{
    for (size_t i = 0; i < segments->count; i++) {
        struct cold_segment *item = &segments->items[i];
        if (item->state != COLD_GOOD)
            continue;
        item->is_other_lineage = !journal_id_equal(&item->segment.lineage, &checkpoint->head.lineage);
        if (item->is_other_lineage)
            continue;
        const struct segment_key *before = item->segment.has_predecessor ? &item->segment.predecessor : NULL;
        const struct cold_segment *predecessor = before == NULL ? NULL : find_segment(segments, before);
        item->is_live =
            before == NULL || surely_settles(checkpoint, before) || (predecessor != NULL && predecessor->is_live);
        item->is_held = !item->is_live;
    }
}

bool cold_read_segments(const struct journal_environment *environment, const struct checkpoint *checkpoint,
                        struct cold_segments *ret_segments, struct error *error)
{
    struct collecting collecting = {checkpoint, ret_segments};
    char after[JOURNAL_NAME_BYTES];
    segment_name_format_before(head_window_begin(&checkpoint->head), after);
    cold_segments_free(ret_segments);
    if (!cold_list(environment, SEGMENTS_PREFIX, after, collect, &collecting, error))
        return false;
    for (size_t i = 0; i < ret_segments->count; i++) {
        if (!read_body(environment, &ret_segments->items[i], error))
            return false;
    }
    mark_live(checkpoint, ret_segments);
    return true;
}

void cold_segments_free(struct cold_segments *segments)
{
    for (size_t i = 0; i < segments->count; i++)
        buffer_free(&segments->items[i].body);
    free(segments->items);
    *segments = (struct cold_segments){0};
}

/* ---- all of it ---- */

static bool has_moved(const struct journal_environment *environment, const struct checkpoint *checkpoint,
                      bool *ret_has_moved, struct error *error)
{
    struct checkpoint *now = calloc(1, sizeof *now);
    ASSERT(now != NULL);
    bool is_read = cold_read_head(environment, HEAD_NAME, now, error);
    *ret_has_moved = is_read && !journal_id_equal(head_nonce(&now->head), head_nonce(&checkpoint->head));
    checkpoint_free(now);
    free(now);
    return is_read;
}

/* What is listed before the head was read, and is not covered by it, is live under it. So a head that is still there
 * after everything was read was there all the while. */
bool cold_read(const struct journal_environment *environment, struct checkpoint *ret_checkpoint,
               struct cold_segments *ret_segments, struct error *error)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        bool moved;
        if (!cold_read_head(environment, HEAD_NAME, ret_checkpoint, error))
            return false;
        bool is_read = cold_load(environment, ret_checkpoint, error) &&
                       cold_read_segments(environment, ret_checkpoint, ret_segments, error);
        struct error later;
        if (!has_moved(environment, ret_checkpoint, &moved, is_read ? error : &later))
            return false;
        if (!moved)
            return is_read;
    }
    return error_set(error, ERROR_BUSY, NULL, "the journal moves on faster than it can be read: try again");
}

void cold_derive(const struct checkpoint *checkpoint, const struct cold_segments *segments, bool held_too,
                 uint64_t generation, struct state *ret_state)
{
    state_init(ret_state, &checkpoint->base, checkpoint->head.digest);
    for (size_t i = 0; i < segments->count; i++) {
        const struct cold_segment *item = &segments->items[i];
        if (item->is_live || (held_too && item->is_held))
            apply_segment(ret_state, &item->segment, generation);
    }
}
