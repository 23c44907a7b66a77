/* server/s3/access_log/access_log.c -- lines wait in batches, and a fiber writes these. */
#include "server/s3/access_log/access_log.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/wait.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "server/s3/access_log/access_batch.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    CHAINS = 1024,
    LOOK_EVERY_MS = 500,
    RETRY_MS = 5000,
    TRIES_MAX = 720, /* an hour */
    DAY_MS = 24 * 3600 * 1000,
};

struct access_log {
    struct access_log_options options;
    struct access_log_counters counters;
    struct list_link chains[CHAINS]; /* batches that take lines, by their bucket */
    struct list_link waiting;        /* that failed, and take none any more */
    size_t bytes;                    /* that all batches take */
    struct fiber *fiber;             /* that writes; NULL: it has ended */
    struct wait_queue ended;
    bool is_ending;
};

struct access_log *access_log_create(const struct access_log_options *options)
{
    struct access_log *log = calloc(1, sizeof *log);
    ASSERT(log != NULL);
    log->options = *options;
    metric_add(&log->counters.lines_lost, options->lines_lost_before);
    list_init(&log->waiting);
    wait_queue_init(&log->ended);
    for (unsigned i = 0; i < CHAINS; i++)
        list_init(&log->chains[i]);
    return log;
}

const struct access_log_counters *access_log_counters(const struct access_log *log)
{
    return &log->counters;
}

/* ---- batches ---- */

/* What it takes, with the room that its buffers have ahead. */
static size_t bytes_of(const struct access_batch *batch)
{
    return sizeof *batch + batch->document.capacity + batch->text.capacity;
}

static void count_bytes(struct access_log *log, size_t before, size_t after)
{
    log->bytes = log->bytes - before + after;
    atomic_store_explicit(&log->counters.bytes_waiting, log->bytes, memory_order_relaxed);
}

static void free_batch(struct access_log *log, struct access_batch *batch)
{
    access_tally_sub(log->options.tally, batch->lines);
    count_bytes(log, bytes_of(batch), 0);
    buffer_free(&batch->document);
    buffer_free(&batch->text);
    buffer_free(&batch->key);
    free(batch);
}

static void lose_batch(struct access_log *log, struct access_batch *batch)
{
    metric_add(&log->counters.lines_lost, batch->lines);
    free_batch(log, batch);
}

static struct list_link *chain_of(struct access_log *log, const struct bucket_info *source)
{
    return &log->chains[source->creation_id % CHAINS];
}

static bool takes(const struct access_batch *batch, const struct bucket_info *source, struct span document,
                  int64_t time_ms)
{
    return batch->source.creation_id == source->creation_id && batch->first_ms / DAY_MS == time_ms / DAY_MS &&
           batch->text.size < ACCESS_LOG_OBJECT_BYTES_MAX && span_equal(buffer_span(&batch->document), document);
}

static struct access_batch *find_batch(struct access_log *log, const struct bucket_info *source, struct span document,
                                       int64_t time_ms)
{
    struct list_link *chain = chain_of(log, source);
    for (struct list_link *link = chain->next; link != chain; link = link->next) {
        struct access_batch *batch = LIST_ELEMENT(link, struct access_batch, link);
        if (takes(batch, source, document, time_ms))
            return batch;
    }
    return NULL;
}

static struct access_batch *make_batch(struct access_log *log, const struct bucket_info *source, struct span document,
                                       int64_t time_ms)
{
    struct access_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return NULL;
    batch->source = *source;
    batch->first_ms = time_ms;
    batch->due = deadline_after_ms(log->options.period_ms);
    buffer_append(&batch->document, document);
    list_append(chain_of(log, source), &batch->link);
    count_bytes(log, 0, bytes_of(batch));
    return batch;
}

