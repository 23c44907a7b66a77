/* tests/unit/embedded/uploads_crash_test.c -- a process that is killed while it takes parts and completes uploads: each
 * object is whole, each open upload has every part that was acknowledged and can be completed. Statements 273, 278,
 * 345.
 *
 * A child runs uploads from many fibers on two shards and says over a pipe what it is about to do and what was
 * acknowledged. After the kill every key must hold one of the objects that it may hold, and every upload must be open
 * or have become the object. All of it twice: on the store itself, and through the joiner over a store that has a
 * smallest part. */
#include "tests/unit/embedded/uploads.h"
#include "tests/unit/fork_to_kill.h"

#include "store/joiner/joiner.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIBERS = 16, SHARDS = 2, KEYS = FIBERS * SHARDS, PARTS_MAX = 4, START_MS_MAX = 30000 };
static const struct span bucket = SPAN("bucket");

enum step { UPLOAD_BEGUN, PART_DONE, COMPLETE_BEGUN, COMPLETE_DONE, ABORT_BEGUN, ABORT_DONE };

/* One line of the pipe; below PIPE_BUF, so whole. */
struct note {
    uint32_t key;
    enum step step;
    uint64_t seed;
    char id[UPLOAD_ID_BYTES];
};

struct key_state {
    uint64_t object; /* seed of what was completed last; 0: nothing */
    uint64_t upload; /* seed of the open one; 0: none */
    enum step step;  /* its last */
    unsigned parts;  /* that were acknowledged */
    char id[UPLOAD_ID_BYTES];
};

static unsigned make_parts(uint64_t seed, struct test_part ret_parts[PARTS_MAX])
{
    static const size_t sizes[] = {1, 4096, 4097, 30000, 262144, 262145, 500001};
    unsigned count = 1 + (unsigned)(seed >> 8) % PARTS_MAX;
    for (unsigned i = 0; i < count; i++)
        ret_parts[i] = (struct test_part){3 * i + 1, seed + i, sizes[(seed >> 16) % 1000 * (i + 1) % 7]};
    return count;
}

static void key_name(uint32_t key, char ret_name[700])
{
    (void)snprintf(ret_name, 700, "%0*u", key % 7 == 3 ? 600 : 5, key);
}

/* ---- the store, or the joiner in front of it ---- */

enum { BYTES_MIN = 65536 };
struct front {
    struct bucket_store *store; /* what uploads go to */
    shard_body *body;
    void *argument;
};

static void run_front(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)store;
    struct front *front = argument;
    front->body(front->store, shard, front->argument);
}

static void on_folder(const char *path, bool is_joined, unsigned shards, shard_body *body, void *argument)
{
    struct bucket_store *store =
        open_store(path, &(struct embedded_options){.shards = shards, .part_bytes_min = is_joined ? BYTES_MIN : 0});
    struct front front = {is_joined ? joiner_create(store) : store, body, argument};
    run_shards(store, shards, run_front, &front);
    if (is_joined)
        joiner_destroy(front.store);
    embedded_close(store);
}

/* ---- the child ---- */

struct child {
    struct bucket_store *store;
    int pipe;
    uint64_t seed;
    unsigned shard;
};

static void say(const struct child *child, uint32_t key, enum step step, uint64_t seed, const char *id)
{
    struct note note = {.key = key, .step = step, .seed = seed};
    memcpy(note.id, id, UPLOAD_ID_BYTES);
    if (write(child->pipe, &note, sizeof note) != sizeof note)
        _exit(3);
}

static void upload_forever(unsigned index, void *argument)
{
    struct child *child = argument;
    struct random_seeded state;
    struct random_source random = random_seeded(&state, child->seed * 1000 + child->shard * 100 + index);
    uint32_t key = index * SHARDS + child->shard;
    char name[700];
    key_name(key, name);
    for (;;) {
        struct test_part parts[PARTS_MAX];
        uint64_t seed = random_u64(&random) | 1;
        unsigned count = make_parts(seed, parts);
        char id[UPLOAD_ID_BYTES];
        struct error error;
        begin_upload(child->store, bucket, text(name), id);
        say(child, key, UPLOAD_BEGUN, seed, id);
        for (unsigned i = 0; i < count; i++) {
            put_part(child->store, bucket, text(name), id, &parts[i]);
            say(child, key, PART_DONE, seed, id);
        }
        bool is_abort = random_below(&random, 5) == 0;
        struct object_name object = name_of(bucket, text(name));
        say(child, key, is_abort ? ABORT_BEGUN : COMPLETE_BEGUN, seed, id);
        if (is_abort ? !bucket_abort_upload(child->store, &object, text(id), &error)
                     : !try_complete(child->store, bucket, text(name), id, parts, count, NULL, &error))
            _exit(4);
        say(child, key, is_abort ? ABORT_DONE : COMPLETE_DONE, seed, id);
    }
}

static void run_uploads(struct bucket_store *store, unsigned shard, void *argument)
{
    struct child child = *(struct child *)argument;
    child.store = store;
    child.shard = shard;
    run_fibers(FIBERS, upload_forever, &child);
}

static pid_t start_child(const char *path, bool is_joined, uint64_t seed, int *ret_pipe)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork_to_kill();
    if (pid == 0) {
        close(ends[0]);
        struct child child = {.pipe = ends[1], .seed = seed};
        on_folder(path, is_joined, SHARDS, run_uploads, &child);
        _exit(0);
    }
    close(ends[1]);
    *ret_pipe = ends[0];
    return pid;
}

/* ---- the parent ---- */

