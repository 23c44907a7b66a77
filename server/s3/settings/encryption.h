/* server/s3/settings/encryption.h -- how objects of a bucket are encrypted whose requests do not say so.
 *
 * ServerSideEncryptionConfiguration, statement 616. */
#pragma once

#include "server/keys/kms_grant.h"
#include "server/s3/settings/document.h"

enum { ENCRYPTION_DOCUMENT_BYTES_MAX = 16 << 10 };

/* One rule. What stands in it is AES256 (SSE-S3), also where it only names types that are blocked, or aws:kms. */
struct bucket_encryption {
    bool is_kms;
    char key_id[KMS_KEY_ID_BYTES_MAX + 1]; /* KMSMasterKeyID; "": the server chooses */
    bool has_bucket_key;                   /* BucketKeyEnabled is there: kept, and without effect on AES256 */
    bool bucket_key;
    enum encryption_blocked {
        ENCRYPTION_BLOCKED_UNSAID, /* no BlockedEncryptionTypes; none is */
        ENCRYPTION_BLOCKED_NONE,
        ENCRYPTION_BLOCKED_SSE_C, /* writes that bring their own key are refused */
    } blocked;
};

/* NotImplemented: aws:kms:dsse. KmsNotFoundException: there is no key with so long an id. MalformedXML. */
bool bucket_encryption_parse(const struct xml_element *root, struct bucket_encryption *ret_encryption,
                             struct error *error);
void bucket_encryption_render(const struct bucket_encryption *encryption, struct buffer *to);
/* *ret_encryption is a const struct bucket_encryption. */
bool bucket_encryption_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                               const void **ret_encryption, struct error *error);
