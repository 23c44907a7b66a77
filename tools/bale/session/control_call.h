/* tools/bale/session/control_call.h -- asks a running server on this machine by its admin port, found through the
 * control file of its folder (server/process/control_file.h). */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <json-c/json.h>

/* GET or POST of `path_and_query`; a document to be put back, whatever status of 200 it has. NULL: no server runs with
 * that folder, or it refuses, with its own sentence. */
struct json_object *control_call(const char *folder, const char *method, struct span path_and_query,
                                 struct error *error);
