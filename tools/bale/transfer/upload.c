/* tools/bale/transfer/upload.c -- the parts of a file, the connections that send them, and what they make together. */
#include "tools/bale/transfer/upload.h"

#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/fiber/offload.h"
#include "runtime/io/io.h"
#include "s3client/operations.h"
#include "tools/bale/transfer/crew.h"
#include "tools/bale/transfer/patience.h"
#include "tools/bale/transfer/remote_object.h"
#include "tools/bale/transfer/upload_left.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROUND_BYTES = 1 << 20, HEADERS_MAX = 4, ARENA_BYTES_MAX = 1 << 20, ABORTS_MAX = 5, ABORT_PAUSE_MS = 100 };

struct part {
    uint64_t first;
    size_t size;
    struct checksum_value sum;
    char etag[S3_ETAG_BYTES];
};

struct upload {
    const struct upload_settings *settings;
    int fd;
    struct stat file; /* as it was when it was opened */
    struct part *parts;
    unsigned parts_count;
    unsigned parts_begun;
    uint64_t part_bytes;
    struct span upload_id;
    bool is_begun_here;
    struct upload_left left; /* by an earlier attempt, whose upload it is then */
    unsigned parts_found;    /* of those, that are the file's */
    bool has_failed;
    struct error failure; /* the first part's */
};

/* A request in the making. */
struct request {
    struct s3_call call;
    struct http_field headers[HEADERS_MAX];
    char sum_text[CHECKSUM_TEXT_BYTES];
};

static void add_header(struct request *request, struct span name, struct span value)
{
    ASSERT(request->call.headers_count < HEADERS_MAX);
    request->headers[request->call.headers_count++] = (struct http_field){name, value};
}

static void begin_request(struct request *request, const struct upload *upload, enum s3_repeat repeat)
{
    request->call = (struct s3_call){.bucket = upload->settings->bucket,
                                     .key = upload->settings->key,
                                     .headers = request->headers,
                                     .omits_checksum = true, /* ours goes instead */
                                     .repeat = repeat};
}

static void add_sum(struct request *request, const struct checksum_value *sum)
{
    checksum_format(sum, request->sum_text);
    add_header(request, SPAN("x-amz-checksum-crc64nvme"), span_from_string(request->sum_text));
}

static void add_condition(struct request *request, const struct upload *upload)
{
    if (upload->settings->is_new)
        add_header(request, SPAN("if-none-match"), SPAN("*"));
}

static void add_content_type(struct request *request, const struct upload *upload)
{
    if (upload->settings->content_type != NULL)
        add_header(request, SPAN("content-type"), span_from_string(upload->settings->content_type));
}

static struct s3_client *client_of(const struct upload *upload)
{
    return upload->settings->session->client;
}

/* ---- the file ---- */

struct part_read {
    int fd;
    struct part *part;
    uint8_t *bytes;
    uint8_t *ret_md5; /* NULL: it is not asked for */
    int errno_value;
    bool is_short;
};

/* On a thread: a disk may be slow, and sums take their time. */
static void read_part(void *argument)
{
    struct part_read *job = argument;
    struct checksum_sum sum;
    size_t filled = 0;
    while (filled < job->part->size) {
        ssize_t size =
            pread(job->fd, job->bytes + filled, job->part->size - filled, (off_t)(job->part->first + filled));
        if (size < 0 && errno == EINTR)
            continue;
        job->errno_value = size < 0 ? errno : 0;
        job->is_short = size == 0;
        if (size <= 0)
            return;
        filled += (size_t)size;
    }
    checksum_begin(&sum, CHECKSUM_CRC64NVME);
    checksum_update(&sum, span_of(job->bytes, filled));
    checksum_end(&sum, &job->part->sum);
    if (job->ret_md5 != NULL) {
        struct md5_sum md5;
        md5_begin(&md5);
        md5_update(&md5, span_of(job->bytes, filled));
        md5_end(&md5, job->ret_md5);
    }
}

