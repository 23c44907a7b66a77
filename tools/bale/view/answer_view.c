/* tools/bale/view/answer_view.c -- members of a server's answers. */
#include "tools/bale/view/answer_view.h"

#include <stdio.h>
#include <time.h>

struct json_object *answer_member(struct json_object *document, const char *name)
{
    struct json_object *value = NULL;
    (void)json_object_object_get_ex(document, name, &value);
    return value;
}

const char *answer_text(struct json_object *document, const char *name)
{
    const char *text = json_object_get_string(answer_member(document, name));
    return text != NULL ? text : "";
}

int64_t answer_number(struct json_object *document, const char *name)
{
    return json_object_get_int64(answer_member(document, name));
}

bool answer_flag(struct json_object *document, const char *name)
{
    return json_object_get_boolean(answer_member(document, name));
}

size_t answer_count(struct json_object *array)
{
    return array == NULL ? 0 : json_object_array_length(array);
}

const char *answer_format_date(int64_t wall_ms, char ret_text[DATE_BYTES])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm date;
    (void)gmtime_r(&seconds, &date);
    (void)strftime(ret_text, DATE_BYTES, "%Y-%m-%d %H:%M:%S", &date);
    return ret_text;
}

void answer_print(struct json_object *document)
{
    printf("%s\n", json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
}
