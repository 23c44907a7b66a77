/* store/remote/verdicts/probe_conditions.c -- conditions of PUT, Complete, DELETE and CopyObject: one after the other,
 * and many at once. */
#include "runtime/base/assert.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "store/remote/verdicts/probe.h"

#include <stdio.h>
#include <stdlib.h>

enum { DELETE_RACERS = 8, BODY_TEXT_BYTES = 32 };

static const struct http_field if_absent = {SPAN("if-none-match"), SPAN("*")};
static const struct http_field if_wrong = {SPAN("if-match"), SPAN("\"00000000000000000000000000000000\"")};

static struct http_field if_match(const char *etag)
{
    return (struct http_field){SPAN("if-match"), span_from_string(etag)};
}

/* ---- races: many of the same request, each with a body of its own ---- */

struct race {
    struct probe *probe;
    struct span key;
    const struct http_field *condition;
    struct probed results[PROBE_RACERS];
    struct race_upload {
        struct span id;
        char etag[S3_ETAG_BYTES];
    } uploads[PROBE_COMPLETERS];
};

static void body_of(unsigned racer, char ret_text[BODY_TEXT_BYTES])
{
    (void)snprintf(ret_text, BODY_TEXT_BYTES, "racer %u", racer);
}

static void run_put(void *context, unsigned index)
{
    struct race *race = context;
    char text[BODY_TEXT_BYTES];
    body_of(index, text);
    const struct span body = span_from_string(text);
    race->results[index] = probe_send(race->probe, S3_PUT_OBJECT, race->key, race->condition, &body, false);
}

static void run_complete(void *context, unsigned index)
{
    struct race *race = context;
    race->results[index] =
        probe_complete(race->probe, race->key, race->uploads[index].id, race->uploads[index].etag, race->condition);
}

/* Exactly one won, and what is there is the winner's. */
SUSPENDS static bool has_one_winner(struct race *race, unsigned racers)
{
    unsigned winners = 0;
    unsigned winner = 0;
    char text[BODY_TEXT_BYTES];
    for (unsigned i = 0; i < racers; i++) {
        if (probe_is_success(&race->results[i])) {
            winners++;
            winner = i;
        }
    }
    body_of(winner, text);
    return winners == 1 && probe_holds(race->probe, race->key, text);
}

/* On the heap: a fiber's stack is small. */
static struct race *begin_race(struct probe *probe, struct span key, const struct http_field *condition)
{
    struct race *race = calloc(1, sizeof *race);
    ASSERT(race != NULL);
    race->probe = probe;
    race->key = key;
    race->condition = condition;
    return race;
}

SUSPENDS static bool puts_have_one_winner(struct probe *probe, struct span key, const struct http_field *condition)
{
    struct race *race = begin_race(probe, key, condition);
    parallel_run(PROBE_RACERS, PROBE_RACERS, run_put, race);
    bool right = has_one_winner(race, PROBE_RACERS);
    free(race);
    return right;
}

SUSPENDS static bool completes_have_one_winner(struct probe *probe, struct span key, const struct http_field *condition)
{
    struct race *race = begin_race(probe, key, condition);
    bool ready = true;
    for (unsigned i = 0; ready && i < PROBE_COMPLETERS; i++) {
        char body[BODY_TEXT_BYTES];
        body_of(i, body);
        ready = probe_upload(probe, key, body, &race->uploads[i].id, race->uploads[i].etag);
    }
    if (ready)
        parallel_run(PROBE_COMPLETERS, PROBE_COMPLETERS, run_complete, race);
    bool right = ready && has_one_winner(race, PROBE_COMPLETERS);
    free(race);
    return right;
}

/* ---- PUT ---- */

