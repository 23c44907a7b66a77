/* server/s3/bucket/unset_configuration.c -- settings of a bucket that Bale does not offer yet: reading them says that
 * they were never set, as S3 does for a new bucket, and removing them succeeds (statements 121 to 123). */
#include "runtime/base/assert.h"
#include "s3client/wire/s3_error.h"
#include "server/s3/answer/answer.h"
#include "server/s3/operations.h"

/* What reading a setting answers that was never made: an error, or an empty document. */
static const struct unset {
    enum s3_operation operation;
    const char *code; /* NULL: 200 with `root` */
    const char *root;
} unset[] = {
    {S3_GetBucketCors, S3_NoSuchCORSConfiguration, NULL},
    {S3_GetBucketLifecycleConfiguration, S3_NoSuchLifecycleConfiguration, NULL},
    {S3_GetBucketTagging, S3_NoSuchTagSet, NULL},
    {S3_GetBucketWebsite, S3_NoSuchWebsiteConfiguration, NULL},
    {S3_GetBucketEncryption, S3_ServerSideEncryptionConfigurationNotFoundError, NULL},
    {S3_GetBucketReplication, S3_ReplicationConfigurationNotFoundError, NULL},
    {S3_GetBucketLogging, NULL, "BucketLoggingStatus"},
    {S3_GetBucketNotificationConfiguration, NULL, "NotificationConfiguration"},
    {S3_GetBucketAccelerateConfiguration, NULL, "AccelerateConfiguration"},
    {S3_GetBucketRequestPayment, NULL, "RequestPaymentConfiguration"},
};

/* Settings of which a bucket may have many, each with an id: there is none of them (statement 619). */
static const struct unset_list {
    const char *parameter;
    const char *root;
} unset_lists[] = {
    {"analytics", "ListBucketAnalyticsConfigurationResult"},
    {"intelligent-tiering", "ListBucketIntelligentTieringConfigurationsOutput"},
    {"inventory", "ListInventoryConfigurationsResult"},
    {"metrics", "ListMetricsConfigurationsResult"},
};

SUSPENDS bool s3_unset_list(struct s3_request *request, struct error *error)
{
    const char *root = NULL;
    struct s3_document document;
    struct span value;
    for (size_t i = 0; i < sizeof unset_lists / sizeof unset_lists[0] && root == NULL; i++)
        if (s3_request_parameter(request, unset_lists[i].parameter, &value))
            root = unset_lists[i].root;
    if (s3_request_parameter(request, "id", &value))
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchConfiguration, "The specified configuration does not exist.");
    ASSERT(root != NULL);
    s3_document_open(&document, root);
    xml_bool(&document.xml, "IsTruncated", false);
    return s3_document_send(request, &document, error);
}

static const struct unset *find_unset(enum s3_operation operation)
{
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++)
        if (unset[i].operation == operation)
            return &unset[i];
    return NULL;
}

SUSPENDS bool s3_unset_configuration(struct s3_request *request, struct error *error)
{
    const struct unset *setting = find_unset(request->outcome.operation);
    if (setting == NULL) { /* a removal of nothing */
        s3_answer_begin(request, 204);
        return s3_answer_empty(request, error);
    }
    if (setting->code != NULL)
        return error_set(error, ERROR_NOT_FOUND, setting->code, "%s", s3_error_find(setting->code)->message);

    struct s3_document document;
    s3_document_open(&document, setting->root);
    if (setting->operation == S3_GetBucketRequestPayment)
        xml_string(&document.xml, "Payer", "BucketOwner");
    return s3_document_send(request, &document, error);
}
