/* s3client/credentials/instance.h -- keys of an instance's role, from the metadata service, version 2.
 *
 * A session token by PUT, the role's name, its keys. AWS_EC2_METADATA_SERVICE_ENDPOINT says where (default:
 * http://169.254.169.254, or http://[fd00:ec2::254] with AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6);
 * AWS_EC2_METADATA_DISABLED=true that there is none. 1 s and three attempts for each request, or what
 * AWS_METADATA_SERVICE_TIMEOUT (seconds) and AWS_METADATA_SERVICE_NUM_ATTEMPTS say: inside of containers, one hop too
 * far away, the service never answers. Version 1, without session tokens, only where AWS_EC2_METADATA_V1_DISABLED=false
 * asks for it and the service refuses version 2. */
#pragma once

#include "s3client/credentials/search.h"

/* FOUND_ABSENT: it is disabled, nobody answers there, or the instance has no role. */
enum found instance_ask(const struct search *search, struct keys *ret_keys, struct error *error);
