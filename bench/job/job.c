/* bench/job/job.c -- the table of options, and what must hold between them. */
#include "bench/job/job.h"

#include "bench/job/random.h"
#include "runtime/base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 60 * 60 * 1000, PREPARATION_CONNECTIONS = 16, UPLOAD_PARTS_MAX = 10000 };

#define MEMBER(name) offsetof(struct job, name)

static const struct option OPTIONS[] = {
    {"endpoint", OPTION_TEXT, MEMBER(endpoint), "http://127.0.0.1:8014", "URL,...",
     .help = "where the server is, http:// or https://. Several, with commas between them, are a fleet before the same "
             "buckets: connections are shared out evenly, and each has a line in the report."},
    {"access-key", OPTION_TEXT, MEMBER(access_key), NULL, "KEY",
     .help = "who asks; else AWS_ACCESS_KEY_ID of the environment."},
    {"secret-key", OPTION_TEXT, MEMBER(secret_key), NULL, "KEY", .help = "else AWS_SECRET_ACCESS_KEY."},
    {"region", OPTION_REGION, MEMBER(region), "us-east-1", "NAME", .help = "the region of signatures"},
    {"ca-file", OPTION_TEXT, MEMBER(ca_file), NULL, "FILE",
     .help = "PEM: the authorities that are believed over https:// instead of the system's."},
    {"bucket", OPTION_TEXT, MEMBER(bucket), "bench", "NAME", .help = "made when it is not there, by jobs that write"},
    {"rw", OPTION_CHOICE, MEMBER(rw), "get", "WHAT", .allowed = OPERATION_WORDS "|mixed",
     .help = "what a request is. list: a page of 1000 keys. randrange, seqrange: range-size bytes of an object, at "
             "random or one after the other. multipart: a whole upload, as one. copy: of an object under a new key. "
             "delete-objects: `batch` keys by one DeleteObjects."},
    {"rwmix", OPTION_TEXT, MEMBER(rwmix), NULL, "MIX",
     .help = "with rw = mixed: words of rw and their weights (get:45,put:15,head:30,delete:10). There a put makes new "
             "keys, and a delete takes the oldest of those."},
    {"size", OPTION_TEXT, MEMBER(size_text), "4K", "SIZE",
     .help = "of objects: 4K, a range 1K-64K, a list with weights 4K:80,1M:20, or @FILE, a file with a size in each "
             "line."},
    {"objects", OPTION_NUMBER, MEMBER(objects), "1000", "N", .least = 1, .most = 1000000000, .help = "how many"},
    {"key-shape", OPTION_CHOICE, MEMBER(key_shape), "flat", "SHAPE", .allowed = KEY_SHAPE_WORDS,
     .help = "of keys: in order; by date and hour; spread by a hash; four folders deep"},
    {"prefix", OPTION_TEXT, MEMBER(prefix), "", "TEXT", .help = "before each key: letters, digits, - _ . ~ and /."},
    {"prepare", OPTION_FLAG, MEMBER(prepare), "no", "",
     .help = "the objects are put first, each once, which is not measured"},
    {"numjobs", OPTION_NUMBER, MEMBER(numjobs), "1", "N", .least = 1, .most = JOB_CONNECTIONS_MAX,
     .help = "so many times iodepth"},
    {"iodepth", OPTION_NUMBER, MEMBER(iodepth), "16", "N", .least = 1, .most = JOB_CONNECTIONS_MAX,
     .help = "requests under way at once, each on a connection of its own"},
    {"rate", OPTION_NUMBER, MEMBER(rate), "0", "N", .least = 0, .most = JOB_RATE_MAX,
     .help = "requests a second, due whether or not earlier ones were answered (an open loop): latency counts from the "
             "time at which a request was due. 0: the next one when an answer is there (a closed loop)."},
    {"arrival", OPTION_CHOICE, MEMBER(arrival_is_poisson), "even", "HOW", .allowed = "even|poisson",
     .help = "with rate: at equal distances, or at random with the same mean"},
    {"ramp", OPTION_DURATION, MEMBER(ramp_ms), "0", "TIME", .least = 0, .most = DAY_MS,
     .help = "the load grows to what is wanted within this time, which is not measured"},
    {"warmup", OPTION_DURATION, MEMBER(warmup_ms), "0", "TIME", .least = 0, .most = DAY_MS,
     .help = "full load, not measured, behind the ramp"},
    {"runtime", OPTION_DURATION, MEMBER(runtime_ms), "10s", "TIME", .least = 0, .most = DAY_MS,
     .help = "how long is measured, unless requests or loops are done before; 0: until they are"},
    {"requests", OPTION_NUMBER, MEMBER(requests), "0", "N", .least = 0, .most = INT64_MAX,
     .help = "ends after so many; 0: does not"},
    {"loops", OPTION_NUMBER, MEMBER(loops), "0", "N", .least = 0, .most = 1000000,
     .help = "ends when each object had its turn so often, in order; 0: does not"},
    {"compressibility", OPTION_NUMBER, MEMBER(compressibility), "4", "N", .least = 1, .most = CONTENT_RATIO_MAX,
     .help = "zstd at level 1 packs the bodies N to one; 1: noise"},
    {"data", OPTION_TEXT, MEMBER(data), NULL, "FILE,...",
     .help = "bodies are pieces of these files instead, up to 256 MiB of them."},
    {"seed", OPTION_NUMBER, MEMBER(seed), "1", "N", .least = 0, .most = INT64_MAX,
     .help = "of sizes, bodies and choices: same seed, same requests"},
    {"checksum", OPTION_CHOICE, MEMBER(checksum), "none", "WHICH", .allowed = "none|crc32c|crc64nvme|sha256",
     .help = "x-amz-checksum header of what is put"},
    {"sign", OPTION_CHOICE, MEMBER(sign), "header", "HOW", .allowed = "header|unsigned-payload|presigned|stream|none",
     .help = "in the header with the SHA-256 of the body, or without; in the query, and so without; in chunks that are "
             "signed each; not at all, for "
             "servers of plain files"},
    {"verify", OPTION_CHOICE, MEMBER(verify), "size", "HOW", .allowed = "none|size|full",
     .help = "of what is got: nothing but the status, how much it is, or every byte"},
    {"connections", OPTION_CHOICE, MEMBER(connections_are_new), "kept", "HOW", .allowed = "kept|new",
     .help = "kept from request to request, or a new one for each"},
    {"range-size", OPTION_SIZE, MEMBER(range_size), "64K", "SIZE", .least = 1, .most = INT64_C(5) << 30,
     .help = "of randrange and seqrange"},
    {"part-size", OPTION_SIZE, MEMBER(part_size), "8M", "SIZE", .least = 5 << 20, .most = INT64_C(5) << 30,
     .help = "of multipart"},
    {"batch", OPTION_NUMBER, MEMBER(batch), "1000", "N", .least = 1, .most = JOB_BATCH_MAX,
     .help = "keys of each delete-objects"},
    {"stonewall", OPTION_FLAG, MEMBER(stonewall), "no", "", .help = "begins when all jobs before it have ended"},
    {"depends-on", OPTION_TEXT, MEMBER(depends_on), NULL, "NAME", .help = "begins when that job has ended."},
};

