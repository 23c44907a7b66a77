/* server/s3/request/client_address.h -- where a request comes from: the peer, or whom a proxy that is trusted names.
 *
 * Statement 520. X-Forwarded-For and X-Forwarded-Proto count only from peers in --trusted-proxies; of the first it is
 * the last entry that is no trusted proxy itself, for whoever stands before it may have invented the rest. A v4 address
 * that is mapped into v6 is that v4 address. */
#pragma once

#include "server/s3/request/request.h"

enum { TRUSTED_PROXIES_MAX = 64 };

struct trusted_proxies {
    unsigned count;
    struct trusted_range {
        uint8_t address[16]; /* v4 mapped */
        unsigned bits;
    } ranges[TRUSTED_PROXIES_MAX];
};

/* "10.0.0.0/8, 192.0.2.7, fd00::/8"; empty: nobody. ERROR_INVALID names what is no address. */
bool trusted_proxies_parse(struct span text, struct trusted_proxies *ret_proxies, struct error *error);

/* The client's address as text, in the request's memory; empty: it is not known, for what a proxy says cannot be read.
 * False: no memory. */
bool client_address(struct s3_request *request, struct span *ret_address, struct error *error);
/* Did the client speak TLS? */
bool client_is_secure(const struct s3_request *request);
