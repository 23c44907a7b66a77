/* s3client/credentials/container.h -- keys of a container's role: what ECS, EKS Pod Identity and their like offer.
 *
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is a path at 169.254.170.2, AWS_CONTAINER_CREDENTIALS_FULL_URI a URL. Plain
 * HTTP only to loopback and to the agents' addresses (169.254.170.2, 169.254.170.23, fd00:ec2::23): elsewhere the keys
 * would lie open. AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE is read at each request, as what it holds rotates, and wins
 * over AWS_CONTAINER_AUTHORIZATION_TOKEN; a token that would break its header is refused. */
#pragma once

#include "s3client/credentials/fetch.h"

enum found container_ask(const struct search *search, struct keys *ret_keys, struct error *error);

/* Where they are asked for: FOUND, FOUND_ABSENT, or why not there. */
enum found container_find_url(const struct search *search, char ret_url[FETCH_URL_BYTES], struct error *error);
