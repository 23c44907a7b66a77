/* bench/embedded_bench.c -- what the embedded store costs by itself: durable puts, reads, pages of a list.
 *
 *   embedded_bench FOLDER [keys]
 *
 * CPU is that of the whole process (shard and committer); one shard, 64 fibers. */
#include "bench/store_work.h"
#include "runtime/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIBERS = 64, BODY_BYTES_MAX = 1 << 20, PAGES = 200 };
static const struct span bucket = SPAN("bench");

struct work {
    struct bucket_store *store;
    size_t body_bytes;
    uint64_t count;
    uint64_t next;
    uint64_t keys;
    const char *prefix;
    bool is_random;
    struct bench_fibers fibers;
    struct random_seeded state;
    struct random_source random;
};

struct arguments {
    struct bucket_store *store;
    uint64_t keys;
};

static uint8_t body[BODY_BYTES_MAX];

static struct span make_key(const struct work *work, uint64_t index, char ret_key[64])
{
    uint64_t spread = index * UINT64_C(0x9e3779b97f4a7c15); /* neighbours in time are none in the bucket */
    int size = snprintf(ret_key, 64, "%s/%02x/%016llx-%llu", work->prefix, (unsigned)(spread & 0xff),
                        (unsigned long long)spread, (unsigned long long)index);
    return span_of(ret_key, (size_t)size);
}

static void put_one(struct work *work, uint64_t index)
{
    char key[64];
    struct error error;
    struct write_intent intent = {.name = {.bucket = bucket, .key = make_key(work, index, key)}};
    struct bucket_writer *writer;
    struct object_attributes attributes = {.original_size = 4096,
                                           .is_size_known = true,
                                           .is_s4 = true,
                                           .etag = "0123456789abcdef0123456789abcdef",
                                           .checksum = {.algorithm = CHECKSUM_CRC64NVME},
                                           .metadata = SPAN("\x0c\0\x0a\0content-typetext/plain")};
    struct object_attributes stored;
    struct write_result result = {.attributes = &attributes};
    if (!bucket_begin(work->store, &intent, &writer, &error) ||
        !bucket_write(writer, span_of(body, work->body_bytes), &error) ||
        !bucket_commit(writer, &result, &stored, &error))
        bench_fail(&error);
}

static void get_one(struct work *work, uint64_t index)
{
    char key[64];
    struct error error;
    struct object_name name = {.bucket = bucket, .key = make_key(work, index, key)};
    struct bucket_object *object;
    if (!bucket_open(work->store, &name, NULL, &object, &error))
        bench_fail(&error);
    bucket_close(object);
}

static void run_puts(void *argument)
{
    struct work *work = argument;
    while (work->next < work->count)
        put_one(work, work->next++);
    bench_fiber_ended(&work->fibers);
}

static void run_gets(void *argument)
{
    struct work *work = argument;
    while (work->next < work->count) {
        work->next++;
        get_one(work, random_below(&work->random, work->keys));
    }
    bench_fiber_ended(&work->fibers);
}

static void measure(struct work *work, const char *what, fiber_entry *entry, unsigned fibers)
{
    double count = (double)work->count;
    work->next = 0;
    work->random = random_seeded(&work->state, 1);
    struct bench_cost cost = bench_run_fibers(&work->fibers, fibers, entry, work);
    (void)printf("%-44s %8.2f us CPU %8.2f us wall\n", what, cost.cpu_us / count, cost.wall_us / count);
}

static void measure_list(struct bucket_store *store, uint64_t keys)
{
    struct arena arena;
    struct error error;
    arena_init(&arena, 4 << 20);
    char after[1024] = "";
    size_t after_bytes = 0;
    double cpu = 0;
    uint64_t entries = 0;
    for (unsigned i = 0; i < PAGES + 10; i++) {
        if (i == 10) /* warm */
            cpu = bench_cpu_us();
        struct list_request request = {.bucket = bucket, .after = span_of(after, after_bytes), .entries_max = 1000};
        struct list_page page;
        if (!bucket_list(store, &request, &arena, &page, &error))
            bench_fail(&error);
        entries += page.count;
        after_bytes = page.is_truncated ? page.entries[page.count - 1].key.size : 0;
        if (page.is_truncated)
            memcpy(after, page.entries[page.count - 1].key.data, after_bytes);
        arena_reset(&arena);
    }
    (void)printf("%-30s %12llu keys %8.2f us CPU a page of %.0f\n", "list", (unsigned long long)keys,
                 (bench_cpu_us() - cpu) / PAGES, (double)entries / (PAGES + 10));
    arena_free(&arena);
}

static void run(void *argument)
{
    struct arguments *arguments = argument;
    struct error error;
    if (!bucket_create(arguments->store, &(struct bucket_intent){.name = bucket, .owner = SPAN("me")}, &error) &&
        error.kind != ERROR_CONFLICT)
        bench_fail(&error);
    struct work work = {
        .store = arguments->store, .prefix = "inline", .body_bytes = 900, .count = 10000, .keys = 10000};
    measure(&work, "put, 900 bytes (in the catalogue), 64 fibers", run_puts, FIBERS);
    measure(&work, "overwrite, the same", run_puts, FIBERS);
    measure_list(arguments->store, 10000);
    work.count = 200000;
    measure(&work, "get, the same", run_gets, 1);
    work.prefix = "extent";
    work.body_bytes = 4096;
    work.count = 10000;
    measure(&work, "put, 4096 bytes (in a volume), 64 fibers", run_puts, FIBERS);
    measure(&work, "overwrite, the same", run_puts, FIBERS);
    work.count = 50000;
    measure(&work, "get, the same", run_gets, 1);
    work.body_bytes = 100000;
    work.count = 3000;
    measure(&work, "put, 100,000 bytes, 64 fibers", run_puts, FIBERS);
    if (arguments->keys > 0) {
        work.prefix = "many";
        work.body_bytes = 300;
        work.count = work.keys = arguments->keys;
        measure(&work, "put, 300 bytes, 512 fibers", run_puts, 512);
        measure_list(arguments->store, arguments->keys);
        work.count = 200000;
        measure(&work, "get, the same", run_gets, 1);
    }
}

int main(int count, char **texts)
{
    if (count < 2) {
        (void)fprintf(stderr, "usage: %s FOLDER [keys]\n", texts[0]);
        return 2;
    }
    struct random_seeded state;
    struct random_source random = random_seeded(&state, 1);
    random_fill(&random, body, sizeof body);
    struct arguments arguments = {.keys = count > 2 ? strtoull(texts[2], NULL, 10) : 0};
    bench_run_store(texts[1], &arguments.store, run, &arguments);
    return 0;
}
