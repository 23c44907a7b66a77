/* tests/fuzz/credentials/check_keys.h -- what keys must be, whatever they were read from. */
#pragma once

#include "runtime/base/assert.h"
#include "s3client/credentials/keys.h"

#include <string.h>

static inline void check_text(const char *text, size_t bytes_max)
{
    size_t size = strnlen(text, bytes_max + 1);
    ASSERT(size <= bytes_max);
    for (size_t i = 0; i < size; i++)
        ASSERT(text[i] > ' ' && text[i] <= '~');
}

static inline void check_keys(const struct keys *keys)
{
    ASSERT(keys->access_key_id[0] != '\0' && keys->secret_key[0] != '\0');
    check_text(keys->access_key_id, S3_ACCESS_KEY_ID_BYTES_MAX);
    check_text(keys->secret_key, S3_SECRET_KEY_BYTES_MAX);
    check_text(keys->session_token, S3_SESSION_TOKEN_BYTES_MAX);
}

/* A sentence without bytes that a terminal would obey. */
static inline void check_sentence(const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity);
    ASSERT(size < capacity);
    for (size_t i = 0; i < size; i++)
        ASSERT(text[i] >= ' ' && text[i] <= '~');
}
