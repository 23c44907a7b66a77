/* store/remote/ledger/ledger.c -- opened and closed; intents that wait to be settled; what was found becomes records.
 */
#include "store/remote/ledger/ledger.h"

#include "runtime/base/assert.h"
#include "store/remote/ledger/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALL_LOGS (UINT64_MAX - 1) /* no generation comes so far */

/* ---- states ---- */

void spool_state_init(struct ledger_spool_state *state, const uint8_t id[SPOOL_ID_BYTES], int64_t created_ms)
{
    *state = (struct ledger_spool_state){.created_ms = created_ms};
    memcpy(state->id, id, SPOOL_ID_BYTES);
    list_init(&state->link);
    list_init(&state->records);
    list_init(&state->unsettled);
}

void spool_state_free(struct ledger_spool_state *state)
{
    for (struct list_link *link; (link = list_take_first(&state->records)) != NULL;) {
        struct frozen_record *record = LIST_ELEMENT(link, struct frozen_record, link);
        buffer_free(&record->amounts);
        free(record);
    }
    for (struct list_link *link; (link = list_take_first(&state->unsettled)) != NULL;)
        free(LIST_ELEMENT(link, struct noted_intent, link));
    amounts_table_free(&state->open);
}

static bool write_record(int folder_fd, const struct record_head *head, struct span amounts, struct error *error)
{
    struct ledger_file_name name = {.is_record = true, .generation = head->number};
    char text[LEDGER_FILE_NAME_BYTES];
    struct buffer bytes = {0};
    memcpy(name.spool, head->spool, SPOOL_ID_BYTES);
    record_encode(head, amounts, &bytes);
    ledger_file_name_encode(&name, text);
    bool done = ledger_file_write(folder_fd, text, buffer_span(&bytes), true, error);
    buffer_free(&bytes);
    return done;
}

/* Until the last one is there, the logs are what counts: a start without it drops the others (found.c). */
bool ledger_write_records(int folder_fd, const struct ledger_spool_state *state, uint64_t generation,
                          struct span amounts, struct error *error)
{
    struct record_head head = {.created_ms = state->created_ms, .number = state->last_frozen};
    memcpy(head.spool, state->id, SPOOL_ID_BYTES);
    do {
        struct span record = amounts_take_record(&amounts);
        head.number++;
        head.goes_on = amounts.size > 0;
        head.generation = head.goes_on ? state->generation : generation;
        if (!write_record(folder_fd, &head, record, error))
            return false;
    } while (head.goes_on);
    ledger_remove_files(folder_fd, state->id, generation);
    return true;
}

void ledger_note_records(struct ledger_spool_state *state, uint64_t generation, struct span amounts)
{
    while (amounts.size > 0) {
        struct frozen_record *record = calloc(1, sizeof *record);
        ASSERT(record != NULL);
        record->number = ++state->last_frozen;
        buffer_append(&record->amounts, amounts_take_record(&amounts));
        list_append(&state->records, &record->link);
    }
    state->generation = generation;
    amounts_table_free(&state->open);
}

/* ---- opening ---- */

static void begin_own(struct ledger *ledger)
{
    struct log_head head = {0};
    random_fill(ledger->options.random, head.spool, sizeof head.spool);
    (void)boot_id_read(head.boot);
    head.created_ms = clock_wall_ms(ledger->options.clock);
    spool_state_init(&ledger->own, head.spool, head.created_ms);
    ledger->logs = calloc(ledger->options.shards, sizeof *ledger->logs);
    ASSERT(ledger->logs != NULL);
    for (unsigned i = 0; i < ledger->options.shards; i++)
        log_init(&ledger->logs[i], ledger->folder_fd, &head, i);
}

struct ledger *ledger_open(const struct ledger_options *options, struct error *error)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    ASSERT(ledger != NULL);
    ledger->base.operations = &ledger_spool_operations;
    ledger->options = *options;
    ledger->options.folder = NULL; /* the caller's */
    atomic_init(&ledger->recounts, RECOUNTS_UNKNOWN);
    list_init(&ledger->found);
    (void)pthread_mutex_init(&ledger->mutex, NULL);
    (void)mkdir(options->folder, 0700);
    ledger->folder_fd = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = ledger->folder_fd >= 0 || error_set_errno(error, errno, "%s cannot be opened", options->folder);
    begin_own(ledger);
    if (done && ledger_load_found(ledger, error))
        return ledger;
    ledger_close(ledger);
    return NULL;
}

