/* s3client/wire/partition.h -- where AWS's services are, by region: the domain of the partition that the region is in.
 * Pure. Source: partitions.json of AWS's SDKs. */
#pragma once

#include "runtime/base/span.h"

/* "https://SERVICE.REGION.DOMAIN", cut off at `capacity`. Of a region that is not known the domain is amazonaws.com. */
void partition_write_url(const char *service, struct span region, char *ret_url, size_t capacity);
