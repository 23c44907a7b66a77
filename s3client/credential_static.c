/* s3client/credential_static.c -- credentials that are given once and never change. */
#include "runtime/base/assert.h"
#include "s3client/credential_source.h"

#include <stdlib.h>
#include <string.h>

struct static_source {
    struct s3_credential_source source;
    struct s3_credentials credentials;
    size_t size;
    uint8_t text[];
};

static const struct s3_credentials *pin(struct s3_credential_source *source, struct error *error)
{
    (void)error;
    return &((struct static_source *)(void *)source)->credentials;
}

static void unpin(struct s3_credential_source *source, const struct s3_credentials *credentials)
{
    (void)source;
    (void)credentials;
}

static void destroy(struct s3_credential_source *source)
{
    struct static_source *fixed = (struct static_source *)(void *)source;
    explicit_bzero(fixed->text, fixed->size);
    free(fixed);
}

static const struct s3_credential_source_operations operations = {.pin = pin, .unpin = unpin, .destroy = destroy};

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
            return false;
    }
    return true;
}

static bool check(const struct s3_credentials *credentials, struct error *error)
{
    if (credentials->access_key_id.size == 0 || credentials->secret_key.size == 0)
        return error_set(error, ERROR_INVALID, NULL, "credentials need an access key id and a secret key");
    if (credentials->access_key_id.size > S3_ACCESS_KEY_ID_BYTES_MAX ||
        credentials->secret_key.size > S3_SECRET_KEY_BYTES_MAX ||
        credentials->session_token.size > S3_SESSION_TOKEN_BYTES_MAX)
        return error_set(error, ERROR_TOO_LARGE, NULL, "the access key id, secret key or session token is too long");
    if (!is_plain(credentials->access_key_id) || !is_plain(credentials->secret_key) ||
        !is_plain(credentials->session_token))
        return error_set(error, ERROR_INVALID, NULL,
                         "the access key id, secret key or session token holds a blank or a control byte");
    return true;
}

static struct span copy(uint8_t **at, struct span text)
{
    struct span copied = span_of(*at, text.size);
    if (text.size > 0)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return copied;
}

struct s3_credential_source *s3_credentials_create_static(struct span access_key_id, struct span secret_key,
                                                          struct span session_token, struct error *error)
{
    struct s3_credentials given = {access_key_id, secret_key, session_token, 1};
    if (!check(&given, error))
        return NULL;
    size_t size = access_key_id.size + secret_key.size + session_token.size;
    struct static_source *fixed = calloc(1, sizeof *fixed + size);
    ASSERT(fixed != NULL);
    uint8_t *at = fixed->text;
    fixed->size = size;
    fixed->source.operations = &operations;
    atomic_store(&fixed->source.generation, 1);
    fixed->credentials.access_key_id = copy(&at, access_key_id);
    fixed->credentials.secret_key = copy(&at, secret_key);
    fixed->credentials.session_token = copy(&at, session_token);
    fixed->credentials.generation = 1;
    return &fixed->source;
}
