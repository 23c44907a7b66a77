/* server/maintenance/request.h -- what `bale maintain` asks a running server to do: a document of JSON.
 *
 *     {"policy": "[rule old]\naction = recompact\n", "policy_name": "policy.ini", "prices": "core-hour = 0.05\n",
 *      "execute": true, "force": false, "zstd_level": 1, "columns": "auto", "log": true}
 *
 * `policy` must be there; texts are those of the files (policy.h, prices.h). What is not there is as without the
 * option. A member that is not known is refused: whoever sends it means something by it. */
#pragma once

#include "runtime/base/span.h"
#include "server/maintenance/maintenance.h"

#define MAINTENANCE_PACE_MAX (INT64_C(1) << 40) /* bytes a second */

enum { MAINTENANCE_REQUEST_BYTES_MAX = 4 << 20, MAINTENANCE_NAME_BYTES = 128 };

struct maintenance_request {
    struct policy policy;
    struct prices prices;
    char name[MAINTENANCE_NAME_BYTES]; /* of the policy; for people */
    bool executes;
    bool is_forced;
    bool is_logged;
    int level;
    uint64_t pace;
    enum config_columns columns;
};

/* ERROR_INVALID: the first thing that is wrong. On failure nothing is kept; else maintenance_request_free. Large. */
bool maintenance_request_read(struct span text, struct maintenance_request *ret_request, struct error *error);
void maintenance_request_free(struct maintenance_request *request);
