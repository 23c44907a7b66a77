/* tests/unit/journal/memory_store.c -- the store in memory, with its faults. */
#include "tests/unit/journal/memory_store.h"

#include "runtime/base/assert.h"
#include "runtime/base/random.h"
#include "runtime/fiber/loop.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct memory_store *of(struct journal_store *base)
{
    return LIST_ELEMENT(base, struct memory_store, base);
}

/* ---- objects ---- */

static unsigned position(const struct memory_store *store, const char *name)
{
    unsigned at = 0;
    while (at < store->count && strcmp(store->objects[at].name, name) < 0)
        at++;
    return at;
}

struct memory_object *memory_find(struct memory_store *store, const char *name)
{
    unsigned at = position(store, name);
    return at < store->count && strcmp(store->objects[at].name, name) == 0 ? &store->objects[at] : NULL;
}

void memory_put(struct memory_store *store, const char *name, struct span body)
{
    struct memory_object *object = memory_find(store, name);
    if (object == NULL) {
        ck_assert_uint_lt(store->count, MEMORY_OBJECTS_MAX);
        unsigned at = position(store, name);
        memmove(store->objects + at + 1, store->objects + at, (store->count - at) * sizeof *store->objects);
        store->count++;
        object = &store->objects[at];
        *object = (struct memory_object){0};
        (void)snprintf(object->name, sizeof object->name, "%s", name);
    }
    buffer_free(&object->earlier);
    object->earlier = object->body;
    object->body = (struct buffer){0};
    buffer_append(&object->body, body);
    object->version = ++store->versions;
}

void memory_remove(struct memory_store *store, const char *name)
{
    struct memory_object *object = memory_find(store, name);
    if (object == NULL)
        return;
    buffer_free(&object->body);
    buffer_free(&object->earlier);
    unsigned at = (unsigned)(object - store->objects);
    store->count--;
    memmove(object, object + 1, (store->count - at) * sizeof *object);
}

static bool has_prefix(const struct memory_object *object, const char *prefix)
{
    return strncmp(object->name, prefix, strlen(prefix)) == 0;
}

struct memory_object *memory_first(struct memory_store *store, const char *prefix)
{
    for (unsigned i = 0; i < store->count; i++) {
        if (has_prefix(&store->objects[i], prefix))
            return &store->objects[i];
    }
    return NULL;
}

struct memory_object *memory_last(struct memory_store *store, const char *prefix)
{
    for (unsigned i = store->count; i-- > 0;) {
        if (has_prefix(&store->objects[i], prefix))
            return &store->objects[i];
    }
    return NULL;
}

unsigned memory_count(const struct memory_store *store, const char *prefix)
{
    unsigned count = 0;
    for (unsigned i = 0; i < store->count; i++)
        count += has_prefix(&store->objects[i], prefix);
    return count;
}

/* ---- requests ---- */

enum stage { GOES_ON, NO_EFFECT, EFFECT_WITHOUT_ANSWER, EFFECT_LATER };

static enum stage begin(struct memory_store *store, bool is_write)
{
    struct journal_scheduler *scheduler = store->scheduler;
    (void)scheduler->sleep_until(scheduler, 0); /* others run */
    if (store->is_dead)
        return NO_EFFECT;
    store->requests++;
    store->writes += is_write;
    if (store->dies_at != 0 && store->requests >= store->dies_at) {
        store->is_dead = true;
        return store->death == DEATH_BEFORE  ? NO_EFFECT
               : store->death == DEATH_AFTER ? EFFECT_WITHOUT_ANSWER
                                             : EFFECT_LATER;
    }
    bool is_lost = store->lost_permille > 0 && random_below(random_system(), 1000) < store->lost_permille;
    return is_lost ? EFFECT_WITHOUT_ANSWER : GOES_ON;
}

static enum store_answer answer_of(enum stage stage, enum store_answer answer)
{
    return stage == GOES_ON ? answer : STORE_UNKNOWN;
}

static void set_etag(const struct memory_store *store, const struct memory_object *object, struct store_etag *ret_etag)
{
    (void)snprintf(ret_etag->text, sizeof ret_etag->text, "v%llu",
                   store->etags_repeat ? 1 : (unsigned long long)object->version);
}

static void keep_for_later(struct memory_store *store, const char *name, struct span body, bool is_creation,
                           uint64_t version)
{
    store->has_late = true;
    store->late_is_creation = is_creation;
    store->late_version = version;
    (void)snprintf(store->late.name, sizeof store->late.name, "%s", name);
    buffer_clear(&store->late.body);
    buffer_append(&store->late.body, body);
}

