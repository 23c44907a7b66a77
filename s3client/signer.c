/* s3client/signer.c -- signs a request: newest credentials, the day's key, the Authorization field. */
#include "runtime/base/assert.h"
#include "s3client/client_private.h"

enum {
    CANONICAL_BYTES_MAX = 256 << 10,
    DAY_BYTES = 8,
};

void s3_signer_init(struct s3_signer *signer, struct s3_endpoint *endpoint)
{
    *signer = (struct s3_signer){.endpoint = endpoint};
    buffer_init(&signer->canonical, CANONICAL_BYTES_MAX);
    buffer_init(&signer->to_sign, CANONICAL_BYTES_MAX);
}

static void unpin(struct s3_signer *signer)
{
    struct s3_credential_source *source = signer->endpoint->credentials;
    if (signer->credentials != NULL)
        source->operations->unpin(source, signer->credentials);
    signer->credentials = NULL;
    signer->has_key = false;
}

void s3_signer_free(struct s3_signer *signer)
{
    unpin(signer);
    explicit_bzero(&signer->key, sizeof signer->key);
    buffer_free(&signer->canonical);
    buffer_free(&signer->to_sign);
}

bool s3_signer_refresh(struct s3_signer *signer, struct error *error)
{
    struct s3_credential_source *source = signer->endpoint->credentials;
    if (source == NULL)
        return true;
    uint64_t newest = atomic_load_explicit(&source->generation, memory_order_acquire);
    if (signer->credentials != NULL && signer->credentials->generation == newest)
        return true;
    const struct s3_credentials *credentials = source->operations->pin(source, error);
    if (credentials == NULL)
        return false;
    unpin(signer);
    signer->credentials = credentials;
    return true;
}

static const struct hmac_sha256_key *key_of(struct s3_signer *signer, struct span day)
{
    uint8_t key[SHA256_BYTES];
    if (signer->has_key && memcmp(signer->day, day.data, DAY_BYTES) == 0)
        return &signer->key;
    sigv4_signing_key(signer->credentials->secret_key, day, span_from_string(signer->endpoint->region), SPAN("s3"),
                      key);
    hmac_sha256_prepare(&signer->key, span_of(key, sizeof key));
    explicit_bzero(key, sizeof key);
    memcpy(signer->day, day.data, DAY_BYTES);
    signer->has_key = true;
    return &signer->key;
}

bool s3_signer_append(struct s3_signer *signer, const struct sigv4_request *request, struct span timestamp,
                      struct buffer *to, struct error *error)
{
    struct span day = span_take(timestamp, DAY_BYTES);
    struct span missing;
    char hex[2 * SHA256_BYTES];
    uint8_t scope_memory[128];
    struct buffer scope = {.data = scope_memory, .capacity = sizeof scope_memory, .limit = sizeof scope_memory};
    ASSERT(signer->credentials != NULL);
    buffer_append(&scope, day);
    buffer_append_byte(&scope, '/');
    buffer_append_string(&scope, signer->endpoint->region); /* at most 64 */
    buffer_append_string(&scope, "/s3/aws4_request");
    buffer_clear(&signer->canonical);
    buffer_clear(&signer->to_sign);
    if (!sigv4_canonical_request(request, &signer->canonical, &missing))
        return error_set(error, ERROR_TOO_LARGE, NULL, "the request is too large to be signed");
    sigv4_string_to_sign(timestamp, buffer_span(&scope), buffer_span(&signer->canonical), &signer->to_sign);
    sigv4_signature_prepared(key_of(signer, day), buffer_span(&signer->to_sign), hex);

    buffer_append_string(to, "Authorization: " SIGV4_ALGORITHM " Credential=");
    buffer_append(to, signer->credentials->access_key_id);
    buffer_append_byte(to, '/');
    buffer_append(to, buffer_span(&scope));
    buffer_append_string(to, ", SignedHeaders=");
    buffer_append(to, request->signed_headers);
    buffer_append_string(to, ", Signature=");
    buffer_append(to, span_of(hex, sizeof hex));
    buffer_append_string(to, "\r\n");
    return true;
}
