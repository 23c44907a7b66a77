/* server/process/first_credentials.c -- makes a key pair that clients accept as one, and a file that accounts_load
 * reads.
 */
#include "server/process/first_credentials.h"

#include "runtime/base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As AWS has them: 20 capital letters and digits, beginning with AKIA; 40 of the base64 alphabet. The secret keeps to
 * letters and digits, which survive every shell and every configuration file. */
static void draw(const struct random_source *random, const char *alphabet, size_t count, char *ret_text)
{
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < count; i++)
        ret_text[i] = alphabet[random_below(random, letters)];
    ret_text[count] = '\0';
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size != 0) {
        ssize_t written = write(fd, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        size -= (size_t)written;
    }
    return fsync(fd) == 0;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* The whole file under another name first: a crash leaves no half of it. */
static bool write_file(const char *folder, const struct first_credentials *made, const char *id, struct error *error)
{
    char text[512];
    char temporary[sizeof made->path + 8];
    size_t size =
        (size_t)snprintf(text, sizeof text, "[owner]\naccess_key = %s\nsecret_key = %s\nid = %s\nrole = readwrite\n",
                         made->access_key, made->secret_key, id);
    (void)snprintf(temporary, sizeof temporary, "%s.new", made->path);
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, text, size) && rename(temporary, made->path) == 0 && sync_folder(folder);
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(text, sizeof text);
    return ok || error_set_errno(error, reason, "%s cannot be written", made->path);
}

bool first_credentials_make(const char *folder, const struct random_source *random, struct first_credentials *ret,
                            struct error *error)
{
    *ret = (struct first_credentials){0};
    if ((size_t)snprintf(ret->path, sizeof ret->path, "%s/credentials", folder) >= sizeof ret->path)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the path of the backend's folder is too long");
    if (access(ret->path, F_OK) == 0)
        return true;
    if (errno != ENOENT)
        return error_set_errno(error, errno, "%s", ret->path);

    uint8_t id[32];
    char id_text[65];
    random_fill(random, id, sizeof id);
    hex_encode(span_of(id, sizeof id), id_text);
    id_text[64] = '\0';
    memcpy(ret->access_key, "AKIA", 4);
    draw(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ACCESS_KEY_BYTES - 5, ret->access_key + 4);
    draw(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", SECRET_KEY_BYTES - 1,
         ret->secret_key);
    return write_file(folder, ret, id_text, error);
}
