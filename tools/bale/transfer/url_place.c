/* tools/bale/transfer/url_place.c -- cuts a URL into origin, and path with query. */
#include "tools/bale/transfer/url_place.h"

#include "runtime/base/assert.h"
#include "s3client/wire/uri.h"

#include <stdlib.h>
#include <string.h>

static const char *const SCHEMES[] = {"https://", "http://"};

static size_t scheme_bytes(const char *text)
{
    for (unsigned i = 0; i < sizeof SCHEMES / sizeof SCHEMES[0]; i++) {
        if (strncmp(text, SCHEMES[i], strlen(SCHEMES[i])) == 0)
            return strlen(SCHEMES[i]);
    }
    return 0;
}

bool url_place_is(const char *text)
{
    return scheme_bytes(text) > 0;
}

static bool decode_name(struct url_place *place, struct span path)
{
    size_t size;
    place->decoded = malloc(path.size + 1);
    ASSERT(place->decoded != NULL);
    if (!uri_decode(path, place->decoded, &size) || memchr(place->decoded, '\0', size) != NULL)
        return false;
    place->name = span_of(place->decoded, size);
    return true;
}

bool url_place_read(const char *text, struct url_place *ret_place, struct error *error)
{
    const char *host = text + scheme_bytes(text);
    size_t host_bytes = strcspn(host, "/?#");
    *ret_place = (struct url_place){0};
    if (host[host_bytes] != '/')
        return error_set(error, ERROR_INVALID, NULL, "the URL has no path");
    ret_place->origin = strndup(text, (size_t)(host - text) + host_bytes);
    ASSERT(ret_place->origin != NULL);
    const char *path = host + host_bytes;
    ret_place->target = span_of(path, strcspn(path, "#"));
    if (decode_name(ret_place, span_of(path + 1, strcspn(path, "?#") - 1)))
        return true;
    url_place_free(ret_place);
    return error_set(error, ERROR_INVALID, NULL, "the URL's path has a broken escape, or an encoded zero");
}

void url_place_free(struct url_place *place)
{
    free(place->origin);
    free(place->decoded);
    *place = (struct url_place){0};
}