SUSPENDS static bool put_creates(struct probe *probe)
{
    struct span key = probe_key(probe);
    const struct span first = SPAN("first");
    const struct span second = SPAN("second");
    struct probed made = probe_send(probe, S3_PUT_OBJECT, key, &if_absent, &first, false);
    struct probed again = probe_send(probe, S3_PUT_OBJECT, key, &if_absent, &second, false);
    if (!probe_is_success(&made) || !probe_is_refusal(&again) || !probe_holds(probe, key, "first"))
        return false;
    for (unsigned i = 0; i < PROBE_ROUNDS; i++) {
        if (!puts_have_one_winner(probe, probe_key(probe), &if_absent))
            return false;
    }
    return true;
}

SUSPENDS static bool put_replaces(struct probe *probe)
{
    struct span key = probe_key(probe);
    const struct span second = SPAN("second");
    struct probed absent = probe_send(probe, S3_PUT_OBJECT, key, &if_wrong, &second, false);
    struct probed made = probe_put(probe, key, "first");
    struct probed wrong = probe_send(probe, S3_PUT_OBJECT, key, &if_wrong, &second, false);
    if (!probe_is_refusal(&absent) || !probe_is_success(&made) || !probe_is_refusal(&wrong) ||
        !probe_holds(probe, key, "first"))
        return false;
    struct http_field right = if_match(made.etag);
    struct probed replaced = probe_send(probe, S3_PUT_OBJECT, key, &right, &second, false);
    if (!probe_is_success(&replaced) || !probe_holds(probe, key, "second"))
        return false;
    for (unsigned i = 0; i < PROBE_ROUNDS; i++) {
        struct probed begun = probe_put(probe, key, "begun");
        struct http_field condition = if_match(begun.etag);
        if (!puts_have_one_winner(probe, key, &condition))
            return false;
    }
    return true;
}

/* ---- Complete ---- */

SUSPENDS static struct probed complete_new(struct probe *probe, struct span key, const char *body,
                                           const struct http_field *condition)
{
    struct span upload_id;
    char etag[S3_ETAG_BYTES];
    if (!probe_upload(probe, key, body, &upload_id, etag))
        return (struct probed){0};
    return probe_complete(probe, key, upload_id, etag, condition);
}

SUSPENDS static bool complete_creates(struct probe *probe)
{
    struct span key = probe_key(probe);
    struct probed made = complete_new(probe, key, "first", &if_absent);
    struct probed again = complete_new(probe, key, "second", &if_absent);
    return probe_is_success(&made) && probe_is_refusal(&again) && probe_holds(probe, key, "first") &&
           completes_have_one_winner(probe, probe_key(probe), &if_absent);
}

SUSPENDS static bool complete_replaces(struct probe *probe)
{
    struct span key = probe_key(probe);
    struct probed made = probe_put(probe, key, "first");
    struct probed wrong = complete_new(probe, key, "second", &if_wrong);
    if (!probe_is_success(&made) || !probe_is_refusal(&wrong) || !probe_holds(probe, key, "first"))
        return false;
    struct http_field right = if_match(made.etag);
    struct probed replaced = complete_new(probe, key, "second", &right);
    struct http_field next = if_match(replaced.etag);
    return probe_is_success(&replaced) && probe_holds(probe, key, "second") &&
           completes_have_one_winner(probe, key, &next);
}

/* Some say yes whenever the key holds anything, or to whatever a crash of theirs has cut off. */
SUSPENDS static bool complete_refuses_gone(struct probe *probe)
{
    struct span key = probe_key(probe);
    struct span upload_id;
    char etag[S3_ETAG_BYTES];
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.bucket = probe->bucket, .key = key, .repeat = S3_REPEAT};
    struct probed made = probe_put(probe, key, "there");
    if (!probe_is_success(&made) || !probe_upload(probe, key, "given up", &upload_id, etag) ||
        !s3_client_abort_upload(probe->shard->client, &call, upload_id, &answer, &ignored))
        return false;
    struct probed completed = probe_complete(probe, key, upload_id, etag, NULL);
    return completed.status == 404 && probe_holds(probe, key, "there");
}

/* ---- DELETE ---- */

/* The first deletes, the others replace: all of one revision. */
static void run_delete_or_put(void *context, unsigned index)
{
    struct race *race = context;
    if (index == 0)
        race->results[index] = probe_send(race->probe, S3_DELETE_OBJECT, race->key, race->condition, NULL, false);
    else
        run_put(context, index);
}