static bool refuse_changed(struct error *error)
{
    return error_set(error, ERROR_CHANGED, NULL, "the file was changed while it was read; the object is as it was");
}

/* ret_md5: NULL, it is not asked for. */
SUSPENDS static bool load_part(const struct upload *upload, struct part *part, uint8_t *bytes, uint8_t *ret_md5,
                               struct error *error)
{
    struct part_read job = {.fd = upload->fd, .part = part, .bytes = bytes, .ret_md5 = ret_md5};
    if (!offload_run(upload->settings->session->threads, read_part, &job, error))
        return false;
    if (job.errno_value != 0)
        return error_set_errno(error, job.errno_value, "the file cannot be read");
    return !job.is_short || refuse_changed(error);
}

static bool is_unchanged(const struct upload *upload, struct error *error)
{
    struct stat now;
    if (fstat(upload->fd, &now) != 0)
        return error_set_errno(error, errno, "the file cannot be looked at");
    bool is_same = now.st_size == upload->file.st_size && now.st_mtim.tv_sec == upload->file.st_mtim.tv_sec &&
                   now.st_mtim.tv_nsec == upload->file.st_mtim.tv_nsec;
    return is_same || refuse_changed(error);
}

static void make_parts(struct upload *upload)
{
    uint64_t size = (uint64_t)upload->file.st_size;
    uint64_t least = (size + S3_PARTS_MAX - 1) / S3_PARTS_MAX;
    least = (least + ROUND_BYTES - 1) / ROUND_BYTES * ROUND_BYTES;
    upload->part_bytes = upload->settings->part_bytes > least ? upload->settings->part_bytes : least;
    upload->parts_count = size == 0 ? 1 : (unsigned)((size + upload->part_bytes - 1) / upload->part_bytes);
    upload->parts = calloc(upload->parts_count, sizeof *upload->parts);
    ASSERT(upload->parts != NULL);
    for (unsigned i = 0; i < upload->parts_count; i++) {
        uint64_t first = i * upload->part_bytes;
        uint64_t left = size - first;
        upload->parts[i] =
            (struct part){.first = first, .size = (size_t)(left < upload->part_bytes ? left : upload->part_bytes)};
    }
}

static struct checksum_value sum_of_all(const struct upload *upload)
{
    struct checksum_value total = upload->parts[0].sum;
    for (unsigned i = 1; i < upload->parts_count; i++)
        checksum_combine(&total, &upload->parts[i].sum, upload->parts[i].size);
    return total;
}

/* ---- what the server has ---- */

/* False with ERROR_DAMAGED: it is another object. */
SUSPENDS static bool look(const struct upload *upload, struct upload_result *ret_result, struct error *error)
{
    struct remote_object object = {.bucket = upload->settings->bucket, .key = upload->settings->key};
    struct checksum_value sum = sum_of_all(upload);
    struct patience patience = {0};
    while (!remote_object_look(client_of(upload), &object, error)) {
        if (!patience_wait(&patience, false, error))
            return false;
    }
    bool has_sum = object.checksum.algorithm == CHECKSUM_CRC64NVME && object.checksum.type == CHECKSUM_FULL_OBJECT;
    *ret_result = (struct upload_result){.size = object.size, .is_verified = has_sum};
    if (object.size != (uint64_t)upload->file.st_size ||
        (has_sum && memcmp(object.checksum.bytes, sum.bytes, checksum_size(sum.algorithm)) != 0))
        return error_set(error, ERROR_DAMAGED, NULL,
                         "what the server has is not the file: it was overwritten meanwhile, or damaged on the way");
    return true;
}

/* The last request of an upload, or its only one. */
typedef SUSPENDS bool closing_request(const struct upload *upload, const void *argument, struct s3_answer *ret_answer,
                                      struct error *error);

