/* store/remote/read/open.c -- opens an object: which one request is likely to be right, and what its answer makes of
 * it.
 *
 * What was last seen of the key (its row) says where the wanted bytes lie; the request pins the revision that the row
 * is of. When the key has changed meanwhile, the backend says so, and the object is opened as one that was never seen.
 */
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/read/object.h"
#include "store/remote/read/s4_object.h"
#include "store/remote/read/tiered.h"
#include "store/remote/words/shared_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { RANGE_TEXT_BYTES = 64 };

/* The one request that an object is opened by. */
enum approach {
    ASK_HEAD,  /* no bytes are wanted, or the caller or a tier has them */
    ASK_WHOLE, /* all bytes, from the first on */
    ASK_RANGE, /* those that the row places, pinned to its revision */
    ASK_END,   /* the last 64 KiB, which show what it is; the wanted ones follow */
};

struct plan {
    enum approach approach;
    uint64_t first; /* ASK_RANGE: stored bytes */
    uint64_t end;
    void *recalled; /* ASK_HEAD: what the caller has, if it is still that revision */
    bool is_tiered; /* ASK_HEAD: the tier has the first of them, if it is still that revision */
    bool is_pinned; /* the request names the revision of the row */
    bool is_enough; /* ASK_HEAD: if it is still that revision, the backend need not be asked for a byte */
};

static struct remote_object *create(struct bucket_store *store, const struct object_name *name)
{
    struct remote_object *object = malloc(sizeof *object + name->bucket.size + name->key.size);
    ASSERT(object != NULL);
    memset(object, 0, sizeof *object);
    object->base.store = store;
    memcpy(object->names, name->bucket.data, name->bucket.size);
    memcpy(object->names + name->bucket.size, name->key.data, name->key.size);
    return object;
}

/* The caller's name need not live on. */
static struct object_name own_name(const struct remote_object *object, const struct object_name *name)
{
    return (struct object_name){.bucket = span_of(object->names, name->bucket.size),
                                .key = span_of(object->names + name->bucket.size, name->key.size),
                                .version = name->version};
}

void remote_close(struct bucket_object *base)
{
    struct remote_object *object = (struct remote_object *)base;
    fetch_close(&object->stream);
    buffer_free(&object->kept);
    tiered_end(object);
    remote_state_free(object->key.shard, &object->state);
    free(object);
}

/* ---- planning ---- */

static bool may_use_row(const struct remote_key *key)
{
    return key->has_row && (remote_labels_hold(key->shard->remote) || key->row.was_said_before);
}

/* The client has what the row is of, as far as one can tell. */
static bool has_client_this(const struct open_intent *intent, const struct remote_key *key)
{
    const struct read_condition *condition = intent->condition;
    if (condition == NULL || condition->if_none_match.size == 0 || condition->if_match.size > 0)
        return false;
    return may_use_row(key) && read_condition_decide(condition, &key->row.attributes).verdict == READ_NOT_MODIFIED;
}

/* Which original bytes are wanted, of an object of this size. False: none. */
static bool resolve_extent(const struct open_intent *intent, uint64_t size, uint64_t *ret_first, uint64_t *ret_end)
{
    if (intent->extent == OPEN_SUFFIX) {
        uint64_t wanted = intent->size < size ? intent->size : size;
        *ret_first = size - wanted;
        *ret_end = size;
    } else {
        *ret_first = intent->first;
        *ret_end = intent->size < size - intent->first || intent->first > size ? intent->first + intent->size : size;
    }
    return *ret_first < *ret_end && *ret_first < size;
}

static bool place_in_frames(const struct trailer *trailer, uint64_t first, uint64_t end, struct plan *plan)
{
    struct sidecar_entry begin;
    struct sidecar_entry last;
    if (!trailer_find_frame(trailer, first, &begin) || !trailer_find_frame(trailer, end - 1, &last))
        return false;
    plan->first = begin.stored_offset;
    plan->end = last.stored_offset + last.stored_size;
    return true;
}

/* Where the row says that the wanted bytes lie. False: it does not. */
static bool place_range(const struct remote_key *key, const struct open_intent *intent, struct plan *plan)
{
    const struct object_attributes *attributes = &key->row.attributes;
    uint64_t first;
    uint64_t end;
    if (!resolve_extent(intent, attributes->original_size, &first, &end))
        return false;
    if (attributes->layout == LAYOUT_RAW) {
        plan->first = first;
        plan->end = end < attributes->stored_size ? end : attributes->stored_size;
        return plan->first < plan->end;
    }
    const struct kept_trailer *kept =
        rows_find_trailer(key->shard->rows, key->row_place, span_from_string(attributes->stored_etag));
    bool is_placed = kept != NULL && place_in_frames(&kept->trailer, first, end, plan);
    rows_give_trailer(key->shard->rows, kept);
    return is_placed;
}