static const struct option_table TABLE = {OPTIONS, sizeof OPTIONS / sizeof OPTIONS[0], "bale-bench run"};

const struct option_table *job_options(void)
{
    return &TABLE;
}

void job_init(struct job *job, const char *name)
{
    *job = (struct job){0};
    (void)snprintf(job->name, sizeof job->name, "%s", name);
    option_table_default(&TABLE, job);
}

void job_free(struct job *job)
{
    option_table_free(&TABLE, job);
    size_spread_free(&job->sizes);
    *job = (struct job){0};
}

void job_copy(struct job *ret_job, const struct job *job)
{
    char *const *texts[] = {&job->endpoint, &job->access_key, &job->secret_key, &job->region,
                            &job->ca_file,  &job->bucket,     &job->rwmix,      &job->size_text,
                            &job->prefix,   &job->data,       &job->depends_on};
    *ret_job = *job;
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char **copy = (char **)((char *)ret_job + ((const char *)texts[i] - (const char *)job));
        *copy = *texts[i] == NULL ? NULL : strdup(*texts[i]);
        ASSERT((*copy == NULL) == (*texts[i] == NULL));
    }
    ret_job->sizes = (struct size_spread){0};
    ret_job->mix = (struct operation_mix){0};
}

/* ---- what must hold ---- */

static bool is_plain(const char *text, const char *further)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    for (; *text != '\0'; text++)
        if (strchr(LETTERS, *text) == NULL && strchr(further, *text) == NULL)
            return false;
    return true;
}

static bool check_names(const struct job *job, struct error *error)
{
    size_t bucket = strlen(job->bucket);
    if (bucket < 3 || bucket > 63 || !is_plain(job->bucket, ""))
        return error_set(error, ERROR_INVALID, NULL, "bucket: \"%.70s\" is no name of a bucket", job->bucket);
    if (strlen(job->prefix) > KEY_PREFIX_BYTES_MAX || !is_plain(job->prefix, "_~/"))
        return error_set(error, ERROR_INVALID, NULL,
                         "prefix: allowed are %d letters, digits, - _ . ~ and /, which need no encoding",
                         KEY_PREFIX_BYTES_MAX);
    return true;
}

