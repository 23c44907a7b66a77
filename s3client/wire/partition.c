/* s3client/wire/partition.c -- domains of AWS's partitions, by the beginnings of their regions. */
#include "s3client/wire/partition.h"

#include <stdio.h>

static const struct partition {
    const char *prefix;
    const char *domain;
} PARTITIONS[] = {
    {"cn-", "amazonaws.com.cn"},    {"us-iso-", "c2s.ic.gov"},      {"us-isob-", "sc2s.sgov.gov"},
    {"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"},
    {"", "amazonaws.com"},
};

void partition_write_url(const char *service, struct span region, char *ret_url, size_t capacity)
{
    const struct partition *partition = PARTITIONS;
    while (!span_starts_with(region, span_from_string(partition->prefix)))
        partition++;
    (void)snprintf(ret_url, capacity, "https://%s.%.*s.%s", service, SPAN_FORMAT(region), partition->domain);
}