static void plan_range(const struct remote_key *key, const struct open_intent *intent, struct plan *plan)
{
    bool has_row = may_use_row(key);
    if (has_row &&
        (key->row.attributes.stored_size <= SMALL_BODY_BYTES || attributes_are_verified_whole(&key->row.attributes)))
        plan->approach = ASK_WHOLE;
    else if (has_row && place_range(key, intent, plan))
        plan->approach = ASK_RANGE;
    else if (has_row && key->row.trailer == STAMP_NO_TRAILER && key->row.attributes.layout != LAYOUT_RAW)
        plan->approach = key->row.is_stamped || intent->first == 0 ? ASK_WHOLE : ASK_HEAD; /* one frame, or S4's own */
    else if (verdict_holds(&key->shard->remote->verdicts, VERDICT_SUFFIX_RANGE))
        plan->approach = ASK_END;
    else
        plan->approach = ASK_HEAD;
}

/* Where labels slip, what was kept before that was known may be another revision's. */
static void recall(const struct remote_key *key, const struct open_intent *intent, struct plan *plan)
{
    bool may_recall = key->has_row && remote_labels_hold(key->shard->remote);
    if (intent->recall == NULL || intent->is_again || !may_recall)
        return;
    plan->recalled = intent->recall->find(intent->recall->context, &key->name, &key->row.attributes);
    if (plan->recalled == NULL)
        return;
    plan->approach = ASK_HEAD;
    plan->is_enough = true;
}

static struct plan make_plan(const struct remote_key *key, const struct open_intent *intent)
{
    struct plan plan = {.approach = ASK_WHOLE};
    bool is_range = intent->extent == OPEN_RANGE || intent->extent == OPEN_SUFFIX;
    if (intent->extent == OPEN_ATTRIBUTES) {
        plan.approach = ASK_HEAD;
    } else if (has_client_this(intent, key)) {
        plan.approach = ASK_HEAD; /* a 304 of the backend would have no metadata */
        plan.is_enough = true;
    } else {
        if (key->is_internal)
            plan.approach = is_range ? ASK_HEAD : ASK_WHOLE;
        else if (is_range)
            plan_range(key, intent, &plan);
        recall(key, intent, &plan);
    }
    return plan;
}

/* What the tier has is not asked for; what it may come to have, is asked for by the name of its revision. */
static void plan_by_tier(struct remote_object *object, const struct open_intent *intent, struct plan *plan)
{
    plan->is_pinned = plan->approach == ASK_RANGE;
    if (plan->approach == ASK_HEAD || !tiered_may_pin(&object->key, intent))
        return;
    plan->is_pinned = true;
    if (plan->approach == ASK_END)
        return;
    bool is_range = plan->approach == ASK_RANGE;
    uint64_t first = is_range ? plan->first : 0;
    uint64_t end = is_range ? plan->end : object->key.row.attributes.stored_size;
    plan->is_tiered = tiered_has(object, first) || tiered_prepare(object, &first, &end);
    if (plan->is_tiered) {
        plan->approach = ASK_HEAD;
        plan->is_enough = object->key.shard->words != NULL && tiered_has_all(object, first, end);
    } else if (is_range) {
        plan->first = first;
        plan->end = end;
    }
}

/* ---- asking ---- */

/* Texts of the headers of one request. */
struct ask_headers {
    struct http_field fields[2];
    unsigned count;
    char range[RANGE_TEXT_BYTES];
    char etag[QUOTED_ETAG_BYTES];
};

static void add(struct ask_headers *headers, struct span name, struct span value)
{
    headers->fields[headers->count++] = (struct http_field){name, value};
}

static void put_headers(const struct remote_key *key, const struct open_intent *intent, const struct plan *plan,
                        struct ask_headers *headers)
{
    struct span known = span_from_string(key->row.attributes.stored_etag);
    int size = 0;
    headers->count = 0;
    if (plan->approach == ASK_RANGE)
        size =
            snprintf(headers->range, sizeof headers->range, "bytes=%" PRIu64 "-%" PRIu64, plan->first, plan->end - 1);
    else if (plan->approach == ASK_END)
        size = snprintf(headers->range, sizeof headers->range, "bytes=-%d", SMALL_BODY_BYTES);
    if (size > 0)
        add(headers, SPAN("range"), span_of(headers->range, (size_t)size));
    if (plan->is_pinned)
        add(headers, SPAN("if-match"), fetch_quote(known, headers->etag));
    else if (key->is_internal && plan->approach == ASK_WHOLE && intent->condition != NULL &&
             intent->condition->is_stored_etag && intent->condition->if_none_match.size > 0 &&
             intent->condition->if_none_match.size < STORED_ETAG_TEXT_BYTES)
        add(headers, SPAN("if-none-match"), fetch_quote(intent->condition->if_none_match, headers->etag));
}

