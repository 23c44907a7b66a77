/* tests/sim/world/requests.c -- what happens to a request on its way to the store, there, and back. */
#include "tests/sim/world/requests.h"

#include "runtime/base/assert.h"
#include "tests/sim/coverage.h"
#include "tests/sim/mutants.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/world/damage.h"
#include "tests/sim/world/faults.h"
#include "tests/sim/world/held.h"
#include "tests/sim/world/objects.h"
#include "tests/sim/world/world.h"

#include <stdio.h>
#include <stdlib.h>

struct request {
    enum verb verb;
    unsigned references;
    char name[JOURNAL_NAME_BYTES], after[JOURNAL_NAME_BYTES];
    struct store_etag condition, etag; /* what was asked for; what came */
    bool has_etag, is_done, is_checked;
    bool is_answer_lost, is_given_up; /* the caller has gone on */
    struct buffer body;               /* sent, or received */
    struct store_page *page;
    char (*names)[JOURNAL_NAME_BYTES];
    unsigned names_count;
    enum store_answer answer;
};

static unsigned awaited_since_faults;

void requests_begin(void)
{
    awaited_since_faults = 0;
}

unsigned requests_awaited_since_faults(void)
{
    return awaited_since_faults;
}

static struct request *request_new(enum verb verb, const char *name)
{
    struct request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    request->verb = verb;
    request->references = 1;
    (void)snprintf(request->name, sizeof request->name, "%s", name);
    return request;
}

static void release(void *argument)
{
    struct request *request = argument;
    if (--request->references > 0)
        return;
    buffer_free(&request->body);
    free(request->page);
    free(request->names);
    free(request);
}

/* ---- effects ---- */

static struct store_etag winner_with_lost_answer; /* the head that it replaced */

static void schedule_effect(struct request *request, uint64_t time);

static void put(struct request *request)
{
    request->etag = object_put(request->name, buffer_span(&request->body))->etag;
    request->answer = STORE_DONE;
    if (strcmp(request->name, HEAD_NAME) == 0 && world_observer.head_written != NULL)
        world_observer.head_written(buffer_span(&request->body));
}

/* Somebody else was there a moment before, with other bytes. */
static const struct object *precede(struct request *request)
{
    struct segment_key key;
    struct buffer body = {0};
    const struct object *object = NULL;
    if (segment_name_parse(span_from_string(request->name), &key) &&
        damage_into_foreign(buffer_span(&request->body), &body)) {
        fate_touch(&key);
        fate_created(request->name, buffer_span(&body), true, true);
        object = object_put(request->name, buffer_span(&body));
        COVER(foreign_bodies);
    }
    buffer_free(&body);
    return object;
}

/* F24: looked at now, published later, whatever is there by then. */
static bool is_put_later(struct request *request)
{
    if (world_rates.flaw != FLAW_CHECKS_EARLY || request->is_checked)
        return false;
    request->is_checked = true;
    schedule_effect(request, world_now() + world_below(40 * MS));
    return true;
}

static void create(struct request *request, const struct object *object, bool is_first)
{
    if (world_rates.flaw == FLAW_CREATES_OVER)
        object = NULL;
    if (object == NULL && is_first && world_faults && world_rates.special == SPECIAL_FOREIGN && world_chance(50))
        object = precede(request);
    if (object == NULL && is_put_later(request))
        return;
    fate_created(request->name, buffer_span(&request->body), is_first, object == NULL);
    if (object == NULL) {
        put(request);
        return;
    }
    request->answer = STORE_CONDITION_FAILED;
    COVER_IF(span_equal(buffer_span(&object->body), buffer_span(&request->body)), own_412);
    COVER_IF(strcmp(request->name, HEAD_NAME) == 0, starts_together);
}

/* Where there is none the condition is that there still is none. */
static const char *etag_shown(const struct object *object)
{
    return object->hides_etag ? "" : object->etag.text;
}

static void replace(struct request *request, const struct object *object)
{
    bool is_head = strcmp(request->name, HEAD_NAME) == 0;
    if (world_rates.flaw == FLAW_REPLACES_ABSENT && object == NULL) {
        put(request);
        return;
    }
    if (object == NULL) {
        request->answer = world_rates.replace_of_absent == ABSENT_IS_404 ? STORE_NOT_FOUND : STORE_CONDITION_FAILED;
        COVER_IF(request->answer == STORE_NOT_FOUND, absent_is_404);
        COVER_IF(request->answer != STORE_NOT_FOUND, absent_is_412);
    } else if (strcmp(etag_shown(object), request->condition.text) != 0 && world_rates.flaw != FLAW_REPLACES_ANY) {
        request->answer = STORE_CONDITION_FAILED;
        COVER_IF(is_head, publish_races);
        COVER_IF(is_head && strcmp(winner_with_lost_answer.text, request->condition.text) == 0, race_with_lost_answer);
    } else if (!is_put_later(request)) {
        if (is_head && request->is_answer_lost)
            winner_with_lost_answer = request->condition;
        COVER_IF(is_head && request->is_given_up, publish_landed_late);
        put(request);
    }
}

