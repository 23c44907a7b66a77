/* server/access/policy/values.h -- values of conditions that are more than text: numbers, moments, networks, ARNs.
 *
 * The same functions read what a policy says and what a request has. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* "-12", "0.5", "1e3"; finite. At most 64 bytes behind leading zeros. */
bool value_parse_number(struct span text, double *ret_number);

/* Milliseconds since 1970. "2013-12-15", "2013-12-15T01:00Z", "2013-12-15T01:00:00.5+01:00" (ISO 8601, the W3C's
 * profile; a time must say its zone; "2013-12" is its first day), or seconds since 1970 as digits. */
bool value_parse_moment(struct span text, int64_t *ret_moment_ms);

/* "true" or "false" in any case. */
bool value_parse_boolean(struct span text, bool *ret_boolean);

/* An address or a network of IP: "10.1.2.3", "10.0.0.0/8", "2001:db8::/32". An IPv4 address in IPv6 is an IPv4 one. */
struct network {
    uint8_t bytes[16];    /* the first 4 for IPv4 */
    uint8_t address_bits; /* 32 or 128 */
    uint8_t prefix_bits;
};

bool value_parse_network(struct span text, struct network *ret_network);
/* Bits of the address behind the network's prefix do not count. */
bool network_has(const struct network *network, const struct network *address);

enum { ARN_PARTS = 6 };

/* The parts between the first five colons and what is behind them. With `has_variables` the colons in "${...}" are none
 * of these. */
bool value_split_arn(struct span text, bool has_variables, struct span ret_parts[ARN_PARTS]);
