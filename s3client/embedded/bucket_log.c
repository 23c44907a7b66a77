/* s3client/embedded/bucket_log.c -- the file `buckets`: which buckets there are and whose. */
#include "s3client/embedded/bucket_log.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int bucket_log_open(int folder_fd, struct error *error)
{
    int fd = openat(folder_fd, "buckets", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        error_set_errno(error, errno, "the file `buckets` cannot be opened");
    return fd;
}

/* Best effort: the change is committed already, and a full disk must not undo it. Half a line is taken back: the next
 * one would be lost with it. */
static void append(int fd, const char *line, int size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    ssize_t wrote = write(fd, line, (size_t)size);
    if (wrote == size)
        (void)fdatasync(fd);
    else if (wrote > 0 && end >= 0)
        (void)!ftruncate(fd, end);
}

void bucket_log_created(int fd, const struct bucket_info *info)
{
    char owner[2 * ACCOUNT_ID_BYTES_MAX + 1] = "";
    hex_encode(span_from_string(info->owner), owner);
    char line[512];
    append(fd, line, snprintf(line, sizeof line, "+ %s %lld %s\n", info->name, (long long)info->created_ms, owner));
}

void bucket_log_removed(int fd, struct span name)
{
    char line[128];
    append(fd, line, snprintf(line, sizeof line, "- %.*s\n", SPAN_FORMAT(name)));
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
    if (sscanf(line, "- %63s", info.name) == 1) {
        forget(list, info.name);
    } else if (sscanf(line, "+ %63s %lld %256s", info.name, &created, owner) >= 2) {
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
    char line[512];
    while (fgets(line, sizeof line, file) != NULL)
        take_line(&list, line);
    (void)fclose(file);
    for (size_t i = 0; i < list.count; i++)
        each(context, &list.buckets[i]);
    free(list.buckets);
    return true;
}
