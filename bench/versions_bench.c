/* bench/versions_bench.c -- what lists and deletes cost where there are many versions and markers: a page costs what it
 * shows.
 *
 *   versions_bench FOLDER [versions] [markers]     a million of one key, 10,000 markers in front of a key
 *
 * The bucket is `bench`, which a server may have made before, with versions.
 * CPU is that of the whole process; one shard. */
#include "bench/store_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIBERS = 512, PAGES = 100, SAMPLES = 200 };

static const struct span bucket = SPAN("bench");

struct work {
    struct bucket_store *store;
    uint64_t versions;
    uint64_t markers;
    uint64_t next;
    struct bench_fibers fibers;
};

static void put_key(struct work *work, struct span key)
{
    struct error error;
    const struct write_intent intent = {.name = {.bucket = bucket, .key = key}};
    struct object_attributes attributes = {
        .original_size = 5, .is_size_known = true, .etag = "0123456789abcdef0123456789abcdef"};
    const struct write_result result = {.attributes = &attributes};
    struct bucket_writer *writer;
    struct object_attributes stored;
    if (!bucket_begin(work->store, &intent, &writer, &error) || !bucket_write(writer, SPAN("bytes"), &error) ||
        !bucket_commit(writer, &result, &stored, &error))
        bench_fail(&error);
}

static void run_puts(void *argument)
{
    struct work *work = argument;
    while (work->next < work->versions) {
        work->next++;
        put_key(work, SPAN("one key"));
    }
    bench_fiber_ended(&work->fibers);
}

/* Deletes of keys that never were: each leaves a marker. */
static void put_markers(struct work *work)
{
    enum { AT_ONCE = 1000, NAME_BYTES = 24 };
    static char names[AT_ONCE][NAME_BYTES];
    static struct delete_item items[AT_ONCE];
    struct error error;
    for (uint64_t done = 0; done < work->markers; done += AT_ONCE) {
        for (unsigned i = 0; i < AT_ONCE; i++) {
            (void)snprintf(names[i], NAME_BYTES, "gone/%08llu", (unsigned long long)(done + i));
            items[i] = (struct delete_item){.key = span_from_string(names[i])};
        }
        if (!bucket_delete_objects(work->store, bucket, items, AT_ONCE, &error))
            bench_fail(&error);
    }
    put_key(work, SPAN("hidden"));
}

static void tell(const char *what, double cpu, unsigned count)
{
    (void)printf("%-60s %10.1f us CPU\n", what, (bench_cpu_us() - cpu) / count);
}

static void list_keys(struct work *work, const char *what, struct span prefix)
{
    struct arena arena;
    struct error error;
    struct list_page page;
    const struct list_request request = {.bucket = bucket, .prefix = prefix, .entries_max = 1000};
    arena_init(&arena, 4 << 20);
    double cpu = bench_cpu_us();
    for (unsigned i = 0; i < PAGES; i++) {
        arena_reset(&arena);
        if (!bucket_list(work->store, &request, &arena, &page, &error))
            bench_fail(&error);
    }
    tell(what, cpu, PAGES);
    arena_free(&arena);
}

/* Pages of versions one behind the other, from one in the middle of the key on. */
static void list_versions(struct work *work, const char *what, const char *after, char ret_last[VERSION_TEXT_BYTES])
{
    struct arena arena;
    struct error error;
    struct list_page page;
    struct version_list_request request = {.bucket = bucket, .prefix = SPAN("one key"), .entries_max = 1000};
    char version[VERSION_TEXT_BYTES];
    arena_init(&arena, 4 << 20);
    strcpy(version, after);
    unsigned pages = 0;
    double cpu = bench_cpu_us();
    for (; pages < PAGES; pages++) {
        request.after_key = version[0] == '\0' ? SPAN_EMPTY : SPAN("one key");
        request.after_version = span_from_string(version);
        arena_reset(&arena);
        if (!bucket_list_versions(work->store, &request, &arena, &page, &error))
            bench_fail(&error);
        if (page.count == 0)
            break;
        strcpy(version, page.entries[page.count - 1].version);
    }
    tell(what, cpu, pages);
    strcpy(ret_last, version);
    arena_free(&arena);
}

/* The current version goes, and the one before it is current. */
static void delete_current(struct work *work)
{
    struct arena arena;
    struct error error;
    struct object_attributes attributes;
    const struct object_name name = {.bucket = bucket, .key = SPAN("one key")};
    arena_init(&arena, 1 << 16);
    double cpu = bench_cpu_us();
    for (unsigned i = 0; i < SAMPLES; i++) {
        if (!bucket_head(work->store, &name, &arena, &attributes, &error))
            bench_fail(&error);
        struct delete_item item = {.key = name.key, .version = span_from_string(attributes.version)};
        if (!bucket_delete_objects(work->store, bucket, &item, 1, &error))
            bench_fail(&error);
    }
    tell("delete the current version by its id, and the commit", cpu, SAMPLES);
    arena_free(&arena);
}

static void fill(struct work *work)
{
    struct bench_cost cost = bench_run_fibers(&work->fibers, FIBERS, run_puts, work);
    (void)printf("put a version, %d fibers (%.0f a second)%30.1f us CPU\n", FIBERS,
                 (double)work->versions * 1e6 / cost.wall_us, cost.cpu_us / (double)work->versions);
}

static void run(void *argument)
{
    struct work *work = argument;
    struct error error;
    char middle[VERSION_TEXT_BYTES];
    char ignored[VERSION_TEXT_BYTES];
    const struct bucket_intent intent = {.name = bucket, .owner = SPAN("me"), .versioning = VERSIONING_ENABLED};
    if (!bucket_create(work->store, &intent, &error) && error.kind != ERROR_CONFLICT)
        bench_fail(&error);
    put_key(work, SPAN("one key"));
    list_versions(work, "page of versions, of a key with one", "", ignored);
    list_keys(work, "page of keys, with nothing in front", SPAN("one"));
    put_markers(work);
    list_keys(work, "page of keys, behind the markers", SPAN_EMPTY);
    fill(work);
    list_versions(work, "page of 1000 versions, from the newest on", "", middle);
    list_versions(work, "page of 1000 versions, further back", middle, ignored);
    list_keys(work, "page of keys, with all versions beneath", SPAN_EMPTY);
    delete_current(work);
}

int main(int count, char **texts)
{
    if (count < 2) {
        (void)fprintf(stderr, "usage: %s FOLDER [versions] [markers]\n", texts[0]);
        return 2;
    }
    struct work work = {.versions = count > 2 ? strtoull(texts[2], NULL, 10) : 1000000,
                        .markers = count > 3 ? strtoull(texts[3], NULL, 10) : 10000};
    bench_run_store(texts[1], &work.store, run, &work);
    return 0;
}
