/* server/s3/access_log/target.h -- may access logs go there? Asked when the setting is made; whoever writes them asks
 * again for the owner. */
#pragma once

#include "server/s3/request/request.h"
#include "server/s3/settings/logging.h"

/* InvalidTargetBucketForLogging: the target is not there, is not of the same owner, or gives new objects a retention;
 * AccessControlListNotSupported: grants, where ACLs do not count (statement 602). What keys may not be called. */
SUSPENDS bool access_log_check_target(struct s3_request *request, const struct logging *logging, struct error *error);
