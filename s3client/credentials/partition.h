/* s3client/credentials/partition.h -- where AWS's services are, by region. Pure. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

/* ERROR_INVALID: it is longer than 50 bytes, or has others than lower-case letters, digits and hyphens. */
bool partition_check_region(struct span region, struct error *error);
/* "https://SERVICE.REGION.SUFFIX", with the suffix of the region's partition. */
void partition_write_url(const char *service, struct span region, char *ret_url, size_t capacity);
