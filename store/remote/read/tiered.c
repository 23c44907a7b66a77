/* store/remote/read/tiered.c -- what comes from the tier, what goes into it, and what passes by. */
#include "store/remote/read/tiered.h"

#include "runtime/base/assert.h"
#include "store/remote/read/flight.h"

#include <stdlib.h>

enum {
    STREAMS_MAX = 4,         /* of one object; then all of the rest is fetched in one */
    STRETCH_BLOCKS = 8,      /* a stretch that is worth a request of its own not to be fetched: half a MiB */
    LOOKED_AT_BLOCKS = 1024, /* how far a stretch is looked for */
};

static struct tier *tier_of(const struct remote_key *key)
{
    return key->shard->remote->settings.tier;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- before the request ---- */

bool tiered_may_pin(const struct remote_key *key, const struct open_intent *intent)
{
    const struct remote *remote = key->shard->remote;
    return remote->settings.tier != NULL && !intent->is_again && !key->is_internal && key->has_row &&
           (remote_labels_hold(remote) || key->row.was_said_before) && tier_is_here(remote->settings.tier) &&
           !atomic_load_explicit(&remote->has_weak_etags, memory_order_relaxed);
}

static struct block_name block_at(const struct block_revision *revision, uint64_t offset)
{
    return (struct block_name){.revision = *revision, .number = block_number_at(offset)};
}

/* As the answer will name it, unless it has changed. */
static const struct block_revision *revision_of_row(struct remote_object *object)
{
    struct tiered *tiered = &object->tiered;
    const struct remote_key *key = &object->key;
    if (!tiered->knows_row)
        tiered->of_row = tier_revision(tier_of(key), &key->name, &key->row.attributes);
    tiered->knows_row = true;
    return &tiered->of_row;
}

bool tiered_has(struct remote_object *object, uint64_t first)
{
    const struct block_revision *revision = revision_of_row(object);
    struct block_name name = block_at(revision, first);
    return first < revision->stored_size && tier_has(tier_of(&object->key), &name);
}

bool tiered_has_all(struct remote_object *object, uint64_t first, uint64_t end)
{
    const struct block_revision *revision = revision_of_row(object);
    struct block_name name = block_at(revision, first);
    if (end <= first || end > revision->stored_size || block_number_at(end - 1) - name.number >= LOOKED_AT_BLOCKS)
        return false;
    while (block_offset(name.number) < end && tier_has(tier_of(&object->key), &name))
        name.number++;
    return block_offset(name.number) >= end;
}

/* Asked once of each block, as asking is remembered; the first one is asked for before the request. */
static bool is_worth_it(struct remote_object *object, const struct block_name *name)
{
    struct tiered *tiered = &object->tiered;
    if (!tiered->has_judged || tiered->judged != name->number) {
        tiered->is_worth_it = tier_note_sight(tier_of(&object->key), name);
        tiered->judged = name->number;
        tiered->has_judged = true;
    }
    return tiered->is_worth_it;
}

bool tiered_prepare(struct remote_object *object, uint64_t *first, uint64_t *end)
{
    struct tiered *tiered = &object->tiered;
    const struct block_revision *revision = revision_of_row(object);
    struct block_name name = block_at(revision, *first);
    if (revision->stored_size == 0 || !is_worth_it(object, &name))
        return false;
    *first = block_offset(name.number);
    *end = smaller(block_offset(block_number_at(*end - 1) + 1), revision->stored_size);
    if (revision->stored_size <= SMALL_BODY_BYTES)
        return false;
    tiered->flight = flight_join(object->key.shard, &name);
    tiered->opens_flight = tiered->flight == NULL;
    if (tiered->opens_flight)
        tiered->flight = flight_begin(object->key.shard, &name);
    return !tiered->opens_flight;
}

/* ---- with the answer ---- */

/* Whoever may use a key of KMS, or has the client's, is for the backend to say, each time. */
static bool may_lie_here(const struct s3_answer *answer)
{
    struct span value;
    bool is_kms = s3_answer_find(answer, "x-amz-server-side-encryption", &value) && !span_equal(value, SPAN("AES256"));
    return !is_kms && !s3_answer_find(answer, "x-amz-server-side-encryption-customer-algorithm", &value);
}

/* Of what names a revision (store/tier/block.h), all. */
static bool names_same(const struct object_attributes *one, const struct object_attributes *other)
{
    return strcmp(one->stored_etag, other->stored_etag) == 0 && one->stored_size == other->stored_size &&
           one->modified_ms / 1000 == other->modified_ms / 1000;
}

static struct block_revision revision_of_answer(struct remote_object *object)
{
    const struct object_attributes *attributes = &object->state.object.attributes;
    if (object->tiered.knows_row && names_same(attributes, &object->key.row.attributes))
        return object->tiered.of_row;
    return tier_revision(tier_of(&object->key), &object->key.name, attributes);
}

void tiered_begin(struct remote_object *object, const struct s3_answer *answer, bool is_pinned, bool is_again)
{
    struct remote *remote = object->key.shard->remote;
    struct tier *tier = remote->settings.tier;
    struct tiered *tiered = &object->tiered;
    if (tier == NULL || object->key.is_internal || !tier_is_here(tier))
        return;
    bool is_weak = strncmp(answer->etag, "W/", 2) == 0;
    if (is_weak)
        atomic_store_explicit(&remote->has_weak_etags, true, memory_order_relaxed);
    if (is_weak || !may_lie_here(answer))
        return;
    tiered->revision = revision_of_answer(object);
    tiered->is_known = tiered->revision.stored_size > 0;
    tiered->is_pinned = is_pinned;
    object->base.may_lend = tiered->is_known;
    tiered->is_doubted = is_again;
}

void tiered_keep(const struct remote_key *key, const struct block_name *name, struct span payload)
{
    words_note_bytes(key);
    tier_keep(tier_of(key), name, payload);
}

/* Blocks that are whole in it; a sight counts also where they may not be kept. */
SUSPENDS static void keep_kept(struct remote_object *object)
{
    struct tiered *tiered = &object->tiered;
    struct tier *tier = tier_of(&object->key);
    uint64_t end = object->kept_first + object->kept.size;
    struct block_name name = block_at(&tiered->revision, object->kept_first);
    for (; block_offset(name.number) < end; name.number++) {
        uint64_t from = block_offset(name.number);
        uint32_t size = block_payload_bytes(&name);
        if (tiered->is_doubted)
            (void)tier_forget(tier, &name);
        if (from >= object->kept_first && from + size <= end && !tier_has(tier, &name) && is_worth_it(object, &name) &&
            tiered->is_pinned)
            tiered_keep(&object->key, &name, span_of(object->kept.data + (from - object->kept_first), size));
    }
}

static void leave_flight(struct tiered *tiered)
{
    if (tiered->opens_flight)
        flight_open_later(tiered->flight);
    tiered->opens_flight = false;
    flight_leave(tiered->flight);
    tiered->flight = NULL;
}

/* The flight that was announced, or joined, is of the revision that the row had: is that still the one? And where a
 * range was asked for the whole may have come: the flight then finds a stream of its own. */
static void settle_flight(struct remote_object *object)
{
    struct tiered *tiered = &object->tiered;
    if (tiered->flight == NULL)
        return;
    bool is_of_this = tiered->is_known && flight_is_of(tiered->flight, &tiered->revision);
    if (!is_of_this || (tiered->opens_flight && !flight_can_open(tiered->flight, &object->stream))) {
        leave_flight(tiered);
    } else if (tiered->opens_flight) {
        tiered->opens_flight = false;
        flight_open(tiered->flight, &object->stream);
    }
}

SUSPENDS void tiered_take_body(struct remote_object *object)
{
    settle_flight(object);
    if (object->tiered.is_known && object->kept.size > 0)
        keep_kept(object);
}

SUSPENDS bool tiered_open_near(struct remote_object *object, struct error *error)
{
    uint64_t size = object->tiered.revision.stored_size;
    struct buffer body = {0};
    tier_count_open(tier_of(&object->key));
    object->tiered.stood_in = true;
    if (!object->tiered.is_known || object->tiered.is_doubted || size > SMALL_BODY_BYTES)
        return true;
    if (!buffer_reserve(&body, (size_t)size + 1))
        return true;                                           /* it can be read piece by piece */
    object->base.attributes = object->state.object.attributes; /* by which absent bytes are fetched */
    object->window_end = size;
    bool done = tiered_read(object, 0, body.data, (size_t)size, error);
    body.size = done ? (size_t)size : 0;
    fetch_close(&object->stream);
    if (done)
        object->kept = body;
    else
        buffer_free(&body);
    return done;
}

/* From `first` on. */
SUSPENDS static void forget_end(struct remote_object *object, uint64_t first)
{
    struct tiered *tiered = &object->tiered;
    struct block_name name = block_at(&tiered->revision, first);
    for (; block_offset(name.number) < tiered->revision.stored_size; name.number++)
        (void)tier_forget(tier_of(&object->key), &name);
}

SUSPENDS void tiered_load_end(struct remote_object *object, struct buffer *ret_end)
{
    const struct object_stamp *stamp = &object->state.object.stamp;
    struct tiered *tiered = &object->tiered;
    if (!tiered->is_known)
        return;
    uint64_t wanted = stamp->trailer == STAMP_TRAILER_BYTES ? stamp->trailer_bytes : SMALL_BODY_BYTES;
    uint64_t size = smaller(wanted, tiered->revision.stored_size);
    uint64_t first = tiered->revision.stored_size - size;
    if (size > TRAILER_KEPT_BYTES_MAX)
        return;
    if (tiered->is_doubted)
        forget_end(object, first);
    else if (buffer_reserve(ret_end, (size_t)size) &&
             tier_read(tier_of(&object->key), &tiered->revision, first, ret_end->data, (size_t)size) == size)
        ret_end->size = (size_t)size;
}

/* ---- reading ---- */

/* Does the tier still take part? Where every second block is absent, it costs more requests than it saves. */
static bool may_give(const struct remote_object *object)
{
    return !object->tiered.is_doubted && object->tiered.streams < STREAMS_MAX;
}

/* All of the block can be had without a further request: it is in the stream that is open, or a new one is due. */
static bool is_within_reach(const struct remote_object *object, const struct block_name *name)
{
    uint64_t first = block_offset(name->number);
    uint64_t end = first + block_payload_bytes(name);
    const struct fetch *stream = &object->stream;
    bool is_beside_kept =
        object->kept.size > 0 && first < object->kept_first + object->kept.size && object->kept_first < end;
    return !is_beside_kept && (!stream->is_open || (first >= stream->position && end <= stream->end));
}

static bool has_block_memory(struct tiered *tiered)
{
    if (tiered->block == NULL)
        tiered->block = malloc(BLOCK_PAYLOAD_BYTES);
    return tiered->block != NULL;
}

/* All of it from the backend, and into the tier; what was wanted of it to the reader. */
SUSPENDS static bool fetch_block(struct remote_object *object, const struct block_name *name, uint64_t offset,
                                 uint8_t *ret_bytes, size_t size, struct error *error)
{
    uint64_t first = block_offset(name->number);
    uint32_t payload_bytes = block_payload_bytes(name);
    if (!remote_read_backend(object, first, object->tiered.block, payload_bytes, error))
        return false;
    tiered_keep(&object->key, name, span_of(object->tiered.block, payload_bytes));
    memcpy(ret_bytes, object->tiered.block + (offset - first), size);
    return true;
}

/* With others who want the same, if a stream that is open already is not in the way. */
SUSPENDS static enum flight_outcome fly(struct remote_object *object, const struct block_name *name,
                                        struct error *error)
{
    struct tiered *tiered = &object->tiered;
    struct fetch *stream = &object->stream;
    if (tiered->flight == NULL)
        tiered->flight = flight_join(object->key.shard, name);
    if (tiered->flight == NULL && stream->is_open && !flight_can_use(stream, name))
        return FLIGHT_PASSED;
    if (tiered->flight == NULL) {
        tiered->flight = flight_begin(object->key.shard, name);
        if (stream->is_open)
            flight_open(tiered->flight, stream);
        else
            flight_open_later(tiered->flight);
    }
    enum flight_outcome outcome = flight_follow(tiered->flight, object, name, error);
    if (outcome == FLIGHT_TOOK || outcome == FLIGHT_KEPT)
        return outcome;
    leave_flight(tiered);
    tiered->flies_alone |= outcome == FLIGHT_LATE;
    return outcome;
}

static bool is_to_be_kept(struct remote_object *object, const struct block_name *name)
{
    struct tiered *tiered = &object->tiered;
    return is_worth_it(object, name) && tiered->is_pinned && has_block_memory(tiered);
}

/* Of one block, which is absent; `flies`: perhaps with others. *ret_outcome is FLIGHT_TOOK, or FLIGHT_KEPT: nothing was
 * read, and the tier has it now. */
SUSPENDS static bool fetch_absent(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                                  bool flies, enum flight_outcome *ret_outcome, struct error *error)
{
    struct tiered *tiered = &object->tiered;
    struct block_name name = block_at(&tiered->revision, offset);
    if (tiered->is_doubted)
        (void)tier_forget(tier_of(&object->key), &name);
    bool is_to_keep = is_to_be_kept(object, &name);
    *ret_outcome = is_to_keep && flies ? fly(object, &name, error) : FLIGHT_PASSED;
    if (*ret_outcome == FLIGHT_KEPT || *ret_outcome == FLIGHT_FAILED)
        return *ret_outcome == FLIGHT_KEPT;
    tier_count_missed(tier_of(&object->key), size);
    if (*ret_outcome == FLIGHT_TOOK) {
        memcpy(ret_bytes, tiered->block + (offset - block_offset(name.number)), size);
        return true;
    }
    *ret_outcome = FLIGHT_TOOK;
    if (is_to_keep && is_within_reach(object, &name))
        return fetch_block(object, &name, offset, ret_bytes, size, error);
    bool done = remote_read_backend(object, offset, ret_bytes, size, error);
    words_note_bytes(&object->key);
    return done;
}

/* How much of [offset, offset + size) lies in one block, and before what came with the answer. */
static size_t one_step(const struct remote_object *object, uint64_t offset, size_t size)
{
    uint64_t end = smaller(offset + size, block_offset(block_number_at(offset) + 1));
    if (object->kept.size > 0 && offset < object->kept_first)
        end = smaller(end, object->kept_first);
    return (size_t)(end - offset);
}

/* What is here already: of what came with the answer, or of the tier. */
SUSPENDS static size_t read_near(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size)
{
    size_t taken = remote_take_kept(object, offset, ret_bytes, size);
    if (taken > 0 || !may_give(object))
        return taken;
    taken = tier_read(tier_of(&object->key), &object->tiered.revision, offset, ret_bytes, size);
    object->tiered.stood_in |= taken > 0;
    return taken;
}

SUSPENDS static bool read_all(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                              struct error *error)
{
    bool has_come = false; /* the block lies in the tier since a moment ago: if it is not to be had, it is fetched */
    while (size > 0) {
        size_t taken = read_near(object, offset, ret_bytes, size);
        if (taken == 0) {
            enum flight_outcome outcome;
            taken = one_step(object, offset, size);
            bool flies = !has_come && may_give(object) && !object->tiered.flies_alone;
            if (!fetch_absent(object, offset, ret_bytes, taken, flies, &outcome, error))
                return false;
            has_come = outcome == FLIGHT_KEPT;
            taken = has_come ? 0 : taken;
        } else {
            has_come = false;
        }
        offset += taken;
        ret_bytes += taken;
        size -= taken;
    }
    return true;
}

/* Pieces of a block that are read one behind the other are one reading of it. */
static void note_reading(struct remote_object *object, uint64_t offset, uint64_t end)
{
    struct tiered *tiered = &object->tiered;
    struct block_name name = block_at(&tiered->revision, offset);
    if (name.number + 1 == tiered->blocks_read)
        name.number++;
    for (; block_offset(name.number) < end; name.number++)
        tier_note_read(tier_of(&object->key), &name, tiered->is_pinned);
    tiered->blocks_read = name.number;
}

/* A client that is slow with what was read holds no block beside it. */
SUSPENDS bool tiered_read(struct remote_object *object, uint64_t offset, uint8_t *ret_bytes, size_t size,
                          struct error *error)
{
    note_reading(object, offset, offset + size);
    bool done = read_all(object, offset, ret_bytes, size, error);
    if (!done && error->kind == ERROR_CHANGED)
        words_note_bytes(&object->key); /* the next one asks */
    free(object->tiered.block);
    object->tiered.block = NULL;
    return done;
}

bool tiered_borrow(struct remote_object *object, uint64_t offset, size_t size, struct bucket_loan *ret_loan)
{
    bool touches_kept =
        object->kept.size > 0 && offset < object->kept_first + object->kept.size && object->kept_first < offset + size;
    bool has_lent = !touches_kept && may_give(object) &&
                    tier_borrow(tier_of(&object->key), &object->tiered.revision, offset, size, ret_loan);
    object->tiered.stood_in |= has_lent;
    if (has_lent)
        note_reading(object, offset, offset + size);
    return has_lent;
}

/* Without a tier, the request that opened it would have brought this as well. */
void tiered_note_stream(struct remote_object *object)
{
    object->tiered.streams++;
    if (object->tiered.stood_in)
        tier_count_further(tier_of(&object->key));
}

uint64_t tiered_stream_end(const struct remote_object *object, uint64_t offset, uint64_t end)
{
    const struct tiered *tiered = &object->tiered;
    struct block_name name = block_at(&tiered->revision, offset);
    unsigned present = 0;
    if (tiered->is_pinned && tiered->is_worth_it)
        end = smaller(block_offset(block_number_at(end - 1) + 1), tiered->revision.stored_size);
    if (!may_give(object))
        return end;
    for (unsigned i = 0; i < LOOKED_AT_BLOCKS && block_offset(++name.number) < end; i++) {
        present = tier_has(tier_of(&object->key), &name) ? present + 1 : 0;
        if (present == STRETCH_BLOCKS)
            return block_offset(name.number + 1 - STRETCH_BLOCKS);
    }
    return end;
}

void tiered_end(struct remote_object *object)
{
    leave_flight(&object->tiered);
    free(object->tiered.block);
    object->tiered = (struct tiered){0};
}

/* ---- for people ---- */

static bool nothing_is_known(struct error *error)
{
    return error_set(
        error, ERROR_NOT_FOUND, NULL,
        "The bucket has no such key, and what was seen of it is not remembered, so nobody can say what lies "
        "here of it: bale tier --drop without a key forgets everything.");
}

SUSPENDS static bool forget_revision(const struct remote_key *key, const struct object_attributes *attributes,
                                     uint64_t *blocks, struct error *error)
{
    struct block_revision revision = tier_revision(tier_of(key), &key->name, attributes);
    uint64_t count;
    words_note_bytes(key);
    bool done = tier_forget_all(tier_of(key), &revision, &count);
    *blocks += count;
    return done || error_set(error, ERROR_BUSY, NULL,
                             "The disk is busy, or refuses to write: some of it may be found again. Try again.");
}

SUSPENDS bool remote_forget_near(struct bucket_store *store, const struct object_name *name, uint64_t *ret_blocks,
                                 struct error *error)
{
    struct remote_key key;
    struct remote_state state;
    *ret_blocks = 0;
    if (!remote_key_init(remote_of(store), name, &key, error))
        return false;
    bool had_row = key.has_row;
    if (had_row && !forget_revision(&key, &key.row.attributes, ret_blocks, error))
        return false;
    if (!remote_look(&key, LOOK_FOR_ETAG, &state, error))
        return false;
    bool done = state.is_there ? forget_revision(&key, &state.object.attributes, ret_blocks, error)
                               : had_row || nothing_is_known(error);
    remote_state_free(key.shard, &state);
    return done;
}
