/* s3client/credentials/key_document.h -- keys as JSON: what containers, instances and credential processes answer. */
#pragma once

#include "s3client/credentials/keys.h"

enum {
    KEY_DOCUMENT_BYTES_MAX = 64 << 10,
    KEY_DOCUMENT_DEPTH_MAX = 8,
};

enum key_document_kind {
    KEY_DOCUMENT_CONTAINER, /* AccessKeyId, SecretAccessKey, Token, Expiration */
    KEY_DOCUMENT_INSTANCE,  /* the same, and Code, which is "Success" */
    KEY_DOCUMENT_PROCESS,   /* Version 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration */
};

/* One JSON object, of which other members are ignored; an absent Expiration is never. False also for a refusal (code
 * and message in it), which is quoted. */
bool key_document_read(struct span json, enum key_document_kind kind, struct keys *ret_keys, struct error *error);

/* What a refusal says of itself ({"code": ..., "message": ...}, in either case of the first letter), or the beginning
 * of the text if it is none: for the sentence about it. */
void key_document_describe_refusal(struct span json, char *ret_text, size_t capacity);
