/* s3client/credentials/keys.h -- keys as a provider hands them out: checked, bounded, and wiped when they go. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "s3client/credential_source.h"

#include <stdbool.h>
#include <stdint.h>

/* Texts end in a zero. Large: they live on the heap. */
struct keys {
    char access_key_id[S3_ACCESS_KEY_ID_BYTES_MAX + 1];
    char secret_key[S3_SECRET_KEY_BYTES_MAX + 1];
    char session_token[S3_SESSION_TOKEN_BYTES_MAX + 1]; /* "": none */
    int64_t expires_ms;                                 /* or CREDENTIALS_NEVER_EXPIRE */
};

struct keys *keys_create(void);
void keys_free(struct keys *keys); /* NULL: nothing happens */

/* Never expiring until somebody says otherwise. The error says which of the three is missing, too long or holds what
 * cannot stand in a header, and never what it holds. */
bool keys_set(struct keys *keys, struct span access_key_id, struct span secret_key, struct span session_token,
              struct error *error);
/* ISO 8601 as the providers write it: "2026-11-29T12:00:00Z", with a fraction or an offset ("+02:00"). Empty: never. */
bool keys_set_expiration(struct keys *keys, struct span text, struct error *error);
bool keys_are_equal(const struct keys *a, const struct keys *b);

/* Without white space at its ends, line feeds among it. */
struct span keys_trim(struct span text);

/* Text from outside as it may stand in a sentence: control bytes and what is not ASCII become "?", and it is cut. */
void keys_quote(struct span text, char *ret_text, size_t capacity);