static void get(struct request *request, const struct object *object)
{
    if (object == NULL) {
        request->answer = STORE_NOT_FOUND;
    } else if (request->has_etag && strcmp(etag_shown(object), request->condition.text) == 0) {
        request->answer = STORE_UNCHANGED;
    } else if (object->is_unreadable) {
        if (!object->hides_etag)
            request->etag = object->etag;
        request->answer = STORE_DAMAGED;
    } else {
        buffer_append(&request->body, buffer_span(&object->body));
        request->etag = object->etag;
        request->answer = STORE_DONE;
        if (world_faults && world_chance(world_rates.damaged_read)) {
            damage_body(&request->body);
            fate_damaged_read(request->name);
            COVER(damaged_reads);
        }
    }
}

static void list(struct request *request)
{
    objects_list(request->name, request->after, world_rates.page_names, request->page);
    COVER(pages);
    COVER_IF(request->page->is_truncated, multi_page);
    request->answer = STORE_DONE;
}

static void delete_each(struct request *request)
{
    for (unsigned i = 0; i < request->names_count; i++) {
        const char *name = request->names[i];
        bool is_skipped = world_faults && world_chance(world_rates.delete_part);
        if (object_find(name) == NULL)
            continue;
        fate_deleted(name, is_skipped, request->is_given_up);
        COVER_IF(is_skipped, deletes_skipped);
        if (is_skipped)
            continue;
        if (world_observer.name_deleted != NULL)
            world_observer.name_deleted(name);
        object_delete(name);
    }
    request->answer = STORE_DONE;
}

/* F25: surely not applied. */
static bool is_refused(const struct request *request)
{
    bool is_delete = request->verb == VERB_DELETE;
    bool is_write = request->verb == VERB_CREATE || request->verb == VERB_REPLACE;
    bool is_refused = (is_delete && world_now() < faults_deletes_refused_until &&
                       (world_faults || world_rates.refuses_deletes_for_ever)) ||
                      (is_write && world_faults && world_now() < faults_writes_refused_until);
    COVER_IF(is_refused && is_delete, deletes_refused);
    COVER_IF(is_refused && is_write, writes_refused);
    return is_refused;
}

static void take_effect(void *argument)
{
    struct request *request = argument;
    if (is_refused(request)) {
        request->answer = STORE_REFUSED;
        request->is_done = true;
        release(request);
        return;
    }
    const struct object *object = request->verb <= VERB_GET ? object_find(request->name) : NULL;
    world_note((uint64_t)request->verb + 100);
    if (request->is_checked) {
        put(request);
        request->is_done = true;
        release(request);
        return;
    }
    switch (request->verb) {
    case VERB_CREATE:
        create(request, object, !request->is_done);
        break;
    case VERB_REPLACE:
        replace(request, object);
        break;
    case VERB_GET:
        get(request, object);
        break;
    case VERB_LIST:
        list(request);
        break;
    case VERB_DELETE:
        delete_each(request);
        break;
    }
    COVER_IF(request->answer == STORE_CONDITION_FAILED, condition_failed);
    request->is_done = !request->is_checked;
    release(request);
}

static void schedule_effect(struct request *request, uint64_t time)
{
    request->references++;
    world_at(time, take_effect, release, request);
}

/* ---- the way ---- */

static uint64_t latency(void)
{
    return world_faults ? world_heavy_tail(world_rates.latency_ms_max * MS)
                        : MS + world_below(world_rates.quiet_latency_ms_max * MS);
}

static void land(void *argument)
{
    take_effect(argument); /* gives the reference back */
}

