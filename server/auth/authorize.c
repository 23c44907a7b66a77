/* server/auth/authorize.c -- the one door: who may do what to which bucket. */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/auth/identity.h"

bool authorize(const struct account *account, const struct action *action, const struct resource *resource,
               struct error *error)
{
    ASSERT(account != NULL);
    if (action->writes && account->role != ROLE_READWRITE)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "The account %s is not authorized to perform %s: its role is readonly.", account->name,
                         action->name);
    if (resource->bucket != NULL && strcmp(resource->bucket->owner, account->id) != 0)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "The account %s is not authorized to perform %s: the bucket belongs to another account.",
                         account->name, action->name);
    return true;
}