/* What became of it. */
enum outcome { OPENED, OUTDATED, FAILED };

/* It is the revision that is known already; the answer has no more than that. */
static enum outcome take_unchanged(struct remote_object *object, const struct open_intent *intent)
{
    struct object_attributes *attributes = &object->base.attributes;
    if (object->key.has_row) {
        *attributes = object->key.row.attributes;
        attributes->seal = span_of(object->key.row.seal, object->key.row.seal_size);
        attributes->modified_ms = row_shown_ms(&object->key.row, attributes->modified_ms);
    } else {
        struct span etag = intent->condition->if_none_match;
        memcpy(attributes->stored_etag, etag.data, etag.size);
        fields_foreign_etag(etag, attributes->etag);
        memcpy(attributes->version, "null", sizeof "null");
    }
    object->base.decision = (struct read_decision){.verdict = READ_NOT_MODIFIED};
    return OPENED;
}

static bool is_outdated(const struct plan *plan, const struct s3_answer *answer)
{
    if (plan->is_pinned && answer->status == 412)
        return true;
    if (plan->approach == ASK_RANGE)
        return answer->status == 416;
    return plan->approach == ASK_END && answer->status == 416;
}

static uint64_t stored_size_of(const struct s3_answer *answer, uint64_t *ret_first, uint64_t *ret_end)
{
    uint64_t size = answer->content_length;
    if (answer->status == 206 && s3_answer_content_range(answer, ret_first, ret_end, &size))
        return size;
    *ret_first = 0;
    *ret_end = size;
    return size;
}

/* The body of the answer: kept when it is small, else a stream. */
SUSPENDS static bool take_body(struct remote_object *object, const struct plan *plan, uint64_t first, uint64_t end,
                               struct error *error)
{
    bool is_kept = end - first <= SMALL_BODY_BYTES && (plan->approach != ASK_RANGE || first == 0);
    object->stream.position = first;
    object->stream.end = end;
    if (!is_kept)
        return true;
    if (!buffer_reserve(&object->kept, (size_t)(end - first) + 1))
        return error_set(error, ERROR_BUSY, S3_SlowDown, "There is no memory for a further download.");
    if (!fetch_read(&object->stream, object->kept.data, (size_t)(end - first), error))
        return false;
    object->kept.size = (size_t)(end - first);
    object->kept_first = first;
    fetch_close(&object->stream);
    return true;
}

/* What only the trailer knows, or S4's sidecar, or a walk. */
SUSPENDS static bool complete(struct remote_object *object, struct error *error)
{
    struct remote_state *state = &object->state;
    bool has_end =
        object->kept.size > 0 && object->kept_first + object->kept.size == state->object.attributes.stored_size;
    bool announces = state->object.is_stamped && state->object.stamp.trailer != STAMP_NO_TRAILER;
    struct buffer end = {0};
    if (announces && state->trailer == NULL && (has_end || !remote_state_is_whole(state))) {
        if (!has_end)
            tiered_load_end(object, &end);
        struct span tail = has_end ? buffer_span(&object->kept) : buffer_span(&end);
        bool done = remote_read_trailer(&object->key, state, tail, error);
        buffer_free(&end);
        if (!done)
            return false;
    }
    return s4_object_complete(&object->key, state, error);
}

static void show(struct remote_object *object, const struct open_intent *intent)
{
    object->base.attributes = object->state.object.attributes;
    object->base.attributes.modified_ms = backend_object_shown_ms(&object->state.object);
    object->base.decision = read_condition_decide(intent->condition, &object->base.attributes);
    if (object->base.decision.verdict != READ_PROCEED) {
        fetch_close(&object->stream);
        return;
    }
    bool is_all =
        object->kept_first == 0 && object->kept.size > 0 && object->kept.size == object->base.attributes.stored_size;
    if (is_all)
        object->base.whole_body = buffer_span(&object->kept);
}

static bool is_expected(const struct remote_object *object, const struct open_intent *intent)
{
    return intent->if_stored_etag.size == 0 ||
           span_equal(intent->if_stored_etag, span_from_string(object->state.object.attributes.stored_etag));
}

