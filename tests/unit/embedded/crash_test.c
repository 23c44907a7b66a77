/* tests/unit/embedded/crash_test.c -- a process that is killed at any moment loses nothing that it acknowledged and
 * leaves nothing half-written.
 *
 * A child writes, overwrites and deletes from many fibers on two shards and says over a pipe what it is about to do and
 * what was acknowledged. It is killed, the folder is opened again, and every key must hold what was acknowledged last,
 * or what was on its way at the kill: whole. */
#include "tests/unit/embedded/fixture.h"
#include "tests/unit/fork_to_kill.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 48, FIBERS = 24, SHARDS = 2, BODY_BYTES_MAX = 400000 };
static const struct span bucket = SPAN("bucket");

/* One line of the pipe; below PIPE_BUF, so whole. A seed of 0 is a delete. */
struct note {
    uint32_t key;
    bool is_done;
    uint64_t seed;
};

struct key_state {
    uint64_t acknowledged; /* seed of the body; 0: none */
    uint64_t pending;
    bool has_pending;
};

static size_t body_bytes(uint64_t seed)
{
    static const size_t sizes[] = {0, 10, 1500, 2000, 2001, 5000, 30000, 262144, 399999};
    return sizes[seed % 9];
}

static void make_body(uint64_t seed, uint8_t *ret_bytes)
{
    fill_bytes(seed, ret_bytes, body_bytes(seed));
}

static void key_name(uint32_t key, char ret_name[700])
{
    if (key % 7 == 3) /* some that need a group of their own */
        (void)snprintf(ret_name, 700, "%0600u", key);
    else
        (void)snprintf(ret_name, 700, "key/%u", key);
}

/* ---- the child ---- */

struct child {
    struct bucket_store *store;
    int pipe;
    uint64_t seed;
    unsigned shard;
};

static void say(const struct child *child, uint32_t key, uint64_t seed, bool is_done)
{
    struct note note = {.key = key, .is_done = is_done, .seed = seed};
    if (write(child->pipe, &note, sizeof note) != sizeof note)
        _exit(3);
}

/* Each fiber has keys of its own, so that what was acknowledged last is known. */
static void change_forever(unsigned index, void *argument)
{
    struct child *child = argument;
    struct random_seeded state;
    struct random_source random = random_seeded(&state, child->seed * 1000 + child->shard * 100 + index);
    uint8_t *body = malloc(BODY_BYTES_MAX);
    char name[700];
    for (;;) {
        uint32_t key = (uint32_t)random_below(&random, KEYS / FIBERS) * FIBERS + index;
        key = key * SHARDS + child->shard;
        uint64_t seed = random_below(&random, 4) == 0 ? 0 : random_u64(&random) | 1;
        struct error error;
        key_name(key, name);
        say(child, key, seed, false);
        if (seed == 0) {
            if (!try_delete(child->store, bucket, text(name), &error))
                _exit(4);
        } else {
            make_body(seed, body);
            if (!try_put(child->store, bucket, text(name), span_of(body, body_bytes(seed)), NULL, &error))
                _exit(5);
        }
        say(child, key, seed, true);
    }
}

static void write_forever(struct bucket_store *store, unsigned shard, void *argument)
{
    struct child child = *(struct child *)argument;
    child.store = store;
    child.shard = shard;
    run_fibers(FIBERS, change_forever, &child);
}

static pid_t start_child(const char *path, uint64_t seed, int *ret_pipe)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork_to_kill();
    if (pid == 0) {
        close(ends[0]);
        struct child child = {.pipe = ends[1], .seed = seed};
        struct bucket_store *store = open_store(path, &(struct embedded_options){.shards = SHARDS});
        run_shards(store, SHARDS, write_forever, &child);
        _exit(0);
    }
    close(ends[1]);
    *ret_pipe = ends[0];
    return pid;
}

/* ---- the parent ---- */

static void take_notes(int pipe, struct key_state *states)
{
    struct note note;
    while (read(pipe, &note, sizeof note) == sizeof note) {
        ck_assert_uint_lt(note.key, KEYS * SHARDS);
        struct key_state *state = &states[note.key];
        if (note.is_done)
            state->acknowledged = note.seed;
        state->pending = note.seed;
        state->has_pending = !note.is_done;
    }
}

static bool holds(struct bucket_store *store, struct span key, uint64_t seed, uint8_t *body)
{
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    if (!bucket_open(store, &name, NULL, &object, &error)) {
        ck_assert_str_eq(error.code, "NoSuchKey");
        return seed == 0;
    }
    char etag[ETAG_TEXT_BYTES];
    make_body(seed, body);
    etag_of_body(span_of(body, body_bytes(seed)), etag);
    bool is_same = seed != 0 && strcmp(object->attributes.etag, etag) == 0;
    bucket_close(object);
    if (is_same)
        expect_body(store, bucket, key, span_of(body, body_bytes(seed)));
    return is_same;
}

static void compare(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct key_state *states = argument;
    uint8_t *body = malloc(BODY_BYTES_MAX);
    unsigned present = 0;
    char name[700];
    for (uint32_t key = 0; key < KEYS * SHARDS; key++) {
        struct key_state *state = &states[key];
        key_name(key, name);
        if (state->has_pending && holds(store, text(name), state->pending, body))
            state->acknowledged = state->pending;
        else
            ck_assert_msg(holds(store, text(name), state->acknowledged, body), "key %u lost seed %llu", key,
                          (unsigned long long)state->acknowledged);
        state->has_pending = false;
        present += state->acknowledged != 0;
    }
    struct arena arena;
    arena_init(&arena, 4 << 20);
    struct list_page page;
    struct error error;
    struct list_request request = {.bucket = bucket, .entries_max = 1000};
    ck_assert(bucket_list(store, &request, &arena, &page, &error));
    ck_assert_uint_eq(page.count, present); /* and nothing else */
    arena_free(&arena);
    free(body);
}

static void make_bucket(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    create_bucket(store, bucket);
}

START_TEST(a_kill_loses_nothing)
{
    char path[64];
    folder_make(path);
    with_store(path, make_bucket, NULL);
    struct key_state states[KEYS * SHARDS] = {0};
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 7);
    for (unsigned round = 1; round <= crash_rounds(100); round++) {
        int pipe;
        pid_t pid = start_child(path, round, &pipe);
        (void)usleep((useconds_t)random_below(&random, 120000));
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        take_notes(pipe, states);
        close(pipe);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        with_store(path, compare, states);
        if (round % 20 == 0) {
            expect_sound_store(path);
        }
    }
    folder_remove(path);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("embedded crash");
    TCase *tests = tcase_create("crash");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_kill_loses_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