/* Until it is known what became of it: after an answer that was lost the object says whether it was applied. */
SUSPENDS static bool close_upload(const struct upload *upload, closing_request *request, const void *argument,
                                  struct upload_result *ret_result, struct error *error)
{
    struct patience patience = {0};
    for (;;) {
        struct s3_answer answer;
        struct error looking;
        if (request(upload, argument, &answer, error))
            return look(upload, ret_result, error);
        if (answer.status == 412)
            return error_set(error, ERROR_CONFLICT, NULL, "there is an object of that name already");
        bool may_be_done = answer.effect == S3_UNKNOWN || answer.status == 404; /* by whoever goes on with it as well */
        if (may_be_done && look(upload, ret_result, &looking) && ret_result->is_verified)
            return true;
        if (!patience_wait(&patience, false, error))
            return false;
    }
}

/* ---- one PUT ---- */

SUSPENDS static bool put_once(const struct upload *upload, const void *bytes, struct s3_answer *ret_answer,
                              struct error *error)
{
    struct request request;
    const struct span body = span_of(bytes, upload->parts[0].size);
    begin_request(&request, upload, S3_ONCE);
    request.call.kind = S3_PUT_OBJECT;
    request.call.body = &body;
    request.call.body_count = 1;
    add_sum(&request, &upload->parts[0].sum);
    add_condition(&request, upload);
    add_content_type(&request, upload);
    if (!s3_client_call(client_of(upload), &request.call, ret_answer, error))
        return false;
    s3_answer_close(ret_answer);
    upload->settings->meter->done_bytes += body.size;
    return true;
}

SUSPENDS static bool upload_at_once(struct upload *upload, struct upload_result *ret_result, struct error *error)
{
    uint8_t *bytes = malloc(upload->parts[0].size + 1);
    ASSERT(bytes != NULL);
    bool is_done = load_part(upload, &upload->parts[0], bytes, NULL, error) && is_unchanged(upload, error) &&
                   close_upload(upload, put_once, bytes, ret_result, error);
    free(bytes);
    return is_done;
}

/* ---- parts ---- */

/* Once another part has failed it is not tried again. */
SUSPENDS static bool send_part(const struct upload *upload, struct part *part, const uint8_t *bytes,
                               struct error *error)
{
    struct request request;
    struct s3_answer answer;
    struct patience patience = {0};
    const struct span body = span_of(bytes, part->size);
    begin_request(&request, upload, S3_REPEAT);
    request.call.body = &body;
    request.call.body_count = 1;
    add_sum(&request, &part->sum);
    while (!s3_client_upload_part(client_of(upload), &request.call, upload->upload_id,
                                  (unsigned)(part - upload->parts) + 1, &answer, error)) {
        if (upload->has_failed || !patience_wait(&patience, false, error))
            return false;
    }
    memcpy(part->etag, answer.etag, sizeof part->etag);
    upload->settings->meter->done_bytes += part->size;
    return true;
}

/* Unless the server has it already: then it is looked at here, and not sent. */
SUSPENDS static bool bring_part(struct upload *upload, struct part *part, uint8_t *bytes, struct error *error)
{
    uint8_t md5[MD5_BYTES] = {0};
    const struct left_part *left = upload->left.parts == NULL ? NULL : &upload->left.parts[part - upload->parts];
    if (!load_part(upload, part, bytes, left != NULL && upload_left_needs_md5(left) ? md5 : NULL, error))
        return false;
    if (left == NULL || !upload_left_is_part(left, part->size, &part->sum, md5))
        return send_part(upload, part, bytes, error);
    memcpy(part->etag, left->etag, sizeof part->etag);
    upload->parts_found++;
    upload->settings->meter->total_bytes -= part->size;
    return true;
}

/* A member of the crew. None fails for the crew, which would cut off the others' requests: a part that is cut off may
 * still be stored when the upload has been aborted, and bring it back. */
SUSPENDS static bool send_parts(void *context, struct error *error)
{
    struct upload *upload = context;
    uint8_t *bytes = malloc(upload->part_bytes);
    ASSERT(bytes != NULL);
    while (!upload->has_failed && upload->parts_begun < upload->parts_count) {
        struct part *part = &upload->parts[upload->parts_begun++];
        if (bring_part(upload, part, bytes, error))
            continue;
        if (!upload->has_failed)
            upload->failure = *error;
        upload->has_failed = true;
    }
    free(bytes);
    return true;
}

