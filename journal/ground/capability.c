/* journal/ground/capability.c -- asks a store to break its promises, one request after another and 32 at a time. */
#include "journal/ground/capability.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ATTEMPTS = 8, /* of one promise, while answers are missing */
    RACE_ROUNDS = 4,
    READS = 3, /* before bytes that differ are the store's and not the way's */
    REQUEST_MS = 5000,
};

struct test {
    const struct journal_environment *environment;
    struct store_test *result;
    struct journal_id nonce;
    unsigned probes;
};

/* A probe's body: its bytes differ from those of every other one. */
struct probe_body {
    struct journal_id nonce;
    uint32_t probe, variant, not_variant; /* the last is the complement: one flipped bit makes no other variant */
};

static const struct {
    const char *name, *text;
} PROMISES[PROMISE_COUNT] = {
    [PROMISE_READ] = {"read", "a read shows what was written before"},
    [PROMISE_LIST] = {"list", "a listing shows what was written before"},
    [PROMISE_CREATE] = {"create", "If-None-Match: what is there is not created again"},
    [PROMISE_CREATE_RACE] = {"create-race", "If-None-Match: of racing creations exactly one takes effect"},
    [PROMISE_REPLACE] = {"replace", "If-Match: what has changed is not replaced, nor called unchanged"},
    [PROMISE_REPLACE_ABSENT] = {"replace-absent", "If-Match: what is not there is not replaced"},
    [PROMISE_REPLACE_RACE] = {"replace-race", "If-Match: of racing replacements exactly one takes effect"},
};

const char *store_promise_name(enum store_promise promise)
{
    return PROMISES[promise].name;
}

const char *store_promise_text(enum store_promise promise)
{
    return PROMISES[promise].text;
}

/* ---- probes ---- */

static deadline_t deadline_of(const struct journal_environment *environment)
{
    return clock_monotonic_ns(environment->clock) + REQUEST_MS * UINT64_C(1000000);
}

static void format_name(const struct test *test, unsigned probe, char ret_name[JOURNAL_NAME_BYTES])
{
    char nonce[2 * JOURNAL_ID_BYTES];
    hex_encode(span_of(&test->nonce, sizeof test->nonce), nonce);
    (void)snprintf(ret_name, JOURNAL_NAME_BYTES, PROBES_PREFIX "%.*s-%04x", (int)sizeof nonce, nonce, probe);
}

static struct probe_body body_of(const struct test *test, unsigned variant)
{
    return (struct probe_body){test->nonce, test->probes, variant, ~variant};
}

static enum store_answer create(const struct test *test, const char *name, unsigned variant)
{
    struct journal_store *store = test->environment->store;
    struct probe_body body = body_of(test, variant);
    return store->create(store, name, span_of(&body, sizeof body), deadline_of(test->environment));
}

static enum store_answer replace(const struct test *test, const char *name, const struct store_etag *etag,
                                 unsigned variant)
{
    struct journal_store *store = test->environment->store;
    struct probe_body body = body_of(test, variant);
    struct store_etag new_etag;
    return store->replace(store, name, etag, span_of(&body, sizeof body), &new_etag, deadline_of(test->environment));
}

enum look { LOOK_NO_ANSWER, LOOK_GONE, LOOK_UNCHANGED, LOOK_OTHER, LOOK_FOUND };

/* What is there now. *ret_variant: which of our bodies. */
static enum look look_once(const struct test *test, const char *name, const struct store_etag *known,
                           unsigned *ret_variant, struct store_etag *ret_etag)
{
    struct journal_store *store = test->environment->store;
    struct buffer found;
    buffer_init(&found, 4096);
    enum store_answer answer = store->get(store, name, known, &found, ret_etag, deadline_of(test->environment));
    enum look look = answer == STORE_NOT_FOUND   ? LOOK_GONE
                     : answer == STORE_UNCHANGED ? LOOK_UNCHANGED
                                                 : LOOK_NO_ANSWER;
    if (answer == STORE_DONE) {
        struct probe_body body = {0};
        if (found.size == sizeof body)
            memcpy(&body, found.data, sizeof body);
        *ret_variant = body.variant;
        bool is_ours = body.probe == test->probes && body.variant == ~body.not_variant &&
                       journal_id_equal(&body.nonce, &test->nonce);
        look = is_ours ? LOOK_FOUND : LOOK_OTHER;
    }
    buffer_free(&found);
    return look;
}

