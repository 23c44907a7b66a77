/* server/s3/access/access_settings.h -- what the operations on a bucket's access settings share. */
#pragma once

#include "server/s3/rights/authorize.h"

enum { ACCESS_DOCUMENT_BYTES_MAX = 64 << 10 };

/* The setting becomes this document, or, of an empty one, unset. */
SUSPENDS bool access_setting_store(struct s3_request *request, enum bucket_setting setting, struct span document,
                                   struct error *error);

/* The same, answered with 200 or 204 and no body. */
SUSPENDS bool access_setting_answer(struct s3_request *request, enum bucket_setting setting, struct span document,
                                    int status, struct error *error);
