/* journal/repair/restore.c -- publishes a head of a new lineage from the newest good one and what was live under it. */
#include "journal/repair/restore.h"

#include "journal/format/part.h"
#include "journal/repair/cold.h"
#include "journal/replica/replica.h"
#include "runtime/base/assert.h"
#include "runtime/base/hex.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PUT_ATTEMPTS = 4 };

/* A name that claims a later generation is not counted beyond: whoever put it there, there is room behind it for
 * many more restores. */
#define GENERATION_BELIEVED_MAX (JOURNAL_GENERATION_MAX - (UINT64_C(1) << 32))

/* All that a plan was made of. */
struct restoring {
    const struct journal_environment *environment;
    struct restore_plan plan;
    struct checkpoint checkpoint; /* what it starts from */
    struct cold_segments segments;
    enum store_answer found; /* what is called "head": it is written over on that condition */
    struct store_etag etag;
    bool is_empty;
    bool is_usurped; /* the head that went back was never one of this journal's */
    struct cold_copies copies;
    struct head *head; /* the new one */
    struct buffer body;
};

static struct restoring *restoring_new(const struct journal_environment *environment, enum restore_kind kind)
{
    struct restoring *restoring = calloc(1, sizeof *restoring);
    ASSERT(restoring != NULL);
    restoring->environment = environment;
    restoring->plan.kind = kind;
    restoring->head = calloc(1, sizeof *restoring->head);
    ASSERT(restoring->head != NULL);
    return restoring;
}

static void restoring_free(struct restoring *restoring)
{
    checkpoint_free(&restoring->checkpoint);
    cold_segments_free(&restoring->segments);
    buffer_free(&restoring->body);
    free(restoring->head);
    free(restoring);
}

/* ---- what is there ---- */

static void saw_generation(struct restoring *restoring, uint64_t generation)
{
    if (generation > restoring->plan.newest_seen && generation <= GENERATION_BELIEVED_MAX)
        restoring->plan.newest_seen = generation;
}

static bool look_at_name(const char *name, void *context, struct error *error)
{
    (void)error;
    struct restoring *restoring = context;
    struct segment_key key;
    struct part_name part;
    struct cold_copy copy;
    struct span span = span_from_string(name);
    if (strcmp(name, GROUND_NAME) != 0 && strncmp(name, PROBES_PREFIX, strlen(PROBES_PREFIX)) != 0)
        restoring->is_empty = false;
    if (segment_name_parse(span, &key))
        saw_generation(restoring, key.base);
    if (part_name_parse(span, &part))
        saw_generation(restoring, part.generation);
    if (head_copy_name_parse(span, &copy.generation, &copy.nonce))
        saw_generation(restoring, copy.generation);
    cold_take_copy(&restoring->copies, name);
    return true;
}

/* What became of the head. False: that cannot be said, or this program must not touch it. */
static bool look_at_head(struct restoring *restoring, struct error *error)
{
    struct restore_plan *plan = &restoring->plan;
    struct checkpoint *checkpoint = &restoring->checkpoint;
    plan->found = JOURNAL_RUNS;
    bool is_read = cold_read_head(restoring->environment, HEAD_NAME, checkpoint, error);
    restoring->found = is_read || checkpoint->etag.text[0] != '\0' ? STORE_DONE
                       : error->kind == ERROR_NOT_FOUND            ? STORE_NOT_FOUND
                                                                   : STORE_DAMAGED;
    restoring->etag = checkpoint->etag;
    if (!is_read && error->kind != ERROR_NOT_FOUND && error->kind != ERROR_DAMAGED)
        return false;
    if (!is_read) {
        plan->found = error->kind == ERROR_NOT_FOUND ? JOURNAL_HEAD_MISSING : JOURNAL_HEAD_DAMAGED;
        return true;
    }
    saw_generation(restoring, checkpoint->head.generation);
    uint64_t denying_copy, later_base;
    if (!cold_find_denying_copy(restoring->environment, &checkpoint->head, &restoring->copies, &denying_copy, error) ||
        !cold_find_later_base(restoring->environment, &checkpoint->head, &later_base, error))
        return false;
    if (denying_copy != 0 || later_base != 0) {
        restoring->is_usurped = denying_copy != 0 && denying_copy <= checkpoint->head.generation;
        plan->found = JOURNAL_WENT_BACK;
        return true;
    }
    if (cold_load(restoring->environment, checkpoint, error))
        return true;
    plan->found = JOURNAL_CHECKPOINT_LOST;
    return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_DAMAGED;
}