static enum look look_at(const struct test *test, const char *name, const struct store_etag *known,
                         unsigned *ret_variant, struct store_etag *ret_etag)
{
    enum look look = LOOK_NO_ANSWER;
    unsigned others = 0; /* a read without an answer says nothing of the bytes */
    for (unsigned i = 0; i < READS && (look == LOOK_NO_ANSWER || look == LOOK_OTHER); i++) {
        look = look_once(test, name, known, ret_variant, ret_etag);
        others += look == LOOK_OTHER;
    }
    return look == LOOK_OTHER && others < READS ? LOOK_NO_ANSWER : look;
}

/* ---- verdicts ---- */

static enum store_verdict broken(struct test *test, const char *what)
{
    (void)snprintf(test->result->broken, sizeof test->result->broken, "%s", what);
    return PROMISE_BROKEN;
}

static enum store_verdict refused(struct test *test, const char *what)
{
    test->result->is_refusal = true;
    return broken(test, what);
}

/* Begins a probe: its first body is there, or nothing can be said. */
static enum store_verdict begin(struct test *test, char ret_name[JOURNAL_NAME_BYTES])
{
    format_name(test, ++test->probes, ret_name);
    switch (create(test, ret_name, 1)) {
    case STORE_DONE:
        return PROMISE_HELD;
    case STORE_REFUSED:
        return refused(test, "the store refuses conditional creation (If-None-Match), or writing at all");
    default:
        return PROMISE_UNDECIDED;
    }
}

/* That the wanted body is there. */
static enum store_verdict expect(struct test *test, const char *name, unsigned variant, struct store_etag *ret_etag,
                                 const char *what)
{
    unsigned found = 0;
    switch (look_at(test, name, NULL, &found, ret_etag)) {
    case LOOK_FOUND:
        return found == variant ? PROMISE_HELD : broken(test, what);
    case LOOK_GONE:
    case LOOK_OTHER:
        return broken(test, what);
    default:
        return PROMISE_UNDECIDED;
    }
}

static enum store_verdict test_read(struct test *test)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    enum store_verdict verdict = begin(test, name);
    if (verdict != PROMISE_HELD)
        return verdict;
    return expect(test, name, 1, &etag, "a read did not show an object whose creation had been answered");
}

static enum store_verdict test_list(struct test *test)
{
    char name[JOURNAL_NAME_BYTES];
    enum store_verdict verdict = begin(test, name);
    if (verdict != PROMISE_HELD)
        return verdict;
    struct journal_store *store = test->environment->store;
    struct store_page *page = malloc(sizeof *page);
    ASSERT(page != NULL);
    verdict = PROMISE_UNDECIDED;
    if (store->list(store, name, PROBES_PREFIX, page, deadline_of(test->environment)) == STORE_DONE)
        verdict = page->count == 1 && strcmp(page->names[0], name) == 0
                      ? PROMISE_HELD
                      : broken(test, "a listing did not show an object whose creation had been answered");
    free(page);
    return verdict;
}

static enum store_verdict test_create(struct test *test)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    enum store_verdict verdict = begin(test, name);
    if (verdict != PROMISE_HELD)
        return verdict;
    enum store_answer answer = create(test, name, 2);
    if (answer == STORE_DONE)
        return broken(test, "the store accepted the creation of a key that was there: it ignores If-None-Match");
    verdict = expect(test, name, 1, &etag, "a creation that the store did not accept replaced the object");
    return verdict == PROMISE_HELD && answer != STORE_CONDITION_FAILED ? PROMISE_UNDECIDED : verdict;
}

static enum store_verdict test_replace(struct test *test)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag first;
    struct store_etag second;
    unsigned variant = 0;
    enum store_verdict verdict = begin(test, name);
    if (verdict == PROMISE_HELD)
        verdict = expect(test, name, 1, &first, "a read did not show an object whose creation had been answered");
    if (verdict != PROMISE_HELD)
        return verdict;
    enum store_answer answer = replace(test, name, &first, 2);
    if (answer == STORE_REFUSED)
        return refused(test, "the store refuses conditional replacement (If-Match)");
    if (answer != STORE_DONE)
        return PROMISE_UNDECIDED;
    enum look look = look_at(test, name, &first, &variant, &second);
    if (look == LOOK_NO_ANSWER)
        return PROMISE_UNDECIDED;
    if (look == LOOK_UNCHANGED)
        return broken(test, "the store calls an object unchanged that was replaced");
    if (look != LOOK_FOUND || variant != 2)
        return broken(test, "a read did not show an object whose replacement had been answered");
    if (strcmp(first.text, second.text) == 0)
        return broken(test, "the store gives two versions of an object one ETag");
    answer = replace(test, name, &first, 3);
    if (answer == STORE_DONE)
        return broken(test, "the store accepted the replacement of a version that was gone: it ignores If-Match");
    verdict = expect(test, name, 2, &second, "a replacement that the store did not accept took effect");
    return verdict == PROMISE_HELD && answer != STORE_CONDITION_FAILED ? PROMISE_UNDECIDED : verdict;
}

