/* server/report/request_log.h -- one log line for each request, with the id that the client got as x-amz-request-id. */
#pragma once

#include "server/s3/s3.h"

/* Successes at info, refusals at info, failures of ours (5xx) at warning. Never blocks; on the shard's thread. */
void request_log_write(const struct http_exchange *exchange, const struct s3_outcome *outcome);
