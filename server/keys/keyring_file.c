/* server/keys/keyring_file.c -- makes and changes keyrings as files. */
#include "runtime/base/assert.h"
#include "runtime/base/base64.h"
#include "runtime/base/hex.h"
#include "runtime/base/secret.h"
#include "s3client/wire/checksum.h"
#include "s3client/wire/date.h"
#include "server/keys/keyring_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = 1024,
    KEY_TEXT_BYTES = 128,
    SERVICE_TEXT_BYTES = 10 * (INI_LINE_BYTES_MAX + 1),
    FILE_TEXT_BYTES =
        (KEYRING_KEYS_MAX + KEYRING_S4_KEYS_MAX + 2) * KEY_TEXT_BYTES + KMS_SERVICES_MAX * SERVICE_TEXT_BYTES
};

void keyring_key_id(const uint8_t key[AES_KEY_BYTES], uint8_t ret_id[SEAL_KEY_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, SPAN("bale key"));
    sha256_update(&sum, span_of(key, AES_KEY_BYTES));
    sha256_end(&sum, digest);
    memcpy(ret_id, digest, SEAL_KEY_ID_BYTES);
    explicit_bzero(&sum, sizeof sum);
}

/* ---- writing ---- */

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t *size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(text + *size, FILE_TEXT_BYTES - *size, format, arguments);
    va_end(arguments);
    ASSERT(added >= 0 && (size_t)added < FILE_TEXT_BYTES - *size);
    *size += (size_t)added;
}

static void append_material(char *text, size_t *size, const uint8_t key[AES_KEY_BYTES])
{
    char encoded[BASE64_ENCODED_BYTES(AES_KEY_BYTES)];
    base64_encode(span_of(key, AES_KEY_BYTES), encoded);
    append(text, size, "material = %.*s\n", (int)sizeof encoded, encoded);
    explicit_bzero(encoded, sizeof encoded);
}

static void append_service(char *text, size_t *size, const struct kms_service *service)
{
    const char *name;
    const char *value;
    append(text, size, "[kms %s]\n", service->name);
    for (unsigned n = 0; kms_service_line(service, n, &name, &value); n++)
        if (value[0] != '\0')
            append(text, size, "%s = %s\n", name, value);
}

/* Room for FILE_TEXT_BYTES. Returns its size. */
static size_t format(const struct keyring_material *material, char *text)
{
    char id[KEYRING_ID_TEXT_BYTES];
    size_t size = 0;
    append(text, &size, "; Keys of objects: whoever has this file reads them, and without it nobody does.\n");
    if (material->count > 0) {
        keyring_id_format(material->keys[material->active].id, id);
        append(text, &size, "[keyring]\nactive = %s\n", id);
    }
    for (unsigned i = 0; i < material->count; i++) {
        keyring_id_format(material->keys[i].id, id);
        append(text, &size, "[key %s]\n", id);
        if (material->keys[i].is_retired)
            append(text, &size, "use = read\n");
        if (material->keys[i].has_material)
            append_material(text, &size, material->keys[i].key);
        else
            append(text, &size, "destroyed = %s\n", material->keys[i].destroyed);
    }
    for (unsigned i = 0; i < material->s4_count; i++) {
        append(text, &size, "[s4 %u]\n", material->s4_keys[i].id);
        append_material(text, &size, material->s4_keys[i].key);
    }
    for (unsigned i = 0; i < material->services.count; i++)
        append_service(text, &size, &material->services.items[i]);
    return size;
}

static bool write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
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

static bool sync_folder_of(const char *path)
{
    char copy[PATH_BYTES];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

/* A new file is linked, so that none that is there is lost; a changed one takes the place of the old. */
static bool put_in_place(const char *temporary, const char *path, bool is_new)
{
    if (!is_new)
        return rename(temporary, path) == 0;
    bool linked = link(temporary, path) == 0;
    int reason = errno;
    (void)unlink(temporary);
    errno = reason;
    return linked;
}

/* Root may change the keyring of a server that is not root's. */
static bool keep_owner(int fd, const char *path)
{
    struct stat old;
    return stat(path, &old) == 0 && fchown(fd, old.st_uid, old.st_gid) == 0;
}

static bool write_text(const char *path, const char *text, size_t size, bool is_new, struct error *error)
{
    char temporary[PATH_BYTES];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return error_set(error, ERROR_TOO_LARGE, NULL, "The path of the keyring is too long.");
    (void)unlink(temporary); /* of a run that was killed */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_all(fd, text, size) && (is_new || keep_owner(fd, path)) &&
              put_in_place(temporary, path, is_new) && sync_folder_of(path);
    int reason = errno;
    if (fd >= 0)
        (void)close(fd);
    if (!ok)
        (void)unlink(temporary); /* keys lie nowhere else than in the keyring */
    if (!ok && is_new && reason == EEXIST)
        return error_set(error, ERROR_CONFLICT, NULL, "%s is there already; bale keyring add makes one key more.",
                         path);
    return ok || error_set_errno(error, reason, "%s cannot be written", path);
}

static bool write_material(const char *path, const struct keyring_material *material, bool is_new, struct error *error)
{
    char *text = secret_map(FILE_TEXT_BYTES);
    if (text == NULL)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory for a keyring.");
    bool written = write_text(path, text, format(material, text), is_new, error);
    secret_unmap(text, FILE_TEXT_BYTES);
    return written;
}

/* ---- changing ---- */

/* Of two that read a file and write it anew, the second would lose what the first has put into it; and of two new files
 * beside it, one would be the other's. Returns the folder of the file, locked until it is closed; -1: refused. */
static int lock_folder_of(const char *path, struct error *error)
{
    char copy[PATH_BYTES];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) {
        (void)error_set(error, ERROR_TOO_LARGE, NULL, "The path of the keyring is too long.");
        return -1;
    }
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0 && flock(folder, LOCK_EX) == 0)
        return folder;
    (void)error_set_errno(error, errno, "%s cannot be written", path);
    if (folder >= 0)
        (void)close(folder);
    return -1;
}