static enum store_verdict test_replace_absent(struct test *test)
{
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag;
    unsigned variant = 0;
    enum store_verdict verdict = begin(test, name);
    if (verdict == PROMISE_HELD)
        verdict = expect(test, name, 1, &etag, "a read did not show an object whose creation had been answered");
    if (verdict != PROMISE_HELD)
        return verdict;
    format_name(test, ++test->probes, name);
    enum store_answer answer = replace(test, name, &etag, 1);
    enum look look = look_at(test, name, NULL, &variant, &etag);
    if (answer == STORE_DONE || look == LOOK_FOUND || look == LOOK_OTHER)
        return broken(test, "the store created a key that was to be replaced (If-Match) and was not there");
    bool is_refused = answer == STORE_NOT_FOUND || answer == STORE_CONDITION_FAILED;
    return is_refused && look == LOOK_GONE ? PROMISE_HELD : PROMISE_UNDECIDED;
}

/* ---- races ---- */

struct race;

struct contender {
    struct race *race;
    unsigned variant;
    enum store_answer answer;
};

struct race {
    const struct test *test;
    char name[JOURNAL_NAME_BYTES];
    struct store_etag etag; /* empty: they create */
    unsigned running;
    struct wait_queue ended;
    struct contender contenders[STORE_CONTENDERS];
};

static void contender_run(void *argument)
{
    struct contender *contender = argument;
    struct race *race = contender->race;
    struct journal_scheduler *scheduler = race->test->environment->scheduler;
    /* when all of them are there */
    (void)scheduler->sleep_until(scheduler, clock_monotonic_ns(race->test->environment->clock));
    contender->answer = race->etag.text[0] == '\0' ? create(race->test, race->name, contender->variant)
                                                   : replace(race->test, race->name, &race->etag, contender->variant);
    if (--race->running == 0)
        scheduler->wake_all(scheduler, &race->ended);
}

/* False: there were too few contenders. */
static bool run_race(struct race *race)
{
    struct journal_scheduler *scheduler = race->test->environment->scheduler;
    bool all_started = true;
    wait_queue_init(&race->ended);
    for (unsigned i = 0; i < STORE_CONTENDERS && all_started; i++) {
        race->contenders[i] = (struct contender){race, 100 + i, STORE_UNKNOWN};
        all_started = scheduler->spawn(scheduler, "journal-contender", contender_run, &race->contenders[i]);
        race->running += all_started;
    }
    while (race->running > 0)
        (void)scheduler->wait(scheduler, &race->ended, DEADLINE_NONE);
    return all_started;
}

static enum store_verdict judge_race(struct test *test, const struct race *race, const char *what)
{
    unsigned winners = 0;
    unsigned refusals = 0;
    unsigned winner = 0;
    unsigned found = 0;
    struct store_etag etag;
    for (unsigned i = 0; i < STORE_CONTENDERS; i++) {
        refusals += race->contenders[i].answer == STORE_REFUSED;
        if (race->contenders[i].answer != STORE_DONE)
            continue;
        winners++;
        winner = race->contenders[i].variant;
    }
    if (winners > 1) {
        (void)snprintf(test->result->broken, sizeof test->result->broken,
                       "the store accepted %u %s one key that raced; only one may win", winners, what);
        return PROMISE_BROKEN;
    }
    if (refusals == STORE_CONTENDERS)
        return refused(test, "the store refuses conditional writes");
    if (winners == 0)
        return PROMISE_UNDECIDED;
    enum look look = look_at(test, race->name, NULL, &found, &etag);
    if (look == LOOK_NO_ANSWER)
        return PROMISE_UNDECIDED;
    if (look != LOOK_FOUND || found != winner)
        return broken(test, "of writes that raced the store kept another than the one that it accepted");
    return PROMISE_HELD;
}

