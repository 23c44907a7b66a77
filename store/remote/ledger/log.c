/* store/remote/ledger/log.c -- one file of intents and outcomes, written by one shard. */
#include "store/remote/ledger/log.h"

#include "runtime/base/assert.h"
#include "store/ledger_uncertain.h"
#include "store/remote/ledger/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 4 << 20, GATHERED_BYTES_MAX = 64 << 10 };

/* ---- open intents ---- */

static struct span keep_text(uint8_t **to, struct span text)
{
    memcpy(*to, text.data, text.size);
    *to += text.size;
    return span_of(*to - text.size, text.size);
}

static void keep_texts(struct noted_intent *open, struct span etag)
{
    uint8_t *to = open->texts + STORED_ETAG_TEXT_BYTES;
    open->intent.name.bucket = keep_text(&to, open->intent.name.bucket);
    open->intent.name.key = keep_text(&to, open->intent.name.key);
    to = open->texts;
    ASSERT(etag.size < STORED_ETAG_TEXT_BYTES);
    open->intent.etag = keep_text(&to, etag);
}

struct noted_intent *noted_intent_create(const struct ledger_intent *intent)
{
    size_t texts_bytes = STORED_ETAG_TEXT_BYTES + intent->name.bucket.size + intent->name.key.size;
    struct noted_intent *open = malloc(offsetof(struct noted_intent, texts) + texts_bytes);
    ASSERT(open != NULL);
    open->intent = *intent;
    open->is_waiting = false;
    open->since_ms = 0;
    open->due_ms = 0;
    open->recounts = 0;
    open->told = 0;
    open->outcome = 0;
    list_init(&open->link);
    keep_texts(open, intent->etag);
    return open;
}

void intent_add_outcome(struct amounts_table *sums, const struct ledger_intent *intent, enum intent_outcome outcome)
{
    struct ledger_amounts amounts = intent->made;
    bool is_covered = outcome == INTENT_COVERED || outcome == INTENT_COVERED_BLIND;
    ledger_amounts_subtract(&amounts, &intent->replaced);
    if (is_covered)
        ledger_amounts_add_former(&amounts, &intent->replaced);
    if (intent_outcome_counts(outcome))
        amounts_table_add(sums, intent->name.bucket, intent->creation_id, &amounts);
    if (outcome == INTENT_UNCERTAIN || outcome == INTENT_DONE_BLIND || outcome == INTENT_COVERED_BLIND)
        amounts_table_add_uncertain(sums, intent->name.bucket);
}

/* ---- the file ---- */

static void name_file(const struct intent_log *log, uint64_t generation, char ret_name[LEDGER_FILE_NAME_BYTES])
{
    struct ledger_file_name name = {.shard = log->shard, .generation = generation};
    memcpy(name.spool, log->head.spool, SPOOL_ID_BYTES);
    ledger_file_name_encode(&name, ret_name);
}

static void close_file(struct intent_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    log->fd = -1;
}

/* A file that says what is known now: sums, and open intents. */
static bool begin_file(struct intent_log *log, uint64_t generation, const struct amounts_table *sums,
                       struct error *error)
{
    char name[LEDGER_FILE_NAME_BYTES];
    struct buffer bytes = {0};
    struct log_head head = log->head;
    for (struct list_link *link = log->open.next; link != &log->open; link = link->next) {
        if (LIST_ELEMENT(link, struct noted_intent, link)->recounts != head.recounts)
            head.recounts = 0; /* of the file there is one number */
    }
    log_put_head(&bytes, &head);
    for (unsigned i = 0; sums != NULL && i < sums->count; i++) {
        const struct amounts_line *line = &sums->lines[i];
        log_put_amounts(&bytes,
                        &(struct spool_amounts){span_from_string(line->bucket), line->creation_id, line->amounts});
    }
    for (struct list_link *link = log->open.next; link != &log->open; link = link->next)
        log_put_intent(&bytes, &LIST_ELEMENT(link, struct noted_intent, link)->intent);
    name_file(log, generation, name);
    bool done = ledger_file_write(log->folder_fd, name, buffer_span(&bytes), false, error);
    int fd = done ? openat(log->folder_fd, name, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        close_file(log);
        log->fd = fd;
        log->size = bytes.size;
        log->begun_size = bytes.size;
        log->is_torn = false;
        log->generation = generation;
    }
    if (done && fd < 0 && generation != log->generation)
        (void)unlinkat(log->folder_fd, name, 0); /* else its open intents would be found twice, ended in one of both */
    buffer_free(&bytes);
    return fd >= 0 || (done && error_set(error, ERROR_IO, NULL, "the ledger's file %s cannot be opened", name));
}

