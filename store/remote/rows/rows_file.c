/* store/remote/rows/rows_file.c -- rows on disk: queued by the shards, written by one thread, in two tables that take
 * turns. */
#include "store/remote/rows/rows_file.h"

#include "runtime/base/assert.h"
#include "runtime/base/byteorder.h"
#include "runtime/fiber/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_BYTES_MAX = 4096,
    READERS_MAX = 512,
    READERS_FILE_BYTES = READERS_MAX * 64 + 4096, /* as LMDB lays them out, and some more */
    BATCH_MAX = 4096,
    SEQUENCE_BYTES = 8,
    BATCHES_BETWEEN_LOOKS = 16, /* at how large the newer table is */
    TABLES = 2,
    GATHER_MS = 250, /* rows that come together share the pages that they change, and nobody waits for them */
};

/* On its way to the writing thread: a stack that it takes as a whole. */
struct queued_row {
    struct queued_row *next;
    uint8_t key[ROW_KEY_BYTES];
    uint64_t sequence;
    size_t size; /* 0: the row is dropped */
    uint8_t bytes[];
};

struct rows_file {
    MDB_env *env;
    MDB_dbi tables[TABLES];
    _Atomic unsigned newer; /* which of them */
    atomic_uint_fast64_t version;
    uint64_t bytes_max;
    char path[PATH_BYTES_MAX];
    char readers[PATH_BYTES_MAX];
    char mark[PATH_BYTES_MAX]; /* is there while the file is whole */

    pthread_t thread;
    sem_t wake;
    _Atomic(struct queued_row *) queue;
    atomic_uint queued;
    atomic_bool is_ending;

    atomic_uint_fast64_t file_bytes;
    atomic_uint_fast64_t written;
    atomic_uint_fast64_t lost;
};

struct rows_reader {
    struct rows_file *file;
    MDB_txn *txn; /* reset between lookups */
};

/* ---- reading ---- */

struct rows_reader *rows_reader_create(struct rows_file *file)
{
    struct rows_reader *reader = calloc(1, sizeof *reader);
    ASSERT(reader != NULL);
    reader->file = file;
    if (mdb_txn_begin(file->env, NULL, MDB_RDONLY, &reader->txn) != 0) {
        free(reader);
        return NULL;
    }
    mdb_txn_reset(reader->txn);
    return reader;
}

void rows_reader_destroy(struct rows_reader *reader)
{
    if (reader == NULL)
        return;
    mdb_txn_abort(reader->txn);
    free(reader);
}

static bool read_value(const MDB_val *value, struct row *ret_row)
{
    if (value->mv_size < SEQUENCE_BYTES ||
        !row_decode(span_skip(span_of(value->mv_data, value->mv_size), SEQUENCE_BYTES), ret_row))
        return false;
    ret_row->sequence = load_u64_le(value->mv_data);
    return true;
}

bool rows_reader_find(struct rows_reader *reader, const uint8_t key[ROW_KEY_BYTES], struct row *ret_row)
{
    struct rows_file *file = reader->file;
    if (mdb_txn_renew(reader->txn) != 0)
        return false;
    unsigned newer = atomic_load_explicit(&file->newer, memory_order_relaxed);
    bool found = false;
    bool is_old = false;
    for (unsigned i = 0; i < TABLES && !found; i++) {
        MDB_val name = {ROW_KEY_BYTES, (void *)(uintptr_t)key};
        MDB_val value;
        found =
            mdb_get(reader->txn, file->tables[(newer + i) % TABLES], &name, &value) == 0 && read_value(&value, ret_row);
        is_old = found && i > 0;
    }
    mdb_txn_reset(reader->txn);
    if (is_old) /* what is in use moves to the newer table */
        rows_file_put(file, key, ret_row);
    return found;
}

uint64_t rows_file_version(const struct rows_file *file)
{
    return atomic_load(&file->version);
}

/* ---- the queue ---- */

void rows_file_put(struct rows_file *file, const uint8_t key[ROW_KEY_BYTES], const struct row *row)
{
    uint8_t bytes[ROW_BYTES_MAX];
    size_t size = row != NULL ? row_encode(row, bytes) : 0;
    struct queued_row *queued = NULL;
    if (atomic_fetch_add(&file->queued, 1) < ROWS_QUEUED_MAX)
        queued = malloc(sizeof *queued + size);
    if (queued == NULL) {
        atomic_fetch_sub(&file->queued, 1);
        atomic_fetch_add(&file->lost, 1);
        return;
    }
    memcpy(queued->key, key, ROW_KEY_BYTES);
    queued->sequence = row == NULL ? 0 : row->sequence;
    queued->size = size;
    memcpy(queued->bytes, bytes, size);
    struct queued_row *first = atomic_load(&file->queue);
    do
        queued->next = first;
    while (!atomic_compare_exchange_weak(&file->queue, &first, queued));
    if (first == NULL)
        (void)sem_post(&file->wake);
}