/* The head that is in place, if it is an old one and no copy of a later one can be used. */
static bool start_from_old_head(struct restoring *restoring, struct error *error)
{
    struct checkpoint *checkpoint = &restoring->checkpoint;
    return cold_read_head(restoring->environment, HEAD_NAME, checkpoint, error) &&
           cold_load(restoring->environment, checkpoint, error);
}

static bool start_from_copy(struct restoring *restoring, const struct cold_copy *copy, struct error *error)
{
    struct restore_plan *plan = &restoring->plan;
    plan->is_from_copy = cold_read_copy(restoring->environment, copy, &restoring->checkpoint, error) &&
                         cold_load(restoring->environment, &restoring->checkpoint, error);
    plan->copies_skipped += !plan->is_from_copy;
    if (copy->generation > plan->newest_copy)
        plan->newest_copy = copy->generation;
    return plan->is_from_copy;
}

/* The head in place or a copy, whichever is the newest whose state is whole, though rolls that it names are lost. */
static bool choose_without_rolls(struct restoring *restoring, struct error *error)
{
    const struct journal_environment *environment = restoring->environment;
    struct restore_plan *plan = &restoring->plan;
    struct checkpoint *checkpoint = &restoring->checkpoint;
    plan->is_from_head = plan->found == JOURNAL_CHECKPOINT_LOST && !restoring->is_usurped &&
                         cold_read_head(environment, HEAD_NAME, checkpoint, error) &&
                         cold_load_without_rolls(environment, checkpoint, error);
    plan->copies_skipped = 0;
    for (unsigned i = restoring->copies.count; i-- > 0 && !plan->is_from_head && !plan->is_from_copy;) {
        plan->is_from_copy = cold_read_copy(environment, &restoring->copies.items[i], checkpoint, error) &&
                             cold_load_without_rolls(environment, checkpoint, error);
        plan->copies_skipped += !plan->is_from_copy;
    }
    plan->rolls_lost = checkpoint->lost_rolls;
    return plan->is_from_head || plan->is_from_copy;
}

/* The newest copy whose checkpoint can be loaded, or the head in place when that is newer. */
static bool choose_whole(struct restoring *restoring, struct error *error)
{
    struct restore_plan *plan = &restoring->plan;
    bool has_old = plan->found == JOURNAL_WENT_BACK && !restoring->is_usurped;
    uint64_t old = has_old ? restoring->checkpoint.head.generation : 0;
    if (plan->found == JOURNAL_RUNS)
        return true;
    for (unsigned i = restoring->copies.count; i-- > 0;) {
        const struct cold_copy *copy = &restoring->copies.items[i];
        bool is_turn_of_old = has_old && copy->generation <= old;
        has_old &= !is_turn_of_old;
        if ((is_turn_of_old && start_from_old_head(restoring, error)) || start_from_copy(restoring, copy, error))
            return true;
        if (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_DAMAGED)
            return false;
    }
    return has_old && start_from_old_head(restoring, error);
}

static bool choose_start(struct restoring *restoring, struct error *error)
{
    *error = (struct error){.kind = ERROR_NOT_FOUND};
    if (choose_whole(restoring, error))
        return true;
    if (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_DAMAGED)
        return false;
    if (choose_without_rolls(restoring, error))
        return true;
    if (error->kind != ERROR_NOT_FOUND && error->kind != ERROR_DAMAGED)
        return false;
    return error_set(error, ERROR_NOT_FOUND, NULL,
                     "there is no copy of a head whose checkpoint is whole: nothing can be restored. "
                     "`bale journal --begin-anew` makes an empty journal");
}

