/* server/admin/dictionaries.h -- what `bale dict` asks of a running server.
 *
 *   GET  /dict                                  rules, how they fare, and every dictionary that is known: JSON
 *   POST /dict/train?bucket=B&prefix=P[&trial]  trains, and publishes what is worth it: JSON
 *   POST /dict/unmap?bucket=B&prefix=P          new objects are written without a dictionary again
 *   POST /dict/retire?bucket=B&prefix=ID        writes again what refers to that dictionary, and removes it
 *
 * A POST needs `Authorization: Bearer WORD` with the word of the control file (server/process/control_file.h): the
 * admin port may be open to others, who only look. */
#pragma once

#include "server/admin/admin.h"

SUSPENDS void admin_answer_dictionaries(struct http_exchange *exchange, const struct admin_view *view);
/* False: there is no such page. */
SUSPENDS bool admin_change_dictionaries(struct http_exchange *exchange, const struct admin_view *view);
