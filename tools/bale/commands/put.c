/* tools/bale/commands/put.c -- bale put: a file into an object of any S3 server, in parts, and checked. */
#include "tools/bale/command.h"
#include "tools/bale/session/s3_session.h"
#include "tools/bale/transfer/upload.h"
#include "tools/bale/view/bytes_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct put {
    const struct command_line *line;
    struct span bucket;
    struct span key;
    int fd;
};

static void print_done(const struct put *put, const struct upload_result *result, const struct meter *meter)
{
    char size[BYTES_TEXT_BYTES];
    char rate[BYTES_TEXT_BYTES];
    double seconds = meter_seconds(meter);
    bytes_text((double)result->size, size);
    bytes_text(seconds > 0 ? (double)meter->done_bytes / seconds : 0, rate);
    (void)fprintf(stderr, "%s: %s in %.1f s, %s/s, ", put->line->what, size, seconds, rate);
    if (result->parts_found > 0)
        (void)fprintf(stderr, "%u of its %u parts were there already, ", result->parts_found, result->parts);
    (void)fprintf(stderr, "%s\n",
                  result->is_verified ? "verified by its CRC64NVME" : "not verified: nothing to compare with");
}

SUSPENDS static bool put_file(const struct s3_session *session, void *context, struct error *error)
{
    const struct put *put = context;
    const struct command_line *line = put->line;
    struct meter meter;
    struct upload_result result;
    const struct upload_settings settings = {
        .session = session,
        .connections = (unsigned)line->parts,
        .part_bytes = line->part_size,
        .bucket = put->bucket,
        .key = put->key,
        .content_type = line->content_type,
        .is_new = line->if_none_match,
        .is_resumed = line->resume,
        .meter = &meter,
    };
    meter_begin(&meter, !line->quiet);
    bool is_done = upload_file(&settings, put->fd, &result, error);
    meter_end(&meter);
    if (is_done && !line->quiet)
        print_done(put, &result, &meter);
    if (!is_done && result.is_left && !line->quiet)
        (void)fprintf(stderr, "bale put: the server keeps the parts that have come: --resume goes on\n");
    return is_done;
}

/* A key that is empty or ends in a slash goes on with the file's name. */
static bool name_object(const struct command_line *line, struct buffer *key, struct put *put, struct error *error)
{
    const char *slash = strrchr(line->target, '/');
    if (!s3_session_name(line->what, &put->bucket, &put->key, error))
        return false;
    buffer_append(key, put->key);
    if (put->key.size == 0 || span_ends_with(put->key, SPAN("/")))
        buffer_append_string(key, slash != NULL ? slash + 1 : line->target);
    put->key = buffer_span(key);
    return (put->key.size > 0 && put->key.size <= S3_KEY_BYTES_MAX) ||
           error_set(error, ERROR_INVALID, NULL, "a key has 1 to %d bytes", S3_KEY_BYTES_MAX);
}

bool command_check_put(const struct command_line *line, struct error *error)
{
    struct span bucket;
    struct span key;
    if (line->what == NULL)
        return error_set(error, ERROR_INVALID, NULL, "it needs a FILE and s3://BUCKET/KEY");
    return s3_session_name(line->what, &bucket, &key, error);
}

bool command_put(const struct command_line *line, struct error *error)
{
    struct put put = {.line = line};
    struct buffer key = {0};
    bool is_done = name_object(line, &key, &put, error);
    if (is_done) {
        put.fd = open(line->target, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe is refused, not waited for */
        is_done = put.fd >= 0 ? s3_session_run(&line->server, (unsigned)line->parts, put_file, &put, error)
                              : error_set_errno(error, errno, "it cannot be opened");
        if (put.fd >= 0)
            (void)close(put.fd);
    }
    buffer_free(&key);
    return is_done || error_prepend(error, "%s", line->target);
}
