/* bench/http_load.c -- http_load: loads an S3 server with one kind of work and says what that costs the server.
 *
 * Works against any S3 server, so that peers can be measured in the same run (bench/compare); `--bare` sends unsigned
 * requests, for a server of plain files. One line of JSON per job. docs/benchmarks.md says how to read it. */
#include "bench/data/log_data.h"
#include "bench/drive/request.h"
#include "bench/figures/process_cost.h"
#include "bench/load.h"
#include "runtime/base/hex.h"
#include "runtime/base/open_files.h"
#include "s3client/wire/checksum.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATTERN_BYTES_MAX = 64 << 20, EXPECTED_BYTES_MAX = 256 << 20, PATH_BYTES = 160 };

struct options {
    struct signer signer;
    struct sockaddr_in address;
    const char *bucket;
    struct process_set server;
    unsigned clients;
    uint64_t requests;
    double seconds;
    uint64_t size;
    uint64_t keys;
    const char *out;
    const char *text_tag; /* goes into new keys, so that runs do not overwrite each other's */
    bool is_bare;
};

/* A run: what its requests are made of. */
struct run {
    const struct options *options;
    uint8_t *bodies; /* `keys` bodies of `size` bytes behind one another, or one pattern that is repeated */
    bool is_pattern;
    char payload_hash[SHA256_TEXT_BYTES + 1];
    struct buffer *ready_heads; /* made ahead, one for each key; NULL: made as they are needed */
    uint64_t random;
    uint64_t anonymous_peak;
};

static uint64_t next_random(struct run *run)
{
    run->random ^= run->random << 13;
    run->random ^= run->random >> 7;
    run->random ^= run->random << 17;
    return run->random;
}

static void path_of_key(const struct run *run, uint64_t key, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "/%s/key-%08llu", run->options->bucket, (unsigned long long)key);
}

static struct span body_of_key(const struct run *run, uint64_t key)
{
    if (run->is_pattern)
        return span_of(run->bodies, run->options->size < PATTERN_BYTES_MAX ? run->options->size : PATTERN_BYTES_MAX);
    return span_of(run->bodies + key * run->options->size, run->options->size);
}

/* One body for each key while that is cheap to hold; else the same log for all of them. */
static void make_bodies(struct run *run)
{
    uint64_t size = run->options->size;
    run->is_pattern = size * run->options->keys > EXPECTED_BYTES_MAX;
    if (run->is_pattern) {
        run->bodies = malloc(PATTERN_BYTES_MAX);
        if (run->bodies == NULL)
            abort();
        log_data_fill(run->bodies, PATTERN_BYTES_MAX, 1);
        return;
    }
    run->bodies = malloc(size * run->options->keys + 1);
    if (run->bodies == NULL)
        abort();
    for (uint64_t key = 0; key < run->options->keys; key++)
        log_data_fill(run->bodies + key * size, size, key + 1);
}

static void hash_body(struct run *run, struct span body, uint64_t body_bytes)
{
    struct sha256_sum sum;
    uint8_t digest[SHA256_BYTES];
    sha256_begin(&sum);
    for (uint64_t hashed = 0; hashed < body_bytes;) {
        struct span piece = span_take(body, body_bytes - hashed);
        sha256_update(&sum, piece);
        hashed += piece.size;
    }
    sha256_end(&sum, digest);
    hex_encode(span_of(digest, sizeof digest), run->payload_hash);
    run->payload_hash[SHA256_TEXT_BYTES] = '\0';
}

/* ---- the kinds of request ---- */

static void make_put_to(struct run *run, const char *path, struct span body, struct buffer *scratch,
                        struct load_request *request)
{
    hash_body(run, body, body.size);
    struct request_line line = {"PUT", path, ""};
    request_signed(&run->options->signer, &line, span_from_string(run->payload_hash), body.size, scratch, NULL);
    *request =
        (struct load_request){.head = buffer_span(scratch), .body = body, .body_bytes = body.size, .status = 200};
}

static void make_prepare(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                         struct load_request *request)
{
    (void)client;
    struct run *run = context;
    char path[PATH_BYTES];
    path_of_key(run, number, path);
    make_put_to(run, path, body_of_key(run, number), scratch, request);
}

static void make_put(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                     struct load_request *request)
{
    struct run *run = context;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/%s/new-%s-%u-%llu", run->options->bucket, run->options->text_tag, client,
             (unsigned long long)number);
    make_put_to(run, path, body_of_key(run, number % run->options->keys), scratch, request);
}

