/* tools/bale/transfer/download.c -- the parts of an object, the connections that fetch them, and where they go. */
#include "tools/bale/transfer/download.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/offload.h"
#include "runtime/fiber/wait.h"
#include "tools/bale/transfer/crew.h"
#include "tools/bale/transfer/part_log.h"
#include "tools/bale/transfer/patience.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 1 << 20, /* that go to a file at once */
    HOLE_BYTES = 64 << 10, /* zeros from which on they become a hole */
};

struct part {
    uint64_t first;
    uint64_t end;
    struct checksum_value sum;
    bool is_done;
};

struct worker;

struct download {
    const struct download_settings *settings;
    const struct remote_object *object;
    const struct object_check *check;
    struct part *parts;
    unsigned parts_count;
    unsigned parts_begun; /* those before have been fetched, or are being fetched */
    uint64_t part_bytes;
    enum checksum_algorithm part_algorithm;
    /* Where a piece of a part goes: bytes from worker->position on, `filled` of them. */
    SUSPENDS bool (*deliver)(struct worker *worker, struct error *error);
    struct local_file *file;
    struct part_log log;    /* of a file */
    struct object_sum *sum; /* of a stream */
    int fd;
    unsigned turn; /* the part that may be written to the stream */
    struct wait_queue turned;
    size_t piece_bytes; /* that are delivered at once */
};

/* One connection's work. */
struct worker {
    struct download *download;
    struct part *part;
    uint8_t *piece;
    size_t piece_bytes;
    size_t filled;
    uint64_t position; /* of the object: what was delivered of the part ends here */
    struct checksum_sum sum;
};

/* ---- delivering ---- */

static bool is_zero(struct span bytes)
{
    return bytes.size > 0 && bytes.data[0] == 0 && memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0;
}

/* All but its blocks of zeros, which a new file has already. */
SUSPENDS static bool write_sparsely(struct local_file *file, struct span bytes, uint64_t offset, struct error *error)
{
    while (bytes.size > 0) {
        size_t size = 0;
        while (size < bytes.size && !is_zero(span_take(span_skip(bytes, size), HOLE_BYTES)))
            size += bytes.size - size < HOLE_BYTES ? bytes.size - size : HOLE_BYTES;
        if (!local_file_write(file, span_take(bytes, size), offset, error))
            return false;
        size += bytes.size - size < HOLE_BYTES ? bytes.size - size : HOLE_BYTES; /* the zeros behind it */
        bytes = span_skip(bytes, size);
        offset += size;
    }
    return true;
}

SUSPENDS static bool deliver_to_file(struct worker *worker, struct error *error)
{
    struct download *download = worker->download;
    struct span piece = span_of(worker->piece, worker->filled);
    checksum_update(&worker->sum, piece);
    return (download->settings->is_sparse ? write_sparsely : local_file_write)(download->file, piece, worker->position,
                                                                               error);
}

struct stream_write {
    int fd;
    struct span bytes;
    int errno_value;
};

/* On a thread: whoever reads the pipe may take his time. */
static void write_to_stream(void *argument)
{
    struct stream_write *job = argument;
    while (job->bytes.size > 0) {
        ssize_t written = write(job->fd, job->bytes.data, job->bytes.size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            job->errno_value = errno;
            return;
        }
        job->bytes = span_skip(job->bytes, (size_t)written);
    }
}

/* A part is one piece here. */
SUSPENDS static bool deliver_to_stream(struct worker *worker, struct error *error)
{
    struct download *download = worker->download;
    struct stream_write job = {download->fd, span_of(worker->piece, worker->filled), 0};
    while (download->turn != (unsigned)(worker->part - download->parts)) {
        if (!wait_for(&download->turned, DEADLINE_NONE, error))
            return false;
    }
    object_sum_update(download->sum, job.bytes);
    if (!offload_run(download->settings->session->threads, write_to_stream, &job, error))
        return false;
    if (job.errno_value != 0)
        return error_set_errno(error, job.errno_value, "standard output");
    download->turn++;
    wait_wake_all(&download->turned);
    return true;
}

