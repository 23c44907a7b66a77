/* tests/soak/main.c -- real threads, real time: replicas of one journal over a bad store, some dropped without notice.
 *
 *   journal_soak [--seconds 20] [--store dir:PATH] [--seed N] [--calm]
 *
 * Three replicas, each a thread with its own loop, share an embedded store (in a new folder unless one is named). What
 * a journal asks of its bucket is delayed, lost, or loses its answer; replicas die and start again while their callers
 * go on. At the end the faults stop: all replicas and a cold one must have the same state, bit for bit, and in it each
 * committed batch once, each rejected one not at all, each unknown one at most once, in the order of its caller.
 * `--calm`: no faults and no deaths. */
#include "bench/journal/journal_replica.h"
#include "journal/replica/replica.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "store/embedded/embedded.h"
#include "tests/soak/faulty_store.h"
#include "tests/soak/soak.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CALLERS_COUNT = SOAK_REPLICAS * SOAK_CALLERS,
    READY_MS = 60000,
    SETTLE_ROUNDS = 300,
    FLUSH_EVERY = 40,
    LIFE_MS_MAX = 5000,
    DEATH_MS_MAX = 1500,
};

/* One life of a replica. */
struct life {
    struct faulty_store faulty;
    struct journal_instance instance;
    unsigned callers; /* inside journal_submit, or looking at its state */
    bool is_over;     /* what it says from now on nobody hears */
};

struct counts {
    uint64_t lives, requests, lost, answers_lost, slow, generations, checks;
    uint64_t alarms[ALARM_COUNT];
};

struct actor {
    struct journal_replica replica;
    struct caller callers[SOAK_CALLERS];
    struct life *life; /* NULL: dead */
    unsigned callers_running, buried;
    struct random_seeded random_state;
    struct random_source random;
    struct counts counts;
    unsigned violations;
    /* at the end */
    uint64_t digest, generation;
    bool is_settled;
    struct buffer dump;
};

static const struct span bucket = SPAN(".bale");
static struct actor actors[SOAK_REPLICAS];
static struct bucket_store *store;
static pthread_barrier_t barrier;
static uint64_t seconds = 20;
static uint64_t soak_seed = 1;
static bool is_calm;
static _Atomic bool is_ending;

