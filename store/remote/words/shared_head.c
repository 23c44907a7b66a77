/* store/remote/words/shared_head.c -- whose turn it is to send a HEAD, and who goes by its answer. */
#include "store/remote/words/shared_head.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "store/remote/store.h"

#include <stdlib.h>

enum { STAGGERED_BY = 4, SMOOTHED_BY = 8 };

enum progress { IS_UNSENT, IS_UNDER_WAY, IS_ANSWERED, IS_REFUSED, IS_GIVEN_UP };

struct head_request {
    struct list_link link; /* until it has ended */
    const uint8_t *place;  /* the key's row_place, of whoever sends it */
    enum progress progress;
    uint64_t sent_ns;
    struct wait_queue turn;  /* the fiber that sends it */
    struct wait_queue ended; /* the others */
    unsigned holders;
    struct s3_answer_copy *copy; /* IS_ANSWERED, and others wait for it */
    struct s3_answer refusal;    /* IS_REFUSED */
    struct error error;
};

void shared_heads_init(struct shared_heads *heads)
{
    for (unsigned i = 0; i < SHARED_HEAD_CHAINS; i++)
        list_init(&heads->chains[i]);
    heads->round_trip_ns = 0;
}

bool shared_head_is_for_all(const struct remote_key *key)
{
    return !key->is_internal && (key->version[0] == '\0' || key->name.version.size > 0);
}

static struct list_link *chain_of(struct remote_key *key)
{
    return &key->shard->heads.chains[key->row_place[0] % SHARED_HEAD_CHAINS];
}

/* Those of this key: how many are under way, when the last was sent, and the one that has not been. */
struct present {
    unsigned under_way;
    uint64_t sent_ns;
    struct head_request *unsent;
};

static struct present look_at(const struct list_link *chain, const uint8_t *place)
{
    struct present present = {0};
    for (struct list_link *link = chain->next; link != chain; link = link->next) {
        struct head_request *request = LIST_ELEMENT(link, struct head_request, link);
        if (memcmp(request->place, place, ROW_KEY_BYTES) != 0)
            continue;
        present.under_way += request->progress == IS_UNDER_WAY;
        present.sent_ns = request->sent_ns > present.sent_ns ? request->sent_ns : present.sent_ns;
        present.unsent = request->progress == IS_UNSENT ? request : present.unsent;
    }
    return present;
}

static void let_go(struct head_request *request)
{
    if (--request->holders > 0)
        return;
    if (request->copy != NULL)
        s3_answer_copy_give(request->copy);
    free(request);
}

/* ---- who goes by somebody else's ---- */

/* The answer, as whoever sent it got it; true also if the sender has given up, and there is none. */
SUSPENDS static bool follow(struct head_request *request, struct s3_answer *ret_answer, struct error *error)
{
    while (request->progress <= IS_UNDER_WAY) {
        if (!wait_for(&request->ended, DEADLINE_NONE, error) && request->progress <= IS_UNDER_WAY)
            return false;
    }
    if (request->progress == IS_ANSWERED) {
        s3_answer_of_copy(request->copy, ret_answer);
    } else if (request->progress == IS_REFUSED) {
        *ret_answer = request->refusal;
        *error = request->error;
    }
    return request->progress != IS_REFUSED;
}

/* ---- who sends one ---- */

static bool is_due(const struct shared_heads *heads, const struct present *present)
{
    uint64_t due_ns = present->sent_ns + heads->round_trip_ns / STAGGERED_BY;
    return present->under_way == 0 || (present->under_way < SHARED_HEADS_UNDER_WAY && loop_now_ns() >= due_ns);
}

SUSPENDS static bool wait_for_turn(struct remote_key *key, struct head_request *request, struct error *error)
{
    const struct shared_heads *heads = &key->shard->heads;
    for (;;) {
        struct present present = look_at(chain_of(key), key->row_place);
        if (is_due(heads, &present))
            return true;
        bool is_full = present.under_way >= SHARED_HEADS_UNDER_WAY;
        deadline_t due_ns = is_full ? DEADLINE_NONE : present.sent_ns + heads->round_trip_ns / STAGGERED_BY;
        if (!wait_for(&request->turn, due_ns, error) && error->kind != ERROR_TIMED_OUT)
            return false;
    }
}

static void note_round_trip(struct shared_heads *heads, uint64_t took_ns)
{
    heads->round_trip_ns = heads->round_trip_ns == 0
                               ? took_ns
                               : heads->round_trip_ns - heads->round_trip_ns / SMOOTHED_BY + took_ns / SMOOTHED_BY;
}

static struct head_request *announce(struct remote_key *key)
{
    struct head_request *request = calloc(1, sizeof *request);
    ASSERT(request != NULL);
    request->place = key->row_place;
    request->holders = 1;
    wait_queue_init(&request->turn);
    wait_queue_init(&request->ended);
    list_append(chain_of(key), &request->link);
    return request;
}

/* For those who wait; the next one may go. */
static void end(struct remote_key *key, struct head_request *request, bool done, const struct s3_answer *answer,
                const struct error *error)
{
    list_remove(&request->link);
    if (done) {
        request->progress = IS_ANSWERED;
        request->copy = request->holders > 1 ? s3_answer_copy(answer) : NULL;
    } else {
        request->progress = error->kind == ERROR_CANCELLED ? IS_GIVEN_UP : IS_REFUSED;
        request->refusal = *answer;
        request->error = *error;
    }
    wait_wake_all(&request->ended);
    struct present present = look_at(chain_of(key), key->row_place);
    if (present.unsent != NULL)
        wait_wake_all(&present.unsent->turn);
    let_go(request);
}

SUSPENDS static bool send(struct remote_key *key, struct s3_answer *ret_answer, struct error *error)
{
    struct head_request *request = announce(key);
    bool done = wait_for_turn(key, request, error);
    if (done) {
        const struct s3_call call = remote_key_call(key, S3_HEAD_OBJECT, S3_REPEAT);
        request->progress = IS_UNDER_WAY;
        request->sent_ns = loop_now_ns();
        done = remote_call(key->shard, &call, ret_answer, error);
        if (done)
            note_round_trip(&key->shard->heads, loop_now_ns() - request->sent_ns);
    }
    end(key, request, done, ret_answer, error);
    return done;
}

SUSPENDS bool shared_head_ask(struct remote_key *key, struct s3_answer *ret_answer, struct error *error)
{
    ASSERT(shared_head_is_for_all(key));
    *ret_answer = (struct s3_answer){0};
    for (;;) {
        struct head_request *request = look_at(chain_of(key), key->row_place).unsent;
        if (request == NULL)
            return send(key, ret_answer, error);
        request->holders++;
        bool done = follow(request, ret_answer, error);
        bool is_answered = request->progress == IS_ANSWERED;
        let_go(request);
        if (done && !is_answered)
            continue; /* the first of those who waited is the sender now */
        metric_add(&key->shard->counters.heads_shared, is_answered);
        return done;
    }
}
