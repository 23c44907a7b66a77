/* server/admin/document.h -- what pages of JSON have in common: parameters in, documents out, and who may change
 * something. */
#pragma once

#include "server/admin/admin.h"

#include <json-c/json.h>

/* Takes the document over. */
SUSPENDS void admin_answer_document(struct http_exchange *exchange, int status, struct json_object *document);
/* {"error": sentence} */
SUSPENDS void admin_refuse(struct http_exchange *exchange, int status, const char *sentence);
/* The same of an error, with the status for its kind. */
SUSPENDS void admin_refuse_error(struct http_exchange *exchange, const struct error *error);

void admin_add_text(struct json_object *to, const char *name, struct span text);
void admin_add_number(struct json_object *to, const char *name, uint64_t number);
void admin_add_flag(struct json_object *to, const char *name, bool is_set);

/* Of the query, decoded, in the exchange's memory; false: it is not there, or broken. */
bool admin_find_parameter(const struct http_exchange *exchange, const char *wanted, struct span *ret_value);
/* Does the request bring the word of the control file (server/process/control_file.h) or the operator's token
 * (server/process/admin_token.h), as `Authorization: Bearer`? Or has it come through the socket in the file system, as
 * the user of this process or root? */
bool admin_may_change(const struct http_exchange *exchange, const struct admin_view *view);
/* 403: it does not. */
SUSPENDS void admin_refuse_stranger(struct http_exchange *exchange);