static void act_slowly(struct memory_store *store)
{
    if (store->checks_then_acts)
        (void)store->scheduler->sleep_until(store->scheduler, 0);
}

static enum store_answer create(struct journal_store *base, const char *name, struct span body, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(base);
    enum stage stage = begin(store, true);
    if (stage == NO_EFFECT)
        return STORE_UNKNOWN;
    if (store->refuses_writes || store->refuses_conditions)
        return STORE_REFUSED;
    if (stage == EFFECT_LATER) {
        keep_for_later(store, name, body, true, 0);
        return STORE_UNKNOWN;
    }
    bool is_there = memory_find(store, name) != NULL;
    act_slowly(store);
    if (is_there && !store->ignores_create_condition)
        return answer_of(stage, STORE_CONDITION_FAILED);
    memory_put(store, name, body);
    return answer_of(stage, STORE_DONE);
}

static enum store_answer replace(struct journal_store *base, const char *name, const struct store_etag *etag,
                                 struct span body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(base);
    enum stage stage = begin(store, true);
    if (stage == NO_EFFECT)
        return STORE_UNKNOWN;
    if (store->refuses_writes || store->refuses_conditions)
        return STORE_REFUSED;
    struct memory_object *object = memory_find(store, name);
    struct store_etag there = {""};
    if (object != NULL)
        set_etag(store, object, &there);
    bool holds = strcmp(there.text, etag->text) == 0;
    if (stage == EFFECT_LATER) {
        keep_for_later(store, name, body, false, object == NULL || !holds ? 0 : object->version);
        return STORE_UNKNOWN;
    }
    if (object == NULL && !store->creates_on_replace)
        return answer_of(stage, STORE_NOT_FOUND);
    act_slowly(store);
    if (object != NULL && !holds && !store->ignores_replace_condition)
        return answer_of(stage, STORE_CONDITION_FAILED);
    memory_put(store, name, body);
    set_etag(store, memory_find(store, name), ret_etag);
    return answer_of(stage, STORE_DONE);
}

static enum store_answer get(struct journal_store *base, const char *name, const struct store_etag *known,
                             struct buffer *ret_body, struct store_etag *ret_etag, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(base);
    enum stage stage = begin(store, false);
    if (stage != GOES_ON)
        return STORE_UNKNOWN;
    struct memory_object *object = memory_find(store, name);
    if (object == NULL || (store->reads_are_stale && object->earlier.size == 0))
        return STORE_NOT_FOUND;
    struct store_etag etag;
    set_etag(store, object, &etag);
    if (known != NULL && known->text[0] != '\0' && (store->calls_unchanged || strcmp(known->text, etag.text) == 0))
        return STORE_UNCHANGED;
    buffer_append(ret_body, buffer_span(store->reads_are_stale ? &object->earlier : &object->body));
    if (ret_body->overflow)
        return STORE_REFUSED;
    *ret_etag = etag;
    return STORE_DONE;
}

static enum store_answer list(struct journal_store *base, const char *prefix, const char *after,
                              struct store_page *ret_page, deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(base);
    enum stage stage = begin(store, false);
    if (stage != GOES_ON)
        return STORE_UNKNOWN;
    ret_page->count = 0;
    ret_page->is_truncated = false;
    for (unsigned i = 0; i < store->count; i++) {
        const struct memory_object *object = &store->objects[i];
        if (!has_prefix(object, prefix) || strcmp(object->name, after) <= 0 ||
            (store->hides_new_names && object->version == store->versions))
            continue;
        if (ret_page->count == STORE_PAGE_NAMES_MAX) {
            ret_page->is_truncated = true;
            break;
        }
        ret_page->is_damaged[ret_page->count] = false;
        memcpy(ret_page->names[ret_page->count++], object->name, JOURNAL_NAME_BYTES);
    }
    return STORE_DONE;
}

static enum store_answer delete_names(struct journal_store *base, char (*names)[JOURNAL_NAME_BYTES], unsigned count,
                                      deadline_t deadline)
{
    (void)deadline;
    struct memory_store *store = of(base);
    enum stage stage = begin(store, true);
    if (stage == NO_EFFECT || stage == EFFECT_LATER)
        return STORE_UNKNOWN;
    for (unsigned i = 0; i < count; i++)
        memory_remove(store, names[i]);
    return answer_of(stage, STORE_DONE);
}

