/* tests/unit/s3/fixture.h -- a request as text becomes a struct s3_request, without a connection, a store or accounts.
 *
 * One at a time: everything is static and lives until the next fixture_request. */
#pragma once

#include "server/s3/request/request.h"

/* Parses `text` (request line and headers, with the empty line), resolves it and returns it; NULL when it was refused:
 * see fixture_error. `domain` may be NULL. */
struct s3_request *fixture_request(const char *text, const char *domain);

extern struct error fixture_error;

/* A detail of the refusal, as text; "" when it is not there. */
const char *fixture_detail(const struct s3_request *request, const char *name);
/* A header of the answer, as text; NULL when it was not set. */
const char *fixture_answered(const char *name);