/* A delete of what is gone is no winner, whatever it answers. */
SUSPENDS static bool is_decided_once(struct race *race)
{
    unsigned winners = 0;
    unsigned winner = 0;
    char body[BODY_TEXT_BYTES];
    for (unsigned i = 0; i < DELETE_RACERS; i++) {
        if (probe_is_success(&race->results[i])) {
            winners++;
            winner = i;
        }
    }
    body_of(winner, body);
    return winners == 1 &&
           (winner == 0 ? probe_is_absent(race->probe, race->key) : probe_holds(race->probe, race->key, body));
}

/* A server may answer 204 to a delete of nothing, also with If-Match: so only one delete is sent among many replaces.
 */
SUSPENDS static bool deletes_and_puts_have_one_winner(struct probe *probe, struct span key)
{
    struct probed begun = probe_put(probe, key, "begun");
    struct http_field condition = if_match(begun.etag);
    struct race *race = begin_race(probe, key, &condition);
    parallel_run(DELETE_RACERS, DELETE_RACERS, run_delete_or_put, race);
    bool right = is_decided_once(race);
    free(race);
    return right;
}

SUSPENDS static bool delete_matches(struct probe *probe)
{
    struct span key = probe_key(probe);
    struct probed made = probe_put(probe, key, "first");
    struct probed wrong = probe_send(probe, S3_DELETE_OBJECT, key, &if_wrong, NULL, false);
    if (!probe_is_success(&made) || probe_is_success(&wrong) || !probe_holds(probe, key, "first"))
        return false;
    struct http_field right = if_match(made.etag);
    struct probed gone = probe_send(probe, S3_DELETE_OBJECT, key, &right, NULL, false);
    if (!probe_is_success(&gone) || !probe_is_absent(probe, key))
        return false;
    if (!verdict_holds(probe->verdicts, VERDICT_PUT_REPLACE))
        return true; /* who replaces without a condition cannot race */
    for (unsigned i = 0; i < PROBE_DELETE_ROUNDS; i++) {
        if (!deletes_and_puts_have_one_winner(probe, key))
            return false;
    }
    return true;
}

/* A delete and a replace of one revision of a key, on many keys at once: a server whose deletes take no lock looks at
 * the revision, and then removes what was written in between. */
struct duels {
    struct probe *probe;
    struct duel {
        struct span key;
        char etag[S3_ETAG_BYTES];
        struct probed deleted;
        struct probed replaced;
        bool is_right;
    } duels[PROBE_DUELS];
};

static void begin_duel(void *context, unsigned index)
{
    struct duels *duels = context;
    struct duel *duel = &duels->duels[index];
    struct probed begun = probe_put(duels->probe, duel->key, "begun");
    memcpy(duel->etag, begun.etag, sizeof duel->etag);
}

static void run_duel(void *context, unsigned index)
{
    struct duels *duels = context;
    struct duel *duel = &duels->duels[index / 2];
    struct http_field condition = if_match(duel->etag);
    const struct span body = SPAN("replaced");
    if (index % 2 == 0)
        duel->deleted = probe_send(duels->probe, S3_DELETE_OBJECT, duel->key, &condition, NULL, false);
    else
        duel->replaced = probe_send(duels->probe, S3_PUT_OBJECT, duel->key, &condition, &body, false);
}

/* Both may be refused: a server may ask two that meet to come again. */
static void judge_duel(void *context, unsigned index)
{
    struct duels *duels = context;
    struct duel *duel = &duels->duels[index];
    bool is_deleted = probe_is_success(&duel->deleted);
    bool is_replaced = probe_is_success(&duel->replaced);
    duel->is_right = !(is_deleted && is_replaced) &&
                     (is_deleted ? probe_is_absent(duels->probe, duel->key)
                                 : probe_holds(duels->probe, duel->key, is_replaced ? "replaced" : "begun"));
}