void memory_store_init(struct memory_store *store, struct journal_scheduler *scheduler)
{
    *store = (struct memory_store){.base = {create, replace, get, list, delete_names}, .scheduler = scheduler};
    store->objects = calloc(MEMORY_OBJECTS_MAX + 1, sizeof *store->objects);
    ASSERT(store->objects != NULL);
}

void memory_store_free(struct memory_store *store)
{
    while (store->count > 0)
        memory_remove(store, store->objects[0].name);
    free(store->objects);
    buffer_free(&store->late.body);
}

void memory_store_copy(const struct memory_store *from, struct memory_store *to)
{
    for (unsigned i = 0; i < from->count; i++)
        memory_put(to, from->objects[i].name, buffer_span(&from->objects[i].body));
}

void memory_revive(struct memory_store *store)
{
    store->is_dead = false;
    store->dies_at = 0;
}

void memory_deliver_late(struct memory_store *store)
{
    struct memory_object *there = memory_find(store, store->late.name);
    bool holds = store->late_is_creation ? there == NULL : there != NULL && store->late_version == there->version;
    if (store->has_late && holds)
        memory_put(store, store->late.name, buffer_span(&store->late.body));
    store->has_late = false;
}

/* ---- a journal ---- */

void pause_ms(unsigned milliseconds)
{
    struct wait_queue nobody;
    struct error error;
    wait_queue_init(&nobody);
    (void)wait_for(&nobody, deadline_after_ms(milliseconds), &error);
}

void machine_prepare(struct machine *machine, struct memory_store *store, uint8_t place)
{
    fiber_scheduler_init(&machine->scheduler);
    store->scheduler = &machine->scheduler.base;
    machine->journal = NULL;
    machine->environment = (struct journal_environment){
        &store->base, clock_system(), random_system(), &machine->scheduler.base, {{place}}};
}

enum journal_condition machine_wait_condition(struct machine *machine, enum journal_condition condition)
{
    for (unsigned i = 0; i < 1000 && journal_condition(machine->journal) != condition; i++)
        pause_ms(5);
    return journal_condition(machine->journal);
}

void machine_start(struct machine *machine, struct memory_store *store, uint8_t place)
{
    machine_prepare(machine, store, place);
    const struct journal_options options = {.window = 4,
                                            .horizon = 8,
                                            .fold_gap_ms = 20,
                                            .poll_ms = 10,
                                            .linger_ms = 1,
                                            .fold_age_ms = 20,
                                            .decide_ms = 3000,
                                            .may_seed = true};
    machine->journal = journal_open(&machine->environment, &options);
}

void machine_stop(struct machine *machine)
{
    if (machine->journal != NULL)
        journal_stop(machine->journal);
    ck_assert(fiber_scheduler_stop(&machine->scheduler, deadline_after_ms(300000)));
    while (machine->journal != NULL && !journal_is_idle(machine->journal))
        pause_ms(1);
    if (machine->journal != NULL)
        journal_free(machine->journal);
    machine->journal = NULL;
}

void machine_add(struct machine *machine, int64_t amount)
{
    struct buffer ops = {0};
    struct error error;
    op_put_counter_add(&ops, SPACE_TEST, SPAN("sums"), SPAN("all"), amount);
    const struct journal_batch batch = {.ops = buffer_span(&ops)};
    struct journal_answer answer = {.outcome = JOURNAL_REJECTED};
    /* generations follow each other so fast here that a slow machine is sometimes late */
    for (unsigned i = 0; i < 20 && answer.outcome == JOURNAL_REJECTED; i++)
        answer = journal_submit(machine->journal, &batch, &error);
    if (answer.outcome == JOURNAL_REFUSED)
        ck_abort_msg("refused: %s", error.message);
    ck_assert_int_eq(answer.outcome, JOURNAL_COMMITTED);
    buffer_free(&ops);
}

int64_t machine_sum(const struct machine *machine)
{
    return state_counter(journal_state(machine->journal), SPACE_TEST, SPAN("sums"), SPAN("all"));
}

void machine_fold(struct machine *machine, unsigned generations)
{
    uint64_t wanted = journal_head(machine->journal)->generation + generations;
    for (unsigned i = 0; i < 1000 && journal_head(machine->journal)->generation < wanted; i++) {
        machine_add(machine, 0);
        pause_ms(10);
    }
    ck_assert_uint_ge(journal_head(machine->journal)->generation, wanted);
}