static bool read_mix(struct job *job, struct error *error)
{
    bool is_mixed = job->rw == OPERATIONS;
    if (is_mixed != (job->rwmix != NULL))
        return error_set(error, ERROR_INVALID, NULL,
                         is_mixed ? "rwmix: rw = mixed needs it (get:45,put:15,head:30,delete:10)"
                                  : "rwmix: it belongs to rw = mixed");
    if (!is_mixed)
        operation_mix_only(&job->mix, (enum operation)job->rw);
    else if (!operation_mix_parse(job->rwmix, &job->mix, error))
        return error_prepend(error, "rwmix");
    return true;
}

static bool check_load(const struct job *job, struct error *error)
{
    if (job->numjobs * job->iodepth > JOB_CONNECTIONS_MAX)
        return error_set(error, ERROR_INVALID, NULL, "iodepth: %llu times numjobs are more than %d connections",
                         (unsigned long long)job->iodepth, JOB_CONNECTIONS_MAX);
    if (job->runtime_ms == 0 && job->requests == 0 && job->loops == 0)
        return error_set(error, ERROR_INVALID, NULL, "runtime: with 0 it never ends; give requests or loops");
    if (job->requests != 0 && job->loops != 0)
        return error_set(error, ERROR_INVALID, NULL, "loops: requests says already when it ends");
    if (job->rw == OPERATIONS && job->loops != 0)
        return error_set(error, ERROR_INVALID, NULL, "loops: a mix has no order; give requests or runtime");
    return true;
}

static bool deletes(const struct job *job)
{
    return job->mix.weights[OPERATION_DELETE] + job->mix.weights[OPERATION_DELETE_OBJECTS] > 0;
}

static bool check_requests(const struct job *job, struct error *error)
{
    bool has_ranges = job->mix.weights[OPERATION_RANDRANGE] + job->mix.weights[OPERATION_SEQRANGE] > 0;
    if (has_ranges && (job->sizes.least == 0 || job->range_size > job->sizes.largest))
        return error_set(error, ERROR_INVALID, NULL,
                         "range-size: there is no such range in any object, or none in some (size = %s)",
                         job->size_text);
    if (job->sizes.largest > job->part_size * UPLOAD_PARTS_MAX)
        return error_set(error, ERROR_INVALID, NULL, "part-size: an upload has at most %d parts", UPLOAD_PARTS_MAX);
    if (job->mix.weights[OPERATION_MULTIPART] > 0 && job->checksum != JOB_CHECKSUM_NONE)
        return error_set(error, ERROR_INVALID, NULL, "checksum: not with multipart");
    if (job->sign == SIGN_NONE && (job_writes(job) || job->prepare || deletes(job)))
        return error_set(error, ERROR_INVALID, NULL, "sign: none is for jobs that only read");
    return true;
}

bool job_complete(struct job *job, struct error *error)
{
    size_spread_free(&job->sizes);
    if (!check_names(job, error) || !read_mix(job, error) || !check_load(job, error))
        return false;
    if (!size_spread_parse(job->size_text, &job->sizes, error))
        return error_prepend(error, "size");
    return check_requests(job, error);
}

/* ---- what follows ---- */

bool job_writes(const struct job *job)
{
    const uint64_t *weights = job->mix.weights;
    return weights[OPERATION_PUT] + weights[OPERATION_MULTIPART] + weights[OPERATION_COPY] > 0;
}

unsigned job_connections(const struct job *job)
{
    return (unsigned)(job->numjobs * job->iodepth);
}

uint64_t job_size_of(const struct job *job, uint64_t object)
{
    return size_spread_draw(&job->sizes, random_mix(random_mix(job->seed) + object));
}

uint64_t job_objects_of_request(const struct job *job)
{
    return job->rw == OPERATION_DELETE_OBJECTS ? job->batch : 1;
}

uint64_t job_requests(const struct job *job)
{
    uint64_t each = job_objects_of_request(job);
    return job->loops != 0 ? job->loops * ((job->objects + each - 1) / each) : job->requests;
}

void job_preparation_of(const struct job *job, struct job *ret_job)
{
    struct error error;
    job_copy(ret_job, job);
    (void)snprintf(ret_job->name, sizeof ret_job->name, "%.41s.prepare", job->name);
    free(ret_job->rwmix);
    ret_job->rwmix = NULL;
    ret_job->rw = OPERATION_PUT;
    if (ret_job->sign == SIGN_PRESIGNED)
        ret_job->sign = SIGN_UNSIGNED_PAYLOAD;
    ret_job->is_preparation = true;
    ret_job->prepare = false;
    ret_job->numjobs = 1;
    ret_job->iodepth = PREPARATION_CONNECTIONS;
    ret_job->rate = ret_job->ramp_ms = ret_job->warmup_ms = ret_job->runtime_ms = ret_job->requests = 0;
    ret_job->connections_are_new = false;
    ret_job->loops = 1;
    if (!job_complete(ret_job, &error))
        UNREACHABLE(); /* it asks for less than the job that was complete */
}
