/* server/s3/headers/customer_key.c -- the triple of a customer's key, checked before anything is done with it. */
#include "server/s3/headers/customer_key.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/s3.h"

#include <string.h>

#define REQUESTS "Requests specifying Server Side Encryption with Customer provided keys must "

#define OBJECT "x-amz-server-side-encryption-customer-"
#define SOURCE "x-amz-copy-source-server-side-encryption-customer-"

const struct customer_key_names customer_key_of_object = {OBJECT "algorithm", OBJECT "key", OBJECT "key-md5"};
const struct customer_key_names customer_key_of_source = {SOURCE "algorithm", SOURCE "key", SOURCE "key-md5"};

/* What a request has of the three; empty: it is not there. */
struct triple {
    const struct customer_key_names *names;
    struct span algorithm;
    struct span key;
    struct span md5;
};

bool customer_key_is_named(const struct customer_key_names *names, struct span name)
{
    return span_equal_ignore_case(name, span_from_string(names->algorithm)) ||
           span_equal_ignore_case(name, span_from_string(names->key)) ||
           span_equal_ignore_case(name, span_from_string(names->md5));
}

/* Returns whether it is there. */
static bool find_one(const struct s3_request *request, const char *name, struct span *ret_value)
{
    if (s3_request_header(request, name, ret_value))
        return true;
    *ret_value = SPAN_EMPTY;
    return false;
}

/* Returns whether any of them is there. */
static bool find(const struct s3_request *request, const struct customer_key_names *names, struct triple *ret_triple)
{
    ret_triple->names = names;
    bool has_algorithm = find_one(request, names->algorithm, &ret_triple->algorithm);
    bool has_key = find_one(request, names->key, &ret_triple->key);
    bool has_md5 = find_one(request, names->md5, &ret_triple->md5);
    return has_algorithm || has_key || has_md5;
}

/* A query stands in logs of proxies, and in the history of whoever was given the link. */
static bool is_in_query(const struct s3_request *request, const struct customer_key_names *names)
{
    struct span value;
    return (s3_request_header(request, names->algorithm, &value) &&
            !http_head_find(request->head, names->algorithm, &value)) ||
           (s3_request_header(request, names->key, &value) && !http_head_find(request->head, names->key, &value)) ||
           (s3_request_header(request, names->md5, &value) && !http_head_find(request->head, names->md5, &value));
}

/* What the connection is says the connection alone: headers of a proxy are not believed. */
static bool check_way(const struct s3_request *request, const struct customer_key_names *names, struct error *error)
{
    const struct s3_settings *settings = request->settings;
    if (settings->customer_keys == CUSTOMER_KEYS_OFF)
        return error_set(error, ERROR_DENIED, S3_AccessDenied,
                         "Server Side Encryption with Customer provided keys is switched off here (--sse-c off).");
    if (settings->customer_keys == CUSTOMER_KEYS_OVER_TLS && !stream_is_secure(request->exchange->stream))
        return error_set(error, ERROR_INVALID, S3_InvalidRequest,
                         REQUESTS "be made over a secure connection. Behind a proxy that speaks TLS the server needs "
                                  "--sse-c-over-http allow.");
    return !is_in_query(request, names) ||
           error_set(error, ERROR_INVALID, S3_InvalidRequest, REQUESTS "provide them in headers, not in the query.");
}

/* Of two keys nobody knows which is meant, and the wrong one would be lost with its object. */
static bool stands_twice(const struct s3_request *request, const char *name)
{
    return http_head_count(request->head, name) > 1;
}

static bool check_form(struct s3_request *request, const struct triple *triple, struct error *error)
{
    const struct customer_key_names *names = triple->names;
    if (stands_twice(request, names->algorithm) || stands_twice(request, names->key) ||
        stands_twice(request, names->md5))
        return s3_refuse_argument(request, names->key, triple->key, REQUESTS "provide one key.", error);
    if (triple->algorithm.size == 0)
        return s3_refuse_argument(request, names->algorithm, triple->algorithm,
                                  REQUESTS "provide a valid encryption algorithm.", error);
    if (!span_equal(triple->algorithm, SPAN("AES256")))
        return error_set(error, ERROR_INVALID, S3_InvalidEncryptionAlgorithmError,
                         "The encryption request that you specified is not valid. The valid value is AES256.");
    if (triple->key.size == 0)
        return s3_refuse_argument(request, names->key, triple->key, REQUESTS "provide an appropriate secret key.",
                                  error);
    return triple->md5.size > 0 ||
           s3_refuse_argument(request, names->md5, triple->md5,
                              REQUESTS "provide the client calculated MD5 of the secret key.", error);
}

static bool decode(struct s3_request *request, const struct triple *triple, struct customer_key *key,
                   struct error *error)
{
    struct md5_sum sum;
    uint8_t claimed[MD5_BYTES];
    uint8_t computed[MD5_BYTES];
    if (!base64_decode(triple->key, key->bytes, sizeof key->bytes))
        return s3_refuse_argument(request, triple->names->key, triple->key,
                                  "The secret key was invalid for the specified algorithm.", error);
    md5_begin(&sum);
    md5_update(&sum, span_of(key->bytes, sizeof key->bytes));
    md5_end(&sum, computed);
    explicit_bzero(&sum, sizeof sum);
    if (!base64_decode(triple->md5, claimed, sizeof claimed) || memcmp(claimed, computed, sizeof claimed) != 0)
        return s3_refuse_argument(request, triple->names->md5, triple->md5,
                                  "The calculated MD5 hash of the key did not match the hash that was provided.",
                                  error);
    base64_encode(span_of(computed, sizeof computed), key->md5);
    key->md5[CUSTOMER_KEY_MD5_TEXT_BYTES] = '\0';
    return true;
}

bool customer_key_take(struct s3_request *request, const struct customer_key_names *names,
                       struct customer_key **ret_key, struct error *error)
{
    struct triple triple;
    *ret_key = NULL;
    if (!find(request, names, &triple))
        return true;
    if (!check_way(request, names, error) || !check_form(request, &triple, error))
        return false;
    struct customer_key *key = s3_allocate(request, sizeof *key, error);
    if (key == NULL)
        return false;
    *key = (struct customer_key){.kms = SPAN_EMPTY};
    if (!decode(request, &triple, key, error)) {
        explicit_bzero(key, sizeof *key);
        return false;
    }
    *ret_key = key;
    return true;
}