SUSPENDS static bool send_all_parts(struct upload *upload, struct error *error)
{
    unsigned connections = upload->settings->connections;
    if (!crew_run("part", connections < upload->parts_count ? connections : upload->parts_count, send_parts, upload,
                  error))
        return false;
    if (upload->has_failed)
        *error = upload->failure;
    return !upload->has_failed;
}

SUSPENDS static bool create(struct upload *upload, struct arena *arena, struct error *error)
{
    struct request request;
    struct s3_answer answer;
    struct patience patience = {0};
    upload->is_begun_here = true;
    begin_request(&request, upload, S3_REPEAT);
    add_header(&request, SPAN("x-amz-checksum-algorithm"), SPAN("CRC64NVME"));
    add_header(&request, SPAN("x-amz-checksum-type"), SPAN("FULL_OBJECT"));
    add_content_type(&request, upload);
    while (!s3_client_create_upload(client_of(upload), &request.call, arena, &upload->upload_id, &answer, error)) {
        if (!patience_wait(&patience, false, error))
            return false;
    }
    return true;
}

SUSPENDS static bool complete(const struct upload *upload, const void *parts, struct s3_answer *ret_answer,
                              struct error *error)
{
    struct request request;
    struct checksum_value sum = sum_of_all(upload);
    begin_request(&request, upload, S3_ONCE);
    add_sum(&request, &sum);
    add_header(&request, SPAN("x-amz-checksum-type"), SPAN("FULL_OBJECT"));
    add_condition(&request, upload);
    return s3_client_complete_upload(client_of(upload), &request.call, upload->upload_id, parts, upload->parts_count,
                                     ret_answer, error);
}

SUSPENDS static bool complete_parts(const struct upload *upload, struct upload_result *ret_result, struct error *error)
{
    struct s3_part *parts = calloc(upload->parts_count, sizeof *parts);
    ASSERT(parts != NULL);
    for (unsigned i = 0; i < upload->parts_count; i++)
        parts[i] = (struct s3_part){
            .number = i + 1, .etag = span_from_string(upload->parts[i].etag), .sum = &upload->parts[i].sum};
    bool is_done = close_upload(upload, complete, parts, ret_result, error);
    free(parts);
    return is_done;
}

/* Does the server still know the upload? No, also where it does not say. */
SUSPENDS static bool is_known(const struct upload *upload)
{
    struct request request;
    struct s3_answer answer;
    struct s3_parts_page page;
    struct error ignored;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    begin_request(&request, upload, S3_REPEAT);
    bool is_known = s3_client_list_parts(client_of(upload), &request.call, upload->upload_id, 0, 1, &arena, &page,
                                         &answer, &ignored);
    arena_free(&arena);
    return is_known;
}

/* A part whose answer was lost may be stored behind the first attempt: the server is asked what is left, and once more.
 * What cannot be removed is left for the bucket's rules. */
SUSPENDS static void abort_upload(const struct upload *upload)
{
    uint64_t pause_ms = ABORT_PAUSE_MS;
    for (unsigned attempt = 1;; attempt++, pause_ms *= 2) {
        struct request request;
        struct s3_answer answer;
        struct error ignored;
        begin_request(&request, upload, S3_REPEAT);
        (void)s3_client_abort_upload(client_of(upload), &request.call, upload->upload_id, &answer, &ignored);
        if (attempt == ABORTS_MAX || !is_known(upload) || io_sleep_until(deadline_after_ms(pause_ms)) != 0)
            return;
    }
}

/* ---- what was there before ---- */

/* Goes on with what an earlier attempt has left, where that is wanted and something is there. */
SUSPENDS static bool find_or_create(struct upload *upload, struct arena *arena, struct error *error)
{
    const struct upload_settings *settings = upload->settings;
    struct patience patience = {0};
    while (settings->is_resumed && !upload_left_find(client_of(upload), settings->bucket, settings->key,
                                                     upload->parts_count, arena, &upload->left, error)) {
        if (!patience_wait(&patience, false, error))
            return false;
    }
    upload->upload_id = upload->left.id;
    return upload->upload_id.size > 0 || create(upload, arena, error);
}