static void fail(const struct error *error)
{
    (void)fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static void violate(struct actor *actor, const char *what)
{
    (void)fprintf(stderr, "VIOLATION: replica %u: %s\n", actor->replica.shard, what);
    actor->violations++;
}

static uint64_t draw(struct actor *actor, uint64_t bound)
{
    return random_below(&actor->random, bound);
}

/* ---- lives ---- */

static void begin_life(struct actor *actor, bool with_faults)
{
    static const struct journal_options options = {.fold_gap_ms = 150,
                                                   .poll_ms = 150,
                                                   .request_ms = 500,
                                                   .decide_ms = 6000,
                                                   .fold_age_ms = 400,
                                                   .fold_segments = 60,
                                                   .slice_bytes = 4096,
                                                   .may_seed = true};
    struct life *life = calloc(1, sizeof *life);
    ASSERT(life != NULL);
    faulty_store_init(&life->faulty, store, &actor->random);
    if (with_faults && !is_calm)
        life->faulty.rates = (struct fault_rates){
            .lost = 10, .answer_lost = 10, .slow = 10, .slow_ms = 1200, .usual_ms = (unsigned)draw(actor, 8)};
    journal_instance_open(&life->instance, &life->faulty.base, bucket, SPAN("journal/"), &options);
    actor->counts.lives++;
    actor->life = life;
}

static void count_life(struct actor *actor, const struct life *life)
{
    const struct journal_counters *counters = journal_counters(life->instance.journal);
    for (unsigned i = 0; i < ALARM_COUNT; i++)
        actor->counts.alarms[i] += counters->alarms[i];
    actor->counts.generations += counters->folds_published;
    actor->counts.requests += life->faulty.requests;
    actor->counts.lost += life->faulty.lost;
    actor->counts.answers_lost += life->faulty.answers_lost;
    actor->counts.slow += life->faulty.slow;
}

struct burial {
    struct actor *actor;
    struct life *life;
};

/* Behind the back of the next life, whose requests meet the last ones of this one. */
SUSPENDS static void bury(void *argument)
{
    struct burial burial = *(struct burial *)argument;
    free(argument);
    journal_stop(burial.life->instance.journal);
    while (burial.life->callers > 0)
        journal_replica_sleep(2);
    count_life(burial.actor, burial.life);
    journal_instance_close(&burial.life->instance);
    free(burial.life);
    burial.actor->buried--;
}

static void end_life(struct actor *actor)
{
    struct burial *burial = malloc(sizeof *burial);
    struct error error;
    ASSERT(burial != NULL);
    *burial = (struct burial){actor, actor->life};
    actor->life->is_over = true;
    actor->life->faulty.is_dead = true;
    actor->life = NULL;
    actor->buried++;
    if (!fiber_spawn("burial", bury, burial, &error))
        fail(&error);
}

/* ---- callers ---- */

static uint32_t new_truth(struct actor *actor, struct caller *caller)
{
    if (caller->count == caller->capacity) {
        caller->capacity = caller->capacity == 0 ? 1024 : 2 * caller->capacity;
        caller->truths = realloc(caller->truths, caller->capacity * sizeof *caller->truths);
        ASSERT(caller->truths != NULL);
    }
    struct truth *truth = &caller->truths[caller->count];
    *truth = (struct truth){.kind = TRUTH_REJECTED}; /* until somebody may have written it */
    if (draw(actor, 2) == 0)
        random_fill(&actor->random, &truth->id, sizeof truth->id);
    return caller->count++;
}

static void note(struct actor *actor, struct caller *caller, uint32_t number, struct life *life,
                 const struct journal_answer *answer)
{
    struct truth *truth = &caller->truths[number];
    bool is_heard = !life->is_over;
    if (answer->outcome == JOURNAL_REFUSED && is_heard)
        return;
    if (answer->has_key && truth->tries < SOAK_TRIES_MAX) {
        truth->is_decided[truth->tries] = is_heard && answer->outcome == JOURNAL_REJECTED;
        truth->keys[truth->tries++] = answer->key;
    }
    if (is_heard && answer->outcome == JOURNAL_REJECTED)
        return;
    if (!is_heard || answer->outcome != JOURNAL_COMMITTED) {
        truth->kind = TRUTH_UNKNOWN;
        return;
    }
    truth->kind = TRUTH_COMMITTED;
    atomic_store(&caller->committed, number + 1);
    if (!soak_is_visible(journal_state(life->instance.journal), caller->number, number))
        violate(actor, "J18: committed, and not visible where it was");
    actor->counts.checks++;
}

/* One try. True: the batch needs no other. */
SUSPENDS static bool submit(struct actor *actor, struct caller *caller, uint32_t number)
{
    struct life *life = actor->life;
    if (life == NULL || journal_state(life->instance.journal) == NULL) {
        journal_replica_sleep(20);
        return false;
    }
    struct truth *truth = &caller->truths[number];
    struct buffer ops = {0};
    struct error error;
    soak_put_ops(caller, number, &ops);
    struct journal_batch batch = {truth->id, truth->tries > 0 ? truth->keys[0].base : 0, buffer_span(&ops)};
    life->callers++;
    struct journal_answer answer = journal_submit(life->instance.journal, &batch, &error);
    note(actor, caller, number, life, &answer);
    life->callers--;
    buffer_free(&ops);
    truth = &caller->truths[number];
    if (answer.outcome == JOURNAL_REFUSED)
        journal_replica_sleep(10 + draw(actor, 50));
    bool may_try_again = truth->tries < SOAK_TRIES_MAX &&
                         (truth->kind == TRUTH_REJECTED ||
                          (truth->kind == TRUTH_UNKNOWN && !journal_id_is_zero(&truth->id) && draw(actor, 8) != 0));
    return !may_try_again;
}

/* What anybody had committed before is visible after a flush. */
SUSPENDS static void flush(struct actor *actor)
{
    uint32_t *committed = calloc(CALLERS_COUNT, sizeof *committed);
    struct life *life = actor->life;
    struct error error;
    ASSERT(committed != NULL);
    for (unsigned i = 0; i < CALLERS_COUNT; i++)
        committed[i] = atomic_load(&actors[i / SOAK_CALLERS].callers[i % SOAK_CALLERS].committed);
    if (life != NULL) {
        life->callers++;
        bool is_flushed = journal_flush(life->instance.journal, &error) && !life->is_over;
        const struct state *state = journal_state(life->instance.journal);
        for (unsigned i = 0; is_flushed && state != NULL && i < CALLERS_COUNT; i++) {
            if (committed[i] > 0 && !soak_is_visible(state, i, committed[i] - 1))
                violate(actor, "J22: committed before a flush, and not visible after it");
            actor->counts.checks++;
        }
        life->callers--;
    }
    free(committed);
}

struct calling {
    struct actor *actor;
    struct caller *caller;
};

SUSPENDS static void call(void *argument)
{
    struct calling calling = *(struct calling *)argument;
    struct actor *actor = calling.actor;
    free(argument);
    while (!atomic_load(&is_ending)) {
        uint32_t number = new_truth(actor, calling.caller);
        while (!submit(actor, calling.caller, number) && !atomic_load(&is_ending))
            ;
        if (number % FLUSH_EVERY == 0)
            flush(actor);
        journal_replica_sleep(draw(actor, 30));
    }
    actor->callers_running--;
}

static void start_callers(struct actor *actor)
{
    struct error error;
    for (unsigned i = 0; i < SOAK_CALLERS; i++) {
        struct calling *calling = malloc(sizeof *calling);
        ASSERT(calling != NULL);
        *calling = (struct calling){actor, &actor->callers[i]};
        if (!fiber_spawn("caller", call, calling, &error))
            fail(&error);
        actor->callers_running++;
    }
}

/* ---- the end ---- */

/* What is undecided has one answer now, or none any more. */
SUSPENDS static void resolve(struct actor *actor, struct truth *truth)
{
    bool all_rejected = true;
    for (unsigned i = 0; i < truth->tries && truth->kind == TRUTH_UNKNOWN; i++) {
        struct journal_answer answer = {.outcome = JOURNAL_REJECTED};
        if (!truth->is_decided[i])
            answer = journal_resolve(actor->life->instance.journal, &truth->keys[i]);
        if (answer.outcome == JOURNAL_COMMITTED)
            truth->kind = TRUTH_COMMITTED;
        all_rejected &= answer.outcome == JOURNAL_REJECTED;
        if (answer.outcome == JOURNAL_DAMAGED)
            violate(actor, "J39: a segment is damaged that nobody touched");
    }
    if (truth->kind == TRUTH_UNKNOWN && truth->tries > 0 && all_rejected)
        truth->kind = TRUTH_REJECTED;
}

/* All replicas at one head with nothing live. Every thread comes to the same verdict. */
SUSPENDS static bool settle(struct actor *actor)
{
    struct error error;
    for (unsigned round = 0; round < SETTLE_ROUNDS; round++) {
        struct journal *journal = actor->life->instance.journal;
        actor->is_settled = journal_flush(journal, &error) && journal->tail.count == 0;
        actor->generation = journal_head(journal)->generation;
        actor->digest = journal_state(journal)->digest;
        (void)pthread_barrier_wait(&barrier);
        bool all = true;
        for (unsigned i = 0; i < SOAK_REPLICAS; i++)
            all &= actors[i].is_settled && actors[i].generation == actors[0].generation;
        (void)pthread_barrier_wait(&barrier);
        if (all)
            return true;
        journal_replica_sleep(200);
    }
    violate(actor, "J23, J33: replicas do not come to rest at one head");
    return false;
}

static void check_state(struct actor *actor, const struct state *state)
{
    for (unsigned i = 0; i < CALLERS_COUNT; i++)
        actor->violations += soak_check_caller(state, &actors[i / SOAK_CALLERS].callers[i % SOAK_CALLERS]);
}

/* A replica without any memory. */
SUSPENDS static void check_cold(struct actor *actor)
{
    struct buffer dump = {0};
    count_life(actor, actor->life);
    journal_instance_close(&actor->life->instance);
    free(actor->life);
    begin_life(actor, false);
    if (!journal_instance_wait_ready(&actor->life->instance, READY_MS)) {
        violate(actor, "J35: a cold replica does not become ready");
        return;
    }
    const struct state *state = journal_state(actor->life->instance.journal);
    check_state(actor, state);
    soak_dump(state, &dump);
    if (journal_head(actor->life->instance.journal)->generation == actor->generation &&
        !span_equal(buffer_span(&dump), buffer_span(&actor->dump)))
        violate(actor, "J24: the cold state is not the warm one");
    buffer_free(&dump);
}

SUSPENDS static void finish(struct actor *actor)
{
    while (actor->callers_running > 0 || actor->buried > 0)
        journal_replica_sleep(5);
    if (actor->life == NULL)
        begin_life(actor, false);
    actor->life->faulty.rates = (struct fault_rates){0};
    if (!journal_instance_wait_ready(&actor->life->instance, READY_MS))
        violate(actor, "J35: a replica does not become ready");
    for (unsigned i = 0; i < SOAK_CALLERS && actor->violations == 0; i++) {
        for (uint32_t k = 0; k < actor->callers[i].count; k++)
            resolve(actor, &actor->callers[i].truths[k]);
    }
    (void)pthread_barrier_wait(&barrier);
    if (!settle(actor))
        return;
    check_state(actor, journal_state(actor->life->instance.journal));
    soak_dump(journal_state(actor->life->instance.journal), &actor->dump);
    (void)pthread_barrier_wait(&barrier);
    check_cold(actor);
}

SUSPENDS static void work(struct journal_replica *replica)
{
    struct actor *actor = replica->context;
    begin_life(actor, false);
    if (!journal_instance_wait_ready(&actor->life->instance, READY_MS))
        violate(actor, "the journal does not become ready");
    (void)pthread_barrier_wait(&barrier);
    end_life(actor);
    begin_life(actor, true);
    start_callers(actor);
    deadline_t end = deadline_after_ms(seconds * 1000);
    while (loop_now_ns() < end) {
        journal_replica_sleep(200 + draw(actor, LIFE_MS_MAX));
        if (is_calm)
            continue;
        end_life(actor);
        journal_replica_sleep(draw(actor, DEATH_MS_MAX));
        begin_life(actor, true);
    }
    atomic_store(&is_ending, true);
    finish(actor);
    if (actor->life != NULL) {
        count_life(actor, actor->life);
        journal_instance_close(&actor->life->instance);
        free(actor->life);
    }
}

/* ---- setting up ---- */

static bool attach(unsigned shard, struct error *error)
{
    return embedded_attach_shard(store, shard, error);
}

SUSPENDS static void detach(void)
{
    embedded_detach_shard(store);
}

SUSPENDS static void make_bucket(struct journal_replica *replica)
{
    (void)replica;
    struct error error;
    if (!bucket_create(store, &(struct bucket_intent){.name = bucket}, &error) && error.kind != ERROR_CONFLICT)
        fail(&error);
}

static void run_all(void)
{
    struct error error;
    struct journal_replica maker = {.attach = attach, .detach = detach, .work = make_bucket};
    if (!journal_replica_start(&maker, &error))
        fail(&error);
    journal_replica_join(&maker);
    for (unsigned i = 0; i < SOAK_REPLICAS; i++) {
        struct actor *actor = &actors[i];
        actor->random = random_seeded(&actor->random_state, soak_seed * SOAK_REPLICAS + i);
        for (unsigned k = 0; k < SOAK_CALLERS; k++)
            actor->callers[k].number = i * SOAK_CALLERS + k;
        actor->replica =
            (struct journal_replica){.shard = i, .attach = attach, .detach = detach, .work = work, .context = actor};
        if (!journal_replica_start(&actor->replica, &error))
            fail(&error);
    }
    for (unsigned i = 0; i < SOAK_REPLICAS; i++)
        journal_replica_join(&actors[i].replica);
}

static void parse(int count, char **texts, const char **ret_store)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'},
        {"store", required_argument, NULL, 'd'},
        {"seed", required_argument, NULL, 'r'},
        {"calm", no_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(count, texts, "", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            seconds = strtoull(optarg, NULL, 10);
            break;
        case 'd':
            *ret_store = optarg;
            break;
        case 'r':
            soak_seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            is_calm = true;
            break;
        default:
            exit(2);
        }
    }
    if (optind != count || (*ret_store != NULL && strncmp(*ret_store, "dir:", 4) != 0)) {
        (void)fprintf(stderr, "usage: %s [--seconds 20] [--store dir:PATH] [--seed N] [--calm]\n", texts[0]);
        exit(2);
    }
}

