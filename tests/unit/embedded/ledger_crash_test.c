/* tests/unit/embedded/ledger_crash_test.c -- the ledger of a store that is killed, or looked at while it is written: a
 * child writes on two shards. */
#include "tests/unit/embedded/ledger_fixture.h"
#include "tests/unit/embedded/uploads.h"
#include "tests/unit/fork_to_kill.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARDS = 2, CHILD_FIBERS = 16 };

struct child {
    struct bucket_store *store;
    unsigned shard;
    uint64_t seed;
};

static void write_one(struct bucket_store *store, struct random_source *random, const char *key)
{
    static const char text_of[] = "some bytes that are stored, more or fewer of them";
    struct error error;
    struct thing thing = {.original = random_below(random, 100000),
                          .body = text_of + random_below(random, sizeof text_of),
                          .sidecar = random_below(random, 3) == 0 ? "sidecar" : NULL,
                          .is_uncounted = random_below(random, 5) == 0};
    if (!try_write(store, bucket, key, &thing, &error))
        _exit(3);
}

static void upload_one(struct bucket_store *store, struct random_source *random, const char *key)
{
    struct error error;
    char id[UPLOAD_ID_BYTES];
    const struct test_part parts[] = {{1, 7, 6000}, {2, 8, 1 + (size_t)random_below(random, 5000)}};
    begin_upload(store, bucket, text(key), id);
    put_part(store, bucket, text(key), id, &parts[0]);
    put_part(store, bucket, text(key), id, &parts[1]);
    if (!try_complete(store, bucket, text(key), id, parts, 1 + (unsigned)random_below(random, 2), NULL, &error))
        _exit(4);
}

static void copy_one(struct bucket_store *store, const char *from, const char *to)
{
    struct error error;
    struct object_name source = name_of(bucket, text(from));
    struct object_name target = name_of(bucket, text(to));
    struct bucket_object *object;
    if (!bucket_open(store, &source, NULL, &object, &error))
        return;
    struct object_attributes attributes = object->attributes;
    struct object_attributes stored;
    if (!bucket_copy(object, &target, &(struct write_result){.attributes = &attributes}, &stored, &error))
        _exit(5);
    bucket_close(object);
}

static void delete_some(struct bucket_store *store, struct random_source *random)
{
    struct error error;
    char keys[6][16];
    struct delete_item items[6] = {0};
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key-%u", (unsigned)random_below(random, 10));
        items[i].key = text(keys[i]);
    }
    if (!bucket_delete_objects(store, bucket, items, 6, &error))
        _exit(6);
}

/* A bucket that comes, is filled and emptied, and goes. */
static void pass_through(struct bucket_store *store, unsigned number)
{
    struct error error;
    char name[32];
    (void)snprintf(name, sizeof name, "passing-%u", number);
    (void)bucket_create(store, &(struct bucket_intent){.name = text(name), .owner = text("alice")}, &error);
    (void)try_put(store, text(name), text("k"), text("body"), NULL, &error);
    (void)try_delete(store, text(name), text("k"), &error);
    (void)bucket_delete(store, text(name), &error);
}

static void change_one(struct child *child, unsigned index, struct random_source *random)
{
    static uint8_t body[60000];
    struct bucket_store *store = child->store;
    struct error error;
    uint64_t last;
    char key[16];
    char other[16];
    (void)snprintf(key, sizeof key, "key-%u", (unsigned)random_below(random, 40));
    (void)snprintf(other, sizeof other, "key-%u", (unsigned)random_below(random, 40));
    switch (random_below(random, 10)) {
    case 0:
        if (index == 0 && !spool_freeze(embedded_spool(store), &last, &error))
            _exit(7);
        pass_through(store, child->shard * CHILD_FIBERS + index);
        break;
    case 1:
        (void)try_delete(store, bucket, text(key), &error);
        break;
    case 2:
        delete_some(store, random);
        break;
    case 3:
        upload_one(store, random, key);
        break;
    case 4:
        copy_one(store, key, other);
        break;
    case 5:
        if (!try_put(store, bucket, text(key), span_of(body, (size_t)random_below(random, sizeof body)), NULL, &error))
            _exit(8);
        break;
    default:
        write_one(store, random, key);
    }
}

static void change_forever(unsigned index, void *argument)
{
    struct child *child = argument;
    struct random_seeded seeded;
    struct random_source random = random_seeded(&seeded, child->seed * 1000 + child->shard * 100 + index);
    for (;;)
        change_one(child, index, &random);
}

