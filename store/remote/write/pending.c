/* store/remote/write/pending.c -- notes of uploads in files, and what the next start makes of them. */
#include "store/remote/write/pending.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"
#include "runtime/base/read_file.h"
#include "runtime/log/log.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/uploads/upload.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 4096, NOTE_BYTES_MAX = 16 << 10, NONCE_BYTES = 16 };

/* What a pool thread does with one note. */
struct note_work {
    char path[PATH_BYTES_MAX];
    struct buffer text; /* empty: the note goes */
    bool done;
};

static void work_on_note(void *argument)
{
    struct note_work *work = argument;
    if (work->text.size == 0) {
        work->done = unlink(work->path) == 0;
        return;
    }
    int fd = open(work->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    work->done = fd >= 0 && write(fd, work->text.data, work->text.size) == (ssize_t)work->text.size;
    if (fd >= 0)
        (void)close(fd);
    if (fd >= 0 && !work->done)
        (void)unlink(work->path);
}

SUSPENDS static bool run(struct remote_shard *shard, const char *name, struct span text)
{
    const struct remote_settings *settings = &shard->remote->settings;
    struct note_work *work = calloc(1, sizeof *work);
    struct error ignored;
    ASSERT(work != NULL);
    (void)snprintf(work->path, sizeof work->path, "%s/uploads/%s", settings->state, name);
    buffer_append(&work->text, text);
    if (settings->offload == NULL || !offload_run(settings->offload, work_on_note, work, &ignored))
        work_on_note(work); /* a tool, or a pool that has too much to do: a file of some hundred bytes */
    bool done = work->done;
    buffer_free(&work->text);
    free(work);
    return done;
}

SUSPENDS void pending_note(struct remote_shard *shard, const struct backend_name *target, struct span upload_id,
                           struct span bucket, struct span claim, char ret_name[PENDING_NAME_BYTES])
{
    uint8_t nonce[NONCE_BYTES];
    struct buffer text = {0};
    ret_name[0] = '\0';
    if (shard->remote->settings.state == NULL)
        return;
    random_fill(shard->remote->settings.random, nonce, sizeof nonce);
    hex_encode(span_of(nonce, sizeof nonce), ret_name);
    ret_name[2 * NONCE_BYTES] = '\0';
    (void)metadata_append(&text, SPAN("bucket"), target->bucket);
    (void)metadata_append(&text, SPAN("key"), target->key);
    (void)metadata_append(&text, SPAN("upload"), upload_id);
    (void)metadata_append(&text, SPAN("clients-bucket"), bucket);
    (void)metadata_append(&text, SPAN("claim"), claim);
    (void)metadata_append(&text, SPAN("whole"), SPAN_EMPTY); /* a torn note lacks it */
    if (!run(shard, ret_name, buffer_span(&text)))
        ret_name[0] = '\0';
    buffer_free(&text);
}

SUSPENDS void pending_drop(struct remote_shard *shard, const char *name)
{
    if (name[0] != '\0')
        (void)run(shard, name, SPAN_EMPTY);
}

/* ---- the next start ---- */

struct note {
    struct span bucket;
    struct span key;
    struct span upload;
    struct span clients_bucket;
    struct span claim;
};

static bool read_note(struct span text, struct note *ret_note)
{
    struct span whole;
    return metadata_find(text, SPAN("whole"), &whole) && metadata_find(text, SPAN("bucket"), &ret_note->bucket) &&
           metadata_find(text, SPAN("key"), &ret_note->key) && metadata_find(text, SPAN("upload"), &ret_note->upload) &&
           metadata_find(text, SPAN("clients-bucket"), &ret_note->clients_bucket) &&
           metadata_find(text, SPAN("claim"), &ret_note->claim);
}

/* The descriptor of a client's upload names it: parts may come, or be there. */
SUSPENDS static bool is_claimed(struct remote *remote, const struct note *note)
{
    struct upload_place place;
    struct upload_record record;
    struct buffer bytes = {0};
    struct error error;
    if (note->claim.size == 0 || !upload_place_init(&remote->base, note->clients_bucket, note->claim, &place, &error))
        return false;
    bool is_it = upload_load(&place, SPAN_EMPTY, &bytes, &record, &error)
                     ? span_equal(record.backend_upload, note->upload)
                     : error.code != S3_NoSuchUpload;
    buffer_free(&bytes);
    return is_it;
}

/* False: it is to be tried again at the next start. */
SUSPENDS static bool settle(struct remote *remote, const struct note *note)
{
    struct remote_shard *shard = remote_shard_here(remote);
    struct s3_answer answer;
    struct error error;
    if (is_claimed(remote, note))
        return true;
    const struct s3_call call = {.bucket = note->bucket, .key = note->key, .repeat = S3_REPEAT};
    bool done = s3_client_abort_upload(shard->client, &call, note->upload, &answer, &error);
    return done || error.code == S3_NoSuchUpload || error.kind == ERROR_NOT_FOUND;
}

SUSPENDS static bool settle_file(struct remote *remote, const char *path)
{
    struct buffer text;
    struct note note;
    struct error ignored;
    if (!read_file(path, NOTE_BYTES_MAX, &text, &ignored))
        return false;
    bool is_settled = !read_note(buffer_span(&text), &note) || settle(remote, &note);
    buffer_free(&text);
    return is_settled;
}

SUSPENDS void pending_settle(struct remote *remote)
{
    char *folder = malloc(PATH_BYTES_MAX);
    char *path = malloc(PATH_BYTES_MAX);
    ASSERT(folder != NULL && path != NULL);
    unsigned count = 0;
    (void)snprintf(folder, PATH_BYTES_MAX, "%s/uploads", remote->settings.state);
    (void)mkdir(folder, 0700);
    DIR *notes = opendir(folder);
    for (const struct dirent *entry; notes != NULL && (entry = readdir(notes)) != NULL;) {
        if (strlen(entry->d_name) != 2 * NONCE_BYTES)
            continue;
        int size = snprintf(path, PATH_BYTES_MAX, "%s/%s", folder, entry->d_name);
        if (size < PATH_BYTES_MAX && settle_file(remote, path)) {
            (void)unlink(path);
            count++;
        }
    }
    if (notes != NULL)
        (void)closedir(notes);
    if (count > 0)
        log_message(LOG_INFO, "backend: %u uploads that the last process had begun were given up.", count);
    free(folder);
    free(path);
}
