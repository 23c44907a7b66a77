/* store/embedded/catalogue/bucket_log.c -- the file `buckets`: which buckets there are and whose. */
#include "store/embedded/catalogue/bucket_log.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "store/embedded/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 512 };

static int make_line(const struct bucket_info *info, char ret_line[LINE_BYTES_MAX])
{
    char owner[2 * ACCOUNT_ID_BYTES_MAX + 1] = "";
    hex_encode(span_from_string(info->owner), owner);
    if (info->versioning == VERSIONING_NEVER)
        return snprintf(ret_line, LINE_BYTES_MAX, "+ %s %lld %s\n", info->name, (long long)info->created_ms, owner);
    return snprintf(ret_line, LINE_BYTES_MAX, "+ %s %lld %s %u %u %u %u %u\n", info->name, (long long)info->created_ms,
                    owner[0] == '\0' ? "-" : owner, info->versioning, info->has_lock, info->retention.mode,
                    info->retention.days, info->retention.years);
}

/* ---- the whole file ---- */

static bool append_all(MDB_cursor *cursor, struct buffer *text)
{
    MDB_val key;
    MDB_val value;
    int result;
    while ((result = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct span bytes;
        struct bucket_row row;
        struct error ignored;
        char line[LINE_BYTES_MAX];
        if (!catalogue_check(&key, &value, &bytes, &ignored) ||
            !catalogue_decode_bucket(span_of(key.mv_data, key.mv_size), bytes, &row))
            return false;
        buffer_append(text, span_of(line, (size_t)make_line(&row.info, line)));
    }
    return result == MDB_NOTFOUND;
}

/* What the file should be. False: the catalogue cannot say, so that the file may be worth more. */
static bool render(const struct catalogue *catalogue, struct buffer *text)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    if (mdb_txn_begin(catalogue->env, NULL, MDB_RDONLY, &txn) != 0)
        return false;
    bool done = mdb_cursor_open(txn, catalogue->buckets, &cursor) == 0;
    if (done) {
        done = append_all(cursor, text);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return done;
}

static bool is_content(int folder_fd, struct span text)
{
    struct stat status;
    int fd = openat(folder_fd, "buckets", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    uint8_t *bytes = malloc(text.size + 1);
    ASSERT(bytes != NULL);
    bool is_same = fstat(fd, &status) == 0 && (uint64_t)status.st_size == text.size &&
                   pread(fd, bytes, text.size, 0) == (ssize_t)text.size && span_equal(span_of(bytes, text.size), text);
    free(bytes);
    close(fd);
    return is_same;
}

/* By rename: whatever happens, one of the two is there, whole. */
static bool replace(int folder_fd, struct span text)
{
    int fd = openat(folder_fd, "buckets.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool done = write(fd, text.data, text.size) == (ssize_t)text.size && fsync(fd) == 0;
    close(fd);
    done = done && renameat(folder_fd, "buckets.new", folder_fd, "buckets") == 0;
    if (!done)
        (void)unlinkat(folder_fd, "buckets.new", 0);
    return done && fsync(folder_fd) == 0;
}

static bool refresh(struct bucket_log *log)
{
    struct buffer text;
    buffer_init(&text, 0);
    int folder_fd = log->store->folder.fd;
    bool done = render(&log->store->catalogue, &text) &&
                (is_content(folder_fd, buffer_span(&text)) || replace(folder_fd, buffer_span(&text)));
    buffer_free(&text);
    return done;
}

static int open_file(const struct bucket_log *log)
{
    return openat(log->store->folder.fd, "buckets", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

bool bucket_log_open(struct bucket_log *log, const struct embedded_store *store, struct error *error)
{
    *log = (struct bucket_log){.store = store, .fd = -1};
    log->is_stale = !refresh(log); /* a full disk is no reason not to open */
    log->fd = open_file(log);
    return log->fd >= 0 || error_set_errno(error, errno, "the file `buckets` cannot be opened");
}

void bucket_log_close(struct bucket_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

/* ---- one line ---- */

/* Best effort: the change is committed already, and a full disk must not undo it. Half a line is taken back: the next
 * one would be lost with it. */
static void append(struct bucket_log *log, const char *line, int size)
{
    if (log->is_stale) { /* the catalogue has this change, too */
        log->is_stale = !refresh(log);
        bucket_log_close(log);
        log->fd = open_file(log);
        return;
    }
    off_t end = lseek(log->fd, 0, SEEK_END);
    ssize_t wrote = write(log->fd, line, (size_t)size);
    if (wrote == size) {
        (void)fdatasync(log->fd);
        return;
    }
    if (wrote > 0 && end >= 0)
        (void)!ftruncate(log->fd, end);
    log->is_stale = true;
}

void bucket_log_created(struct bucket_log *log, const struct bucket_info *info)
{
    char line[LINE_BYTES_MAX];
    append(log, line, make_line(info, line));
}

void bucket_log_removed(struct bucket_log *log, struct span name)
{
    char line[LINE_BYTES_MAX];
    append(log, line, snprintf(line, sizeof line, "- %.*s\n", SPAN_FORMAT(name)));
}

/* ---- reading ---- */

struct bucket_list {
    struct bucket_info *buckets;
    size_t count;
    size_t capacity;
};

static void forget(struct bucket_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->buckets[i].name, name) == 0) {
            list->count--;
            memmove(&list->buckets[i], &list->buckets[i + 1], (list->count - i) * sizeof list->buckets[0]);
            return;
        }
    }
}

static void remember(struct bucket_list *list, const struct bucket_info *info)
{
    forget(list, info->name);
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        list->buckets = realloc(list->buckets, list->capacity * sizeof list->buckets[0]);
        ASSERT(list->buckets != NULL);
    }
    list->buckets[list->count++] = *info;
}

static void take_line(struct bucket_list *list, const char *line)
{
    struct bucket_info info = {0};
    char owner[2 * ACCOUNT_ID_BYTES_MAX + 1] = "";
    long long created;
    unsigned state[5] = {0};
    if (sscanf(line, "- %63s", info.name) == 1) {
        forget(list, info.name);
    } else if (sscanf(line, "+ %63s %lld %256s %u %u %u %u %u", info.name, &created, owner, &state[0], &state[1],
                      &state[2], &state[3], &state[4]) >= 2) {
        if (strcmp(owner, "-") == 0)
            owner[0] = '\0';
        if (state[0] <= VERSIONING_SUSPENDED && state[2] <= LOCK_COMPLIANCE) {
            info.versioning = (enum bucket_versioning)state[0];
            info.has_lock = state[1] != 0;
            info.retention = (struct default_retention){(enum lock_mode)state[2], state[3], state[4]};
        }
        size_t owner_bytes = strlen(owner) / 2;
        if (!hex_decode(span_from_string(owner), (uint8_t *)info.owner, owner_bytes))
            return;
        info.created_ms = created;
        remember(list, &info);
    }
}

bool bucket_log_read(int folder_fd, void (*each)(void *context, const struct bucket_info *info), void *context)
{
    int fd = openat(folder_fd, "buckets", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL)
        return false;
    struct bucket_list list = {0};
    char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof line, file) != NULL)
        take_line(&list, line);
    (void)fclose(file);
    for (size_t i = 0; i < list.count; i++)
        each(context, &list.buckets[i]);
    free(list.buckets);
    return true;
}