/* In the order in which they came. */
static struct queued_row *take_queue(struct rows_file *file)
{
    struct queued_row *newest = atomic_exchange(&file->queue, NULL);
    struct queued_row *first = NULL;
    while (newest != NULL) {
        struct queued_row *next = newest->next;
        newest->next = first;
        first = newest;
        newest = next;
    }
    return first;
}

/* ---- writing ---- */

static int write_row(struct rows_file *file, MDB_txn *txn, const struct queued_row *queued)
{
    unsigned newer = atomic_load_explicit(&file->newer, memory_order_relaxed);
    MDB_val name = {ROW_KEY_BYTES, (void *)(uintptr_t)queued->key};
    if (queued->size == 0) {
        for (unsigned i = 0; i < TABLES; i++) {
            int result = mdb_del(txn, file->tables[i], &name, NULL);
            if (result != 0 && result != MDB_NOTFOUND)
                return result;
        }
        return 0;
    }
    /* Most keys are new to it. Shards queue beside each other: an older row never takes the place of a newer one. */
    MDB_val value = {SEQUENCE_BYTES + queued->size, NULL};
    int result = mdb_put(txn, file->tables[newer], &name, &value, MDB_RESERVE | MDB_NOOVERWRITE);
    if (result == MDB_KEYEXIST) {
        if (value.mv_size >= SEQUENCE_BYTES && load_u64_le(value.mv_data) > queued->sequence)
            return 0;
        value = (MDB_val){SEQUENCE_BYTES + queued->size, NULL};
        result = mdb_put(txn, file->tables[newer], &name, &value, MDB_RESERVE);
    }
    if (result == 0) {
        store_u64_le(value.mv_data, queued->sequence);
        memcpy((uint8_t *)value.mv_data + SEQUENCE_BYTES, queued->bytes, queued->size);
    }
    return result;
}

static uint64_t table_bytes(struct rows_file *file, MDB_txn *txn, unsigned table)
{
    MDB_stat stat;
    if (mdb_stat(txn, file->tables[table], &stat) != 0)
        return 0;
    return (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * (uint64_t)stat.ms_psize;
}

static void note_bytes(struct rows_file *file, MDB_txn *txn)
{
    atomic_store(&file->file_bytes, table_bytes(file, txn, 0) + table_bytes(file, txn, 1));
}

/* The newer table has its half: the older one is emptied, and is the newer one from now on. */
static void take_turns(struct rows_file *file, bool is_forced)
{
    MDB_txn *txn;
    if (mdb_txn_begin(file->env, NULL, 0, &txn) != 0)
        return;
    unsigned newer = atomic_load_explicit(&file->newer, memory_order_relaxed);
    bool is_full = table_bytes(file, txn, newer) >= file->bytes_max * 2 / 5; /* changed pages need room as well */
    if ((!is_full && !is_forced) || mdb_drop(txn, file->tables[1 - newer], 0) != 0 || mdb_txn_commit(txn) != 0) {
        if (!is_full && !is_forced)
            mdb_txn_abort(txn);
        return;
    }
    atomic_store(&file->newer, 1 - newer);
    atomic_fetch_add(&file->version, 1);
}

static struct queued_row *write_batch(struct rows_file *file, struct queued_row *queue)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(file->env, NULL, 0, &txn);
    bool is_begun = result == 0;
    unsigned count = 0;
    for (; queue != NULL && count < BATCH_MAX; count++) {
        struct queued_row *next = queue->next;
        if (result == 0)
            result = write_row(file, txn, queue);
        free(queue);
        queue = next;
    }
    if (is_begun && result == 0) {
        note_bytes(file, txn);
        result = mdb_txn_commit(txn);
    } else if (is_begun) {
        mdb_txn_abort(txn);
    }
    atomic_fetch_add(&file->version, 1);
    atomic_fetch_sub(&file->queued, count);
    atomic_fetch_add(result == 0 ? &file->written : &file->lost, count);
    if (result == MDB_MAP_FULL)
        take_turns(file, true);
    return queue;
}

