/* journal/replica/window.c -- lists the window, and fetches bodies of segments, several at once. */
#include "journal/replica/window.h"

#include "journal/replica/rules.h"

#include "runtime/base/assert.h"

#include <stdlib.h>

/* ---- names ---- */

static void remember(struct window_listing *listing, const struct segment_key *key)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 64 : 2 * listing->capacity;
        listing->keys = realloc(listing->keys, listing->capacity * sizeof *listing->keys);
        ASSERT(listing->keys != NULL);
    }
    listing->keys[listing->count++] = *key;
}

enum store_answer window_list(struct journal *journal, struct store_page *page, struct window_listing *ret)
{
    char after[JOURNAL_NAME_BYTES];
    segment_name_format_before(rule_window_begin(journal), after);
    do {
        enum store_answer answer = replica_list(journal, SEGMENTS_PREFIX, after, page);
        if (answer != STORE_DONE)
            return answer;
        ret->pages++;
        for (unsigned i = 0; i < page->count; i++) {
            struct segment_key key;
            if (segment_name_parse(span_from_string(page->names[i]), &key))
                remember(ret, &key);
        }
        if (page->count > 0)
            memcpy(after, page->names[page->count - 1], sizeof after);
    } while (page->is_truncated && page->count > 0);
    return STORE_DONE;
}

void window_listing_free(struct window_listing *listing)
{
    free(listing->keys);
    *listing = (struct window_listing){0};
}

bool window_lists(const struct window_listing *listing, const struct segment_key *key)
{
    return segment_keys_have(listing->keys, listing->count, key);
}

/* ---- one body ---- */

enum { FOLD_ATTEMPTS = 3 };
enum fetched { FETCHED, FETCH_GONE, FETCH_AGAIN };

bool window_wants(const struct tail_segment *item)
{
    return item != NULL && (item->state == BODY_ABSENT || item->state == BODY_DAMAGED);
}

static void take_body(struct journal *journal, const struct journal_id *lineage, struct tail_segment *item,
                      struct buffer *body)
{
    struct error error;
    struct segment segment;
    bool is_good = segment_decode_named(buffer_span(body), &item->key, &segment, &error);
    if (!is_good && error.kind == ERROR_DAMAGED && ++item->failed_reads < FAILED_READS_ARE_DAMAGE)
        return; /* it may have been the way here that damaged it */
    enum body_state before = item->state;
    bool is_foreign = is_good && !rule_is_of_lineage(&segment.lineage, lineage);
    item->state = is_foreign                        ? BODY_FOREIGN
                  : is_good                         ? BODY_GOOD
                  : error.kind == ERROR_UNSUPPORTED ? BODY_NEWER
                                                    : BODY_DAMAGED;
    journal->counters.newer_met += item->state == BODY_NEWER;
    if (item->state == BODY_DAMAGED && before != BODY_DAMAGED)
        replica_alarm_of_segment(journal, ALARM_SEGMENT_DAMAGED, &item->key);
    if (item->state != BODY_GOOD)
        return; /* what is not of this journal takes no room among what is */
    item->body = *body;
    *body = (struct buffer){.limit = body->limit};
    item->segment = segment;
    journal->tail.live_bytes += item->body.size;
    tail_changed(journal, &item->key);
}

/* How large it is nobody knows before it is here. One that did not come gets more time: all that are on their way share
 * the line. But no more than those few can need: a tick waits so long for an answer that is lost, and whoever wants the
 * next one waits with it (J44). */
static deadline_t deadline_of(const struct journal *journal, const struct tail_segment *item, size_t at_once)
{
    const uint64_t most = at_once * (uint64_t)SEGMENT_BYTES_MAX;
    uint64_t bytes = journal->options.segment_bytes_max;
    for (unsigned i = 0; i < item->unanswered && bytes < most; i++)
        bytes *= 2;
    return replica_deadline_for(journal, bytes < most ? bytes : most);
}

struct fetching {
    struct journal *journal;
    const struct journal_id *lineage;
    const struct segment_key *keys;
    size_t at_once; /* so many of them are on their way together */
    enum window_reader reader;
    struct window_fetched result;
};

static enum fetched fetch_once(const struct fetching *fetching, const struct segment_key *key)
{
    struct journal *journal = fetching->journal;
    struct tail_segment *item = tail_find(journal, key);
    if (!window_wants(item))
        return FETCHED;
    bool was_damaged = item->state == BODY_DAMAGED;
    char name[JOURNAL_NAME_BYTES];
    struct buffer body;
    struct store_etag etag;
    segment_name_format(key, name);
    buffer_init(&body, SEGMENT_BYTES_MAX);
    struct journal_store *store = journal->environment.store;
    enum store_answer answer =
        store->get(store, name, NULL, &body, &etag, deadline_of(journal, item, fetching->at_once));
    item = tail_find(journal, key);                                  /* it may be gone, or here, by now */
    bool has_come = answer == STORE_DONE || answer == STORE_DAMAGED; /* then there is no body, which is no segment */
    if (has_come && window_wants(item))
        take_body(journal, fetching->lineage, item, &body);
    if (answer == STORE_UNKNOWN && item != NULL)
        item->unanswered++;
    buffer_free(&body);
    if (answer == STORE_NOT_FOUND)
        return FETCH_GONE;
    bool is_here = has_come && (item == NULL || item->state != BODY_ABSENT);
    return is_here || was_damaged ? FETCHED : FETCH_AGAIN;
}

/* ---- all of them ---- */

static void fetch_one(void *context, size_t index)
{
    struct fetching *fetching = context;
    struct journal *journal = fetching->journal;
    const struct segment_key *key = &fetching->keys[index];
    unsigned attempts = fetching->reader == READS_FOR_FOLD ? FOLD_ATTEMPTS : 1;
    enum fetched fetched = FETCH_AGAIN;
    for (unsigned i = 0; i < attempts && fetched == FETCH_AGAIN; i++)
        fetched = fetch_once(fetching, key);
    fetching->result.all_read &= fetched != FETCH_AGAIN;
    fetching->result.some_gone |= fetched == FETCH_GONE;
    struct tail_segment *item = tail_find(journal, key);
    if (fetched == FETCH_GONE && fetching->reader == READS_FOR_TICK && window_wants(item))
        item->seen_round = 0;
}

struct window_fetched window_fetch(struct journal *journal, const struct journal_id *lineage,
                                   const struct segment_key *keys, size_t count, enum window_reader reader)
{
    size_t at_once = count < REQUESTS_AT_ONCE ? count : REQUESTS_AT_ONCE;
    struct fetching fetching = {journal, lineage, keys, at_once, reader, {.all_read = true}};
    bool all_tried = replica_each(journal, count, fetch_one, &fetching);
    fetching.result.all_read &= all_tried;
    return fetching.result;
}