SUSPENDS static bool deletes_race(struct probe *probe)
{
    struct duels *duels = calloc(1, sizeof *duels);
    ASSERT(duels != NULL);
    duels->probe = probe;
    for (unsigned i = 0; i < PROBE_DUELS; i++)
        duels->duels[i].key = probe_key(probe);
    bool right = true;
    for (unsigned round = 0; right && round < PROBE_DUEL_ROUNDS; round++) {
        parallel_run(PROBE_DUELS, PROBE_DUELS, begin_duel, duels);
        parallel_run(2 * PROBE_DUELS, 2 * PROBE_DUELS, run_duel, duels);
        parallel_run(PROBE_DUELS, PROBE_DUELS, judge_duel, duels);
        for (unsigned i = 0; i < PROBE_DUELS; i++)
            right = right && duels->duels[i].is_right;
    }
    free(duels);
    return right;
}

SUSPENDS void probe_conditions(struct probe *probe)
{
    probe_set(probe, VERDICT_PUT_CREATE, put_creates(probe));
    probe_set(probe, VERDICT_PUT_REPLACE, put_replaces(probe));
    probe_set(probe, VERDICT_COMPLETE_CREATE, complete_creates(probe));
    probe_set(probe, VERDICT_COMPLETE_REPLACE, complete_replaces(probe));
    probe_set(probe, VERDICT_COMPLETE_GONE, complete_refuses_gone(probe));
    probe_set(probe, VERDICT_DELETE_MATCH, delete_matches(probe));
    probe_set(probe, VERDICT_DELETE_RACES, verdict_holds(probe->verdicts, VERDICT_DELETE_MATCH) && deletes_race(probe));
}

/* ---- CopyObject ---- */

SUSPENDS static struct probed copy(struct probe *probe, struct span from, const char *source_etag, struct span to,
                                   const struct http_field *condition)
{
    struct s3_answer answer;
    struct error error;
    const struct s3_copy_source source = {
        .bucket = probe->bucket, .key = from, .if_match = span_from_string(source_etag)};
    const struct s3_call call = {.bucket = probe->bucket,
                                 .key = to,
                                 .headers = condition,
                                 .headers_count = condition == NULL ? 0 : 1,
                                 .repeat = S3_ONCE};
    bool done = s3_client_copy_object(probe->shard->client, &call, &source, &answer, &error);
    struct probed probed = {.status = done ? answer.status : answer.status >= 300 ? answer.status : 500};
    memcpy(probed.etag, answer.etag, sizeof probed.etag);
    return probed;
}

SUSPENDS void probe_copies(struct probe *probe)
{
    struct span from = probe_key(probe);
    struct span to = probe_key(probe);
    struct probed source = probe_put(probe, from, "source");
    struct probed wrong = copy(probe, from, "\"00000000000000000000000000000000\"", to, NULL);
    struct probed right = copy(probe, from, source.etag, to, NULL);
    probe_set(probe, VERDICT_COPY_SOURCE_MATCH,
              probe_is_refusal(&wrong) && probe_is_success(&right) && probe_holds(probe, to, "source"));

    (void)probe_put(probe, to, "target");
    struct probed over = copy(probe, from, source.etag, to, &if_absent);
    bool is_kept = probe_is_refusal(&over) && probe_holds(probe, to, "target");
    struct span new_key = probe_key(probe);
    struct probed made = copy(probe, from, source.etag, new_key, &if_absent);
    probe_set(probe, VERDICT_COPY_CREATE, is_kept && probe_is_success(&made) && probe_holds(probe, new_key, "source"));

    struct probed target = probe_put(probe, to, "target");
    struct probed mismatched = copy(probe, from, source.etag, to, &if_wrong);
    is_kept = probe_is_refusal(&mismatched) && probe_holds(probe, to, "target");
    struct http_field matching = if_match(target.etag);
    struct probed replaced = copy(probe, from, source.etag, to, &matching);
    probe_set(probe, VERDICT_COPY_REPLACE, is_kept && probe_is_success(&replaced) && probe_holds(probe, to, "source"));
}
