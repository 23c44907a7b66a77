/* s3client/credentials/keys.c -- takes keys over, or says what is wrong with them. */
#include "s3client/credentials/keys.h"

#include "runtime/base/assert.h"
#include "s3client/credentials/credentials.h"
#include "s3client/wire/date.h"

#include <stdlib.h>
#include <string.h>

struct keys *keys_create(void)
{
    struct keys *keys = calloc(1, sizeof *keys);
    ASSERT(keys != NULL);
    keys->expires_ms = CREDENTIALS_NEVER_EXPIRE;
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys != NULL)
        explicit_bzero(keys, sizeof *keys);
    free(keys);
}

static bool set_text(const char *what, struct span text, size_t bytes_max, char *ret_text, struct error *error)
{
    if (text.size > bytes_max)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the %s has more than %zu bytes", what, bytes_max);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return error_set(error, ERROR_INVALID, NULL, "the %s holds a byte that is no printable ASCII character",
                             what);
    }
    if (text.size > 0)
        memcpy(ret_text, text.data, text.size);
    ret_text[text.size] = '\0';
    return true;
}

bool keys_set(struct keys *keys, struct span access_key_id, struct span secret_key, struct span session_token,
              struct error *error)
{
    if (access_key_id.size == 0 || secret_key.size == 0)
        return error_set(error, ERROR_INVALID, NULL, "the %s is missing",
                         access_key_id.size == 0 ? "access key" : "secret key");
    keys->expires_ms = CREDENTIALS_NEVER_EXPIRE;
    return set_text("access key", access_key_id, S3_ACCESS_KEY_ID_BYTES_MAX, keys->access_key_id, error) &&
           set_text("secret key", secret_key, S3_SECRET_KEY_BYTES_MAX, keys->secret_key, error) &&
           set_text("session token", session_token, S3_SESSION_TOKEN_BYTES_MAX, keys->session_token, error);
}

/* Takes "+hh:mm" or "-hh:mm" off the end; what is left is local time of that offset. */
static bool take_offset(struct span *text, int64_t *ret_offset_ms)
{
    enum { BYTES = 6 };
    *ret_offset_ms = 0;
    if (text->size < BYTES || text->data[text->size - 3] != ':')
        return false;
    const uint8_t *at = text->data + text->size - BYTES;
    if (at[0] != '+' && at[0] != '-')
        return false;
    static const unsigned PLACES[] = {1, 2, 4, 5};
    static const int64_t MINUTES[] = {600, 60, 10, 1};
    for (unsigned i = 0; i < 4; i++) {
        if (at[PLACES[i]] < '0' || at[PLACES[i]] > '9')
            return false;
        *ret_offset_ms += (at[PLACES[i]] - '0') * MINUTES[i] * 60000;
    }
    if (at[0] == '-')
        *ret_offset_ms = -*ret_offset_ms;
    text->size -= BYTES;
    return true;
}

bool keys_set_expiration(struct keys *keys, struct span text, struct error *error)
{
    char utc[64];
    int64_t offset_ms;
    int64_t time_ms;
    struct span local = text;
    if (text.size == 0) {
        keys->expires_ms = CREDENTIALS_NEVER_EXPIRE;
        return true;
    }
    bool has_offset = take_offset(&local, &offset_ms) && local.size < sizeof utc - 1;
    if (has_offset) {
        memcpy(utc, local.data, local.size);
        utc[local.size] = 'Z';
        local = span_of(utc, local.size + 1);
    }
    if (date_parse_xml(has_offset ? local : text, &time_ms)) {
        keys->expires_ms = has_offset ? time_ms - offset_ms : time_ms;
        return true;
    }
    keys_quote(text, utc, sizeof utc);
    return error_set(error, ERROR_INVALID, NULL, "the expiration \"%s\" is no time", utc);
}

bool keys_are_equal(const struct keys *a, const struct keys *b)
{
    return strcmp(a->access_key_id, b->access_key_id) == 0 && strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->session_token, b->session_token) == 0 && a->expires_ms == b->expires_ms;
}

static bool is_white(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct span keys_trim(struct span text)
{
    while (text.size > 0 && is_white(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_white(text.data[0]))
        text = span_skip(text, 1);
    return text;
}

void keys_quote(struct span text, char *ret_text, size_t capacity)
{
    size_t size = text.size < capacity - 1 ? text.size : capacity - 1;
    for (size_t i = 0; i < size; i++)
        ret_text[i] = text.data[i] < ' ' || text.data[i] > '~' ? '?' : (char)text.data[i];
    ret_text[size] = '\0';
}