/* Open intents go with it, so a file that was long when it began is written anew only when it has doubled. */
static bool is_long(const struct intent_log *log)
{
    return log->size > LOG_BYTES_MAX && log->size > 2 * log->begun_size;
}

static bool append(struct intent_log *log, struct span entries)
{
    if (pwrite(log->fd, entries.data, entries.size, (off_t)log->size) != (ssize_t)entries.size)
        return false;
    log->size += entries.size;
    return true;
}

/* What stands in the log from now on is already in its sums and its list. */
static bool append_or_begin(struct intent_log *log, struct span entries)
{
    struct error ignored;
    return log->fd < 0 || is_long(log) ? begin_file(log, log->generation, &log->sums, &ignored) : append(log, entries);
}

/* The next process is to know that entries are missing: a full disk still takes what goes over bytes that are there,
 * and most take an empty file. One that takes neither, as it never writes over anything, is asked again with each
 * refusal. */
static void mark_torn(struct intent_log *log)
{
    uint8_t memory[LOG_HEAD_BYTES];
    struct buffer bytes = {.data = memory, .capacity = sizeof memory, .limit = sizeof memory};
    struct log_head head = log->head;
    char name[LEDGER_FILE_NAME_BYTES];
    memset(head.boot, 0, sizeof head.boot); /* of no start of the machine */
    head.recounts = 0;
    log_put_head(&bytes, &head);
    name_file(log, log->generation, name);
    int fd = openat(log->folder_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    log->is_torn =
        fd >= 0 && (pwrite(fd, bytes.data, bytes.size, 0) == (ssize_t)bytes.size || lseek(fd, 0, SEEK_END) == 0);
    if (fd >= 0)
        (void)close(fd);
}

/* ---- what is gathered ---- */

/* Nothing that the disk refuses is lost while the process lives: the file is written anew the next time. An intent that
 * is noted once more is uncertain once. */
static void note_refused(struct intent_log *log)
{
    struct span rest = buffer_span(&log->gathered);
    struct log_entry entry;
    close_file(log);
    if (!log->is_torn)
        mark_torn(log);
    for (; log_take_entry(&rest, LOG_VERSION, &entry); log->unwritten++) {
        if (entry.kind != LOG_INTENT || entry.intent.number <= log->written_number)
            continue;
        amounts_table_add_uncertain(&log->sums, entry.intent.name.bucket);
        log->written_number = entry.intent.number;
    }
}

static void write_gathered(struct intent_log *log)
{
    if (log->gathered.size == 0)
        return;
    if (append_or_begin(log, buffer_span(&log->gathered)))
        log->written_number = log->next_number;
    else
        note_refused(log);
    buffer_clear(&log->gathered);
}

static void run_errand(struct loop_errand *errand)
{
    struct intent_log *log = LIST_ELEMENT(errand, struct intent_log, errand);
    (void)pthread_mutex_lock(&log->mutex);
    write_gathered(log);
    (void)pthread_mutex_unlock(&log->mutex);
}

/* Entries were put to what is gathered. Another thread than the shard's does not wait for the shard's turn. */
static void write_soon(struct intent_log *log)
{
    bool may_wait = log->loop != NULL && log->loop == loop_current();
    if (may_wait && log->gathered.size < GATHERED_BYTES_MAX)
        loop_run_before_io(&log->errand);
    else
        write_gathered(log);
}

/* ---- life ---- */

void log_init(struct intent_log *log, int folder_fd, const struct log_head *head, uint64_t shard)
{
    *log = (struct intent_log){.folder_fd = folder_fd, .head = *head, .shard = shard, .fd = -1};
    (void)pthread_mutex_init(&log->mutex, NULL);
    list_init(&log->open);
    list_init(&log->errand.link);
    log->errand.run = run_errand;
}

void log_close(struct intent_log *log, bool is_whole)
{
    char name[LEDGER_FILE_NAME_BYTES];
    struct buffer end = {0};
    write_gathered(log); /* the shard's loop has ended, so there is nothing; or there was none */
    name_file(log, log->generation, name);
    log_put_end(&end);
    /* behind what is there, however long that is: the sums may be on their way to a record that was refused */
    if (is_whole && log->fd >= 0 && append(log, buffer_span(&end)))
        (void)fsync(log->fd);
    else if (log->fd >= 0 && !is_whole)
        (void)unlinkat(log->folder_fd, name, 0);
    buffer_free(&end);
    buffer_free(&log->gathered);
    close_file(log);
    for (struct list_link *link; (link = list_take_first(&log->open)) != NULL;)
        free(LIST_ELEMENT(link, struct noted_intent, link));
    amounts_table_free(&log->sums);
    (void)pthread_mutex_destroy(&log->mutex);
}

/* ---- entries ---- */

static void put_intent(struct intent_log *log, const struct ledger_intent *intent)
{
    log_put_intent(&log->gathered, intent);
    write_soon(log);
}

struct noted_intent *log_note(struct intent_log *log, const struct ledger_intent *intent)
{
    struct noted_intent *open = noted_intent_create(intent);
    (void)pthread_mutex_lock(&log->mutex);
    log->loop = loop_current();
    open->intent.number = ++log->next_number;
    open->recounts = log->head.recounts;
    list_append(&log->open, &open->link);
    put_intent(log, &open->intent);
    (void)pthread_mutex_unlock(&log->mutex);
    return open;
}

void log_note_again(struct intent_log *log, struct noted_intent *open, const struct ledger_intent *now)
{
    (void)pthread_mutex_lock(&log->mutex);
    uint8_t *to = open->texts;
    open->intent.etag = keep_text(&to, now->etag);
    open->intent.made = now->made;
    open->intent.replaced = now->replaced;
    open->intent.null_covers = now->null_covers;
    put_intent(log, &open->intent);
    (void)pthread_mutex_unlock(&log->mutex);
}

void log_note_buried(struct intent_log *log, struct noted_intent *open)
{
    (void)pthread_mutex_lock(&log->mutex);
    open->intent.kind = INTENT_BURIED;
    put_intent(log, &open->intent);
    (void)pthread_mutex_unlock(&log->mutex);
}

void log_end(struct intent_log *log, struct noted_intent *open, enum intent_outcome outcome)
{
    (void)pthread_mutex_lock(&log->mutex);
    list_remove(&open->link);
    intent_add_outcome(&log->sums, &open->intent, outcome);
    log_put_outcome(&log->gathered, open->intent.number, outcome);
    write_soon(log);
    (void)pthread_mutex_unlock(&log->mutex);
    free(open);
}

void log_leave(struct intent_log *log, struct noted_intent *open, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&log->mutex);
    open->is_waiting = true;
    open->since_ms = now_ms;
    open->due_ms = now_ms;
    (void)pthread_mutex_unlock(&log->mutex);
}

