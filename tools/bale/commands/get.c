/* tools/bale/commands/get.c -- bale get: an object of any S3 server into a file, in parts, as one revision, and
 * checked.
 */
#include "runtime/base/assert.h"
#include "tools/bale/command.h"
#include "tools/bale/session/s3_session.h"
#include "tools/bale/transfer/download.h"
#include "tools/bale/transfer/tree.h"
#include "tools/bale/transfer/url_place.h"
#include "tools/bale/view/bytes_text.h"
#include "tools/bale/view/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS_MAX = 4 };

struct get {
    const struct command_line *line;
    struct url_place url; /* where it is named by a URL */
    struct remote_object object;
    bool is_to_stream;
    char *path; /* of the file */
    struct local_file file;
    struct meter meter;
};

/* ---- where it goes ---- */

static struct span last_segment(struct span key)
{
    for (size_t slash = span_find(key, '/'); slash != SIZE_MAX; slash = span_find(key, '/'))
        key = span_skip(key, slash + 1);
    return key;
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static char *join(const char *folder, struct span name)
{
    size_t size = strlen(folder) + name.size + 2;
    char *path = malloc(size);
    ASSERT(path != NULL);
    (void)snprintf(path, size, "%s%s%.*s", folder, folder[0] != '\0' ? "/" : "", SPAN_FORMAT(name));
    return path;
}

/* FILE, or the key's last segment in the folder that is given, or in this one. */
static bool choose_path(struct get *get, struct error *error)
{
    const char *given = get->line->what;
    struct span name = last_segment(get->object.key);
    if (given != NULL && !is_folder(given)) {
        get->path = join("", span_from_string(given));
        return true;
    }
    if (name.size == 0 || span_equal(name, SPAN(".")) || span_equal(name, SPAN("..")))
        return error_set(error, ERROR_INVALID, NULL, "its key names no file: say which FILE it becomes");
    get->path = join(given != NULL ? given : "", name);
    return true;
}

static bool open_file(struct get *get, struct error *error)
{
    const char *slash = strrchr(get->path, '/');
    const char *name = slash == NULL ? get->path : slash + 1;
    char *folder = slash == NULL ? strdup(".") : strndup(get->path, (size_t)(name - get->path));
    ASSERT(folder != NULL);
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_open = folder_fd >= 0 ? local_file_open(folder_fd, span_from_string(name), &get->file, error)
                                  : error_set_errno(error, errno, "%s", folder);
    free(folder);
    return is_open;
}

/* ---- one revision ---- */

static void print_done(const struct get *get, const struct object_check *check)
{
    char size[BYTES_TEXT_BYTES];
    char rate[BYTES_TEXT_BYTES];
    char name[OBJECT_CHECK_NAME_BYTES] = "not verified: nothing to compare with";
    double seconds = meter_seconds(&get->meter);
    bytes_text((double)get->object.size, size);
    bytes_text(seconds > 0 ? (double)get->meter.done_bytes / seconds : 0, rate);
    if (check->algorithm != CHECKSUM_NONE)
        object_check_name(check, name);
    printable_write(stderr, span_from_string(get->is_to_stream ? "standard output" : get->path));
    (void)fprintf(stderr, ": %s in %.1f s, %s/s, %s%s\n", size, seconds, rate,
                  check->algorithm != CHECKSUM_NONE ? "verified by its " : "", name);
}

SUSPENDS static bool fetch(struct get *get, const struct download_settings *settings, struct object_check *check,
                           struct error *error)
{
    const struct local_file_facts facts = {
        .modified_ms = get->object.modified_ms, .etag = get->object.etag, .is_synced = !get->line->no_sync};
    if (get->is_to_stream)
        return download_to_stream(settings, &get->object, check, STDOUT_FILENO, error);
    return download_to_file(settings, &get->object, check, &get->file, error) &&
           local_file_finish(&get->file, &facts, error);
}

SUSPENDS static bool get_revision(struct get *get, const struct s3_session *session, bool is_resumed,
                                  struct error *error)
{
    const struct command_line *line = get->line;
    const struct download_settings settings = {
        .session = session,
        .connections = (unsigned)line->parts,
        .part_bytes = line->part_size,
        .is_sparse = line->sparse,
        .is_resumed = is_resumed,
        .meter = &get->meter,
    };
    struct object_check check;
    if (!remote_object_look(session->client, &get->object, error) ||
        !object_check_choose(session->client, &get->object, (enum check_wish)line->check, get->is_to_stream, &check,
                             error))
        return false;
    meter_begin(&get->meter, !line->quiet);
    get->meter.total_bytes = get->object.size;
    bool is_done = fetch(get, &settings, &check, error);
    meter_end(&get->meter);
    if (is_done && !line->quiet)
        print_done(get, &check);
    object_check_free(&check);
    return is_done;
}

SUSPENDS static bool get_object(const struct s3_session *session, void *context, struct error *error)
{
    struct get *get = context;
    for (unsigned attempt = 1;; attempt++) {
        if (get_revision(get, session, get->line->resume && attempt == 1, error))
            return true;
        if (error->kind != ERROR_CHANGED || get->line->on_change != GET_RESTART || attempt == ATTEMPTS_MAX)
            return false;
        if (!get->line->quiet)
            (void)fprintf(stderr, "bale get: %s; beginning anew\n", error->message);
    }
}

/* ---- a tree ---- */

struct get_tree {
    const struct command_line *line;
    struct span bucket;
    struct span prefix;
    int root;
};

static void tell(struct span key, const struct error *why)
{
    (void)fputs("bale get: ", stderr);
    printable_write(stderr, key);
    (void)fputs(": ", stderr);
    printable_write(stderr, span_from_string(why->message));
    (void)fputc('\n', stderr);
}

static void print_tree(const struct command_line *line, const struct tree_result *result, const struct meter *meter)
{
    char bytes[BYTES_TEXT_BYTES];
    char rate[BYTES_TEXT_BYTES];
    double seconds = meter_seconds(meter);
    bytes_text((double)result->bytes, bytes);
    bytes_text(seconds > 0 ? (double)result->bytes / seconds : 0, rate);
    (void)fprintf(stderr,
                  "%s: %" PRIu64 " objects, %s in %.1f s, %s/s, all but %" PRIu64 " verified; %" PRIu64
                  " were there already\n",
                  line->what, result->objects, bytes, seconds, rate, result->unverified, result->skipped);
}

SUSPENDS static bool get_tree(const struct s3_session *session, void *context, struct error *error)
{
    const struct get_tree *get = context;
    const struct command_line *line = get->line;
    struct meter meter;
    struct tree_result result;
    const struct tree_settings settings = {
        .download = {.session = session,
                     .connections = (unsigned)line->parts,
                     .part_bytes = line->part_size,
                     .is_sparse = line->sparse,
                     .is_resumed = line->resume,
                     .meter = &meter},
        .bucket = get->bucket,
        .prefix = get->prefix,
        .root = get->root,
        .include = line->include,
        .exclude = line->exclude,
        .wish = (enum check_wish)line->check,
        .restarts = line->on_change == GET_RESTART,
        .is_synced = !line->no_sync,
        .tell = tell,
    };
    meter_begin(&meter, !line->quiet);
    bool is_done = tree_fetch(&settings, &result, error);
    meter_end(&meter);
    if (!line->quiet)
        print_tree(line, &result, &meter);
    if (is_done && result.failed > 0)
        return error_set(error, ERROR_INVALID, NULL, "%" PRIu64 " objects were not got", result.failed);
    return is_done;
}

static bool get_to_folder(const struct command_line *line, struct error *error)
{
    struct get_tree get = {.line = line};
    if (!s3_session_name(line->target, &get.bucket, &get.prefix, error))
        return false;
    if (mkdir(line->what, 0777) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "%s", line->what);
    get.root = open(line->what, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (get.root < 0)
        return error_set_errno(error, errno, "%s", line->what);
    bool is_done = s3_session_run(&line->server, 2 * (unsigned)line->parts, get_tree, &get, error);
    (void)close(get.root);
    return is_done;
}

/* ---- the command ---- */

static bool check_tree(const struct command_line *line, struct span prefix, struct error *error)
{
    if (line->what == NULL || strcmp(line->what, "-") == 0)
        return error_set(error, ERROR_INVALID, NULL, "--tree wants the folder that the objects go into");
    if (line->version_id != NULL)
        return error_set(error, ERROR_INVALID, NULL, "--tree gets current versions: --version-id is of one object");
    return prefix.size <= S3_KEY_BYTES_MAX ||
           error_set(error, ERROR_INVALID, NULL, "%s: a prefix has at most %d bytes", line->target, S3_KEY_BYTES_MAX);
}

bool command_check_get(const struct command_line *line, struct error *error)
{
    struct span bucket;
    struct span key = SPAN("url");
    if (url_place_is(line->target)) {
        if (line->tree || line->version_id != NULL)
            return error_set(error, ERROR_INVALID, NULL, "--tree and --version-id want s3://BUCKET/KEY, and no URL");
    } else if (!s3_session_name(line->target, &bucket, &key, error)) {
        return false;
    }
    if (line->tree)
        return check_tree(line, key, error);
    if (line->include != NULL || line->exclude != NULL)
        return error_set(error, ERROR_INVALID, NULL, "--include and --exclude choose among the objects of --tree");
    if (line->what != NULL && strcmp(line->what, "-") == 0 &&
        (line->on_change == GET_RESTART || line->sparse || line->resume))
        return error_set(
            error, ERROR_INVALID, NULL,
            "--on-change restart, --resume and --sparse want a FILE: what went to standard output is gone");
    return (key.size > 0 && key.size <= S3_KEY_BYTES_MAX) ||
           error_set(error, ERROR_INVALID, NULL,
                     "%s: a key has 1 to %d bytes; --tree gets all that begin with one, or all", line->target,
                     S3_KEY_BYTES_MAX);
}

/* Nobody's keys go to a place that a URL names: it says by itself who may. */
static bool run(struct get *get, struct error *error)
{
    struct s3_place place = get->line->server;
    if (get->url.target.size > 0) {
        place.endpoint = get->url.origin;
        place.addressing = S3_ADDRESS_PATH;
        place.is_anonymous = true;
    }
    return s3_session_run(&place, (unsigned)get->line->parts, get_object, get, error);
}

static bool get_to_file(struct get *get, struct error *error)
{
    bool is_done = choose_path(get, error) && open_file(get, error);
    if (is_done) {
        is_done = run(get, error);
        if (!is_done && get->file.is_kept && error->kind != ERROR_CHANGED && !get->line->quiet) {
            (void)fputs("bale get: ", stderr);
            printable_write(stderr, span_from_string(get->path));
            (void)fputs(LOCAL_FILE_PART_SUFFIX " keeps what has come: --resume goes on\n", stderr);
        }
        local_file_close(&get->file);
    }
    free(get->path);
    return is_done;
}

static bool name_object(struct get *get, struct error *error)
{
    if (url_place_is(get->line->target)) {
        if (!url_place_read(get->line->target, &get->url, error))
            return false;
        get->object.target = get->url.target;
        get->object.key = get->url.name;
        return true;
    }
    if (get->line->version_id != NULL)
        get->object.version = span_from_string(get->line->version_id);
    return s3_session_name(get->line->target, &get->object.bucket, &get->object.key, error);
}

bool command_get(const struct command_line *line, struct error *error)
{
    if (line->tree)
        return get_to_folder(line, error) || error_prepend(error, "%s", line->target);
    struct get get = {.line = line, .is_to_stream = line->what != NULL && strcmp(line->what, "-") == 0};
    bool is_done = name_object(&get, error) && (get.is_to_stream ? run(&get, error) : get_to_file(&get, error));
    int shown = (int)strcspn(line->target, url_place_is(line->target) ? "?#" : ""); /* no signature */
    url_place_free(&get.url);
    return is_done || error_prepend(error, "%.*s", shown, line->target);
}