static void *write_rows(void *argument)
{
    struct rows_file *file = argument;
    unsigned batches = 0;
    bool is_ending = false;
    while (!is_ending) {
        while (sem_wait(&file->wake) != 0)
            ASSERT(errno == EINTR);
        const struct timespec gather = {.tv_nsec = GATHER_MS * 1000 * 1000};
        if (!atomic_load(&file->is_ending))
            (void)nanosleep(&gather, NULL);
        is_ending = atomic_load(&file->is_ending);
        struct queued_row *queue = take_queue(file);
        while (queue != NULL) {
            queue = write_batch(file, queue);
            if (++batches % BATCHES_BETWEEN_LOOKS == 0)
                take_turns(file, false);
        }
    }
    return NULL;
}

/* ---- opening and closing ---- */

static bool failed(int result, struct error *error, const char *folder)
{
    return error_set(error, result == ENOSPC ? ERROR_FULL : ERROR_IO, NULL, "cannot open the cache of rows in %s: %s",
                     folder, mdb_strerror(result));
}

static bool open_tables(struct rows_file *file, struct error *error, const char *folder)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(file->env, NULL, 0, &txn);
    if (result != 0)
        return failed(result, error, folder);
    result = mdb_dbi_open(txn, "rows-a", MDB_CREATE, &file->tables[0]);
    if (result == 0)
        result = mdb_dbi_open(txn, "rows-b", MDB_CREATE, &file->tables[1]);
    if (result == 0 && table_bytes(file, txn, 1) > table_bytes(file, txn, 0))
        file->newer = 1; /* whichever it was: nothing depends on it but which is emptied first */
    if (result != 0) {
        mdb_txn_abort(txn);
        return failed(result, error, folder);
    }
    note_bytes(file, txn);
    result = mdb_txn_commit(txn);
    return result == 0 || failed(result, error, folder);
}

/* LMDB writes its table of readers through a mapping: where the disk has no room for that, the process would be killed.
 */
static bool allocate_readers(const struct rows_file *file, struct error *error)
{
    int fd = open(file->readers, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "%s cannot be opened", file->readers);
    int result = posix_fallocate(fd, 0, READERS_FILE_BYTES);
    (void)close(fd);
    if (result == 0)
        return true;
    (void)unlink(file->readers);
    return error_set_errno(error, result, "%s cannot be allocated", file->readers);
}

static bool open_environment(struct rows_file *file, const char *folder, struct error *error)
{
    (void)snprintf(file->path, sizeof file->path, "%s/rows.mdb", folder);
    (void)snprintf(file->readers, sizeof file->readers, "%s/rows.mdb-lock", folder);
    (void)snprintf(file->mark, sizeof file->mark, "%s/rows.closed", folder);
    if (unlink(file->mark) != 0) { /* the last process did not close it, or there was none */
        (void)unlink(file->path);
        (void)unlink(file->readers);
    }
    if (!allocate_readers(file, error))
        return false;
    int result = mdb_env_create(&file->env);
    if (result != 0)
        return failed(result, error, folder);
    (void)mdb_env_set_mapsize(file->env, (size_t)file->bytes_max);
    (void)mdb_env_set_maxdbs(file->env, TABLES);
    (void)mdb_env_set_maxreaders(file->env, READERS_MAX);
    result = mdb_env_open(file->env, file->path, MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    return result == 0 ? open_tables(file, error, folder) : failed(result, error, folder);
}

static void end(struct rows_file *file)
{
    if (file->env != NULL)
        mdb_env_close(file->env);
    (void)sem_destroy(&file->wake);
    free(file);
}

struct rows_file *rows_file_open(const char *folder, uint64_t bytes_max, struct error *error)
{
    struct rows_file *file = calloc(1, sizeof *file);
    ASSERT(file != NULL);
    file->bytes_max = bytes_max;
    file->version = 1;
    (void)sem_init(&file->wake, 0, 0);
    if (!open_environment(file, folder, error) || !thread_start("rows", write_rows, file, &file->thread, error)) {
        end(file);
        return NULL;
    }
    return file;
}

void rows_file_close(struct rows_file *file)
{
    if (file == NULL)
        return;
    atomic_store(&file->is_ending, true);
    (void)sem_post(&file->wake);
    (void)pthread_join(file->thread, NULL);
    bool is_whole = mdb_env_sync(file->env, 1) == 0;
    FILE *mark = is_whole ? fopen(file->mark, "we") : NULL;
    if (mark != NULL)
        (void)fclose(mark);
    end(file);
}

void rows_file_usage(const struct rows_file *file, struct rows_usage *ret_usage)
{
    ret_usage->file_bytes = atomic_load(&file->file_bytes);
    ret_usage->written = atomic_load(&file->written);
    ret_usage->lost = atomic_load(&file->lost);
}