/* The process dies at this request. */
static enum store_answer die_at(struct request *request, enum crash_point point)
{
    enum crash_effect effect = (enum crash_effect)world_below(CRASH_EFFECTS);
    if (sim.restarts_late && point == POINT_SEGMENT_PUT && world_below(2))
        effect = EFFECT_AFTER_RESTART;
    if (!coverage_effect_makes_sense(point, effect))
        effect = EFFECT_NEVER;
    coverage.crashes[point][effect]++;
    if (effect == EFFECT_BEFORE) {
        uint64_t time = world_now() + latency();
        schedule_effect(request, time);
        world_suspend_until(time + 1);
    } else if (effect == EFFECT_AFTER_RESTART && point == POINT_SEGMENT_PUT &&
               held_take(request->name, land, release, request)) {
        request->references++;
    } else if (effect == EFFECT_AFTER_RESTART) {
        schedule_effect(request, world_now() + (4000 + world_below(8000)) * MS);
    }
    request->is_given_up = true;
    process_kill(world_process());
    return STORE_UNKNOWN;
}

static bool draw(unsigned permille)
{
    return world_faults && world_chance(permille);
}

/* Sends the request and waits for its answer. */
static enum store_answer travel(struct request *request, deadline_t deadline)
{
    const struct process *process = world_process();
    bool is_write = request->verb != VERB_GET && request->verb != VERB_LIST;
    bool is_cut_off = world_faults && process != NULL && process->isolated_until > world_now();
    bool is_outage = world_faults && world_now() < faults_outage_until;
    bool is_lost = draw(world_rates.lost) || is_cut_off || is_outage;
    bool is_conflict = request->verb <= VERB_REPLACE && draw(world_rates.conflict);
    request->is_answer_lost = draw(world_rates.answer_lost);
    uint64_t effect = world_now() + latency();
    if (request->verb == VERB_GET && world_faults && process != NULL)
        effect += process->get_extra_ms * MS;
    uint64_t list_extra =
        request->verb == VERB_LIST && world_faults && process != NULL ? process->list_extra_ms * MS : 0;
    if (sim.restarts_late && world_progress()->stage != STAGE_LISTED)
        list_extra = 0; /* only a fold's */
    if (list_extra > 0 && !process->lists_are_stale)
        effect += list_extra;
    COVER_IF(request->verb == VERB_GET && process != NULL && process->get_extra_ms > 0, slow_reads);
    held_look(world_progress(), request->verb, request->name, request->after, effect);
    if (is_write && draw(world_rates.late)) {
        effect += world_heavy_tail(world_rates.late_ms_max * MS);
        COVER(late);
        fate_of(request->name)->flags |= FATE_LATE;
    }
    if (is_write && request->is_answer_lost)
        fate_of(request->name)->flags |= FATE_ANSWER_LOST;
    COVER_IF(is_lost, lost);
    COVER_IF(request->is_answer_lost, answers_lost);
    COVER_IF(is_conflict, conflicts);
    uint64_t delay = mutants_delay(world_progress(), request->verb, request->name);
    if (!is_lost && !is_conflict)
        schedule_effect(request, effect + delay);
    if (!is_lost && !is_conflict && is_write && draw(world_rates.twice)) {
        COVER(twice);
        schedule_effect(request, effect + world_heavy_tail(world_rates.late_ms_max * MS));
    }
    uint64_t answer = is_lost || request->is_answer_lost ? deadline : effect + latency();
    if (list_extra > 0 && process->lists_are_stale)
        answer += list_extra;
    if (world_rates.flaw == FLAW_CHECKS_EARLY && is_write)
        answer += 40 * MS;
    bool is_failure = is_lost && !is_cut_off && world_below(2); /* a 5xx comes at once */
    if (is_failure)
        answer = world_now() + latency();
    COVER_IF(is_failure, failed_at_once);
    COVER_IF(!is_lost && !request->is_answer_lost && answer >= deadline, answers_late);
    bool is_among_faults = world_faults;
    awaited_since_faults += is_among_faults;
    world_suspend_until(answer < deadline ? answer : deadline);
    awaited_since_faults -= is_among_faults;
    request->is_given_up = answer >= deadline || world_is_dead();
    world_meet_fate();
    if (world_is_dead() || answer >= deadline || is_failure)
        return STORE_UNKNOWN;
    if (delay > 0 && !is_conflict)
        return STORE_DONE;
    return is_conflict ? STORE_CONFLICT : request->is_done ? request->answer : STORE_UNKNOWN;
}

