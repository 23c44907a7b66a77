/* server/access/acl_names.h -- the words of ACLs: permissions, groups, canned lists. Private to the room. */
#pragma once

#include "server/access/acl.h"

/* What a canned name stands for, beside the owner's FULL_CONTROL. */
struct acl_canned {
    const char *name;
    enum acl_grantee group;
    unsigned permissions;  /* of the group; 0: none */
    unsigned bucket_owner; /* of the bucket's owner, on an object that is another's */
    bool is_of_buckets;    /* means nothing on an object */
};

/* NULL: no such name. */
const struct acl_canned *acl_canned_find(struct span name);

struct span acl_group_uri(enum acl_grantee group);
const char *acl_permission_name(unsigned permission);
