/* s3client/credentials/partition.c -- DNS suffixes of AWS's partitions, by the beginnings of their regions. */
#include "s3client/credentials/partition.h"

#include "s3client/credentials/keys.h"

#include <stdio.h>

enum { REGION_BYTES_MAX = 50 };

static const struct partition {
    const char *prefix;
    const char *suffix;
} PARTITIONS[] = {
    {"cn-", "amazonaws.com.cn"}, {"us-isob-", "sc2s.sgov.gov"}, {"us-iso-", "c2s.ic.gov"},
    {"eusc-", "amazonaws.eu"},   {"", "amazonaws.com"},
};

bool partition_check_region(struct span region, struct error *error)
{
    bool is_good = region.size <= REGION_BYTES_MAX;
    for (size_t i = 0; i < region.size && is_good; i++) {
        uint8_t byte = region.data[i];
        is_good = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
    }
    char quoted[64];
    keys_quote(region, quoted, sizeof quoted);
    return is_good || error_set(error, ERROR_INVALID, NULL,
                                "\"%s\" is no region: up to 50 lower-case letters, digits and hyphens", quoted);
}

void partition_write_url(const char *service, struct span region, char *ret_url, size_t capacity)
{
    const struct partition *partition = PARTITIONS;
    while (!span_starts_with(region, span_from_string(partition->prefix)))
        partition++;
    (void)snprintf(ret_url, capacity, "https://%s.%.*s.%s", service, SPAN_FORMAT(region), partition->suffix);
}
