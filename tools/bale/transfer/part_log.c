/* tools/bale/transfer/part_log.c -- the lines of NAME.bale-log. */
#include "tools/bale/transfer/part_log.h"

#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 4 << 20 };

static const char FIRST[] = "bale get 1: ";

static void write_first(const struct part_log_facts *facts, struct buffer *to)
{
    buffer_append_format(to, "%s%" PRIu64 " bytes in parts of %" PRIu64 ", %s, %s\n", FIRST, facts->size,
                         facts->part_bytes, checksum_name(facts->algorithm), facts->etag);
}

/* ---- reading ---- */

static bool read_all(int fd, struct buffer *to, struct error *error)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return error_set_errno(error, errno, "the log of parts");
    if (!S_ISREG(found.st_mode) || found.st_size > LOG_BYTES_MAX)
        return true; /* not ours: nothing is found */
    buffer_init(to, LOG_BYTES_MAX);
    if (!buffer_reserve(to, (size_t)found.st_size + 1))
        return true;
    ssize_t size;
    while ((size = pread(fd, to->data + to->size, to->capacity - to->size, (off_t)to->size)) > 0)
        to->size += (size_t)size;
    return size == 0 || error_set_errno(error, errno, "the log of parts");
}

static bool take_line(struct span *rest, struct span *ret_line)
{
    size_t end = span_find(*rest, '\n');
    if (end == SIZE_MAX)
        return false;
    *ret_line = span_take(*rest, end);
    *rest = span_skip(*rest, end + 1);
    return true;
}

/* The number between `before` and a comma. */
static bool find_part_bytes(struct span line, uint64_t *ret_bytes)
{
    static const char BEFORE[] = " bytes in parts of ";
    const uint8_t *at = memmem(line.data, line.size, BEFORE, sizeof BEFORE - 1);
    if (at == NULL)
        return false;
    struct span rest = span_skip(line, (size_t)(at - line.data) + sizeof BEFORE - 1);
    return decimal_parse_range(span_take(rest, span_find(rest, ',')), 1, UINT64_MAX / 2, ret_bytes);
}

/* Is it the first line that this revision gets with some size of parts? */
static bool is_first_of(struct span line, struct part_log_facts *facts)
{
    struct part_log_facts presumed = *facts;
    struct buffer expected = {0};
    if (!find_part_bytes(line, &presumed.part_bytes))
        return false;
    write_first(&presumed, &expected);
    bool is_same = span_equal(span_take(buffer_span(&expected), expected.size - 1), line);
    buffer_free(&expected);
    if (is_same)
        *facts = presumed;
    return is_same;
}

static bool read_log(struct part_log *log, struct part_log_facts *facts, bool *ret_is_there, struct error *error)
{
    struct span line;
    if (!read_all(log->fd, &log->found, error))
        return false;
    log->rest = buffer_span(&log->found);
    if (!take_line(&log->rest, &line) || !span_starts_with(line, SPAN(FIRST)))
        return true;
    *ret_is_there = is_first_of(line, facts);
    return *ret_is_there || error_set(error, ERROR_CHANGED, NULL, "what is here is of another revision: %.*s",
                                      SPAN_FORMAT(span_skip(line, sizeof FIRST - 1)));
}

bool part_log_open(const struct local_file *file, struct part_log_facts *facts, struct part_log *ret_log,
                   bool *ret_is_there, struct error *error)
{
    *ret_is_there = false;
    *ret_log =
        (struct part_log){.fd = openat(file->folder, file->log_name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC)};
    if (ret_log->fd < 0)
        return errno == ENOENT || error_set_errno(error, errno, "%s", file->log_name);
    bool is_read = read_log(ret_log, facts, ret_is_there, error);
    if (!*ret_is_there)
        part_log_close(ret_log);
    return is_read;
}

/* "part N HEX" */
static bool read_note(struct span line, enum checksum_algorithm algorithm, unsigned *ret_number,
                      struct checksum_value *ret_sum)
{
    uint64_t number;
    if (!span_starts_with(line, SPAN("part ")))
        return false;
    line = span_skip(line, 5);
    size_t blank = span_find(line, ' ');
    *ret_sum = (struct checksum_value){.algorithm = algorithm};
    if (blank == SIZE_MAX || !decimal_parse_range(span_take(line, blank), 0, UINT32_MAX, &number) ||
        !hex_decode(span_skip(line, blank + 1), ret_sum->bytes, checksum_size(algorithm)))
        return false;
    *ret_number = (unsigned)number;
    return true;
}

bool part_log_next(struct part_log *log, enum checksum_algorithm algorithm, unsigned *ret_number,
                   struct checksum_value *ret_sum)
{
    struct span line;
    while (take_line(&log->rest, &line)) {
        if (read_note(line, algorithm, ret_number, ret_sum))
            return true;
    }
    return false;
}

/* ---- writing ---- */

static bool append(struct part_log *log, const struct buffer *line, struct error *error)
{
    ssize_t written = write(log->fd, line->data, line->size);
    return (written >= 0 && (size_t)written == line->size) ||
           error_set_errno(error, written < 0 ? errno : ENOSPC, "the log of parts");
}

bool part_log_begin(const struct local_file *file, const struct part_log_facts *facts, struct part_log *ret_log,
                    struct error *error)
{
    struct buffer line = {0};
    *ret_log = (struct part_log){.fd = openat(file->folder, file->log_name,
                                              O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666)};
    if (ret_log->fd < 0)
        return error_set_errno(error, errno, "%s", file->log_name);
    write_first(facts, &line);
    bool is_begun = append(ret_log, &line, error);
    buffer_free(&line);
    if (!is_begun)
        part_log_close(ret_log);
    return is_begun;
}

bool part_log_add(struct part_log *log, unsigned number, const struct checksum_value *sum, struct error *error)
{
    char digits[2 * CHECKSUM_BYTES_MAX];
    struct buffer line = {0};
    size_t size = checksum_size(sum->algorithm);
    if (log->fd < 0)
        return true;
    hex_encode(span_of(sum->bytes, size), digits);
    buffer_append_format(&line, "part %u %.*s\n", number, (int)(2 * size), digits);
    bool is_added = append(log, &line, error);
    buffer_free(&line);
    return is_added;
}

void part_log_close(struct part_log *log)
{
    if (log->fd >= 0)
        (void)close(log->fd);
    buffer_free(&log->found);
    *log = (struct part_log){.fd = -1};
}