static void child_body(struct bucket_store *store, unsigned shard, void *argument)
{
    struct child child = *(struct child *)argument;
    child.store = store;
    child.shard = shard;
    run_fibers(CHILD_FIBERS, change_forever, &child);
}

static pid_t start_child(const char *path, uint64_t seed)
{
    pid_t pid = fork_to_kill();
    if (pid != 0)
        return pid;
    struct child child = {.seed = seed};
    struct bucket_store *store = open_store(path, &(struct embedded_options){.shards = SHARDS});
    run_shards(store, SHARDS, child_body, &child);
    _exit(0);
}

static void kill_child(pid_t pid)
{
    int status;
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself: %d", WEXITSTATUS(status));
}

/* Sends, trims or not, and dies in between as the child does. */
static void after_crash(struct bucket_store *store, unsigned shard, void *argument)
{
    (void)shard;
    unsigned round = *(unsigned *)argument;
    expect_agreement(store);
    if (round % 3 > 0)
        send_all(store, round % 3 == 2);
    expect_agreement(store);
}

START_TEST(a_kill_neither_loses_nor_doubles)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    for (unsigned round = 0; round < 24; round++) {
        pid_t pid = start_child(path, round + 1);
        usleep(20000 + round % 5 * 17000);
        kill_child(pid);
        with_store(path, after_crash, &round);
    }
    folder_remove(path);
}
END_TEST

static void read_snapshot(void *argument)
{
    struct bucket_store *snapshot = argument;
    struct error error;
    struct arena arena;
    struct list_page page;
    arena_init(&arena, 1 << 20);
    struct list_request request = {.bucket = bucket, .entries_max = 1000};
    ck_assert(bucket_list(snapshot, &request, &arena, &page, &error));
    struct buffer bytes;
    buffer_init(&bytes, 0);
    ck_assert(embedded_count(snapshot, &bytes, &error));
    struct ledger_sums rows = {0};
    struct bucket_info info;
    ck_assert(ledger_sums_add_record(&rows, buffer_span(&bytes), &error));
    ck_assert(bucket_find(snapshot, bucket, &info, &error));
    /* one moment: some of what is listed is not counted */
    ck_assert_int_le(ledger_sums_find(&rows, bucket, info.creation_id).objects, page.count);
    for (unsigned i = 0; i < page.count; i++) {
        struct object_name name = name_of(bucket, page.entries[i].key);
        struct bucket_object *object;
        if (bucket_open(snapshot, &name, NULL, &object, &error)) { /* else its blocks were written over meanwhile */
            ck_assert_uint_eq(object->attributes.original_size, page.entries[i].original_size);
            bucket_close(object);
        } else {
            ck_assert_str_ne(error.code, "NoSuchKey");
        }
    }
    uint64_t last;
    ck_assert(!spool_freeze(embedded_spool(snapshot), &last, &error));
    expect_agreement_in(snapshot);
    ledger_sums_free(&rows);
    buffer_free(&bytes);
    arena_free(&arena);
    loop_stop(loop_current(), DEADLINE_NONE);
}

static void look_at(const char *path)
{
    struct error error;
    struct bucket_store *snapshot = embedded_open_snapshot(path, &error);
    ck_assert_msg(snapshot != NULL, "%s", snapshot == NULL ? error.message : "");
    struct loop *loop = loop_create(&(struct loop_options){.ring_entries = 64}, &error);
    ck_assert_ptr_nonnull(loop);
    ck_assert(fiber_spawn("reader", read_snapshot, snapshot, &error));
    loop_run(loop);
    loop_destroy(loop);
    embedded_close(snapshot);
}

START_TEST(a_snapshot_is_one_moment_of_a_folder_in_use)
{
    char path[64];
    folder_make(path);
    with_store(path, make_first, NULL);
    pid_t pid = start_child(path, 4711);
    usleep(100000);
    for (unsigned i = 0; i < 50; i++)
        look_at(path);
    kill_child(pid);
    look_at(path); /* and of one that nobody has open: nothing is made sound, nothing is made */
    folder_remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedded ledger crash");
    TCase *operations = tcase_create("ledger");
    tcase_set_timeout(operations, 120);
    tcase_add_checked_fixture(operations, begin_test, NULL);
    tcase_add_test(operations, a_kill_neither_loses_nor_doubles);
    tcase_add_test(operations, a_snapshot_is_one_moment_of_a_folder_in_use);
    suite_add_tcase(suite, operations);
    return run_suite(suite);
}