/* Nothing to go on from, and an operator who says so. */
static bool start_from_nothing(struct restoring *restoring, struct error *error)
{
    if (choose_start(restoring, error))
        return error_set(error, ERROR_CONFLICT, NULL,
                         restoring->plan.found == JOURNAL_RUNS ? "a good head is there: nothing needs to begin anew"
                                                               : "there is a good copy of a head: `--restore`");
    if (error->kind != ERROR_NOT_FOUND)
        return false;
    checkpoint_free(&restoring->checkpoint);
    memset(&restoring->checkpoint, 0, sizeof restoring->checkpoint);
    restoring->checkpoint.head =
        (struct head){.op_kind_last = OP_KIND_LAST, .window = HEAD_WINDOW_DEFAULT, .horizon = HEAD_HORIZON_DEFAULT};
    return true;
}

static bool find_start(struct restoring *restoring, struct error *error)
{
    if (restoring->plan.kind == RESTORE_ANEW)
        return start_from_nothing(restoring, error);
    return choose_start(restoring, error) &&
           cold_read_segments(restoring->environment, &restoring->checkpoint, &restoring->segments, error);
}

static void count_segments(struct restoring *restoring)
{
    struct restore_plan *plan = &restoring->plan;
    const struct head *head = &restoring->checkpoint.head;
    for (size_t i = 0; i < restoring->segments.count; i++) {
        const struct cold_segment *item = &restoring->segments.items[i];
        plan->damaged += item->state == COLD_DAMAGED;
        plan->newer += item->state == COLD_NEWER;
        plan->other_lineage += item->is_other_lineage;
        plan->held += item->is_held;
        bool is_taken = item->is_live || (item->is_held && plan->kind == RESTORE_LOST_HEAD);
        plan->segments += is_taken;
        if (!is_taken || plan->found == JOURNAL_RUNS || item->key.base + head->window > plan->newest_seen)
            continue;
        if (plan->undecided_named_count < RESTORE_NAMED_MAX)
            plan->undecided_named[plan->undecided_named_count++] = item->key;
        plan->undecided++;
    }
    uint64_t room = HEAD_QUARANTINE_MAX - head->quarantine_count;
    plan->given_up = plan->damaged > room ? plan->damaged - room : 0;
}

static bool may_proceed(const struct restoring *restoring, struct error *error)
{
    const struct restore_plan *plan = &restoring->plan;
    for (size_t i = 0; i < restoring->segments.count; i++) {
        if (restoring->segments.items[i].state == COLD_GONE)
            return error_set(error, ERROR_BUSY, NULL, "segments go away while they are read: is a writer at work?");
    }
    if (plan->newer > 0)
        return error_set(error, ERROR_UNSUPPORTED, NULL,
                         "%" PRIu64 " segments are of a later version: do this with that version", plan->newer);
    return true;
}

static bool kind_fits(const struct restoring *restoring, struct error *error)
{
    struct ground ground;
    struct error ignored;
    const struct journal_environment *environment = restoring->environment;
    if (restoring->plan.kind != RESTORE_LOST_HEAD)
        return true;
    if (ground_read(environment, COLD_REQUEST_MS, &ground, &ignored) &&
        !journal_id_equal(&ground.place, &environment->place))
        return error_set(error, ERROR_CONFLICT, NULL,
                         "the journal was made in another store, this is a copy of it: `bale journal --adopt`");
    if (restoring->plan.found == JOURNAL_RUNS)
        return error_set(error, ERROR_CONFLICT, NULL,
                         "a good head is there, of generation %" PRIu64 ": there is nothing to restore",
                         restoring->checkpoint.head.generation);
    return true;
}

static bool prepare(struct restoring *restoring, struct error *error)
{
    struct restore_plan *plan = &restoring->plan;
    restoring->is_empty = true;
    if (!cold_list(restoring->environment, "", "", look_at_name, restoring, error))
        return false;
    if (restoring->is_empty)
        return error_set(error, ERROR_NOT_FOUND, NULL, "there is no journal here");
    if (!look_at_head(restoring, error) || !kind_fits(restoring, error) || !find_start(restoring, error))
        return false;
    const struct head *head = &restoring->checkpoint.head;
    plan->old_lineage = head->lineage;
    plan->from_generation = head->generation;
    plan->from_nonce = *head_nonce(head);
    plan->new_generation = plan->newest_seen + 2 * head->horizon;
    count_segments(restoring);
    return may_proceed(restoring, error);
}