/* ---- fetching ---- */

/* Fills the piece as far as the part goes, from one answer. *ret_size: what came, also when it breaks off. */
SUSPENDS static bool fill_piece(struct worker *worker, struct s3_answer *answer, size_t wanted, struct error *error)
{
    while (worker->filled < wanted) {
        size_t size;
        if (!s3_answer_read(answer, worker->piece + worker->filled, wanted - worker->filled, &size, error))
            return false;
        if (size == 0)
            return error_set(error, ERROR_CLOSED, NULL, "the answer ended too early");
        worker->filled += size;
        worker->download->settings->meter->done_bytes += size;
    }
    return true;
}

/* What is left of the part, over one answer. *ret_is_ours: it failed on this side, which another request cannot mend.
 */
SUSPENDS static bool fetch_rest(struct worker *worker, bool *ret_is_ours, struct error *error)
{
    struct download *download = worker->download;
    const struct part *part = worker->part;
    struct s3_answer answer;
    bool is_done = remote_object_open(download->settings->session->client, download->object,
                                      worker->position + worker->filled, part->end, &answer, error);
    if (!is_done)
        return false;
    while (is_done && worker->position < part->end) {
        uint64_t left = part->end - worker->position;
        is_done = fill_piece(worker, &answer, left < worker->piece_bytes ? (size_t)left : worker->piece_bytes, error);
        if (!is_done)
            break;
        is_done = download->deliver(worker, error);
        *ret_is_ours = !is_done;
        worker->position += worker->filled;
        worker->filled = 0;
    }
    s3_answer_close(&answer);
    return is_done;
}

SUSPENDS static bool fetch_part(struct worker *worker, struct error *error)
{
    struct patience patience = {0};
    worker->position = worker->part->first;
    worker->filled = 0;
    checksum_begin(&worker->sum, worker->download->part_algorithm);
    for (;;) {
        uint64_t before = worker->position + worker->filled;
        bool is_ours = false;
        if (fetch_rest(worker, &is_ours, error))
            break;
        if (is_ours || !patience_wait(&patience, worker->position + worker->filled > before, error))
            return false;
    }
    checksum_end(&worker->sum, &worker->part->sum);
    worker->part->is_done = true;
    return part_log_add(&worker->download->log, (unsigned)(worker->part - worker->download->parts), &worker->part->sum,
                        error);
}

/* ---- workers ---- */

static struct part *next_part(struct download *download)
{
    while (download->parts_begun < download->parts_count) {
        struct part *part = &download->parts[download->parts_begun++];
        if (!part->is_done)
            return part;
    }
    return NULL;
}

SUSPENDS static bool fetch_parts(void *context, struct error *error)
{
    struct download *download = context;
    struct worker worker = {.download = download, .piece_bytes = download->piece_bytes};
    bool is_done = true;
    worker.piece = malloc(worker.piece_bytes);
    if (worker.piece == NULL)
        return error_set(error, ERROR_TOO_LARGE, NULL, "there is no memory for %zu bytes, a part of what is to come",
                         worker.piece_bytes);
    while (is_done && (worker.part = next_part(download)) != NULL)
        is_done = fetch_part(&worker, error);
    free(worker.piece);
    return is_done;
}

SUSPENDS static bool fetch_all(struct download *download, struct error *error)
{
    unsigned connections = download->settings->connections;
    if (download->parts_count == 0)
        return true;
    wait_queue_init(&download->turned);
    return crew_run("part", connections < download->parts_count ? connections : download->parts_count, fetch_parts,
                    download, error);
}

/* ---- parts ---- */

