/* server/s3/shared/tags.h -- the tags of an object or a bucket: out of a header or a document into a packed list, and
 * back.
 *
 * The packed list is that of store/attributes.h, name for name: what stores keep. Limits: "Categorizing your objects
 * using tags" in the Amazon S3 user guide. */
#pragma once

#include "runtime/base/buffer.h"
#include "s3client/wire/xml_tree.h"
#include "server/s3/shared/answer.h"

enum {
    OBJECT_TAGS_MAX = 10,
    BUCKET_TAGS_MAX = 50,
    TAGS_DOCUMENT_BYTES_MAX = 128 << 10,
    TAG_KEY_CHARACTERS_MAX = 128,
    TAG_VALUE_CHARACTERS_MAX = 256,
};

struct tag_list {
    struct buffer packed;
    unsigned count;
    unsigned most;
};

void tags_init(struct tag_list *tags); /* of an object */
void tags_init_bucket(struct tag_list *tags);
void tags_free(struct tag_list *tags);

/* InvalidTag: a key or value that is none, or a key that is there already. BadRequest: one too many. */
bool tags_add(struct tag_list *tags, struct span key, struct span value, struct error *error);

/* x-amz-tagging, when the request has it; the account must be allowed to set tags. InvalidArgument: it cannot be
 * decoded, a key is empty or twice in it. */
SUSPENDS bool tags_take_header(struct s3_request *request, struct tag_list *tags, struct error *error);
/* The same without asking whether it is allowed. */
bool tags_parse_header(struct s3_request *request, struct tag_list *tags, struct error *error);

/* The document of PutObjectTagging and PutBucketTagging, read and verified. MalformedXML. */
SUSPENDS bool tags_read_document(struct s3_request *request, struct tag_list *tags, struct error *error);
/* The same document where it is in memory, as text or as a tree. The texts of the tree must live as long as the call.
 */
bool tags_parse(struct s3_request *request, struct span document, struct tag_list *tags, struct error *error);
bool tags_take_tree(const struct xml_element *root, struct tag_list *tags, struct error *error);
/* All Tag elements in this one. */
bool tags_take_set(const struct xml_element *set, struct tag_list *tags, struct error *error);

/* The TagSet element. */
void tags_write(struct xml_writer *xml, struct span packed);
/* The whole document. */
void tags_render(struct span packed, struct buffer *to);