static void make_get(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                     struct load_request *request)
{
    (void)client, (void)number, (void)scratch;
    struct run *run = context;
    uint64_t key = next_random(run) % run->options->keys;
    *request = (struct load_request){.head = buffer_span(&run->ready_heads[key]),
                                     .status = 200,
                                     .answer_bytes_min = run->options->size,
                                     .answer_start = body_of_key(run, key)};
}

static void make_list(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                      struct load_request *request)
{
    (void)client;
    struct run *run = context;
    uint64_t keys = run->options->keys;
    uint64_t first = keys > 1001 ? number * 7919 * 1000 % (keys - 1001) : 0; /* the same pages in every run */
    char path[PATH_BYTES];
    char query[160];
    snprintf(path, sizeof path, "/%s", run->options->bucket);
    snprintf(query, sizeof query, "list-type=2&max-keys=1000&prefix=key-&start-after=key-%08llu",
             (unsigned long long)first);
    struct request_line line = {"GET", path, query};
    request_signed(&run->options->signer, &line, SPAN("UNSIGNED-PAYLOAD"), 0, scratch, NULL);
    *request = (struct load_request){
        .head = buffer_span(scratch), .status = 200, .answer_bytes_min = keys > 1001 ? 1000 * 100 : 1};
}

static void make_put_large(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                           struct load_request *request)
{
    (void)number;
    struct run *run = context;
    char path[PATH_BYTES];
    path_of_key(run, client, path);
    struct request_line line = {"PUT", path, ""};
    request_signed(&run->options->signer, &line, span_from_string(run->payload_hash), run->options->size, scratch,
                   NULL);
    *request = (struct load_request){.head = buffer_span(scratch),
                                     .body = body_of_key(run, client),
                                     .body_bytes = run->options->size,
                                     .status = 200};
}

static void make_get_large(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                           struct load_request *request)
{
    make_get(context, client, number, scratch, request);
    const struct run *run = context;
    request->head = buffer_span(&run->ready_heads[client % run->options->keys]);
    request->answer_start = body_of_key(run, client % run->options->keys);
}

/* ---- running and reporting ---- */

static void ready_heads(struct run *run)
{
    run->ready_heads = calloc(run->options->keys, sizeof *run->ready_heads);
    if (run->ready_heads == NULL)
        abort();
    for (uint64_t key = 0; key < run->options->keys; key++) {
        char path[PATH_BYTES];
        path_of_key(run, key, path);
        struct request_line line = {"GET", path, ""};
        buffer_init(&run->ready_heads[key], 0);
        if (run->options->is_bare)
            request_bare(&run->options->signer, &line, &run->ready_heads[key]);
        else
            request_presigned(&run->options->signer, &line, 0, &run->ready_heads[key]);
    }
}

static void watch_memory(void *context)
{
    struct run *run = context;
    uint64_t bytes = process_anonymous_bytes(&run->options->server);
    if (bytes > run->anonymous_peak)
        run->anonymous_peak = bytes;
}

static int report(const char *job, const struct run *run, const struct load_result *result, uint64_t cpu_ns,
                  uint64_t own_ns, uint64_t anonymous_before, uint64_t anonymous_after)
{
    double exchanges = result->exchanges == 0 ? 1 : (double)result->exchanges;
    double mib = (double)run->options->size * exchanges / (1 << 20);
    printf(
        "{\"job\": \"%s\", \"clients\": %u, \"size\": %llu, \"keys\": %llu, \"exchanges\": %llu, \"failures\": %llu, "
        "\"seconds\": %.3f, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"longest_ms\": %.3f, ",
        job, run->options->clients, (unsigned long long)run->options->size, (unsigned long long)run->options->keys,
        (unsigned long long)result->exchanges, (unsigned long long)result->failures, result->seconds,
        exchanges / result->seconds, result->p50_ms, result->p99_ms, result->longest_ms);
    printf("\"cpu_us_per_exchange\": %.2f, \"own_cpu_us_per_exchange\": %.2f, \"cpu_ms_per_mib\": %.3f, "
           "\"anonymous_before\": %llu, \"anonymous_peak\": %llu, \"anonymous_after\": %llu}\n",
           (double)cpu_ns / 1e3 / exchanges, (double)own_ns / 1e3 / exchanges, mib > 0 ? (double)cpu_ns / 1e6 / mib : 0,
           (unsigned long long)anonymous_before, (unsigned long long)run->anonymous_peak,
           (unsigned long long)anonymous_after);
    (void)fflush(stdout);
    if (result->failures > 0)
        (void)fprintf(stderr, "http_load: %s: %llu of %llu exchanges failed, the first: %s\n", job,
                      (unsigned long long)result->failures, (unsigned long long)result->exchanges,
                      result->first_failure);
    return result->failures > 0 ? 1 : 0;
}

