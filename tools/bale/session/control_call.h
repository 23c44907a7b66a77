/* tools/bale/session/control_call.h -- asks a running server on this machine: by its admin port, found through the
 * control file of its folder (server/process/control_file.h), or through its --admin-socket. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <json-c/json.h>

/* Where it is. */
struct control_place {
    const char *folder; /* of its --backend, or --state */
    const char *socket; /* a path, instead; NULL: by the folder */
};

/* GET or POST of `path_and_query`; a document to be put back, whatever status of 200 it has. NULL: it refuses, with its
 * own sentence; or no server is there (ERROR_NOT_FOUND, ERROR_CLOSED). */
struct json_object *control_call(const struct control_place *place, const char *method, struct span path_and_query,
                                 struct error *error);
/* POST of `body`. */
struct json_object *control_send(const struct control_place *place, struct span path_and_query, struct span body,
                                 struct error *error);