static uint64_t part_bytes_for(const struct download_settings *settings, uint64_t size)
{
    uint64_t least = (size + DOWNLOAD_PARTS_MAX - 1) / DOWNLOAD_PARTS_MAX;
    uint64_t rounded = (least + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES;
    return settings->part_bytes > rounded ? settings->part_bytes : rounded;
}

static void make_parts(struct download *download)
{
    uint64_t size = download->object->size;
    uint64_t bytes = download->part_bytes;
    download->parts_count = (unsigned)((size + bytes - 1) / bytes);
    download->parts = calloc(download->parts_count + 1, sizeof *download->parts);
    ASSERT(download->parts != NULL);
    for (unsigned i = 0; i < download->parts_count; i++) {
        uint64_t first = i * bytes;
        download->parts[i] = (struct part){.first = first, .end = size - first < bytes ? size : first + bytes};
    }
}

/* ---- what an earlier attempt has left ---- */

struct part_sum {
    const struct local_file *file;
    const struct part *part;
    struct checksum_value sum;
};

/* On a thread. A part that cannot be read has a sum that is wrong, and is fetched. */
static void sum_part(void *argument)
{
    struct part_sum *job = argument;
    struct checksum_sum sum;
    uint8_t *bytes = malloc(PIECE_BYTES);
    uint64_t position = job->part->first;
    ssize_t size = 1;
    ASSERT(bytes != NULL);
    checksum_begin(&sum, job->sum.algorithm);
    while (size > 0 && position < job->part->end) {
        uint64_t left = job->part->end - position;
        size = pread(job->file->fd, bytes, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, (off_t)position);
        checksum_update(&sum, span_of(bytes, size > 0 ? (size_t)size : 0));
        position += size > 0 ? (uint64_t)size : 0;
    }
    checksum_end(&sum, &job->sum);
    free(bytes);
}

/* Notes that are true: their parts need not be fetched. */
SUSPENDS static bool take_parts(struct download *download, struct error *error)
{
    unsigned number;
    struct checksum_value noted;
    while (part_log_next(&download->log, download->part_algorithm, &number, &noted)) {
        struct part *part = number < download->parts_count ? &download->parts[number] : NULL;
        struct part_sum job = {.file = download->file, .part = part, .sum = {.algorithm = noted.algorithm}};
        if (part == NULL || part->is_done)
            continue;
        if (!offload_run(download->settings->session->threads, sum_part, &job, error))
            return false;
        part->is_done = memcmp(job.sum.bytes, noted.bytes, checksum_size(noted.algorithm)) == 0;
        part->sum = noted;
        download->settings->meter->done_bytes += part->is_done ? part->end - part->first : 0;
    }
    return true;
}

/* What comes for a part with holes must not fall on other bytes. */
SUSPENDS static bool clear_others(struct download *download, struct error *error)
{
    for (unsigned i = 0; i < download->parts_count; i++) {
        const struct part *part = &download->parts[i];
        if (!part->is_done && !local_file_clear(download->file, part->first, part->end - part->first, error))
            return false;
    }
    return true;
}

SUSPENDS static bool resume(struct download *download, struct error *error)
{
    bool is_sparse = download->settings->is_sparse;
    make_parts(download);
    return take_parts(download, error) &&
           local_file_prepare(download->file, download->object->size, false, is_sparse, error) &&
           (!is_sparse || clear_others(download, error));
}

/* The file and its log, as far as they are there already, or begun. */
SUSPENDS static bool begin_file(struct download *download, struct error *error)
{
    const struct remote_object *object = download->object;
    struct part_log_facts facts = {object->size, object->etag, download->part_algorithm,
                                   part_bytes_for(download->settings, object->size)};
    bool is_there = false;
    if (download->settings->is_resumed && !part_log_open(download->file, &facts, &download->log, &is_there, error))
        return false;
    download->part_bytes = facts.part_bytes;
    if (is_there)
        return resume(download, error);
    make_parts(download);
    return local_file_prepare(download->file, object->size, true, download->settings->is_sparse, error) &&
           (download->parts_count < 2 || part_log_begin(download->file, &facts, &download->log, error));
}

/* Another attempt would find something, and could end better. */
static bool is_worth_keeping(const struct download *download, const struct error *error)
{
    if (error->kind == ERROR_DAMAGED || error->kind == ERROR_CHANGED || download->parts_count < 2)
        return false;
    for (unsigned i = 0; i < download->parts_count; i++) {
        if (download->parts[i].is_done)
            return true;
    }
    return false;
}

/* ---- the whole ---- */

static bool compare_combined(const struct download *download, struct error *error)
{
    struct checksum_sum nothing;
    struct checksum_value total;
    checksum_begin(&nothing, download->check->algorithm);
    checksum_end(&nothing, &total);
    for (unsigned i = 0; i < download->parts_count; i++) {
        const struct part *part = &download->parts[i];
        checksum_combine(&total, &part->sum, part->end - part->first);
    }
    return object_check_compare(download->check, &total, error);
}

struct file_sum {
    const struct local_file *file;
    const struct object_check *check;
    bool is_good;
    struct error error;
};

/* On a thread: hashes take a second a GiB, and more. */
static void sum_file(void *argument)
{
    struct file_sum *job = argument;
    struct object_sum sum;
    uint8_t *bytes = malloc(PIECE_BYTES);
    ssize_t size = -1;
    off_t offset = 0;
    ASSERT(bytes != NULL);
    object_sum_begin(&sum, job->check);
    while ((size = pread(job->file->fd, bytes, PIECE_BYTES, offset)) > 0) {
        object_sum_update(&sum, span_of(bytes, (size_t)size));
        offset += size;
    }
    job->is_good =
        size == 0 ? object_sum_end(&sum, &job->error) : error_set_errno(&job->error, errno, "%s", job->file->part_name);
    free(bytes);
}

SUSPENDS static bool compare_file(const struct download *download, struct error *error)
{
    struct file_sum job = {.file = download->file, .check = download->check};
    if (!offload_run(download->settings->session->threads, sum_file, &job, error))
        return false;
    if (!job.is_good)
        *error = job.error;
    return job.is_good;
}

SUSPENDS static bool compare(const struct download *download, struct object_check *check, struct error *error)
{
    bool differs;
    if (check->algorithm == CHECKSUM_NONE)
        return true;
    if (object_check_can_combine(check))
        return compare_combined(download, error);
    if (compare_file(download, error))
        return true;
    if (error->kind != ERROR_DAMAGED || !check->is_presumed)
        return false;
    struct error asking;
    if (!object_check_ask(download->settings->session->client, download->object, check, &differs, &asking)) {
        *error = asking;
        return false;
    }
    return differs && compare_file(download, error);
}

/* That of the whole, where it can be found from those of parts. The same for every attempt at one revision. */
static enum checksum_algorithm algorithm_of_parts(const struct remote_object *object)
{
    const struct checksum_value *whole = &object->checksum;
    return whole->type == CHECKSUM_FULL_OBJECT && checksum_can_combine(whole->algorithm) ? whole->algorithm
                                                                                         : CHECKSUM_CRC32C;
}

SUSPENDS bool download_to_file(const struct download_settings *settings, const struct remote_object *object,
                               struct object_check *check, struct local_file *file, struct error *error)
{
    struct download download = {.settings = settings,
                                .object = object,
                                .check = check,
                                .part_algorithm = algorithm_of_parts(object),
                                .deliver = deliver_to_file,
                                .piece_bytes = PIECE_BYTES,
                                .file = file,
                                .log = {.fd = -1}};
    bool is_done = begin_file(&download, error) && fetch_all(&download, error) && compare(&download, check, error);
    file->is_kept = !is_done && (download.parts == NULL || is_worth_keeping(&download, error));
    part_log_close(&download.log);
    free(download.parts);
    return is_done;
}

SUSPENDS bool download_to_stream(const struct download_settings *settings, const struct remote_object *object,
                                 const struct object_check *check, int fd, struct error *error)
{
    struct object_sum sum;
    struct download download = {.settings = settings,
                                .object = object,
                                .check = check,
                                .part_algorithm = CHECKSUM_CRC32C,
                                .part_bytes = part_bytes_for(settings, object->size),
                                .deliver = deliver_to_stream,
                                .piece_bytes = (size_t)part_bytes_for(settings, object->size),
                                .log = {.fd = -1},
                                .sum = &sum,
                                .fd = fd};
    make_parts(&download);
    object_sum_begin(&sum, check);
    bool is_done = fetch_all(&download, error) && object_sum_end(&sum, error);
    free(download.parts);
    return is_done;
}
