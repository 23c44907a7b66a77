/* s3client/credentials/environment_keys.c -- takes a key pair out of the environment. */
#include "s3client/credentials/environment_keys.h"

enum found environment_keys_ask(const struct search *search, struct keys *ret_keys, struct error *error)
{
    const char *access_key_id = search_variable(search, "AWS_ACCESS_KEY_ID");
    const char *secret_key = search_variable(search, "AWS_SECRET_ACCESS_KEY");
    const char *token = search_variable(search, "AWS_SESSION_TOKEN");
    if (access_key_id == NULL && secret_key == NULL)
        return FOUND_ABSENT;
    if (access_key_id == NULL || secret_key == NULL)
        return found_if(error_set(error, ERROR_INVALID, NULL, "AWS_%s is set and AWS_%s is not: both or neither",
                                  access_key_id != NULL ? "ACCESS_KEY_ID" : "SECRET_ACCESS_KEY",
                                  access_key_id != NULL ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID"));
    return found_if(keys_set(ret_keys, span_from_string(access_key_id), span_from_string(secret_key),
                             token == NULL ? SPAN_EMPTY : span_from_string(token), error));
}
