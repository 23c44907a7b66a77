/* server/access/acl_names.c -- the words of ACLs, and grants as headers name them. */
#include "server/access/acl_names.h"

#include "s3client/wire/s3_error.h"

static const struct acl_canned canned[] = {
    {.name = "private"},
    {.name = "public-read", .group = ACL_ALL_USERS, .permissions = ACL_READ},
    {.name = "public-read-write", .group = ACL_ALL_USERS, .permissions = ACL_READ | ACL_WRITE},
    {.name = "authenticated-read", .group = ACL_AUTHENTICATED_USERS, .permissions = ACL_READ},
    {.name = "aws-exec-read"},
    {.name = "bucket-owner-read", .bucket_owner = ACL_READ},
    {.name = "bucket-owner-full-control", .bucket_owner = ACL_FULL_CONTROL},
    {.name = "log-delivery-write",
     .group = ACL_LOG_DELIVERY,
     .permissions = ACL_WRITE | ACL_READ_ACP,
     .is_of_buckets = true},
};

static const struct span group_uris[] = {
    [ACL_ALL_USERS] = SPAN("http://acs.amazonaws.com/groups/global/AllUsers"),
    [ACL_AUTHENTICATED_USERS] = SPAN("http://acs.amazonaws.com/groups/global/AuthenticatedUsers"),
    [ACL_LOG_DELIVERY] = SPAN("http://acs.amazonaws.com/groups/s3/LogDelivery"),
};

static const struct {
    unsigned permission;
    const char *name;
} permissions[] = {
    {ACL_READ, "READ"},
    {ACL_WRITE, "WRITE"},
    {ACL_READ_ACP, "READ_ACP"},
    {ACL_WRITE_ACP, "WRITE_ACP"},
    {ACL_FULL_CONTROL, "FULL_CONTROL"},
};

enum { PERMISSIONS = sizeof permissions / sizeof permissions[0] };

const struct acl_canned *acl_canned_find(struct span name)
{
    for (size_t i = 0; i < sizeof canned / sizeof canned[0]; i++)
        if (span_equal(name, span_from_string(canned[i].name)))
            return &canned[i];
    return NULL;
}

struct span acl_group_uri(enum acl_grantee group)
{
    return group_uris[group];
}

unsigned acl_permission_of_name(struct span name)
{
    for (size_t i = 0; i < PERMISSIONS; i++)
        if (span_equal(name, span_from_string(permissions[i].name)))
            return permissions[i].permission;
    return 0;
}

const char *acl_permission_name(unsigned permission)
{
    size_t i = 0;
    while (i + 1 < PERMISSIONS && permissions[i].permission != permission)
        i++;
    return permissions[i].name;
}

/* ---- grantees by name ---- */

static bool add(struct acl *acl, enum acl_grantee grantee, struct span account, unsigned permission,
                struct error *error)
{
    return acl_add(acl, grantee, account, permission) ||
           error_set(error, ERROR_INVALID, S3_MalformedACLError, "An access control list has at most %d grants.",
                     ACL_GRANTS_MAX);
}

bool acl_add_id(struct acl *acl, struct span id, unsigned permission, const struct accounts *accounts,
                struct error *error)
{
    const struct account *account = accounts_find_id(accounts, id);
    if (account == NULL)
        return error_set(error, ERROR_INVALID, S3_InvalidArgument, "Invalid id");
    return add(acl, ACL_ACCOUNT, span_from_string(account->id), permission, error);
}

bool acl_add_uri(struct acl *acl, struct span uri, unsigned permission, struct error *error)
{
    for (enum acl_grantee group = ACL_ALL_USERS; group < ACL_ACCOUNT; group++)
        if (span_equal(uri, group_uris[group]))
            return add(acl, group, SPAN_EMPTY, permission, error);
    return error_set(error, ERROR_INVALID, S3_InvalidArgument, "Invalid group uri");
}

bool acl_add_email(struct acl *acl, struct span address, unsigned permission, const struct accounts *accounts,
                   struct error *error)
{
    const struct account *account;
    switch (accounts_find_email(accounts, address, &account)) {
    case 0:
        return error_set(error, ERROR_INVALID, S3_UnresolvableGrantByEmailAddress,
                         "The email address you provided does not match any account on record.");
    case 1:
        return add(acl, ACL_ACCOUNT, span_from_string(account->id), permission, error);
    default:
        return error_set(error, ERROR_INVALID, S3_AmbiguousGrantByEmailAddress,
                         "The email address you provided is associated with more than one account.");
    }
}

/* ---- grant headers ---- */

static bool refuse_header(struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidArgument,
                     "Argument format not recognized: grantees are id=\"...\", uri=\"...\" or emailAddress=\"...\", "
                     "separated by commas.");
}

/* Cuts one `name="value"` and the comma behind it off the text; quotes may be missing. */
static bool cut_grantee(struct span *text, struct span *ret_name, struct span *ret_value)
{
    size_t equals = span_find(*text, '=');
    if (equals == SIZE_MAX)
        return false;
    *ret_name = span_trim(span_take(*text, equals));
    struct span rest = span_trim(span_skip(*text, equals + 1));
    bool is_quoted = rest.size > 0 && rest.data[0] == '"';
    if (is_quoted)
        rest = span_skip(rest, 1);
    size_t end = span_find(rest, is_quoted ? '"' : ',');
    if (is_quoted && end == SIZE_MAX)
        return false;
    *ret_value = is_quoted ? span_take(rest, end) : span_trim(span_take(rest, end));
    rest = end == SIZE_MAX ? SPAN_EMPTY : span_trim(span_skip(rest, is_quoted ? end + 1 : end));
    if (rest.size > 0 && rest.data[0] != ',')
        return false;
    *text = rest.size > 0 ? span_skip(rest, 1) : SPAN_EMPTY;
    return true;
}

bool acl_add_header(struct acl *acl, unsigned permission, struct span value, const struct accounts *accounts,
                    struct error *error)
{
    if (span_trim(value).size == 0)
        return refuse_header(error);
    while (span_trim(value).size > 0) {
        struct span name;
        struct span grantee;
        if (!cut_grantee(&value, &name, &grantee))
            return refuse_header(error);
        bool ok;
        if (span_equal_ignore_case(name, SPAN("id")))
            ok = acl_add_id(acl, grantee, permission, accounts, error);
        else if (span_equal_ignore_case(name, SPAN("uri")))
            ok = acl_add_uri(acl, grantee, permission, error);
        else if (span_equal_ignore_case(name, SPAN("emailAddress")))
            ok = acl_add_email(acl, grantee, permission, accounts, error);
        else
            ok = refuse_header(error);
        if (!ok)
            return false;
    }
    return true;
}
