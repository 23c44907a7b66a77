/* server/s3/route.h -- which operation a request asks for: a table of methods, levels and sub-resources. */
#pragma once

#include "server/s3/request/request.h"

/* How an operation uses its request, for the checks that are made before it runs. */
enum s3_traits {
    TAKES_OBJECT_BODY = 1, /* any streamed form of body is allowed */
    TAKES_DOCUMENT = 2,    /* a body in XML */
    NEEDS_NO_BUCKET = 4,   /* the bucket need not be there */
    IS_VARIANT = 8,        /* the selector chooses among plain operations: it names no sub-resource */
};

struct s3_route {
    unsigned levels;    /* enum s3_level, several together */
    const char *method; /* "GET"; "*": any */
    /* A parameter, or with "x-amz-" in front a header, that must be present; two with "&" between; NULL: none. */
    const char *selector;
    enum s3_operation operation;
    unsigned traits;
    s3_handler *handler; /* NULL: known, but not offered */
};

/* The first row that fits. False: MethodNotAllowed (and request->allow), or NotImplemented. Sets outcome.operation. */
bool s3_route_find(struct s3_request *request, const struct s3_route **ret_route, struct error *error);

/* Is a part of the bucket or object addressed, as ?acl is? */
bool s3_route_names_sub_resource(const struct s3_request *request);

/* The table, for tests and docs. */
const struct s3_route *s3_route_table(unsigned *ret_count);