static unsigned report(void)
{
    static const char *const alarms[] = {
        [ALARM_HEAD_MISSING] = "head missing",         [ALARM_HEAD_DAMAGED] = "head damaged",
        [ALARM_GENERATION_WENT_BACK] = "went back",    [ALARM_LINEAGE] = "lineage",
        [ALARM_SEGMENT_VANISHED] = "segment vanished", [ALARM_SEGMENT_DAMAGED] = "segment damaged",
        [ALARM_FOREIGN_BODY] = "foreign body",         [ALARM_SEGMENT_MISSING] = "segment missing",
        [ALARM_DIGEST] = "warm is not cold",
    };
    uint64_t kinds[3] = {0};
    struct counts sum = {0};
    unsigned violations = 0;
    for (unsigned i = 0; i < SOAK_REPLICAS; i++) {
        struct actor *actor = &actors[i];
        for (unsigned k = 0; k < SOAK_CALLERS; k++) {
            for (uint32_t t = 0; t < actor->callers[k].count; t++)
                kinds[actor->callers[k].truths[t].kind]++;
            free(actor->callers[k].truths);
        }
        for (unsigned k = 0; k < ALARM_COUNT; k++) {
            if (k < sizeof alarms / sizeof alarms[0] && alarms[k] != NULL && actor->counts.alarms[k] > 0)
                violate(actor, alarms[k]);
        }
        if (!span_equal(buffer_span(&actor->dump), buffer_span(&actors[0].dump)))
            violate(actor, "J23: its state is not that of the first replica");
        violations += actor->violations;
        sum.lives += actor->counts.lives;
        sum.generations += actor->counts.generations;
        sum.requests += actor->counts.requests;
        sum.lost += actor->counts.lost;
        sum.answers_lost += actor->counts.answers_lost;
        sum.slow += actor->counts.slow;
        sum.checks += actor->counts.checks;
    }
    (void)printf("soak: seed %llu, %llu s: %llu batches committed, %llu rejected, %llu unknown; %llu lives, "
                 "%llu generations; %llu requests, %llu lost, %llu answers lost, %llu slow; %llu reads judged; "
                 "%u violations\n",
                 (unsigned long long)soak_seed, (unsigned long long)seconds, (unsigned long long)kinds[TRUTH_COMMITTED],
                 (unsigned long long)kinds[TRUTH_REJECTED], (unsigned long long)kinds[TRUTH_UNKNOWN],
                 (unsigned long long)sum.lives, (unsigned long long)sum.generations, (unsigned long long)sum.requests,
                 (unsigned long long)sum.lost, (unsigned long long)sum.answers_lost, (unsigned long long)sum.slow,
                 (unsigned long long)sum.checks, violations);
    for (unsigned i = SOAK_REPLICAS; i-- > 0;)
        buffer_free(&actors[i].dump);
    return kinds[TRUTH_COMMITTED] == 0 ? violations + 1 : violations;
}

int main(int count, char **texts)
{
    const char *named = NULL;
    struct error error;
    char folder[] = "/tmp/bale-soak-XXXXXX";
    parse(count, texts, &named);
    if (named == NULL && mkdtemp(folder) == NULL)
        return 1;
    (void)alarm((unsigned)seconds + 300); /* a soak that hangs has failed */
    struct offload *offload = offload_create("listing", 1, 256, &error);
    struct embedded_options options = {.shards = SOAK_REPLICAS, .offload = offload, .is_unfilled = true};
    store = offload == NULL ? NULL : embedded_open(named == NULL ? folder : named + 4, &options, &error);
    if (store == NULL)
        fail(&error);
    (void)pthread_barrier_init(&barrier, NULL, SOAK_REPLICAS);
    run_all();
    embedded_close(store);
    offload_destroy(offload);
    unsigned violations = report();
    if (named == NULL && violations == 0) {
        char command[64];
        (void)snprintf(command, sizeof command, "rm -r %s", folder);
        if (system(command) != 0)
            return 1;
    }
    return violations == 0 ? 0 : 1;
}
