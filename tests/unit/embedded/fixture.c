/* tests/unit/embedded/fixture.c -- a store in a folder of its own, and fibers on its shards. */
#include "tests/unit/embedded/fixture.h"

#include "codec/format/crc.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io_sim.h"

#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- folders and stores ---- */

void folder_make(char ret_path[64])
{
    strcpy(ret_path, "/tmp/bale-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(ret_path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

void folder_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct bucket_store *open_store(const char *path, const struct embedded_options *options)
{
    struct embedded_options chosen = options == NULL ? (struct embedded_options){.shards = 1} : *options;
    if (chosen.catalogue_max_bytes == 0)
        chosen.catalogue_max_bytes = UINT64_C(1) << 30;
    struct error error;
    struct bucket_store *store = embedded_open(path, &chosen, &error);
    ck_assert_msg(store != NULL, "%s", store == NULL ? error.message : "");
    return store;
}

void expect_sound_store(const char *path)
{
    struct embedded_report report = {0};
    struct error error;
    bool is_sound = embedded_check(path, false, &report, &error);
    ck_assert_msg(is_sound, "%s", is_sound ? "" : error.message);
}

unsigned crash_rounds(unsigned ordinary)
{
    const char *wanted = getenv("BALE_CRASH_ROUNDS");
    return wanted == NULL ? amount(ordinary, (ordinary + 2) / 3) : (unsigned)atoi(wanted);
}

struct shard_run {
    pthread_t thread;
    pthread_barrier_t *loops_made;
    struct bucket_store *store;
    unsigned shard;
    bool is_simulated;
    shard_body *body;
    void *argument;
};

static void run_body(void *argument)
{
    struct shard_run *run = argument;
    run->body(run->store, run->shard, run->argument);
    embedded_detach_shard(run->store);
    loop_stop(loop_current(), run->is_simulated ? 0 : deadline_after_ms(5000));
}

/* All loops are there before the first one ends. Else one's ring could be mapped where another's was a moment ago, and
 * the thread sanitizer, which does not see that liburing unmaps, took the two for the same memory. */
static void *run_shard(void *argument)
{
    struct shard_run *run = argument;
    struct error error;
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 256}, &error);
    ck_assert_msg(loop != NULL, "%s", loop == NULL ? error.message : "");
    (void)pthread_barrier_wait(run->loops_made);
    bool done = embedded_attach_shard(run->store, run->shard, &error) && fiber_spawn("test", run_body, run, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
    loop_run(loop);
    loop_destroy(loop);
    return NULL;
}

void run_shards(struct bucket_store *store, unsigned shards, shard_body *body, void *argument)
{
    struct shard_run *runs = calloc(shards, sizeof *runs);
    ck_assert_ptr_nonnull(runs);
    pthread_barrier_t loops_made;
    ck_assert_int_eq(pthread_barrier_init(&loops_made, NULL, shards), 0);
    for (unsigned i = 0; i < shards; i++) {
        runs[i] = (struct shard_run){
            .loops_made = &loops_made, .store = store, .shard = i, .body = body, .argument = argument};
        ck_assert_int_eq(pthread_create(&runs[i].thread, NULL, run_shard, &runs[i]), 0);
    }
    for (unsigned i = 0; i < shards; i++)
        ck_assert_int_eq(pthread_join(runs[i].thread, NULL), 0);
    (void)pthread_barrier_destroy(&loops_made);
    free(runs);
}

void run_simulated(struct bucket_store *store, struct io_sim *sim, shard_body *body, void *argument)
{
    struct shard_run run = {.store = store, .is_simulated = true, .body = body, .argument = argument};
    struct loop_options options = {.ring_entries = 64, .driver = io_sim_driver(sim), .clock = io_sim_clock(sim)};
    struct error error;
    struct loop *loop = loop_create(&options, &error);
    ck_assert(loop != NULL);
    ck_assert(embedded_attach_shard(store, 0, &error));
    ck_assert(fiber_spawn("test", run_body, &run, &error));
    loop_run(loop);
    loop_destroy(loop);
}

void with_store(const char *path, shard_body *body, void *argument)
{
    struct bucket_store *store = open_store(path, NULL);
    run_shards(store, 1, body, argument);
    embedded_close(store);
}

void with_new_store(shard_body *body, void *argument)
{
    char path[64];
    folder_make(path);
    with_store(path, body, argument);
    folder_remove(path);
}

/* ---- fibers ---- */

struct fiber_group {
    unsigned running;
    struct wait_queue ended;
    void (*body)(unsigned index, void *argument);
    void *argument;
};
struct fiber_member {
    struct fiber_group *group;
    unsigned index;
};

static void run_member(void *argument)
{
    struct fiber_member *member = argument;
    struct fiber_group *group = member->group;
    group->body(member->index, group->argument);
    group->running--;
    wait_wake_all(&group->ended);
}

void run_fibers(unsigned count, void (*body)(unsigned index, void *argument), void *argument)
{
    struct fiber_group group = {.running = count, .body = body, .argument = argument};
    struct fiber_member *members = calloc(count, sizeof *members);
    ck_assert_ptr_nonnull(members);
    wait_queue_init(&group.ended);
    struct error error;
    for (unsigned i = 0; i < count; i++) {
        members[i] = (struct fiber_member){&group, i};
        ck_assert(fiber_spawn("member", run_member, &members[i], &error));
    }
    while (group.running > 0)
        ck_assert(wait_for(&group.ended, DEADLINE_NONE, &error));
    free(members);
}

/* ---- objects ---- */

struct span text(const char *string)
{
    return span_from_string(string);
}

void create_bucket(struct bucket_store *store, struct span name)
{
    struct error error;
    bool done = bucket_create(store, &(struct bucket_intent){.name = name, .owner = text("alice")}, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

struct object_name name_of(struct span bucket, struct span key)
{
    return (struct object_name){.bucket = bucket, .key = key};
}

void etag_of_body(struct span body, char ret_etag[ETAG_TEXT_BYTES])
{
    (void)snprintf(ret_etag, ETAG_TEXT_BYTES, "%08x%08zx%016x", crc32c_update(0, body), body.size, 0U);
}

bool try_put(struct bucket_store *store, struct span bucket, struct span key, struct span body,
             const struct write_condition *condition, struct error *error)
{
    struct write_intent intent = {.name = name_of(bucket, key)};
    struct bucket_writer *writer;
    if (!bucket_begin(store, &intent, &writer, error))
        return false;
    /* in pieces that fit nothing */
    for (size_t offset = 0; offset < body.size; offset += 100000) {
        if (!bucket_write(writer, span_take(span_skip(body, offset), 100000), error)) {
            bucket_abort(writer);
            return false;
        }
    }
    struct object_attributes attributes = {.original_size = body.size, .is_size_known = true};
    etag_of_body(body, attributes.etag);
    struct write_result result = {.attributes = &attributes, .condition = condition};
    struct object_attributes stored;
    if (!bucket_commit(writer, &result, &stored, error))
        return false;
    ck_assert_uint_eq(stored.stored_size, body.size);
    ck_assert_uint_eq(strlen(stored.stored_etag), 32);
    return true;
}

void put(struct bucket_store *store, struct span bucket, struct span key, struct span body)
{
    struct error error;
    bool done = try_put(store, bucket, key, body, NULL, &error);
    ck_assert_msg(done, "%s", done ? "" : error.message);
}

bool try_delete(struct bucket_store *store, struct span bucket, struct span key, struct error *error)
{
    struct delete_item item = {.key = key};
    if (!bucket_delete_objects(store, bucket, &item, 1, error))
        return false;
    if (!item.is_deleted)
        *error = item.error;
    return item.is_deleted;
}

void expect_body(struct bucket_store *store, struct span bucket, struct span key, struct span body)
{
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    bool opened = bucket_open(store, &name, NULL, &object, &error);
    ck_assert_msg(opened, "%.*s: %s", SPAN_FORMAT(span_take(key, 80)), opened ? "" : error.message);
    char etag[ETAG_TEXT_BYTES];
    etag_of_body(body, etag);
    ck_assert_str_eq(object->attributes.etag, etag);
    ck_assert_uint_eq(object->attributes.stored_size, body.size);
    uint8_t *bytes = malloc(body.size + 1);
    ck_assert_ptr_nonnull(bytes);
    for (size_t offset = 0; offset < body.size; offset += 77777) {
        size_t part = body.size - offset < 77777 ? body.size - offset : 77777;
        ck_assert(bucket_read(object, offset, bytes + offset, part, &error));
    }
    ck_assert(span_equal(span_of(bytes, body.size), body));
    if (object->whole_body.size > 0)
        ck_assert(span_equal(object->whole_body, body));
    free(bytes);
    bucket_close(object);
}

void expect_missing(struct bucket_store *store, struct span bucket, struct span key)
{
    struct error error;
    struct object_name name = name_of(bucket, key);
    struct bucket_object *object;
    ck_assert(!bucket_open(store, &name, NULL, &object, &error));
    ck_assert_str_eq(error.code, "NoSuchKey");
}

void fill_bytes(uint64_t seed, uint8_t *ret_bytes, size_t size)
{
    struct random_seeded state;
    struct random_source source = random_seeded(&state, seed);
    random_fill(&source, ret_bytes, size);
}