typedef void make_request(void *context, unsigned client, uint64_t number, struct buffer *scratch,
                          struct load_request *request);

static int run_load(const char *job, struct run *run, make_request *make, unsigned linger_seconds)
{
    const struct options *options = run->options;
    struct load_plan plan = {.address = options->address,
                             .clients = options->clients,
                             .requests_max = options->requests,
                             .seconds_max = options->seconds,
                             .make = make,
                             .every_50_ms = options->server.count > 0 ? watch_memory : NULL,
                             .context = run};
    struct load_result result;
    uint64_t before = process_anonymous_bytes(&options->server);
    run->anonymous_peak = before;
    struct process_set own = {.count = 1, .pids = {getpid()}};
    uint64_t cpu_ns = process_cpu_ns(&options->server), own_ns = process_cpu_ns(&own);
    struct load *load = load_run(&plan, &result);
    cpu_ns = process_cpu_ns(&options->server) - cpu_ns;
    own_ns = process_cpu_ns(&own) - own_ns;
    (void)sleep(linger_seconds);
    uint64_t after = process_anonymous_bytes(&options->server);
    load_end(load);
    return report(job, run, &result, cpu_ns, own_ns, before, after);
}

static int create_bucket(const struct options *options)
{
    struct buffer head;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/%s", options->bucket);
    buffer_init(&head, 0);
    struct request_line line = {"PUT", path, ""};
    request_signed(&options->signer, &line, SPAN("UNSIGNED-PAYLOAD"), 0, &head, NULL);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[2048] = "";
    if (fd < 0 || connect(fd, (const struct sockaddr *)&options->address, sizeof options->address) != 0 ||
        write(fd, head.data, head.size) != (ssize_t)head.size || read(fd, answer, sizeof answer - 1) <= 0) {
        perror("http_load: create bucket");
        return 1;
    }
    (void)close(fd);
    buffer_free(&head);
    bool is_there = strncmp(answer + 8, " 200", 4) == 0 || strstr(answer, "BucketAlreadyOwnedByYou") != NULL;
    if (!is_there)
        (void)fprintf(stderr, "http_load: create bucket: %.300s\n", answer);
    return is_there ? 0 : 1;
}

static int job_prepare(struct run *run)
{
    struct options options = *run->options;
    options.requests = options.keys;
    options.seconds = 0;
    if (create_bucket(&options) != 0)
        return 1;
    run->options = &options;
    make_bodies(run);
    return run_load("prepare", run, make_prepare, 0);
}

static int job_put(struct run *run)
{
    make_bodies(run);
    return run_load("put", run, make_put, 0);
}

static int job_get(struct run *run)
{
    make_bodies(run);
    ready_heads(run);
    return run_load("get", run, make_get, 0);
}

static int job_list(struct run *run)
{
    return run_load("list", run, make_list, 0);
}

/* Each client puts its own key again and again. */
static int job_put_large(struct run *run)
{
    if (create_bucket(run->options) != 0)
        return 1;
    struct options options = *run->options;
    options.keys = options.clients;
    run->options = &options;
    make_bodies(run);
    run->is_pattern = true;
    hash_body(run, body_of_key(run, 0), options.size);
    return run_load("put-large", run, make_put_large, 0);
}

static int job_get_large(struct run *run)
{
    struct options options = *run->options;
    options.keys = options.clients;
    run->options = &options;
    make_bodies(run);
    run->is_pattern = true;
    ready_heads(run);
    return run_load("get-large", run, make_get_large, 0);
}

/* One request on each of very many connections, which then stay open: what does an idle one cost? */
static int job_idle(struct run *run)
{
    struct options options = *run->options;
    options.requests = options.clients;
    options.seconds = 0;
    run->options = &options;
    make_bodies(run);
    ready_heads(run);
    return run_load("idle", run, make_get, 3);
}

/* The same bytes as files, for servers of plain files. */
static int job_data(struct run *run)
{
    make_bodies(run);
    for (uint64_t key = 0; key < run->options->keys; key++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/key-%08llu", run->options->out, (unsigned long long)key);
        FILE *file = fopen(path, "w");
        struct span body = body_of_key(run, key);
        uint64_t left = run->options->size;
        bool is_written = file != NULL;
        while (is_written && left > 0) {
            struct span piece = span_take(body, left);
            is_written = fwrite(piece.data, 1, piece.size, file) == piece.size;
            left -= piece.size;
        }
        if (file == NULL || fclose(file) != 0 || !is_written) {
            perror(path);
            return 1;
        }
    }
    return 0;
}