/* ---- closing ---- */

static bool has_open(const struct ledger *ledger)
{
    bool has = false;
    for (unsigned i = 0; i < ledger->options.shards; i++)
        has |= !list_is_empty(&ledger->logs[i].open);
    return has;
}

/* True: the logs are not needed any more. */
static bool write_last(struct ledger *ledger)
{
    struct buffer amounts = {0};
    struct error error;
    for (unsigned i = 0; i < ledger->options.shards; i++)
        amounts_table_move(&ledger->own.open, &ledger->logs[i].sums);
    amounts_table_encode(&ledger->own.open, &amounts);
    bool done = amounts.size == 0 ||
                ledger_write_records(ledger->folder_fd, &ledger->own, ALL_LOGS, buffer_span(&amounts), &error);
    if (done)
        ledger_remove_files(ledger->folder_fd, ledger->own.id, ALL_LOGS);
    buffer_free(&amounts);
    return done;
}

void ledger_close(struct ledger *ledger)
{
    bool is_written = ledger->folder_fd >= 0 && !has_open(ledger) && write_last(ledger);
    for (unsigned i = 0; i < ledger->options.shards; i++)
        log_close(&ledger->logs[i], !is_written);
    free(ledger->logs);
    for (struct list_link *link; (link = list_take_first(&ledger->found)) != NULL;) {
        struct ledger_spool_state *state = LIST_ELEMENT(link, struct ledger_spool_state, link);
        spool_state_free(state);
        free(state);
    }
    spool_state_free(&ledger->own);
    if (ledger->folder_fd >= 0)
        (void)close(ledger->folder_fd);
    (void)pthread_mutex_destroy(&ledger->mutex);
    free(ledger);
}

struct spool *ledger_spool(struct ledger *ledger)
{
    return &ledger->base;
}

struct intent_log *ledger_log(struct ledger *ledger, unsigned shard)
{
    ASSERT(shard < ledger->options.shards);
    return &ledger->logs[shard];
}

/* ---- settling ---- */

static struct noted_intent *find_due(struct ledger_spool_state *state, uint64_t now_ms)
{
    for (struct list_link *link = state->unsettled.next; link != &state->unsettled; link = link->next) {
        struct noted_intent *open = LIST_ELEMENT(link, struct noted_intent, link);
        if (open->due_ms <= now_ms) {
            if (open->since_ms == 0)
                open->since_ms = now_ms; /* when its process ended nobody knows */
            return open;
        }
    }
    return NULL;
}

bool ledger_find_waiting(struct ledger *ledger, uint64_t now_ms, struct waiting_intent *ret_waiting)
{
    *ret_waiting = (struct waiting_intent){0};
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next) {
        ret_waiting->spool = LIST_ELEMENT(link, struct ledger_spool_state, link);
        ret_waiting->open = find_due(ret_waiting->spool, now_ms);
        if (ret_waiting->open != NULL)
            return true;
    }
    ret_waiting->spool = NULL;
    for (unsigned i = 0; i < ledger->options.shards; i++) {
        ret_waiting->log = &ledger->logs[i];
        ret_waiting->open = log_find_due(ret_waiting->log, now_ms);
        if (ret_waiting->open != NULL)
            return true;
    }
    return false;
}

void ledger_note_recounts(struct ledger *ledger, uint64_t recounts)
{
    if (atomic_exchange(&ledger->recounts, recounts) == recounts)
        return;
    for (unsigned i = 0; i < ledger->options.shards; i++)
        log_note_recounts(&ledger->logs[i], (uint32_t)recounts);
}

bool ledger_knows_recounts(struct ledger *ledger)
{
    return atomic_load(&ledger->recounts) != RECOUNTS_UNKNOWN;
}

