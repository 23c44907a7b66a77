/* server/fleet/identity.c -- the file `replica`: five lines, written under another name first. */
#include "server/fleet/identity.h"

#include "runtime/base/hex.h"
#include "runtime/base/read_file.h"
#include "s3client/wire/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 1024,
    PATH_BYTES = IDENTITY_PATH_BYTES + 16,
    ID_DIGITS = 2 * JOURNAL_ID_BYTES,
    HOST_BYTES = 256,
};

static const struct span first_line = SPAN("bale replica 1\n");

static const struct {
    const char *name;
    size_t offset;
} lines[] = {
    {"id", offsetof(struct fleet_identity, id)},
    {"start", offsetof(struct fleet_identity, start)},
    {"known", offsetof(struct fleet_identity, known)},
    {"lineage", offsetof(struct fleet_identity, lineage)},
};
enum { LINES_COUNT = sizeof lines / sizeof lines[0] };

/* ---- text ---- */

static void encode(const struct fleet_identity *identity, struct buffer *ret_text)
{
    buffer_append(ret_text, first_line);
    for (unsigned i = 0; i < LINES_COUNT; i++) {
        char digits[ID_DIGITS];
        hex_encode(span_of((const char *)identity + lines[i].offset, JOURNAL_ID_BYTES), digits);
        buffer_append_format(ret_text, "%s %.*s\n", lines[i].name, ID_DIGITS, digits);
    }
}

/* Only what encode writes. */
static bool decode(struct span text, struct fleet_identity *identity)
{
    if (!span_starts_with(text, first_line))
        return false;
    text = span_skip(text, first_line.size);
    for (unsigned i = 0; i < LINES_COUNT; i++) {
        size_t name_bytes = strlen(lines[i].name);
        size_t line_bytes = name_bytes + 1 + ID_DIGITS + 1;
        if (text.size < line_bytes || memcmp(text.data, lines[i].name, name_bytes) != 0 ||
            text.data[line_bytes - 1] != '\n' ||
            !hex_decode(span_take(span_skip(text, name_bytes + 1), ID_DIGITS), (uint8_t *)identity + lines[i].offset,
                        JOURNAL_ID_BYTES))
            return false;
        text = span_skip(text, line_bytes);
    }
    return text.size == 0 && !journal_id_is_zero(&identity->id);
}

/* ---- the place ---- */

static struct journal_id find_place(const char *folder)
{
    struct sha256_sum sum;
    uint8_t digest[SHA256_BYTES];
    struct journal_id place;
    char host[HOST_BYTES] = "";
    struct statx status = {0};
    (void)gethostname(host, sizeof host - 1);
    (void)statx(AT_FDCWD, folder, 0, STATX_INO | STATX_BTIME, &status); /* what is not known is 0 everywhere */
    sha256_begin(&sum);
    sha256_update(&sum, span_from_string(host));
    sha256_update(&sum, span_of(&status.stx_ino, sizeof status.stx_ino));
    sha256_update(&sum, span_of(&status.stx_btime.tv_sec, sizeof status.stx_btime.tv_sec));
    sha256_update(&sum, span_of(&status.stx_btime.tv_nsec, sizeof status.stx_btime.tv_nsec));
    sha256_end(&sum, digest);
    memcpy(place.bytes, digest, sizeof place.bytes);
    return place;
}

/* ---- the file ---- */

void fleet_identity_renew(struct fleet_identity *identity, const struct random_source *random)
{
    random_fill(random, identity->id.bytes, sizeof identity->id.bytes);
    identity->start = (struct journal_id){0};
    identity->known = (struct journal_id){0};
    identity->is_new = true;
}

bool fleet_identity_load(const char *folder, const struct random_source *random, struct fleet_identity *ret_identity,
                         struct error *error)
{
    char path[PATH_BYTES];
    struct buffer text;
    *ret_identity = (struct fleet_identity){0};
    fleet_identity_renew(ret_identity, random);
    if (folder == NULL)
        return true;
    if ((size_t)snprintf(ret_identity->folder, sizeof ret_identity->folder, "%s", folder) >=
        sizeof ret_identity->folder)
        return error_set(error, ERROR_TOO_LARGE, NULL, "--state: the path of the folder is too long");
    ret_identity->place = find_place(folder);
    (void)snprintf(path, sizeof path, "%s/replica", folder);
    if (!read_file(path, FILE_BYTES_MAX, &text, error))
        return error->kind == ERROR_NOT_FOUND || error->kind == ERROR_TOO_LARGE;
    struct fleet_identity read = *ret_identity;
    read.is_new = false;
    if (decode(buffer_span(&text), &read))
        *ret_identity = read;
    buffer_free(&text);
    return true;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return done;
}

bool fleet_identity_save(const struct fleet_identity *identity, struct error *error)
{
    char path[PATH_BYTES];
    char temporary[PATH_BYTES];
    struct buffer text;
    if (identity->folder[0] == '\0')
        return true;
    (void)snprintf(path, sizeof path, "%s/replica", identity->folder);
    (void)snprintf(temporary, sizeof temporary, "%s/replica.new", identity->folder);
    buffer_init(&text, FILE_BYTES_MAX);
    encode(identity, &text);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write(fd, text.data, text.size) == (ssize_t)text.size && fsync(fd) == 0 &&
                rename(temporary, path) == 0 && sync_folder(identity->folder);
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    buffer_free(&text);
    return done || error_set_errno(error, reason, "%s cannot be written", path);
}
