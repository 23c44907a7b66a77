/* store/remote/ledger/spool.c -- the spools of a state folder as journal/ sees them: lists and records from memory,
 * changes through the pool. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "store/ledger_uncertain.h"
#include "store/remote/ledger/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- reading, under the mutex ---- */

static bool has_own_sums(struct ledger *ledger)
{
    bool has = !amounts_table_is_zero(&ledger->own.open);
    for (unsigned i = 0; !has && i < ledger->options.shards; i++) {
        (void)pthread_mutex_lock(&ledger->logs[i].mutex);
        has = !amounts_table_is_zero(&ledger->logs[i].sums);
        (void)pthread_mutex_unlock(&ledger->logs[i].mutex);
    }
    return has;
}

static void put_own_sums(struct ledger *ledger, struct buffer *ret_amounts)
{
    amounts_table_encode(&ledger->own.open, ret_amounts);
    for (unsigned i = 0; i < ledger->options.shards; i++) {
        (void)pthread_mutex_lock(&ledger->logs[i].mutex);
        amounts_table_encode(&ledger->logs[i].sums, ret_amounts);
        (void)pthread_mutex_unlock(&ledger->logs[i].mutex);
    }
}

static struct ledger_spool_state *find_spool(struct ledger *ledger, const uint8_t id[SPOOL_ID_BYTES])
{
    if (memcmp(ledger->own.id, id, SPOOL_ID_BYTES) == 0)
        return &ledger->own;
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next) {
        struct ledger_spool_state *state = LIST_ELEMENT(link, struct ledger_spool_state, link);
        if (memcmp(state->id, id, SPOOL_ID_BYTES) == 0)
            return state;
    }
    return NULL;
}

/* One that has nothing, and never froze anything, is none. */
static void describe(struct ledger *ledger, const struct ledger_spool_state *state, struct buffer *ret_infos)
{
    bool is_own = state == &ledger->own;
    struct spool_info info = {
        .is_own = is_own,
        .created_ms = state->created_ms,
        .last_frozen = state->last_frozen,
        .has_open = is_own ? has_own_sums(ledger) : state->has_logs,
    };
    memcpy(info.id, state->id, SPOOL_ID_BYTES);
    if (!list_is_empty(&state->records))
        info.first = LIST_ELEMENT(state->records.next, struct frozen_record, link)->number;
    else if (info.has_open)
        info.first = state->last_frozen + 1;
    if (info.has_open || info.last_frozen > 0)
        buffer_append(ret_infos, span_of(&info, sizeof info));
}

static int oldest_first(const void *a, const void *b)
{
    const struct spool_info *left = a;
    const struct spool_info *right = b;
    if (left->created_ms != right->created_ms)
        return left->created_ms < right->created_ms ? -1 : 1;
    return memcmp(left->id, right->id, SPOOL_ID_BYTES);
}

static bool list_spools(struct spool *spool, struct buffer *ret_infos, struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    size_t start = ret_infos->size;
    (void)error;
    (void)pthread_mutex_lock(&ledger->mutex);
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next)
        describe(ledger, LIST_ELEMENT(link, struct ledger_spool_state, link), ret_infos);
    describe(ledger, &ledger->own, ret_infos);
    (void)pthread_mutex_unlock(&ledger->mutex);
    if (ret_infos->size > start)
        qsort(ret_infos->data + start, (ret_infos->size - start) / sizeof(struct spool_info), sizeof(struct spool_info),
              oldest_first);
    return true;
}

static const struct frozen_record *find_record(const struct ledger_spool_state *state, uint64_t number)
{
    for (const struct list_link *link = state->records.next; link != &state->records; link = link->next) {
        const struct frozen_record *record = LIST_ELEMENT(link, struct frozen_record, link);
        if (record->number == number)
            return record;
    }
    return NULL;
}

static bool read_record(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t number,
                        struct buffer *ret_amounts, struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    size_t start = ret_amounts->size;
    (void)pthread_mutex_lock(&ledger->mutex);
    const struct ledger_spool_state *state = find_spool(ledger, id);
    const struct frozen_record *record = state == NULL ? NULL : find_record(state, number);
    bool is_damaged = record != NULL && record->is_damaged;
    if (record != NULL)
        buffer_append(ret_amounts, buffer_span(&record->amounts));
    else if (state == &ledger->own && number == state->last_frozen + 1)
        put_own_sums(ledger, ret_amounts);
    else if (state != NULL && number == state->last_frozen + 1)
        amounts_table_encode(&state->open, ret_amounts);
    (void)pthread_mutex_unlock(&ledger->mutex);
    if (is_damaged)
        return error_set(error, ERROR_DAMAGED, S3_InternalError, "Record %llu of the ledger's spool is damaged.",
                         (unsigned long long)number);
    return ret_amounts->size > start ||
           error_set(error, ERROR_NOT_FOUND, NULL, "The spool has no record %llu.", (unsigned long long)number);
}

/* ---- changing ---- */

struct spool_job {
    struct ledger *ledger;
    struct buffer amounts;      /* of the record that is written */
    uint8_t id[SPOOL_ID_BYTES]; /* of what is trimmed, or removed */
    uint64_t first, last;       /* records that are trimmed */
    bool is_last;               /* nothing was frozen behind `last`: it stays, without its amounts */
    struct error *error;
    bool done;
};

SUSPENDS static bool run(struct spool_job *job, void (*work)(void *argument), struct error *error)
{
    struct offload *offload = job->ledger->options.offload;
    job->error = error;
    if (offload == NULL)
        work(job);
    else if (!offload_run(offload, work, job, error))
        return false;
    return job->done;
}