void log_add(struct intent_log *log, const struct spool_amounts *amounts)
{
    (void)pthread_mutex_lock(&log->mutex);
    amounts_table_add(&log->sums, amounts->bucket, amounts->creation_id, &amounts->amounts);
    log_put_amounts(&log->gathered, amounts);
    write_soon(log);
    (void)pthread_mutex_unlock(&log->mutex);
}

void log_note_recounts(struct intent_log *log, uint32_t recounts)
{
    (void)pthread_mutex_lock(&log->mutex);
    log->head.recounts = recounts;
    (void)pthread_mutex_unlock(&log->mutex);
}

struct noted_intent *log_find_due(struct intent_log *log, uint64_t now_ms)
{
    struct noted_intent *found = NULL;
    (void)pthread_mutex_lock(&log->mutex);
    for (struct list_link *link = log->open.next; found == NULL && link != &log->open; link = link->next) {
        struct noted_intent *open = LIST_ELEMENT(link, struct noted_intent, link);
        if (open->is_waiting && open->due_ms <= now_ms)
            found = open;
    }
    (void)pthread_mutex_unlock(&log->mutex);
    return found;
}

void log_defer(struct intent_log *log, struct noted_intent *open, uint64_t until_ms)
{
    (void)pthread_mutex_lock(&log->mutex);
    open->due_ms = until_ms;
    (void)pthread_mutex_unlock(&log->mutex);
}

bool log_begin_generation(struct intent_log *log, uint64_t generation, struct amounts_table *taken, struct error *error)
{
    bool done = true;
    (void)pthread_mutex_lock(&log->mutex);
    write_gathered(log); /* the old file says all that the sums do */
    if (log->fd >= 0 || !list_is_empty(&log->open))
        done = begin_file(log, generation, NULL, error);
    else {
        log->generation = generation;
        log->is_torn = false;
    }
    if (done)
        amounts_table_move(taken, &log->sums);
    (void)pthread_mutex_unlock(&log->mutex);
    return done;
}

/* ---- figures ---- */

uint64_t log_count_open(struct intent_log *log)
{
    uint64_t count = 0;
    (void)pthread_mutex_lock(&log->mutex);
    for (const struct list_link *link = log->open.next; link != &log->open; link = link->next)
        count++;
    (void)pthread_mutex_unlock(&log->mutex);
    return count;
}

uint64_t log_count_unwritten(struct intent_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    uint64_t count = log->unwritten;
    (void)pthread_mutex_unlock(&log->mutex);
    return count;
}