static void draw_key(struct keyring_material *material, const struct random_source *random,
                     char ret_id[KEYRING_ID_TEXT_BYTES])
{
    struct keyring_key *key = &material->keys[material->count++];
    random_fill(random, key->key, sizeof key->key);
    keyring_key_id(key->key, key->id);
    key->has_material = true;
    keyring_id_format(key->id, ret_id);
}

bool keyring_create(const char *path, const struct random_source *random, char ret_id[KEYRING_ID_TEXT_BYTES],
                    struct error *error)
{
    struct keyring_material *material = secret_map(sizeof *material);
    if (material == NULL)
        return error_set(error, ERROR_BUSY, NULL, "There is no memory for a keyring.");
    int folder = lock_folder_of(path, error);
    draw_key(material, random, ret_id);
    bool written = folder >= 0 && write_material(path, material, true, error);
    if (folder >= 0)
        (void)close(folder);
    keyring_material_free(material);
    return written;
}

/* What changes of a file: refused, or done to `material`. */
struct change {
    bool (*make)(const struct change *change, struct keyring_material *material, struct error *error);
    const char *path;
    struct span id; /* of the key that is meant; of a new one not asked */
    const struct random_source *random;
    char *ret_id;
    int64_t now_ms;
};

static bool make_alone(const struct change *change, struct error *error)
{
    struct keyring_material *material = keyring_material_load(change->path, error);
    bool done = material != NULL && change->make(change, material, error) &&
                write_material(change->path, material, false, error);
    keyring_material_free(material);
    return done;
}

static bool change_file(const struct change *change, struct error *error)
{
    int folder = lock_folder_of(change->path, error);
    if (folder < 0)
        return false;
    bool done = make_alone(change, error);
    (void)close(folder);
    return done;
}

static bool make_add(const struct change *change, struct keyring_material *material, struct error *error)
{
    if (material->count == KEYRING_KEYS_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "%s has %d keys, and takes no more.", change->path,
                         KEYRING_KEYS_MAX);
    draw_key(material, change->random, change->ret_id);
    return true;
}

bool keyring_add(const char *path, const struct random_source *random, char ret_id[KEYRING_ID_TEXT_BYTES],
                 struct error *error)
{
    const struct change change = {.make = make_add, .path = path, .random = random, .ret_id = ret_id};
    return change_file(&change, error);
}

/* NULL: there is no such key, or it is destroyed. */
static struct keyring_key *find_key(const struct change *change, struct keyring_material *material, struct error *error)
{
    uint8_t bytes[SEAL_KEY_ID_BYTES];
    bool is_id = hex_decode(change->id, bytes, sizeof bytes);
    unsigned place = is_id ? keyring_material_find(material, bytes) : material->count;
    if (place == material->count) {
        (void)error_set(error, ERROR_NOT_FOUND, NULL, "%s has no key %.*s.", change->path, SPAN_FORMAT(change->id));
        return NULL;
    }
    struct keyring_key *key = &material->keys[place];
    if (key->has_material)
        return key;
    (void)error_set(error, ERROR_CONFLICT, NULL, "The key %.*s was destroyed on %s.", SPAN_FORMAT(change->id),
                    key->destroyed);
    return NULL;
}

static bool make_activate(const struct change *change, struct keyring_material *material, struct error *error)
{
    const struct keyring_key *key = find_key(change, material, error);
    if (key == NULL)
        return false;
    material->active = (unsigned)(key - material->keys);
    return keyring_key_may_write(key) ||
           error_set(error, ERROR_CONFLICT, NULL, "The key %.*s is retired.", SPAN_FORMAT(change->id));
}

bool keyring_activate(const char *path, struct span id, struct error *error)
{
    const struct change change = {.make = make_activate, .path = path, .id = id};
    return change_file(&change, error);
}

/* NULL: as find_key, or it is active. */
static struct keyring_key *find_inactive(const struct change *change, struct keyring_material *material,
                                         struct error *error)
{
    struct keyring_key *key = find_key(change, material, error);
    if (key == NULL || key != &material->keys[material->active])
        return key;
    (void)error_set(error, ERROR_CONFLICT, NULL, "The key %.*s is active; activate another one first.",
                    SPAN_FORMAT(change->id));
    return NULL;
}

static bool make_retire(const struct change *change, struct keyring_material *material, struct error *error)
{
    struct keyring_key *key = find_inactive(change, material, error);
    if (key == NULL)
        return false;
    key->is_retired = true;
    return true;
}

bool keyring_retire(const char *path, struct span id, struct error *error)
{
    const struct change change = {.make = make_retire, .path = path, .id = id};
    return change_file(&change, error);
}

static bool make_destroy(const struct change *change, struct keyring_material *material, struct error *error)
{
    char now[DATE_TEXT_BYTES];
    struct keyring_key *key = find_inactive(change, material, error);
    if (key == NULL)
        return false;
    date_format_xml(change->now_ms, now);
    memcpy(key->destroyed, now, KEYRING_DAY_BYTES - 1);
    explicit_bzero(key->key, sizeof key->key);
    key->has_material = false;
    key->is_retired = false;
    return true;
}

bool keyring_destroy(const char *path, struct span id, int64_t now_ms, struct error *error)
{
    const struct change change = {.make = make_destroy, .path = path, .id = id, .now_ms = now_ms};
    return change_file(&change, error);
}