bool restore_plan(const struct journal_environment *environment, enum restore_kind kind, struct restore_plan *ret_plan,
                  struct error *error)
{
    struct restoring *restoring = restoring_new(environment, kind);
    bool is_possible = prepare(restoring, error);
    *ret_plan = restoring->plan;
    restoring_free(restoring);
    return is_possible;
}

/* ---- what an operator agrees to ---- */

static bool has_no_copy(const struct restore_plan *plan)
{
    return plan->found != JOURNAL_RUNS && !plan->is_from_copy && !plan->is_from_head;
}

bool restore_loses(const struct restore_plan *plan)
{
    return plan->kind == RESTORE_ANEW || has_no_copy(plan) || plan->copies_skipped > 0 || plan->rolls_lost > 0;
}

static void put_id(struct buffer *text, const struct journal_id *id)
{
    char digits[2 * JOURNAL_ID_BYTES];
    hex_encode(span_of(id, sizeof *id), digits);
    buffer_append(text, span_of(digits, sizeof digits));
}

static void describe_start(const struct restore_plan *plan, struct buffer *text)
{
    buffer_append_format(text, "The journal %s. It would go on from %s of generation %" PRIu64 ", lineage ",
                         plan->found == JOURNAL_RUNS           ? "has a good head"
                         : plan->found == JOURNAL_HEAD_MISSING ? "has lost its head"
                         : plan->found == JOURNAL_HEAD_DAMAGED ? "has a damaged head"
                         : plan->found == JOURNAL_WENT_BACK    ? "has a head that is older than copies of heads"
                                                               : "has a head whose checkpoint is lost",
                         plan->is_from_copy ? "the copy of the head" : "the head", plan->from_generation);
    put_id(text, &plan->old_lineage);
    buffer_append_format(
        text, ",\nand %" PRIu64 " segments that were live under it, as generation %" PRIu64 " of a new lineage.\n",
        plan->segments, plan->new_generation);
}

static void describe_undecided(const struct restore_plan *plan, struct buffer *text)
{
    if (plan->undecided == 0)
        return;
    buffer_append_format(text,
                         "%" PRIu64 " of these segments may have been answered \"rejected\" under a head that is "
                         "lost; they will count:\n",
                         plan->undecided);
    for (unsigned i = 0; i < plan->undecided_named_count; i++) {
        char name[JOURNAL_NAME_BYTES];
        segment_name_format(&plan->undecided_named[i], name);
        buffer_append_format(text, "  %s\n", name);
    }
    if (plan->undecided > plan->undecided_named_count)
        buffer_append_format(text, "  and %" PRIu64 " more\n", plan->undecided - plan->undecided_named_count);
}

/* What is deleted in a head's name has been settled for two generations (journal/replica/cleanup.c). */
static bool is_too_old(const struct restore_plan *plan)
{
    return plan->copies_skipped > 0 && plan->from_generation + 2 < plan->newest_copy;
}

