/* bench/load.h -- keeps many HTTP connections busy from one thread (epoll) and says how long each exchange took.
 *
 * Costs as little as it can, since client and server share the machine: requests are made ahead where possible, answers
 * are counted and not kept. An answer is checked for its status, its length, and its first bytes. */
#pragma once

#include "runtime/base/buffer.h"
#include "runtime/base/span.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* One request. The body is `body` sent again and again until `body_bytes` have gone. */
struct load_request {
    struct span head;
    struct span body;
    uint64_t body_bytes;
    int status;                /* what the answer must be */
    uint64_t answer_bytes_min; /* its body's length at least; 0: any */
    struct span answer_start;  /* what its body must begin with; empty: anything */
};

struct load_plan {
    struct sockaddr_in address;
    unsigned clients;
    uint64_t requests_max; /* 0: until the time is over */
    double seconds_max;    /* 0: until all requests are done */
    /* Makes request `number` (0, 1, ...) into *request; its spans must live until the client's next one. `client` is
     * who sends it; `scratch` is that client's own buffer, empty. */
    void (*make)(void *context, unsigned client, uint64_t number, struct buffer *scratch, struct load_request *request);
    void (*every_50_ms)(void *context); /* NULL: nothing to watch */
    void *context;
};

struct load_result {
    uint64_t exchanges;
    uint64_t failures;
    char first_failure[256];
    uint64_t sent_bytes;
    uint64_t received_bytes;
    double seconds;
    double p50_ms;
    double p99_ms;
    double longest_ms;
};

/* Connections are kept open until load_end, for who wants to look at the server while they idle. */
struct load;
struct load *load_run(const struct load_plan *plan, struct load_result *ret_result);
void load_end(struct load *load);
