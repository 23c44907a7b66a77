/* server/s3/access/ownership_controls.c -- ?ownershipControls of a bucket: GET, PUT, DELETE (statements 457 to 461). */
#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_tree.h"
#include "server/s3/access/access_settings.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_get_bucket_ownership_controls(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    if (request->access.ownership == OWNERSHIP_UNSET)
        return error_set(error, ERROR_NOT_FOUND, S3_OwnershipControlsNotFoundError,
                         "The bucket ownership controls were not found");
    s3_document_open(&document, "OwnershipControls");
    ownership_write(&document.xml, request->access.ownership);
    return s3_document_send(request, &document, error);
}

static bool parse(const struct xml_element *root, enum ownership *ret_ownership, struct error *error)
{
    struct xml_field rule = {.name = "Rule", .least = 1, .most = 1};
    struct xml_field ownership = {.name = "ObjectOwnership", .least = 1, .most = 1};
    if (!xml_tree_expect_root(root, "OwnershipControls", error) || !xml_tree_sort(root, &rule, 1, error) ||
        !xml_tree_sort(rule.first, &ownership, 1, error))
        return false;
    return ownership_from_name(span_trim(ownership.first->text), ret_ownership) ||
           error_set(error, ERROR_INVALID, S3_MalformedXML,
                     "ObjectOwnership must be BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter.");
}

static SUSPENDS bool read_ownership(struct s3_request *request, enum ownership *ret_ownership, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = ACCESS_DOCUMENT_BYTES_MAX};
    struct xml_tree tree = {.arena = request->arena};
    bool is_present;
    return s3_read_document(request, &rules, &xml_tree_handlers, &tree, &is_present, error) &&
           parse(tree.root, ret_ownership, error);
}

SUSPENDS bool s3_put_bucket_ownership_controls(struct s3_request *request, struct error *error)
{
    enum ownership ownership;
    if (!read_ownership(request, &ownership, error))
        return false;
    if (ownership == OWNERSHIP_ENFORCED && acl_names_others(request->access.acl, request->access.owner))
        return error_set(error, ERROR_INVALID, S3_InvalidBucketAclWithObjectOwnership,
                         "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting");
    struct span document = ownership == OWNERSHIP_ENFORCED ? SPAN_EMPTY : span_from_string(ownership_name(ownership));
    return access_setting_answer(request, SETTING_OWNERSHIP, document, 200, error);
}

/* What is then so has a word of its own: a bucket without the setting is BucketOwnerEnforced. */
SUSPENDS bool s3_delete_bucket_ownership_controls(struct s3_request *request, struct error *error)
{
    return access_setting_answer(request, SETTING_OWNERSHIP, span_from_string(ownership_name(OWNERSHIP_UNSET)), 204,
                                 error);
}
