/* tools/bale/view/answer_view.h -- what a running server answers, out of its JSON: what is not there is empty, 0 or
 * false. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATE_BYTES = 32 };

struct json_object *answer_member(struct json_object *document, const char *name); /* NULL: it is not there */
const char *answer_text(struct json_object *document, const char *name);
int64_t answer_number(struct json_object *document, const char *name);
bool answer_flag(struct json_object *document, const char *name);
size_t answer_count(struct json_object *array); /* `array` may be NULL */

/* "2026-11-30 02:34:18", UTC */
const char *answer_format_date(int64_t wall_ms, char ret_text[DATE_BYTES]);
/* To standard output, as one line. */
void answer_print(struct json_object *document);