/* All shards begin new logs; what the old ones add up to is in own.open then, and on the disk in the old ones still. */
static bool take_sums(struct ledger *ledger, struct buffer *ret_amounts, struct error *error)
{
    bool done = true;
    (void)pthread_mutex_lock(&ledger->mutex);
    ledger->generation++;
    for (unsigned i = 0; done && i < ledger->options.shards; i++)
        done = log_begin_generation(&ledger->logs[i], ledger->generation, &ledger->own.open, error);
    amounts_table_encode(&ledger->own.open, ret_amounts);
    (void)pthread_mutex_unlock(&ledger->mutex);
    return done;
}

static void freeze_own(void *argument)
{
    struct spool_job *job = argument;
    struct ledger *ledger = job->ledger;
    job->done = take_sums(ledger, &job->amounts, job->error) &&
                (job->amounts.size == 0 || ledger_write_records(ledger->folder_fd, &ledger->own, ledger->generation,
                                                                buffer_span(&job->amounts), job->error));
}

SUSPENDS static bool freeze(struct spool *spool, uint64_t *ret_last, struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    struct spool_job job = {.ledger = ledger};
    bool done = run(&job, freeze_own, error);
    (void)pthread_mutex_lock(&ledger->mutex);
    if (done && job.amounts.size > 0)
        ledger_note_records(&ledger->own, ledger->generation, buffer_span(&job.amounts));
    *ret_last = ledger->own.last_frozen;
    (void)pthread_mutex_unlock(&ledger->mutex);
    buffer_free(&job.amounts);
    return done;
}

static void trim_files(void *argument)
{
    struct spool_job *job = argument;
    struct ledger_file_name name = {.is_record = true};
    char text[LEDGER_FILE_NAME_BYTES];
    memcpy(name.spool, job->id, SPOOL_ID_BYTES);
    for (name.generation = job->first; name.generation <= job->last; name.generation++) {
        ledger_file_name_encode(&name, text);
        bool stays = job->is_last && name.generation == job->last;
        int fd = stays ? openat(job->ledger->folder_fd, text, O_WRONLY | O_CLOEXEC) : -1;
        if (fd >= 0)
            (void)ftruncate(fd, RECORD_HEAD_BYTES);
        if (fd >= 0)
            (void)close(fd);
        if (!stays)
            (void)unlinkat(job->ledger->folder_fd, text, 0);
    }
    job->done = true;
}

static uint64_t drop_records(struct ledger_spool_state *state, uint64_t last)
{
    uint64_t first = 0;
    while (!list_is_empty(&state->records)) {
        struct frozen_record *record = LIST_ELEMENT(state->records.next, struct frozen_record, link);
        if (record->number > last)
            break;
        if (first == 0)
            first = record->number;
        list_remove(&record->link);
        buffer_free(&record->amounts);
        free(record);
    }
    return first;
}

SUSPENDS static bool trim(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], uint64_t record, struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    struct spool_job job = {.ledger = ledger, .last = record};
    memcpy(job.id, id, SPOOL_ID_BYTES);
    (void)pthread_mutex_lock(&ledger->mutex);
    struct ledger_spool_state *state = find_spool(ledger, id);
    bool is_frozen = state == NULL || record <= state->last_frozen;
    if (state != NULL && is_frozen) {
        job.first = drop_records(state, record);
        job.is_last = record == state->last_frozen;
    }
    (void)pthread_mutex_unlock(&ledger->mutex);
    if (!is_frozen)
        return error_set(error, ERROR_INVALID, NULL, "Only frozen records of a spool may be trimmed.");
    if (job.first == 0)
        return true;
    job.first -= job.first > 1 ? 1 : 0; /* the last one that was trimmed stayed */
    return run(&job, trim_files, error);
}

static void remove_files(void *argument)
{
    struct spool_job *job = argument;
    ledger_remove_files(job->ledger->folder_fd, job->id, UINT64_MAX);
    job->done = true;
}

SUSPENDS static bool remove_spool(struct spool *spool, const uint8_t id[SPOOL_ID_BYTES], struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    struct spool_job job = {.ledger = ledger};
    struct ledger_spool_state *state = find_spool(ledger, id);
    memcpy(job.id, id, SPOOL_ID_BYTES);
    if (state == &ledger->own)
        return error_set(error, ERROR_INVALID, NULL, "The own spool stays as long as its process.");
    if (state != NULL && (state->has_logs || !list_is_empty(&state->records)))
        return error_set(error, ERROR_CONFLICT, NULL, "A spool that holds records cannot be removed.");
    if (state == NULL || !run(&job, remove_files, error))
        return state == NULL;
    (void)pthread_mutex_lock(&ledger->mutex);
    list_remove(&state->link);
    (void)pthread_mutex_unlock(&ledger->mutex);
    spool_state_free(state);
    free(state);
    return true;
}

/* ---- doubts: they are uncertain changes, which the whole fleet sees ---- */

SUSPENDS static bool doubt(struct spool *spool, struct error *error)
{
    struct ledger *ledger = ledger_of_spool(spool);
    const struct spool_amounts one = {span_from_string(ledger->options.home), LEDGER_UNCERTAIN_ID, {.objects = 1}};
    (void)error;
    log_add(&ledger->logs[0], &one);
    return true;
}

static bool is_in_doubt(struct spool *spool, bool *ret_is_in_doubt, struct error *error)
{
    (void)spool;
    (void)error;
    *ret_is_in_doubt = false;
    return true;
}

const struct spool_operations ledger_spool_operations = {
    .list = list_spools,
    .freeze = freeze,
    .read = read_record,
    .trim = trim,
    .remove = remove_spool,
    .doubt = doubt,
    .is_in_doubt = is_in_doubt,
};
