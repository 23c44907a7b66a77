/* server/s3/settings/encryption.c -- ServerSideEncryptionConfiguration. */
#include "server/s3/settings/encryption.h"

#include "s3client/wire/s3_error.h"

static bool refuse_schema(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_MalformedXML, "%s", why);
}

static bool take_key_id(const struct xml_element *element, struct bucket_encryption *encryption, struct error *error)
{
    if (element->text.size == 0 || element->text.size > KMS_KEY_ID_BYTES_MAX)
        return error_set(error, ERROR_INVALID, S3_KmsNotFoundException, "The specified KMS key does not exist.");
    memcpy(encryption->key_id, element->text.data, element->text.size);
    return true;
}

/* A key of a key service beside AES256 would be one that is never asked. */
static bool take_default(const struct xml_element *element, struct bucket_encryption *encryption, struct error *error)
{
    struct xml_field fields[] = {{"SSEAlgorithm", 1, 1}, {"KMSMasterKeyID", 0, 1}};
    if (!xml_tree_sort(element, fields, 2, error))
        return false;
    struct span algorithm = fields[0].first->text;
    if (span_equal(algorithm, SPAN("aws:kms:dsse")))
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented,
                         "Nothing is encrypted twice here: the default of a bucket is AES256 or aws:kms.");
    encryption->is_kms = span_equal(algorithm, SPAN("aws:kms"));
    if (encryption->is_kms)
        return fields[1].count == 0 || take_key_id(fields[1].first, encryption, error);
    if (!span_equal(algorithm, SPAN("AES256")))
        return refuse_schema(error, "SSEAlgorithm is not known.");
    return fields[1].count == 0 || refuse_schema(error, "KMSMasterKeyID goes with aws:kms alone.");
}

static bool take_bucket_key(const struct xml_element *element, struct bucket_encryption *encryption,
                            struct error *error)
{
    encryption->has_bucket_key = true;
    encryption->bucket_key = span_equal(element->text, SPAN("true"));
    return encryption->bucket_key || span_equal(element->text, SPAN("false")) ||
           refuse_schema(error, "BucketKeyEnabled is true or false.");
}

static bool take_blocked(const struct xml_element *element, struct bucket_encryption *encryption, struct error *error)
{
    struct xml_field type = {"EncryptionType", 1, 1};
    if (!xml_tree_sort(element, &type, 1, error))
        return false;
    bool is_none = span_equal(type.first->text, SPAN("NONE"));
    encryption->blocked = is_none ? ENCRYPTION_BLOCKED_NONE : ENCRYPTION_BLOCKED_SSE_C;
    return is_none || span_equal(type.first->text, SPAN("SSE-C")) ||
           refuse_schema(error, "EncryptionType is NONE or SSE-C.");
}

bool bucket_encryption_parse(const struct xml_element *root, struct bucket_encryption *ret_encryption,
                             struct error *error)
{
    struct xml_field rule = {"Rule", 1, 1};
    struct xml_field fields[] = {
        {"ApplyServerSideEncryptionByDefault", 0, 1}, {"BucketKeyEnabled", 0, 1}, {"BlockedEncryptionTypes", 0, 1}};
    *ret_encryption = (struct bucket_encryption){.blocked = ENCRYPTION_BLOCKED_UNSAID};
    if (!xml_tree_expect_root(root, "ServerSideEncryptionConfiguration", error) ||
        !xml_tree_sort(root, &rule, 1, error) || !xml_tree_sort(rule.first, fields, 3, error))
        return false;
    if (fields[0].count == 0 && fields[2].count == 0)
        return refuse_schema(error, "A rule has ApplyServerSideEncryptionByDefault or BlockedEncryptionTypes.");
    return (fields[0].count == 0 || take_default(fields[0].first, ret_encryption, error)) &&
           (fields[1].count == 0 || take_bucket_key(fields[1].first, ret_encryption, error)) &&
           (fields[2].count == 0 || take_blocked(fields[2].first, ret_encryption, error));
}

void bucket_encryption_render(const struct bucket_encryption *encryption, struct buffer *to)
{
    struct xml_writer xml;
    document_begin(&xml, to, "ServerSideEncryptionConfiguration");
    xml_open(&xml, "Rule");
    xml_open(&xml, "ApplyServerSideEncryptionByDefault");
    xml_string(&xml, "SSEAlgorithm", encryption->is_kms ? "aws:kms" : "AES256");
    if (encryption->key_id[0] != '\0')
        xml_string(&xml, "KMSMasterKeyID", encryption->key_id);
    xml_close(&xml);
    if (encryption->has_bucket_key)
        xml_bool(&xml, "BucketKeyEnabled", encryption->bucket_key);
    if (encryption->blocked != ENCRYPTION_BLOCKED_UNSAID) {
        xml_open(&xml, "BlockedEncryptionTypes");
        xml_string(&xml, "EncryptionType", encryption->blocked == ENCRYPTION_BLOCKED_NONE ? "NONE" : "SSE-C");
        xml_close(&xml);
    }
    xml_close(&xml);
    document_end(&xml);
}

bool bucket_encryption_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                               const void **ret_encryption, struct error *error)
{
    const struct xml_element *root;
    (void)bucket;
    struct bucket_encryption *encryption = document_allocate(arena, sizeof *encryption, error);
    if (encryption == NULL || !xml_tree_parse(document, arena, &root, error) ||
        !bucket_encryption_parse(root, encryption, error))
        return false;
    *ret_encryption = encryption;
    return true;
}
