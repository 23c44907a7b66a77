/* server/s3/shared/setting_kinds.c -- the table of kinds of settings. A kind that is not offered yet has no size. */
#include "server/s3/shared/setting_kinds.h"

#include "server/s3/settings/cors.h"
#include "server/s3/settings/lifecycle.h"
#include "server/s3/settings/small.h"
#include "server/s3/shared/tags.h"

const struct setting_kind setting_kinds[SETTINGS_COUNT] = {
    [SETTING_OWNERSHIP] = {.name = "ownership"},
    [SETTING_ACL] = {.name = "acl"},
    [SETTING_PUBLIC_ACCESS_BLOCK] = {.name = "public-access-block"},
    [SETTING_POLICY] = {.name = "policy"},
    [SETTING_CORS] = {"cors", SETTING_DOCUMENT_BYTES_MAX, cors_compile},
    [SETTING_TAGS] = {"tags", TAGS_DOCUMENT_BYTES_MAX, NULL},
    [SETTING_LIFECYCLE] = {"lifecycle", SETTING_DOCUMENT_BYTES_MAX, lifecycle_compile},
    [SETTING_ENCRYPTION] = {.name = "encryption"},
    [SETTING_LOGGING] = {.name = "logging"},
    [SETTING_REQUEST_PAYMENT] = {"request-payment", SMALL_DOCUMENT_BYTES_MAX, payment_compile},
    [SETTING_ACCELERATE] = {"accelerate", SMALL_DOCUMENT_BYTES_MAX, NULL},
};