static const struct job {
    const char *name;
    int (*run)(struct run *run);
    const char *help;
} jobs[] = {
    {"prepare", job_prepare, "makes the bucket and puts --keys objects of --size bytes of log lines"},
    {"get", job_get, "presigned GET of random ones of them, contents compared"},
    {"put", job_put, "PUT of --size bytes under new keys, SHA-256 in the signature"},
    {"list", job_list, "ListObjectsV2 pages of 1000, the same ones in every run"},
    {"put-large", job_put_large, "PUT of --size bytes of log, SHA-256 in the signature, a key for each client"},
    {"get-large", job_get_large, "presigned GET of what put-large has put, contents compared"},
    {"idle", job_idle, "one GET on each of --clients connections, which stay open for three seconds"},
    {"data", job_data, "writes the objects of prepare as files into --out"},
};

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: http_load JOB [options]\n\n");
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        (void)fprintf(to, "  %-10s %s\n", jobs[i].name, jobs[i].help);
    (void)fprintf(to, "\n"
                      "  --endpoint HOST:PORT   default 127.0.0.1:8014\n"
                      "  --access-key, --secret-key, --region, --bucket\n"
                      "  --bare                 unsigned requests, for a server of plain files\n"
                      "  --clients N            connections at once (default 1)\n"
                      "  --requests N, --seconds S   when it ends: whichever comes first (default 5 seconds)\n"
                      "  --size BYTES, --keys N default 4096 and 1000\n"
                      "  --pid PID[,PID...]     the server's processes: CPU and memory are theirs\n"
                      "  --tag TEXT             goes into the names of new keys\n"
                      "  --out FOLDER           for data\n");
}

static bool parse_endpoint(const char *text, struct options *options)
{
    char host[64];
    unsigned port;
    if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port > 65535)
        return false;
    options->signer.host = text;
    options->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &options->address.sin_addr) == 1;
}

static bool parse_option(int option, const char *value, struct options *options)
{
    switch (option) {
    case 'e':
        return parse_endpoint(value, options);
    case 'a':
        options->signer.access_key = value;
        return true;
    case 's':
        options->signer.secret_key = value;
        return true;
    case 'r':
        options->signer.region = value;
        return true;
    case 'b':
        options->bucket = value;
        return true;
    case 'c':
        options->clients = (unsigned)strtoul(value, NULL, 10);
        return options->clients > 0;
    case 'n':
        options->requests = strtoull(value, NULL, 10);
        return options->requests > 0;
    case 't':
        options->seconds = strtod(value, NULL);
        return options->seconds > 0;
    case 'z':
        options->size = strtoull(value, NULL, 10);
        return true;
    case 'k':
        options->keys = strtoull(value, NULL, 10);
        return options->keys > 0;
    case 'p':
        return process_set_parse(&options->server, value);
    case 'g':
        options->text_tag = value;
        return true;
    case 'o':
        options->out = value;
        return true;
    case 'u':
        options->is_bare = true;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"endpoint", required_argument, NULL, 'e'},
                                          {"access-key", required_argument, NULL, 'a'},
                                          {"secret-key", required_argument, NULL, 's'},
                                          {"region", required_argument, NULL, 'r'},
                                          {"bucket", required_argument, NULL, 'b'},
                                          {"clients", required_argument, NULL, 'c'},
                                          {"requests", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"size", required_argument, NULL, 'z'},
                                          {"keys", required_argument, NULL, 'k'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"tag", required_argument, NULL, 'g'},
                                          {"out", required_argument, NULL, 'o'},
                                          {"bare", no_argument, NULL, 'u'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct options options = {.signer = {.access_key = "", .secret_key = "", .region = "us-east-1"},
                              .bucket = "bench",
                              .clients = 1,
                              .size = 4096,
                              .keys = 1000,
                              .out = ".",
                              .text_tag = "a"};
    (void)parse_endpoint("127.0.0.1:8014", &options);
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == 'h') {
            usage(stdout);
            return 0;
        }
        if (!parse_option(option, optarg, &options)) {
            usage(stderr);
            return 2;
        }
    }
    if (options.requests == 0 && options.seconds == 0)
        options.seconds = 5;
    (void)open_files_raise();
    for (size_t i = 0; optind == argc - 1 && i < sizeof jobs / sizeof *jobs; i++)
        if (strcmp(jobs[i].name, argv[optind]) == 0) {
            struct run run = {.options = &options, .random = 88172645463325252ull};
            return jobs[i].run(&run);
        }
    usage(stderr);
    return 2;
}
