/* server/s3/shared/setting_kinds.c -- the table of kinds of settings. A kind that is not offered yet has no size. */
#include "server/s3/shared/setting_kinds.h"

const struct setting_kind setting_kinds[SETTINGS_COUNT] = {
    [SETTING_OWNERSHIP] = {.name = "ownership"},
    [SETTING_ACL] = {.name = "acl"},
    [SETTING_PUBLIC_ACCESS_BLOCK] = {.name = "public-access-block"},
    [SETTING_POLICY] = {.name = "policy"},
    [SETTING_CORS] = {.name = "cors"},
    [SETTING_TAGS] = {.name = "tags"},
    [SETTING_LIFECYCLE] = {.name = "lifecycle"},
    [SETTING_ENCRYPTION] = {.name = "encryption"},
    [SETTING_LOGGING] = {.name = "logging"},
    [SETTING_REQUEST_PAYMENT] = {.name = "request-payment"},
    [SETTING_ACCELERATE] = {.name = "accelerate"},
};
