/* server/recompact/quota.c -- a cgroup's files. */
#include "server/recompact/quota.h"

#include "runtime/base/decimal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES = 2048 };

static struct span take_until(struct span *text, char end)
{
    const uint8_t *found = text->size == 0 ? NULL : memchr(text->data, end, text->size);
    size_t size = found == NULL ? text->size : (size_t)(found - text->data);
    struct span taken = span_take(*text, size);
    *text = span_skip(*text, found == NULL ? size : size + 1);
    return taken;
}

bool quota_parse_limit(struct span text, struct quota *quota)
{
    struct span line = take_until(&text, '\n');
    struct span limit = take_until(&line, ' ');
    quota->has_limit = !span_equal(limit, SPAN("max"));
    return (!quota->has_limit || decimal_parse(limit, &quota->limit_us)) && decimal_parse(line, &quota->period_us) &&
           quota->period_us > 0;
}

bool quota_parse_usage(struct span text, struct quota *quota)
{
    bool has_usage = false;
    quota->throttled = 0;
    while (text.size > 0) {
        struct span line = take_until(&text, '\n');
        struct span name = take_until(&line, ' ');
        if (span_equal(name, SPAN("usage_usec")))
            has_usage = decimal_parse(line, &quota->used_us);
        else if (span_equal(name, SPAN("nr_throttled")) && !decimal_parse(line, &quota->throttled))
            return false;
    }
    return has_usage;
}

bool quota_is_pressed(const struct quota *before, const struct quota *now, uint64_t apart_us)
{
    if (!now->has_limit)
        return false;
    double may = (double)apart_us * (double)now->limit_us / (double)now->period_us;
    return now->throttled > before->throttled || 2 * (double)(now->used_us - before->used_us) > may;
}

/* ---- files ---- */

static bool read_file(const char *path, char *bytes, struct span *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, bytes, FILE_BYTES);
    (void)close(fd);
    *ret_text = span_of(bytes, size > 0 ? (size_t)size : 0);
    return size > 0;
}

bool quota_find_folder(char ret_path[QUOTA_PATH_BYTES])
{
    char bytes[FILE_BYTES];
    struct span text;
    if (!read_file("/proc/self/cgroup", bytes, &text))
        return false;
    while (text.size > 0) {
        struct span line = take_until(&text, '\n');
        if (!span_starts_with(line, SPAN("0::")))
            continue;
        int size = snprintf(ret_path, QUOTA_PATH_BYTES, "/sys/fs/cgroup%.*s", SPAN_FORMAT(span_skip(line, 3)));
        return size > 0 && size < QUOTA_PATH_BYTES;
    }
    return false;
}

static bool read_part(const char *folder, const char *name, bool (*parse)(struct span text, struct quota *quota),
                      struct quota *quota)
{
    char path[QUOTA_PATH_BYTES + 16];
    char bytes[FILE_BYTES];
    struct span text;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_file(path, bytes, &text) && parse(text, quota);
}

bool quota_read(const char *folder, struct quota *ret_quota)
{
    *ret_quota = (struct quota){0};
    return read_part(folder, "cpu.max", quota_parse_limit, ret_quota) &&
           read_part(folder, "cpu.stat", quota_parse_usage, ret_quota);
}
