/* tests/soak/faulty_store.c -- what can go wrong between a journal and its bucket. */
#include "tests/soak/faulty_store.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/wait.h"
#include "store/bucket_operations.h"

#include <stdlib.h>

struct bucket_writer {
    const struct bucket_store *store;
    struct bucket_writer *inner;
};

static struct faulty_store *of(const struct bucket_store *store)
{
    return (struct faulty_store *)store;
}

static bool chance(struct faulty_store *faulty, unsigned permille)
{
    return permille > 0 && random_below(faulty->random, 1000) < permille;
}

SUSPENDS static void pause_ms(uint64_t milliseconds)
{
    struct wait_queue queue;
    struct error error;
    wait_queue_init(&queue);
    if (milliseconds > 0)
        (void)wait_for(&queue, deadline_after_ms(milliseconds), &error);
}

static uint64_t draw_delay_ms(struct faulty_store *faulty)
{
    if (chance(faulty, faulty->rates.slow)) {
        faulty->slow++;
        return random_below(faulty->random, faulty->rates.slow_ms + 1);
    }
    return random_below(faulty->random, faulty->rates.usual_ms + 1);
}

static bool fails(struct error *error, const char *what)
{
    return error_set(error, ERROR_IO, NULL, "%s", what);
}

/* True: the request goes on to the store. */
SUSPENDS static bool before(struct faulty_store *faulty, struct error *error)
{
    faulty->requests++;
    if (faulty->is_dead || faulty->refuses)
        return fails(error, "the store does not answer");
    pause_ms(draw_delay_ms(faulty));
    if (faulty->is_dead && random_below(faulty->random, 2) == 0)
        return fails(error, "died before it had an effect");
    if (!chance(faulty, faulty->rates.lost))
        return true;
    faulty->lost++;
    return fails(error, "lost on its way");
}

/* The answer of a request that has happened, or failed, reaches whoever asked. */
SUSPENDS static bool after(struct faulty_store *faulty, bool done, struct error *error)
{
    pause_ms(draw_delay_ms(faulty));
    if (!faulty->is_dead && !chance(faulty, faulty->rates.answer_lost))
        return done;
    faulty->answers_lost++;
    return fails(error, "its answer was lost");
}

SUSPENDS static bool find_bucket(struct bucket_store *store, struct span bucket, struct bucket_info *ret_info,
                                 struct error *error)
{
    return before(of(store), error) && after(of(store), bucket_find(of(store)->inner, bucket, ret_info, error), error);
}

SUSPENDS static bool open(struct bucket_store *store, const struct object_name *name, const struct open_intent *intent,
                          struct bucket_object **ret_object, struct error *error)
{
    if (!before(of(store), error))
        return false;
    bool done = bucket_open(of(store)->inner, name, intent, ret_object, error);
    bool is_told = after(of(store), done, error);
    if (done && !is_told)
        bucket_close(*ret_object);
    return is_told;
}

SUSPENDS static bool head(struct bucket_store *store, const struct object_name *name, struct arena *arena,
                          struct object_attributes *ret_attributes, struct error *error)
{
    return before(of(store), error) &&
           after(of(store), bucket_head(of(store)->inner, name, arena, ret_attributes, error), error);
}

SUSPENDS static bool begin(struct bucket_store *store, const struct write_intent *intent,
                           struct bucket_writer **ret_writer, struct error *error)
{
    struct bucket_writer *writer = malloc(sizeof *writer);
    ASSERT(writer != NULL);
    writer->store = store;
    if (!bucket_begin(of(store)->inner, intent, &writer->inner, error)) {
        free(writer);
        return false;
    }
    *ret_writer = writer;
    return true;
}

SUSPENDS static bool write(struct bucket_writer *writer, struct span bytes, struct error *error)
{
    return bucket_write(writer->inner, bytes, error);
}

SUSPENDS static bool commit(struct bucket_writer *writer, const struct write_result *result,
                            struct object_attributes *ret_attributes, struct error *error)
{
    struct faulty_store *faulty = of(writer->store);
    struct bucket_writer *inner = writer->inner;
    free(writer);
    if (!before(faulty, error)) {
        bucket_abort(inner);
        return false;
    }
    return after(faulty, bucket_commit(inner, result, ret_attributes, error), error);
}

SUSPENDS static void abort_write(struct bucket_writer *writer)
{
    bucket_abort(writer->inner);
    free(writer);
}

/* Some are not tried: the others may have happened whatever the answer is. */
SUSPENDS static bool delete_objects(struct bucket_store *store, struct span bucket, struct delete_item *items,
                                    unsigned count, struct error *error)
{
    struct faulty_store *faulty = of(store);
    if (!before(faulty, error))
        return false;
    unsigned tried = chance(faulty, faulty->rates.lost) ? (unsigned)random_below(faulty->random, count + 1) : count;
    for (unsigned i = tried; i < count; i++) {
        items[i].is_deleted = false;
        (void)fails(&items[i].error, "not tried");
    }
    bool done = tried == 0 || bucket_delete_objects(faulty->inner, bucket, items, tried, error);
    return after(faulty, done, error);
}

SUSPENDS static bool list(struct bucket_store *store, const struct list_request *request, struct arena *arena,
                          struct list_page *ret_page, struct error *error)
{
    return before(of(store), error) &&
           after(of(store), bucket_list(of(store)->inner, request, arena, ret_page, error), error);
}

static const struct bucket_store_operations operations = {
    .find_bucket = find_bucket,
    .open = open,
    .head = head,
    .begin = begin,
    .write = write,
    .commit = commit,
    .abort = abort_write,
    .delete_objects = delete_objects,
    .list = list,
};

void faulty_store_init(struct faulty_store *faulty, struct bucket_store *inner, const struct random_source *random)
{
    *faulty = (struct faulty_store){
        .base = {.operations = &operations, .capabilities = inner->capabilities}, .inner = inner, .random = random};
}