void restore_describe(const struct restore_plan *plan, struct buffer *text)
{
    if (plan->kind == RESTORE_ANEW) {
        buffer_append_format(text,
                             "The journal has neither head nor a good copy of one. It would begin anew, empty, as "
                             "generation %" PRIu64 " of a new lineage.\nEVERYTHING THAT IT HELD IS LOST; `bale savings "
                             "--recount` then counts the ledger anew.\n",
                             plan->new_generation);
        return;
    }
    describe_start(plan, text);
    describe_undecided(plan, text);
    if (has_no_copy(plan))
        buffer_append_format(text,
                             "No copy of a later head is left. What was folded after generation %" PRIu64
                             " and deleted since IS LOST; `bale savings --recount` mends the ledger.\n",
                             plan->from_generation);
    if (is_too_old(plan))
        buffer_append_format(text,
                             "%" PRIu64 " newer copies of heads are damaged. What was folded after generation %" PRIu64
                             " and deleted since IS LOST; `bale savings --recount` mends the ledger.\n",
                             plan->copies_skipped, plan->from_generation);
    else if (plan->copies_skipped > 0)
        buffer_append_format(text, "%" PRIu64 " newer copies of heads are damaged; what they covered is still there.\n",
                             plan->copies_skipped);
    if (plan->is_from_copy && !is_too_old(plan) && plan->rolls_lost == 0)
        buffer_append_string(text, "Nothing that was acknowledged is lost, if nobody but the journal deleted segments. "
                                   "The order of what was\nfolded after the copy was written may differ.\n");
    if (plan->rolls_lost > 0)
        buffer_append_format(text,
                             "The lists of what %" PRIu64
                             " generations folded are lost. What they folded counts; segments of "
                             "that time that are still there are\ntaken for folded. `bale savings --recount` mends the "
                             "ledger if one was not.\n",
                             plan->rolls_lost);
    if (plan->held > 0)
        buffer_append_format(text, "%" PRIu64 " segments follow others that are missing%s: they %s.\n", plan->held,
                             plan->rolls_lost > 0 ? ", or of which nobody knows whether they count" : "",
                             plan->kind == RESTORE_LOST_HEAD ? "count all the same" : "are left out");
    if (plan->damaged > 0)
        buffer_append_format(text, "%" PRIu64 " segments are damaged: they go into quarantine.\n", plan->damaged);
    if (plan->given_up > 0)
        buffer_append_format(text, "It has no room for %" PRIu64 " of them: these are given up.\n", plan->given_up);
    if (plan->other_lineage > 0)
        buffer_append_format(text, "%" PRIu64 " segments are of another lineage: they are left out.\n",
                             plan->other_lineage);
    buffer_append_string(text,
                         "Outcomes of batches of the old lineage can no longer be asked: they stay unknown. "
                         "Callers that have not got an\nanswer yet must not submit those batches again. Spools "
                         "go on where they were.\nNo process may write to the journal now; those that run must be "
                         "started again.\n");
}

/* ---- doing it ---- */

static bool is_as_agreed(const struct restore_plan *plan, const struct restore_plan *agreed, struct error *error)
{
    if (plan->found == agreed->found && journal_id_equal(&plan->old_lineage, &agreed->old_lineage) &&
        journal_id_equal(&plan->from_nonce, &agreed->from_nonce) && plan->copies_skipped == agreed->copies_skipped &&
        plan->rolls_lost == agreed->rolls_lost && plan->segments >= agreed->segments &&
        plan->undecided <= agreed->undecided && plan->held <= agreed->held && plan->damaged <= agreed->damaged)
        return true;
    return error_set(error, ERROR_CONFLICT, NULL, "the journal has changed meanwhile: look again");
}

static bool put_object(const struct restoring *restoring, const char *name, struct error *error)
{
    struct journal_store *store = restoring->environment->store;
    for (unsigned i = 0; i < PUT_ATTEMPTS; i++) {
        enum store_answer answer =
            store->create(store, name, buffer_span(&restoring->body), cold_deadline(restoring->environment));
        if (answer == STORE_DONE || answer == STORE_CONDITION_FAILED)
            return true; /* the name holds a fresh nonce: what is there is ours */
    }
    return error_set(error, ERROR_BUSY, NULL, "%s could not be written; nothing has changed yet, try again", name);
}

static void begin_head(struct restoring *restoring)
{
    const struct head *from = &restoring->checkpoint.head;
    struct head *head = restoring->head;
    *head = *from;
    head->generation = restoring->plan.new_generation;
    head->ancestors_count = 1;
    head->ancestors[0].folded_count = 0;
    head->dropped_count = 0;
    random_fill(restoring->environment->random, &head->lineage, sizeof head->lineage);
    random_fill(restoring->environment->random, &head->ancestors[0].nonce, sizeof head->ancestors[0].nonce);
    for (size_t i = 0; i < restoring->segments.count; i++) {
        const struct cold_segment *item = &restoring->segments.items[i];
        if (item->state == COLD_DAMAGED && head->quarantine_count < HEAD_QUARANTINE_MAX)
            head->quarantine[head->quarantine_count++] =
                (struct head_quarantine){item->key, head->generation, QUARANTINE_DAMAGED};
        else if (item->state == COLD_DAMAGED)
            head_note_missing(head, &item->key);
        if (item->is_held && restoring->plan.kind == RESTORE_LOST_HEAD &&
            !checkpoint_settles(&restoring->checkpoint, &item->segment.predecessor))
            head_note_missing(head, &item->segment.predecessor);
    }
}

