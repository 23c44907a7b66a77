/* server/s3/access/public_access_block.c -- ?publicAccessBlock of a bucket: GET, PUT, DELETE (statement 496). */
#include "server/access/public_access_block.h"

#include "s3client/wire/s3_error.h"
#include "s3client/wire/xml_tree.h"
#include "server/s3/access/access_settings.h"
#include "server/s3/answer/answer.h"
#include "server/s3/body/body.h"
#include "server/s3/operations.h"

SUSPENDS bool s3_get_public_access_block(struct s3_request *request, struct error *error)
{
    struct s3_document document;
    if (settings_document(request->bucket_settings, SETTING_PUBLIC_ACCESS_BLOCK).size == 0)
        return error_set(error, ERROR_NOT_FOUND, S3_NoSuchPublicAccessBlockConfiguration,
                         "The public access block configuration was not found");
    s3_document_open(&document, "PublicAccessBlockConfiguration");
    public_access_block_write(&document.xml, &request->access.block);
    return s3_document_send(request, &document, error);
}

static bool parse(const struct xml_element *root, struct public_access_block *ret_block, struct error *error)
{
    struct xml_field fields[] = {
        {.name = "BlockPublicAcls", .most = 1},
        {.name = "IgnorePublicAcls", .most = 1},
        {.name = "BlockPublicPolicy", .most = 1},
        {.name = "RestrictPublicBuckets", .most = 1},
    };
    *ret_block = (struct public_access_block){.blocks_acls = false};
    if (!xml_tree_expect_root(root, "PublicAccessBlockConfiguration", error) ||
        !xml_tree_sort(root, fields, sizeof fields / sizeof fields[0], error))
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].first != NULL &&
            !public_access_block_take(ret_block, span_from_string(fields[i].name), span_trim(fields[i].first->text)))
            return error_set(error, ERROR_INVALID, S3_MalformedXML, "%s must be true or false.", fields[i].name);
    return true;
}

SUSPENDS bool s3_put_public_access_block(struct s3_request *request, struct error *error)
{
    static const struct document_rules rules = {.bytes_max = ACCESS_DOCUMENT_BYTES_MAX};
    struct xml_tree tree = {.arena = request->arena};
    struct public_access_block block;
    bool is_present;
    if (!s3_read_document(request, &rules, &xml_tree_handlers, &tree, &is_present, error) ||
        !parse(tree.root, &block, error))
        return false;
    struct buffer document;
    buffer_init(&document, 0);
    public_access_block_render(&block, &document);
    bool ok = access_setting_answer(request, SETTING_PUBLIC_ACCESS_BLOCK, buffer_span(&document), 200, error);
    buffer_free(&document);
    return ok;
}

SUSPENDS bool s3_delete_public_access_block(struct s3_request *request, struct error *error)
{
    return access_setting_answer(request, SETTING_PUBLIC_ACCESS_BLOCK, SPAN_EMPTY, 204, error);
}
