/* bench/fill_folder.c -- fills a bucket of a folder with small objects, for what depends on how many there are.
 *
 *   fill_folder FOLDER BUCKET KEYS
 *
 * The keys are http_load's, key-00000000 and on, so that its lists find them; five bytes each. No server may have the
 * folder, and one has made the bucket: 5 µs of CPU an object instead of a request's. */
#include "bench/store_work.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIBERS = 512 };

struct filling {
    struct bucket_store *store;
    struct span bucket;
    uint64_t keys;
    uint64_t next;
    struct bench_fibers fibers;
};

SUSPENDS static void put_object(const struct filling *filling, uint64_t number)
{
    char key[32];
    struct error error;
    int key_bytes = snprintf(key, sizeof key, "key-%08llu", (unsigned long long)number);
    const struct write_intent intent = {.name = {.bucket = filling->bucket, .key = span_of(key, (size_t)key_bytes)}};
    const struct object_attributes attributes = {
        .original_size = 5, .is_size_known = true, .etag = "4b3a6218bb3e3a7303e8a171a60fcf92"}; /* MD5 of "bytes" */
    const struct write_result result = {.attributes = &attributes};
    struct object_attributes stored;
    struct bucket_writer *writer;
    if (!bucket_begin(filling->store, &intent, &writer, &error) || !bucket_write(writer, SPAN("bytes"), &error) ||
        !bucket_commit(writer, &result, &stored, &error))
        bench_fail(&error);
}

SUSPENDS static void put_some(void *argument)
{
    struct filling *filling = argument;
    while (filling->next < filling->keys)
        put_object(filling, filling->next++);
    bench_fiber_ended(&filling->fibers);
}

SUSPENDS static void fill(void *argument)
{
    struct filling *filling = argument;
    struct bench_cost cost = bench_run_fibers(&filling->fibers, FIBERS, put_some, filling);
    (void)printf("%llu objects in %.1f s, %.1f us of CPU each\n", (unsigned long long)filling->keys, cost.wall_us / 1e6,
                 cost.cpu_us / (double)filling->keys);
}

int main(int count, char **texts)
{
    uint64_t keys = count == 4 ? strtoull(texts[3], NULL, 10) : 0;
    if (keys == 0) {
        (void)fprintf(stderr, "usage: %s FOLDER BUCKET KEYS\n", texts[0]);
        return 2;
    }
    struct filling filling = {.bucket = span_from_string(texts[2]), .keys = keys};
    bench_run_store(texts[1], &filling.store, fill, &filling);
    return 0;
}
