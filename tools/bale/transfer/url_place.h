/* tools/bale/transfer/url_place.h -- what a URL names: "https://HOST[:PORT]/PATH?QUERY", which may have a signature in
 * its query (a presigned URL). Path and query are asked for as they stand. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"

#include <stdbool.h>

struct url_place {
    char *origin;       /* "https://HOST[:PORT]"; of malloc */
    struct span target; /* "/PATH?QUERY", of the text */
    uint8_t *decoded;   /* of malloc */
    struct span name;   /* the path, decoded; of `decoded` */
};

/* Does it begin with http:// or https://? */
bool url_place_is(const char *text);
/* `text` lives on for as long as *ret_place. What is behind a '#' counts for nothing. ERROR_INVALID: it has no path, or
 * one with a broken escape or an encoded zero. */
bool url_place_read(const char *text, struct url_place *ret_place, struct error *error);
void url_place_free(struct url_place *place);