uint64_t ledger_recounts(struct ledger *ledger)
{
    return atomic_load(&ledger->recounts);
}

bool ledger_was_recounted(struct ledger *ledger, const struct waiting_intent *waiting)
{
    return (uint32_t)atomic_load(&ledger->recounts) != waiting->open->recounts;
}

void ledger_defer(struct ledger *ledger, const struct waiting_intent *waiting, uint64_t until_ms)
{
    (void)ledger;
    if (waiting->log != NULL)
        log_defer(waiting->log, waiting->open, until_ms);
    else
        waiting->open->due_ms = until_ms;
}

void ledger_settle(struct ledger *ledger, const struct waiting_intent *waiting, enum intent_outcome outcome)
{
    if (waiting->log != NULL) {
        log_end(waiting->log, waiting->open, outcome);
        return;
    }
    (void)pthread_mutex_lock(&ledger->mutex);
    list_remove(&waiting->open->link);
    intent_add_outcome(&waiting->spool->open, &waiting->open->intent, outcome);
    (void)pthread_mutex_unlock(&ledger->mutex);
    free(waiting->open);
}

/* ---- what was found becomes records ---- */

struct found_job {
    struct ledger *ledger;
    struct ledger_spool_state *state;
    struct buffer amounts;
    struct error *error;
    bool done;
};

static void run_found(void *argument)
{
    struct found_job *job = argument;
    int folder_fd = job->ledger->folder_fd;
    uint64_t generation = job->state->last_generation + 1;
    job->done = job->amounts.size == 0 ||
                ledger_write_records(folder_fd, job->state, generation, buffer_span(&job->amounts), job->error);
    if (job->done && job->amounts.size == 0)
        ledger_remove_files(folder_fd, job->state->id, generation);
}

SUSPENDS static bool freeze(struct ledger *ledger, struct ledger_spool_state *state, struct error *error)
{
    struct found_job job = {.ledger = ledger, .state = state, .error = error};
    amounts_table_encode(&state->open, &job.amounts);
    if (ledger->options.offload == NULL)
        run_found(&job);
    else if (!offload_run(ledger->options.offload, run_found, &job, error))
        job.done = false;
    (void)pthread_mutex_lock(&ledger->mutex);
    if (job.done && job.amounts.size > 0)
        ledger_note_records(state, state->last_generation + 1, buffer_span(&job.amounts));
    state->has_logs = !job.done;
    (void)pthread_mutex_unlock(&ledger->mutex);
    buffer_free(&job.amounts);
    return job.done;
}

static struct ledger_spool_state *find_settled(struct ledger *ledger)
{
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next) {
        struct ledger_spool_state *state = LIST_ELEMENT(link, struct ledger_spool_state, link);
        if (state->has_logs && list_is_empty(&state->unsettled))
            return state;
    }
    return NULL;
}

SUSPENDS bool ledger_freeze_found(struct ledger *ledger, struct error *error)
{
    struct ledger_spool_state *state;
    while ((state = find_settled(ledger)) != NULL) {
        if (!freeze(ledger, state, error))
            return false;
    }
    return true;
}

/* ---- figures ---- */

static uint64_t count_unsettled(const struct ledger_spool_state *state)
{
    uint64_t count = 0;
    for (const struct list_link *link = state->unsettled.next; link != &state->unsettled; link = link->next)
        count++;
    return count;
}

uint64_t ledger_intents_open(struct ledger *ledger)
{
    uint64_t count = 0;
    (void)pthread_mutex_lock(&ledger->mutex);
    for (struct list_link *link = ledger->found.next; link != &ledger->found; link = link->next)
        count += count_unsettled(LIST_ELEMENT(link, struct ledger_spool_state, link));
    (void)pthread_mutex_unlock(&ledger->mutex);
    for (unsigned i = 0; i < ledger->options.shards; i++)
        count += log_count_open(&ledger->logs[i]);
    return count;
}

uint64_t ledger_entries_unwritten(struct ledger *ledger)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < ledger->options.shards; i++)
        count += log_count_unwritten(&ledger->logs[i]);
    return count;
}