/* One more layer over those that are there; or, when there is no room for one, a single layer of all. */
static bool write_state(struct restoring *restoring, struct error *error)
{
    struct head *head = restoring->head;
    struct part_name part = {head->generation, *head_nonce(head), PART_STATE};
    struct layer *layer;
    struct state state;
    char name[JOURNAL_NAME_BYTES];
    cold_derive(&restoring->checkpoint, &restoring->segments, restoring->plan.kind == RESTORE_LOST_HEAD,
                head->generation, &state);
    head->digest = state.digest;
    layer = &state.changes;
    if (layer_count(&state.changes) > 0 && head->layers_count == HEAD_LAYERS_MAX) {
        layer_absorb(&restoring->checkpoint.base, &state.changes);
        layer = &restoring->checkpoint.base;
        head->layers_count = 0;
    }
    bool is_written = true;
    if (layer_count(layer) > 0) {
        restoring->body.limit = PART_BYTES_MAX;
        part_name_format(&part, name);
        is_written = state_part_encode(&part, layer, head->layers_count > 0, &restoring->body, error) &&
                     put_object(restoring, name, error);
        memmove(head->layers + 1, head->layers, head->layers_count * sizeof head->layers[0]);
        head->layers[0] = (struct head_layer){head->generation, part.nonce, restoring->body.size};
        head->layers_count++;
    }
    state_free(&state);
    return is_written;
}

enum publication { PUBLISHED, NOT_YET, SOMEBODY_ELSE, NO_ANSWER };

/* Whose head is there. */
static enum publication read_back(const struct restoring *restoring)
{
    struct checkpoint *there = calloc(1, sizeof *there);
    struct error error;
    ASSERT(there != NULL);
    enum publication publication = PUBLISHED;
    if (!cold_read_head(restoring->environment, HEAD_NAME, there, &error))
        publication = error.kind == ERROR_BUSY ? NO_ANSWER : NOT_YET;
    else if (!journal_id_equal(head_nonce(&there->head), head_nonce(restoring->head)))
        publication = strcmp(there->etag.text, restoring->etag.text) == 0 ? NOT_YET : SOMEBODY_ELSE;
    checkpoint_free(there);
    free(there);
    return publication;
}

static bool publish(struct restoring *restoring, struct error *error)
{
    enum publication publication = NOT_YET;
    restoring->body.limit = HEAD_BYTES_MAX;
    if (!head_encode(restoring->head, &restoring->body, error))
        return false;
    for (unsigned i = 0; i < PUT_ATTEMPTS && publication != PUBLISHED && publication != SOMEBODY_ELSE; i++) {
        (void)store_put_over(restoring->environment->store, HEAD_NAME, restoring->found, &restoring->etag,
                             buffer_span(&restoring->body), cold_deadline(restoring->environment));
        publication = read_back(restoring); /* whatever the answer was: what counts is what is there */
    }
    if (publication == PUBLISHED)
        return true;
    if (publication == SOMEBODY_ELSE)
        return error_set(error, ERROR_CONFLICT, NULL, "somebody else made a head meanwhile: look again");
    return error_set(error, ERROR_BUSY, NULL, "the store does not say whether the head was published: look again");
}

/* From here on the journal works; what is cut off now is made up for: a replica copies the first head of a lineage
 * itself, and an adoption without its note is begun again. */
static bool finish(struct restoring *restoring, struct error *error)
{
    char name[JOURNAL_NAME_BYTES];
    head_copy_name_format(restoring->head->generation, head_nonce(restoring->head), name);
    bool is_done = put_object(restoring, name, error) && ground_note(restoring->environment, COLD_REQUEST_MS, error);
    bell_ring_once(restoring->environment, cold_deadline(restoring->environment));
    return is_done;
}

bool restore_execute(const struct journal_environment *environment, const struct restore_plan *agreed,
                     struct journal_id *ret_lineage, struct error *error)
{
    struct store_test test;
    if (!store_test_run(environment, &test, error))
        return false;
    struct restoring *restoring = restoring_new(environment, agreed->kind);
    bool is_done = prepare(restoring, error) && is_as_agreed(&restoring->plan, agreed, error);
    if (is_done) {
        begin_head(restoring);
        is_done = write_state(restoring, error) && publish(restoring, error) && finish(restoring, error);
    }
    *ret_lineage = restoring->head->lineage;
    restoring_free(restoring);
    return is_done;
}