void access_log_add(struct access_log *log, const struct bucket_info *source, struct span document,
                    const struct access_line *line)
{
    metric_add(&log->counters.lines, 1);
    struct access_batch *batch = NULL;
    if (log->bytes < ACCESS_LOG_BYTES_MAX)
        batch = find_batch(log, source, document, line->time_ms);
    if (batch == NULL && log->bytes + sizeof *batch + document.size < ACCESS_LOG_BYTES_MAX)
        batch = make_batch(log, source, document, line->time_ms);
    if (batch == NULL) {
        metric_add(&log->counters.lines_lost, 1);
        return;
    }
    size_t before = bytes_of(batch);
    access_line_write(line, &batch->text);
    batch->lines++;
    access_tally_add(log->options.tally, 1);
    count_bytes(log, before, bytes_of(batch));
}

/* ---- writing ---- */

static void say_lost(const struct access_batch *batch, const struct error *error)
{
    log_message(LOG_WARNING, "access log of the bucket %s: %" PRIu64 " lines are lost: %s", batch->source.name,
                batch->lines, error->message);
}

/* The batch is in no list meanwhile, so that whoever adds a line makes another one. */
SUSPENDS static void write_batch(struct access_log *log, struct access_batch *batch)
{
    struct error error = {.kind = ERROR_NONE};
    enum batch_fate fate = access_batch_write(&log->options, batch, &error);
    if (fate == BATCH_WRITTEN) {
        metric_add(&log->counters.objects, 1);
        free_batch(log, batch);
        return;
    }
    metric_add(&log->counters.failures, 1);
    if (fate == BATCH_HOPELESS || ++batch->tries == TRIES_MAX) {
        say_lost(batch, &error);
        lose_batch(log, batch);
        return;
    }
    batch->due = deadline_after_ms(RETRY_MS);
    list_append(&log->waiting, &batch->link);
}

static bool is_due(const struct access_batch *batch, bool is_all)
{
    return is_all || batch->text.size >= ACCESS_LOG_OBJECT_BYTES_MAX || loop_now_ns() >= batch->due;
}

/* One of the list that is due; NULL: none. */
static struct access_batch *take_due(struct list_link *list, bool is_all)
{
    for (struct list_link *link = list->next; link != list; link = link->next) {
        struct access_batch *batch = LIST_ELEMENT(link, struct access_batch, link);
        if (is_due(batch, is_all)) {
            list_remove(link);
            return batch;
        }
    }
    return NULL;
}

static struct access_batch *take_any_due(struct access_log *log, bool is_all)
{
    struct access_batch *batch = take_due(&log->waiting, is_all);
    for (unsigned i = 0; batch == NULL && i < CHAINS; i++)
        batch = take_due(&log->chains[i], is_all);
    return batch;
}

static SUSPENDS void run(void *argument)
{
    struct access_log *log = argument;
    log->fiber = fiber_current();
    while (!log->is_ending && io_sleep_until(deadline_after_ms(LOOK_EVERY_MS)) == 0) {
        struct access_batch *batch;
        while (!log->is_ending && (batch = take_any_due(log, false)) != NULL)
            write_batch(log, batch);
    }
    log->fiber = NULL;
    wait_wake_all(&log->ended);
}

bool access_log_start(struct access_log *log, struct error *error)
{
    return fiber_spawn("access log", run, log, error);
}

/* Each once: what fails now is lost. */
SUSPENDS void access_log_stop(struct access_log *log, deadline_t deadline)
{
    struct error ignored;
    struct access_batch *batch;
    log->is_ending = true;
    if (log->fiber != NULL)
        fiber_cancel(log->fiber);
    while (log->fiber != NULL) {
        if (!wait_for(&log->ended, DEADLINE_NONE, &ignored) && log->fiber != NULL)
            fiber_yield();
    }
    while ((batch = take_any_due(log, true)) != NULL) {
        struct error error = {.kind = ERROR_NONE, .message = "the server stops"};
        bool is_written = loop_now_ns() < deadline && access_batch_write(&log->options, batch, &error) == BATCH_WRITTEN;
        if (is_written) {
            metric_add(&log->counters.objects, 1);
            free_batch(log, batch);
        } else {
            say_lost(batch, &error);
            lose_batch(log, batch);
        }
    }
}

void access_log_destroy(struct access_log *log)
{
    struct access_batch *batch;
    if (log == NULL)
        return;
    while ((batch = take_any_due(log, true)) != NULL) /* of a shard that never stopped in order */
        lose_batch(log, batch);
    free(log);
}