/* Did the request name the revision that the answer is of? A backend that knows no If-Match answers with another one. A
 * HEAD brings no bytes: what is fetched behind it names what it said. */
static bool is_pinned_answer(const struct remote_object *object, const struct plan *plan)
{
    const char *sent = object->key.row.attributes.stored_etag;
    bool is_same = strcmp(object->state.object.attributes.stored_etag, sent) == 0;
    return plan->approach == ASK_HEAD || (plan->is_pinned && is_same);
}

/* What the backend said of an object that may lie in the tier may serve later opens, too. */
static void take_word(struct remote_object *object)
{
    if (object->has_asked && tiered_is_on(object))
        words_keep(&object->key, &object->asked, object->state.object.attributes.stored_etag, &object->stream.answer);
    fetch_close(&object->stream);
}

SUSPENDS static bool take_answer(struct remote_object *object, const struct open_intent *intent,
                                 const struct plan *plan, struct error *error)
{
    struct s3_answer *answer = &object->stream.answer;
    uint64_t first;
    uint64_t end;
    if (!answer->has_content_length)
        return remote_nonsense("GetObject: no Content-Length", error);
    uint64_t size = stored_size_of(answer, &first, &end);
    if (!remote_read_answer(&object->key, answer, size, &object->state, error))
        return false;
    if (object->state.is_tombstone) {
        remote_note_absence(&object->key);
        return remote_refuse_missing(&object->key, &object->state, error);
    }
    if (!is_expected(object, intent))
        return fetch_changed(error);
    bool is_again = intent->is_again || object->key.doubts > 0;
    tiered_begin(object, answer, is_pinned_answer(object, plan), is_again);
    if (plan->approach == ASK_HEAD)
        take_word(object);
    else if (!take_body(object, plan, first, end, error))
        return false;
    else
        words_note_bytes(&object->key);
    tiered_take_body(object);
    remote_key_pin(&object->key, object->state.object.attributes.version);
    if (plan->is_tiered && !tiered_open_near(object, error))
        return false;
    if (!object->key.is_internal && !complete(object, error))
        return false;
    remote_note_state(&object->key, &object->state);
    show(object, intent);
    return true;
}

/* What was said before, what somebody else is told, or an answer of its own. */
SUSPENDS static bool ask_head(struct remote_object *object, const struct open_intent *intent, const struct plan *plan,
                              struct error *error)
{
    struct remote_key *key = &object->key;
    struct s3_answer *answer = &object->stream.answer;
    bool may_be_aged = plan->is_enough && intent->may_be_aged && !intent->is_again;
    object->has_asked = !may_be_aged || !words_find(key, intent, answer);
    if (!object->has_asked)
        return true;
    object->asked = words_now(key);
    if (key->shard->remote->settings.tier != NULL && shared_head_is_for_all(key))
        return shared_head_ask(key, answer, error);
    const struct s3_call call = remote_key_call(key, S3_HEAD_OBJECT, S3_REPEAT);
    return remote_call(key->shard, &call, answer, error);
}

SUSPENDS static bool ask_get(struct remote_object *object, const struct open_intent *intent, const struct plan *plan,
                             struct error *error)
{
    struct ask_headers headers;
    put_headers(&object->key, intent, plan, &headers);
    struct s3_call call = remote_key_call(&object->key, S3_GET_OBJECT, S3_REPEAT);
    call.headers = headers.fields;
    call.headers_count = headers.count;
    return remote_call(object->key.shard, &call, &object->stream.answer, error);
}

SUSPENDS static enum outcome ask(struct remote_object *object, const struct open_intent *intent,
                                 const struct plan *plan, struct error *error)
{
    const struct s3_answer *answer = &object->stream.answer;
    bool done =
        plan->approach == ASK_HEAD ? ask_head(object, intent, plan, error) : ask_get(object, intent, plan, error);
    if (!done) {
        if (answer->status == 304)
            return take_unchanged(object, intent);
        if (is_outdated(plan, answer))
            return OUTDATED;
        if (remote_key_is_missing(&object->key, answer, error))
            remote_note_absence(&object->key);
        return FAILED;
    }
    object->stream.is_open = true;
    return take_answer(object, intent, plan, error) ? OPENED : FAILED;
}

/* ---- opening ---- */

static void give_back(const struct open_intent *intent, struct plan *plan)
{
    if (plan->recalled != NULL)
        intent->recall->give(intent->recall->context, plan->recalled);
    plan->recalled = NULL;
}