static void take_note(struct key_state *state, const struct note *note)
{
    state->step = note->step;
    switch (note->step) {
    case UPLOAD_BEGUN:
        state->upload = note->seed;
        state->parts = 0;
        memcpy(state->id, note->id, sizeof state->id);
        break;
    case PART_DONE:
        state->parts++;
        break;
    case COMPLETE_DONE:
        state->object = note->seed;
        state->upload = 0;
        break;
    case ABORT_DONE:
        state->upload = 0;
        break;
    case COMPLETE_BEGUN:
    case ABORT_BEGUN:
        break;
    }
}

/* Returns how many parts and objects were acknowledged. */
static unsigned take_notes(int pipe, struct key_state *states)
{
    unsigned done = 0;
    struct note note;
    while (read(pipe, &note, sizeof note) == sizeof note) {
        ck_assert_uint_lt(note.key, KEYS);
        take_note(&states[note.key], &note);
        done += note.step == COMPLETE_DONE || note.step == PART_DONE;
    }
    return done;
}

static void expect_object(struct bucket_store *store, struct span key, uint64_t seed)
{
    struct test_part parts[PARTS_MAX];
    if (seed == 0)
        expect_missing(store, bucket, key);
    else
        expect_parts(store, bucket, key, parts, make_parts(seed, parts));
}

/* An upload that is open has every part that was acknowledged; the rest is sent now, and it is completed. */
static void finish_upload(struct bucket_store *store, struct span key, struct key_state *state)
{
    struct test_part parts[PARTS_MAX];
    unsigned count = make_parts(state->upload, parts);
    struct object_name name = name_of(bucket, key);
    struct arena arena;
    struct part_attributes *listed;
    unsigned listed_count;
    bool is_truncated;
    struct error error;
    arena_init(&arena, 1 << 20);
    bool is_open =
        bucket_list_parts(store, &name, text(state->id), 0, 100, &arena, &listed, &listed_count, &is_truncated, &error);
    if (is_open) {
        ck_assert_uint_ge(listed_count, state->parts);
        for (unsigned i = 0; i < listed_count; i++) {
            ck_assert_uint_eq(listed[i].number, parts[i].number);
            ck_assert_uint_eq(listed[i].original_size, parts[i].size);
        }
        expect_object(store, key, state->object);
        for (unsigned i = listed_count; i < count; i++)
            put_part(store, bucket, key, state->id, &parts[i]);
        complete(store, bucket, key, state->id, parts, count);
        state->object = state->upload;
    } else {
        ck_assert_str_eq(error.code, "NoSuchUpload");
        ck_assert(state->step == COMPLETE_BEGUN || state->step == ABORT_BEGUN);
        if (state->step == COMPLETE_BEGUN)
            state->object = state->upload;
    }
    state->upload = 0;
    arena_free(&arena);
}

/* An upload whose begin was not acknowledged is nobody's. */
static void abort_rest(struct bucket_store *store)
{
    struct arena arena;
    struct upload_list_page page;
    struct error error;
    struct upload_list_request request = {.bucket = bucket, .entries_max = 1000};
    arena_init(&arena, 4 << 20);
    ck_assert(bucket_list_uploads(store, &request, &arena, &page, &error));
    ck_assert_uint_le(page.count, KEYS);
    for (unsigned i = 0; i < page.count; i++) {
        struct object_name name = name_of(bucket, page.entries[i].upload.key);
        ck_assert(bucket_abort_upload(store, &name, text(page.entries[i].upload.id), &error));
    }
    arena_free(&arena);
}

static void compare(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    struct key_state *states = argument;
    char name[700];
    for (uint32_t key = 0; key < KEYS; key++) {
        key_name(key, name);
        if (states[key].upload != 0)
            finish_upload(store, text(name), &states[key]);
        expect_object(store, text(name), states[key].object);
    }
    abort_rest(store);
}

static void delete_all(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    char name[700];
    struct error error;
    for (uint32_t key = 0; key < KEYS; key++) {
        key_name(key, name);
        ck_assert(try_delete(store, bucket, text(name), &error));
    }
    ck_assert(bucket_delete(store, bucket, &error)); /* with the pieces that kills left behind */
}

static void expect_nothing(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    struct embedded_usage usage;
    embedded_usage(store, &usage);
    ck_assert_uint_eq(usage.body_bytes, 0);
}

static void make_bucket(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard, (void)argument;
    create_bucket(store, bucket);
}

static void kill_and_look(bool is_joined)
{
    char path[64];
    folder_make(path);
    with_store(path, make_bucket, NULL);
    struct key_state states[KEYS] = {0};
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 11);
    unsigned done = 0;
    for (unsigned round = 1; round <= crash_rounds(30); round++) {
        int pipe;
        pid_t pid = start_child(path, is_joined, round, &pipe);
        struct pollfd first_note = {.fd = pipe, .events = POLLIN};
        (void)poll(&first_note, 1, 10000); /* it is at work */
        (void)usleep((useconds_t)random_below(&random, 120000));
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        done += take_notes(pipe, states);
        close(pipe);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        if (round % 10 == 0) { /* as the kill left it */
            expect_sound_store(path);
        }
        on_folder(path, is_joined, 1, compare, states);
    }
#ifndef __SANITIZE_THREAD__     /* it ends a child that starts threads after a fork */
    ck_assert_uint_gt(done, 0); /* it was in the middle of something */
#endif
    on_folder(path, is_joined, 1, delete_all, NULL);
    with_store(path, expect_nothing, NULL);
    folder_remove(path);
}

START_TEST(a_kill_leaves_the_object_or_the_upload)
{
    kill_and_look(false);
}
END_TEST

START_TEST(a_kill_while_parts_are_joined)
{
    kill_and_look(true);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("embedded uploads crash");
    TCase *tests = tcase_create("crash");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, a_kill_leaves_the_object_or_the_upload);
    tcase_add_test(tests, a_kill_while_parts_are_joined);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
