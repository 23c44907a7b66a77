/* server/process/admin_token.c -- a file of one line. */
#include "server/process/admin_token.h"

#include "runtime/base/read_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = ADMIN_TOKEN_MOST + 2 };

static bool is_private(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set_errno(error, errno, "%s", path);
    return (status.st_mode & (S_IRWXG | S_IRWXO)) == 0 ||
           error_set(error, ERROR_INVALID, NULL, "%s can be read by others: chmod 600 it, and put another token in",
                     path);
}

static bool is_token(struct span line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] <= ' ' || line.data[i] > '~')
            return false;
    }
    return line.size >= ADMIN_TOKEN_LEAST && line.size <= ADMIN_TOKEN_MOST;
}

bool admin_token_load(const char *path, struct admin_token *ret_token, struct error *error)
{
    struct buffer bytes;
    *ret_token = (struct admin_token){0};
    if (!is_private(path, error) || !read_file(path, FILE_BYTES_MAX, &bytes, error))
        return false;
    struct span line = buffer_span(&bytes);
    if (span_ends_with(line, SPAN("\n")))
        line = span_take(line, line.size - 1);
    bool good = is_token(line);
    if (good)
        memcpy(ret_token->text, line.data, line.size);
    read_file_wipe(&bytes);
    return good || error_set(error, ERROR_INVALID, NULL, "%s: a token is one line of %d to %d visible characters", path,
                             ADMIN_TOKEN_LEAST, ADMIN_TOKEN_MOST);
}