/* The caller has the body, if it is still the revision that it has. */
static bool settle_recalled(struct remote_object *object, const struct open_intent *intent, struct plan *plan,
                            const char *expected)
{
    if (plan->recalled == NULL)
        return true;
    bool is_same = strcmp(object->base.attributes.stored_etag, expected) == 0;
    if (is_same && object->base.decision.verdict == READ_PROCEED) {
        object->base.recalled = plan->recalled;
        return true;
    }
    give_back(intent, plan);
    return is_same; /* else it must be opened with its body */
}

static void reset(struct remote_object *object)
{
    fetch_close(&object->stream);
    buffer_free(&object->kept);
    object->kept_first = 0;
    tiered_end(object);
    remote_state_free(object->key.shard, &object->state);
    object->state = (struct remote_state){0};
    remote_key_unpin(&object->key);
    object->base.attributes = (struct object_attributes){0};
}

static void forget_row(struct remote_key *key)
{
    if (key->has_row)
        metric_add(&key->shard->counters.rows_changed, 1);
    key->has_row = false;
}

static bool is_broken(const struct error *error)
{
    return error->code == NULL && (error->kind == ERROR_CLOSED || error->kind == ERROR_TIMED_OUT);
}

/* It was replaced while it was looked at, or its answers did not go together, or its first bytes broke off. */
static bool is_worth_another_try(const struct open_intent *intent, bool is_doubted, const struct error *error)
{
    return is_broken(error) || (error->kind == ERROR_CHANGED && (is_doubted || intent->if_stored_etag.size == 0));
}

static bool explain_broken(struct error *error)
{
    return is_broken(error)
               ? error_set(error, ERROR_BUSY, S3_SlowDown, "The backend breaks off again and again. Try again.")
               : false;
}

SUSPENDS static bool open_by_plans(struct remote_object *object, const struct open_intent *intent, struct error *error)
{
    char expected[STORED_ETAG_TEXT_BYTES];
    if (intent->is_again)
        forget_row(&object->key);
    for (unsigned i = 0;; i++) {
        struct plan plan = make_plan(&object->key, intent);
        plan_by_tier(object, intent, &plan);
        memcpy(expected, object->key.row.attributes.stored_etag, sizeof expected);
        if (i > 0 && plan.approach == ASK_END && !object->key.has_row && object->stream.answer.status == 416)
            plan.approach = ASK_WHOLE; /* an empty object has no end */
        unsigned doubts = object->key.doubts;
        enum outcome outcome = ask(object, intent, &plan, error);
        if (outcome == OPENED && settle_recalled(object, intent, &plan, expected))
            return true;
        give_back(intent, &plan);
        bool is_doubted = object->key.doubts > doubts;
        bool is_over = outcome == FAILED && !is_worth_another_try(intent, is_doubted, error);
        if (is_over || i + 1 == WRITE_ROUNDS)
            return outcome == FAILED ? explain_broken(error) : fetch_changed(error);
        if (outcome != OPENED)
            forget_row(&object->key);
        reset(object);
    }
}

SUSPENDS bool remote_open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error)
{
    struct remote_object *object = create(store, name);
    struct object_name own = own_name(object, name);
    if (!remote_key_init(remote_of(store), &own, &object->key, error)) {
        free(object);
        return false;
    }
    if (!open_by_plans(object, intent, error)) {
        remote_close(&object->base);
        return false;
    }
    *ret_object = &object->base;
    return true;
}

bool remote_is_made_of(const struct bucket_object *object, const char *revision)
{
    const struct backend_object *found = &((const struct remote_object *)object)->state.object;
    return found->is_stamped && stamp_is_made_of(&found->stamp, span_from_string(revision));
}

SUSPENDS bool remote_head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    struct remote_key key;
    struct remote_state state;
    ret_attributes->is_delete_marker = false;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    bool done = remote_look(&key, LOOK_FOR_WHOLE, &state, error);
    if (done)
        *ret_attributes = state.object.attributes;
    if (done)
        ret_attributes->modified_ms = backend_object_shown_ms(&state.object);
    if (done && !state.is_there)
        done = remote_refuse_missing(&key, &state, error);
    if (done) {
        ret_attributes->metadata = arena_copy(arena, state.object.attributes.metadata);
        ret_attributes->seal = arena_copy(arena, state.object.attributes.seal);
        ret_attributes->owner = arena_copy(arena, state.object.attributes.owner);
        ret_attributes->acl = arena_copy(arena, state.object.attributes.acl);
        if (ret_attributes->metadata.data == NULL || ret_attributes->seal.data == NULL ||
            ret_attributes->owner.data == NULL || ret_attributes->acl.data == NULL)
            done = error_set(error, ERROR_BUSY, S3_SlowDown, "The request's memory is used up.");
    }
    remote_state_free(key.shard, &state);
    return done;
}