static bool has_part(const struct upload *upload)
{
    for (unsigned i = 0; i < upload->parts_count; i++) {
        if (upload->parts[i].etag[0] != '\0')
            return true;
    }
    return false;
}

/* What another attempt can do nothing about, or must not, is removed. Of a part that is refused behind others it can:
 * credentials expire with a status 400, and so does a connection that was too slow. */
static bool is_worth_keeping(const struct upload *upload, const struct error *error)
{
    bool is_refused = error->kind == ERROR_INVALID && !(upload->has_failed && has_part(upload));
    return upload->settings->is_resumed && error->kind != ERROR_CONFLICT && !is_refused;
}

SUSPENDS static bool upload_in_parts(struct upload *upload, struct upload_result *ret_result, struct error *error)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    bool is_done = find_or_create(upload, &arena, error);
    if (is_done) {
        is_done =
            send_all_parts(upload, error) && is_unchanged(upload, error) && complete_parts(upload, ret_result, error);
        ret_result->is_left = !is_done && is_worth_keeping(upload, error);
        if (!is_done && !ret_result->is_left && upload->is_begun_here) /* who began another one may be at it still */
            abort_upload(upload);
    }
    upload_left_free(&upload->left);
    arena_free(&arena);
    return is_done;
}

SUSPENDS static bool sum_parts(struct upload *upload, struct error *error)
{
    uint8_t *bytes = malloc(upload->part_bytes);
    bool is_done = true;
    ASSERT(bytes != NULL);
    for (unsigned i = 0; is_done && i < upload->parts_count; i++)
        is_done = load_part(upload, &upload->parts[i], bytes, NULL, error);
    free(bytes);
    return is_done;
}

/* An earlier attempt may have been cut off behind its last request. The file is read only if the object may be it. */
SUSPENDS static bool is_there_already(struct upload *upload, struct upload_result *ret_result)
{
    struct remote_object object = {.bucket = upload->settings->bucket, .key = upload->settings->key};
    struct error ignored;
    if (!remote_object_look(client_of(upload), &object, &ignored) || object.size != (uint64_t)upload->file.st_size ||
        object.checksum.algorithm != CHECKSUM_CRC64NVME || object.checksum.type != CHECKSUM_FULL_OBJECT ||
        !sum_parts(upload, &ignored) || !is_unchanged(upload, &ignored))
        return false;
    struct checksum_value sum = sum_of_all(upload);
    ret_result->size = object.size;
    ret_result->is_verified = memcmp(object.checksum.bytes, sum.bytes, checksum_size(sum.algorithm)) == 0;
    return ret_result->is_verified;
}

/* ---- a file ---- */

SUSPENDS bool upload_file(const struct upload_settings *settings, int fd, struct upload_result *ret_result,
                          struct error *error)
{
    struct upload upload = {.settings = settings, .fd = fd};
    *ret_result = (struct upload_result){0};
    if (fstat(fd, &upload.file) != 0)
        return error_set_errno(error, errno, "the file cannot be looked at");
    if (!S_ISREG(upload.file.st_mode))
        return error_set(error, ERROR_INVALID, NULL, "it is no regular file");
    settings->meter->total_bytes = (uint64_t)upload.file.st_size;
    make_parts(&upload);
    bool is_there = settings->is_resumed && upload.parts_count > 1 && is_there_already(&upload, ret_result);
    bool is_done = is_there || (upload.parts_count == 1 ? upload_at_once(&upload, ret_result, error)
                                                        : upload_in_parts(&upload, ret_result, error));
    ret_result->parts = upload.parts_count;
    ret_result->parts_found = is_there ? upload.parts_count : upload.parts_found;
    free(upload.parts);
    return is_done;
}