static enum store_answer perform(struct request *request, deadline_t deadline)
{
    if (world_is_dead()) {
        world_suspend_until(world_now());
        return STORE_UNKNOWN;
    }
    COVER(requests);
    if (world_process() != NULL)
        world_process()->requests++;
    world_note(request->verb);
    world_meet_fate();
    if (world_is_dead())
        return STORE_UNKNOWN; /* died before it was sent */
    struct process *process = world_process();
    struct progress *progress = world_progress();
    enum crash_point point = progress_at(progress, request->verb, request->name, request->after);
    bool dies_late = sim.restarts_late && point == POINT_SEGMENT_PUT && process != NULL && process->number > 0;
    unsigned crash = dies_late ? 100 : world_rates.crash_at_point;
    if (point != POINT_NONE && process != NULL && draw(crash))
        return die_at(request, point);
    check_request(progress, request->verb, request->name, request->after, &request->condition);
    mutants_before(progress, request->verb, request->name, request->after);
    enum store_answer answer = travel(request, deadline);
    if (answer == STORE_DONE && request->verb == VERB_LIST)
        (void)mutants_list(progress, request->name, request->after, request->page, &progress->listed_at);
    if (answer == STORE_DONE && request->verb == VERB_GET && strcmp(request->name, HEAD_NAME) == 0)
        (void)mutants_head(progress, &request->body, &request->etag);
    check_answer(progress, request->verb, request->name, answer, &request->etag);
    progress_answered(progress, request->verb, request->name, answer, buffer_span(&request->body));
    if (process != NULL && request->verb == VERB_GET && answer == STORE_NOT_FOUND &&
        strcmp(request->name, HEAD_NAME) == 0)
        process->was_told_head_missing = true; /* it acts on that before its next await */
    if (process != NULL && answer == STORE_DAMAGED && strcmp(request->name, BELL_NAME) == 0)
        process->was_told_bell_damaged = true;
    bool is_of_replica = request->verb == VERB_LIST && request->name[0] != '\0'; /* and not whether anything is there */
    for (unsigned i = 0; process != NULL && answer == STORE_DONE && is_of_replica && i < request->page->count; i++)
        process->was_told_row_damaged |= request->page->is_damaged[i];
    return answer;
}

/* ---- the interface ---- */

static enum store_answer store_create(struct journal_store *store, const char *name, struct span body,
                                      deadline_t deadline)
{
    (void)store;
    if (world_process() != NULL && world_process()->began_with_copy && strcmp(name, HEAD_NAME) == 0)
        violate("J36", -1, "a first head is made of a journal that has lost its head");
    struct request *request = request_new(VERB_CREATE, name);
    buffer_append(&request->body, body);
    enum store_answer answer = perform(request, deadline);
    release(request);
    return answer;
}

static enum store_answer store_replace(struct journal_store *store, const char *name, const struct store_etag *etag,
                                       struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_REPLACE, name);
    request->condition = *etag;
    buffer_append(&request->body, body);
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE)
        *ret_etag = request->etag;
    release(request);
    return answer;
}

static enum store_answer store_get(struct journal_store *store, const char *name, const struct store_etag *known,
                                   struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_GET, name);
    request->has_etag = known != NULL && known->text[0] != '\0';
    if (request->has_etag)
        request->condition = *known;
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE)
        buffer_append(ret_body, buffer_span(&request->body));
    if (answer == STORE_DONE || answer == STORE_DAMAGED)
        *ret_etag = request->etag;
    release(request);
    return answer;
}

static enum store_answer store_list(struct journal_store *store, const char *prefix, const char *after,
                                    struct store_page *ret_page, deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_LIST, prefix);
    request->page = malloc(sizeof *request->page);
    ASSERT(request->page != NULL);
    (void)snprintf(request->after, sizeof request->after, "%s", after);
    enum store_answer answer = perform(request, deadline);
    if (answer == STORE_DONE) {
        ret_page->count = request->page->count;
        ret_page->is_truncated = request->page->is_truncated;
        memcpy(ret_page->is_damaged, request->page->is_damaged, request->page->count * sizeof ret_page->is_damaged[0]);
        memcpy(ret_page->names, request->page->names, request->page->count * sizeof ret_page->names[0]);
    }
    release(request);
    return answer;
}

static enum store_answer store_delete(struct journal_store *store, char (*names)[JOURNAL_NAME_BYTES], unsigned count,
                                      deadline_t deadline)
{
    (void)store;
    struct request *request = request_new(VERB_DELETE, "");
    request->names = calloc(count, sizeof *request->names);
    ASSERT(request->names != NULL);
    memcpy(request->names, names, count * sizeof *names);
    request->names_count = count;
    enum store_answer answer = perform(request, deadline);
    release(request);
    return answer;
}

struct journal_store requests_of_process(void)
{
    return (struct journal_store){store_create, store_replace, store_get, store_list, store_delete};
}
