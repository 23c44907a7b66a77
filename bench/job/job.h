/* bench/job/job.h -- one job: what is asked of a server, how often, how many at once. docs/bench.md is the manual.
 *
 * A job is made of options, which stand in a job file ([global], [job NAME]) or on the command line; JOB_OPTIONS is the
 * one table of them, from which --help and the manual page come, too. */
#pragma once

#include "bench/job/arrivals.h"
#include "bench/job/content.h"
#include "bench/job/keys.h"
#include "bench/job/operation.h"
#include "bench/job/sizes.h"
#include "server/config/ini.h"
#include "server/config/option.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    JOB_NAME_BYTES = INI_NAME_BYTES_MAX + 1,
    JOBS_MAX = 64,
    JOB_CONNECTIONS_MAX = 10000, /* of one job */
    JOB_ENDPOINTS_MAX = 16,
    JOB_RATE_MAX = 1000000,
    JOB_BATCH_MAX = 1000, /* keys of one DeleteObjects: S3's limit */
};

enum job_sign { SIGN_HEADER, SIGN_UNSIGNED_PAYLOAD, SIGN_PRESIGNED, SIGN_STREAM, SIGN_NONE };
enum job_verify { VERIFY_NONE, VERIFY_SIZE, VERIFY_FULL };
enum job_checksum { JOB_CHECKSUM_NONE, JOB_CHECKSUM_CRC32C, JOB_CHECKSUM_CRC64NVME, JOB_CHECKSUM_SHA256 };

struct job {
    char name[JOB_NAME_BYTES];
    bool is_preparation; /* it was not asked for by name, and is not reported */

    /* As the options have them. */
    char *endpoint, *access_key, *secret_key, *region, *ca_file, *bucket;
    uint64_t rw; /* enum operation, or OPERATIONS: mixed */
    char *rwmix, *size_text, *prefix, *data, *depends_on;
    uint64_t objects, key_shape, numjobs, iodepth, rate, arrival_is_poisson;
    uint64_t ramp_ms, warmup_ms, runtime_ms, requests, loops;
    uint64_t compressibility, seed, checksum, sign, verify, connections_are_new, range_size, part_size, batch;
    bool prepare, stonewall;

    /* What follows from them: job_complete. */
    struct operation_mix mix;
    struct size_spread sizes;
};

const struct option_table *job_options(void);

/* The defaults; job_free is due. */
void job_init(struct job *job, const char *name);
void job_free(struct job *job);
void job_copy(struct job *ret_job, const struct job *job);

/* Reads the texts, and refuses what does not fit together; ERROR_INVALID begins with the option that is meant. */
bool job_complete(struct job *job, struct error *error);

/* Does it make objects? Its bucket is made for it, too. */
bool job_writes(const struct job *job);
/* Connections at once: numjobs times iodepth. */
unsigned job_connections(const struct job *job);
uint64_t job_size_of(const struct job *job, uint64_t object);
/* How many objects a request is about: a batch of DeleteObjects, else one. */
uint64_t job_objects_of_request(const struct job *job);
/* Requests that end it: `requests`, or `loops` over all objects; 0: time does. */
uint64_t job_requests(const struct job *job);

/* The job that puts the objects of another one: each once. */
void job_preparation_of(const struct job *job, struct job *ret_job);