static enum store_verdict race_once(struct test *test, bool is_replacement)
{
    struct race *race = calloc(1, sizeof *race);
    ASSERT(race != NULL);
    race->test = test;
    enum store_verdict verdict = PROMISE_HELD;
    if (is_replacement) {
        verdict = begin(test, race->name);
        if (verdict == PROMISE_HELD)
            verdict = expect(test, race->name, 1, &race->etag,
                             "a read did not show an object whose creation had been answered");
    } else {
        format_name(test, ++test->probes, race->name);
    }
    if (verdict == PROMISE_HELD)
        verdict = run_race(race) ? judge_race(test, race, is_replacement ? "replacements of" : "creations of")
                                 : PROMISE_UNDECIDED;
    free(race);
    return verdict;
}

static enum store_verdict race_often(struct test *test, bool is_replacement)
{
    enum store_verdict verdict = PROMISE_HELD;
    for (unsigned i = 0; i < RACE_ROUNDS && verdict == PROMISE_HELD; i++)
        verdict = race_once(test, is_replacement);
    return verdict;
}

static enum store_verdict test_create_race(struct test *test)
{
    return race_often(test, false);
}

static enum store_verdict test_replace_race(struct test *test)
{
    return race_often(test, true);
}

/* ---- the test ---- */

/* True when the store has answered and shows none of them. */
static bool remove_probes(const struct journal_environment *environment, const char *prefix)
{
    struct journal_store *store = environment->store;
    struct store_page *page = malloc(sizeof *page);
    ASSERT(page != NULL);
    enum store_answer answer = store->list(store, prefix, prefix, page, deadline_of(environment));
    bool is_clean = answer == STORE_DONE && page->count == 0;
    if (answer == STORE_DONE && page->count > 0)
        (void)store->delete_names(store, page->names, page->count, deadline_of(environment));
    free(page);
    return is_clean;
}

static void remove_all_probes(const struct journal_environment *environment, const char *prefix)
{
    for (unsigned i = 0; i < ATTEMPTS && !remove_probes(environment, prefix); i++)
        ;
}

void store_test_sweep(const struct journal_environment *environment)
{
    remove_all_probes(environment, PROBES_PREFIX);
}

static bool is_stopping(const struct journal_environment *environment, unsigned attempt)
{
    uint64_t pause_ns = attempt * UINT64_C(50000000);
    struct journal_scheduler *scheduler = environment->scheduler;
    return !scheduler->sleep_until(scheduler, clock_monotonic_ns(environment->clock) + pause_ns);
}

static enum store_verdict test_often(struct test *test, enum store_promise promise)
{
    static enum store_verdict (*const tests[PROMISE_COUNT])(struct test *) = {
        [PROMISE_READ] = test_read,
        [PROMISE_LIST] = test_list,
        [PROMISE_CREATE] = test_create,
        [PROMISE_CREATE_RACE] = test_create_race,
        [PROMISE_REPLACE] = test_replace,
        [PROMISE_REPLACE_ABSENT] = test_replace_absent,
        [PROMISE_REPLACE_RACE] = test_replace_race,
    };
    enum store_verdict verdict = PROMISE_UNDECIDED;
    for (unsigned i = 0; i < ATTEMPTS && verdict == PROMISE_UNDECIDED; i++) {
        if (is_stopping(test->environment, i))
            break;
        verdict = tests[promise](test);
    }
    return verdict;
}

bool store_test_run(const struct journal_environment *environment, struct store_test *ret_test, struct error *error)
{
    struct test test = {.environment = environment, .result = ret_test};
    *ret_test = (struct store_test){0};
    random_fill(environment->random, &test.nonce, sizeof test.nonce);
    enum store_verdict verdict = PROMISE_HELD;
    unsigned promise = 0;
    for (; promise < PROMISE_COUNT && verdict == PROMISE_HELD; promise++)
        verdict = ret_test->verdicts[promise] = test_often(&test, promise);
    char prefix[JOURNAL_NAME_BYTES];
    format_name(&test, 0, prefix);
    prefix[strlen(prefix) - 4] = '\0';
    remove_all_probes(environment, prefix);
    if (verdict == PROMISE_HELD)
        return true;
    if (verdict == PROMISE_BROKEN)
        return error_set(error, ret_test->is_refusal ? ERROR_DENIED : ERROR_UNSUPPORTED, NULL, "%s", ret_test->broken);
    return error_set(error, ERROR_BUSY, NULL, "the store did not answer well enough to be tested (%s)",
                     store_promise_name(promise - 1));
}
