/* bench/drive/target.h -- one endpoint that is loaded: where it is, its connections, and who asks. One loop's. */
#pragma once

#include "bench/drive/request.h"
#include "bench/job/job.h"
#include "s3client/http/http_client.h"

struct target {
    char *url;       /* as it was given */
    char *host;      /* to connect to, without brackets */
    char *authority; /* of the Host field */
    uint16_t port;
    struct tls_client *tls; /* NULL: plain */
    struct http_client *http;
    struct signing_cache cache;
    struct signer signer;
};

/* Are all the URLs of a list such as we can reach? "http://host:port,https://[::1]:8443" */
bool target_check_urls(const char *urls, struct error *error);
/* How many there are, at least 1. */
unsigned target_count_urls(const char *urls);

/* The endpoint at place `index` of the job's list. The job and `dialer` outlive it; it is not moved. ERROR_INVALID: the
 * URL, the file of authorities. On failure nothing is left. */
bool target_open(const struct job *job, unsigned index, struct dialer *dialer, struct target *ret_target,
                 struct error *error);
/* No exchange may be open. */
void target_close(struct target *target);
