/* server/process/control_file.c -- three lines, under another name first. */
#include "server/process/control_file.h"

#include "runtime/base/hex.h"
#include "runtime/base/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = CONTROL_URL_BYTES + CONTROL_WORD_BYTES + CONTROL_PATH_BYTES };

static bool make_path(const char *folder, const char *suffix, char ret_path[CONTROL_PATH_BYTES], struct error *error)
{
    return (size_t)snprintf(ret_path, CONTROL_PATH_BYTES, "%s/control%s", folder, suffix) < CONTROL_PATH_BYTES ||
           error_set(error, ERROR_TOO_LARGE, NULL, "the path of the folder is too long");
}

void control_file_draw_word(const struct random_source *random, char ret_word[CONTROL_WORD_BYTES])
{
    uint8_t bytes[(CONTROL_WORD_BYTES - 1) / 2];
    random_fill(random, bytes, sizeof bytes);
    hex_encode(span_of(bytes, sizeof bytes), ret_word);
    ret_word[CONTROL_WORD_BYTES - 1] = '\0';
}

bool control_file_write(const char *folder, const struct control_file *file, struct error *error)
{
    char path[CONTROL_PATH_BYTES];
    char temporary[CONTROL_PATH_BYTES];
    char text[FILE_BYTES_MAX];
    if (!make_path(folder, "", path, error) || !make_path(folder, ".new", temporary, error))
        return false;
    int size = snprintf(text, sizeof text, "%s\n%s\n%s\n", file->url, file->word, file->certificate);
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write(fd, text, (size_t)size) == size && rename(temporary, path) == 0;
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    return done || error_set_errno(error, reason, "%s cannot be written", path);
}

static bool take_line(struct span *text, char *ret_line, size_t capacity)
{
    size_t end = span_find(*text, '\n');
    if (end == SIZE_MAX || end >= capacity)
        return false;
    memcpy(ret_line, text->data, end);
    ret_line[end] = '\0';
    *text = span_skip(*text, end + 1);
    return true;
}

bool control_file_read(const char *folder, struct control_file *ret_file, struct error *error)
{
    char path[CONTROL_PATH_BYTES];
    struct buffer bytes;
    if (!make_path(folder, "", path, error) || !read_file(path, FILE_BYTES_MAX, &bytes, error))
        return false;
    struct span text = buffer_span(&bytes);
    bool done = take_line(&text, ret_file->url, sizeof ret_file->url) &&
                take_line(&text, ret_file->word, sizeof ret_file->word) &&
                take_line(&text, ret_file->certificate, sizeof ret_file->certificate);
    read_file_wipe(&bytes);
    return done || error_set(error, ERROR_DAMAGED, NULL, "%s is not what a server writes", path);
}
