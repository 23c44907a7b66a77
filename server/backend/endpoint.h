/* server/backend/endpoint.h -- the way to the S3 server of --backend s3:BUCKET: whose keys, which host, which headers.
 *
 * From the options of server/config/backend_options.h. Nothing is asked yet; the first request does that. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/fiber/offload.h"
#include "s3client/credentials/credentials.h"
#include "s3client/s3client.h"
#include "server/config/config.h"

/* The provider keeps pointers into `ret_options` and into the configuration: both outlive it. NULL: refused. */
struct s3_credential_source *backend_credentials_open(const struct config *config,
                                                      struct credentials_options *ret_options, struct error *error);

/* NULL: the sentence names the option that is wrong. */
struct s3_endpoint *backend_endpoint_create(const struct config *config, struct s3_credential_source *credentials,
                                            struct offload *threads, struct error *error);
