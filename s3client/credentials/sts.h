/* s3client/credentials/sts.h -- the keys of a role: AssumeRole, signed with other keys, and AssumeRoleWithWebIdentity.
 *
 * Where STS is: AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, else the endpoint of the region; the region is that of the
 * environment (AWS_REGION, AWS_DEFAULT_REGION), of the profile, of the options, in this order. Without one, the global
 * endpoint, which is signed for as us-east-1 by everybody. Up to three attempts, where STS or the way to it is in
 * trouble. */
#pragma once

#include "s3client/credentials/search.h"

struct sts_role {
    struct span arn;
    struct span session_name; /* empty: "bale-" and a number */
    struct span external_id;  /* empty: none */
    struct span duration;     /* seconds; empty: STS decides */
    struct span region;       /* of the profile; empty: none */
};

bool sts_assume_role(const struct search *search, const struct sts_role *role, const struct keys *with,
                     struct keys *ret_keys, struct error *error);
/* The file is read anew for each attempt. */
bool sts_assume_role_with_web_identity(const struct search *search, const struct sts_role *role, const char *token_file,
                                       struct keys *ret_keys, struct error *error);

/* Where STS is for this search, and for which region requests to it are signed. */
struct sts_endpoint {
    char url[512];
    char region[64];
};
bool sts_find_endpoint(const struct search *search, struct span profile_region, struct sts_endpoint *ret_endpoint,
                       struct error *error);
