/* server/s3/answer/cors_headers.h -- what an answer says to a browser about pages of other origins (section AF). */
#pragma once

#include "server/s3/request/request.h"
#include "server/s3/settings/cors.h"

/* The bucket's rules; NULL: it has none. */
const struct cors *s3_cors_of(const struct s3_request *request);

/* Of an answer that was begun, whatever its status: headers when a rule fits origin and method, and in any case Vary
 * when there are rules. Not for an answer to OPTIONS, whose headers are its own. */
void s3_answer_cors(struct s3_request *request);

/* The headers that both kinds of answer have when a rule fits. `is_any`: as cors_match has it. */
void s3_answer_cors_rule(struct s3_request *request, const struct cors_rule *rule, struct span origin, bool is_any);
