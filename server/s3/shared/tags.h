/* server/s3/shared/tags.h -- the tags of an object: out of a header or a document into a packed list, and back.
 *
 * The packed list is that of store/attributes.h, name for name: what stores keep. Limits: "Categorizing your objects
 * using tags" in the Amazon S3 user guide. */
#pragma once

#include "runtime/base/buffer.h"
#include "server/s3/shared/answer.h"

enum {
    OBJECT_TAGS_MAX = 10,
    TAG_KEY_CHARACTERS_MAX = 128,
    TAG_VALUE_CHARACTERS_MAX = 256,
};

struct tag_list {
    struct buffer packed;
    unsigned count;
};

void tags_init(struct tag_list *tags);
void tags_free(struct tag_list *tags);

/* InvalidTag: a key or value that is none, or a key that is there already. BadRequest: one too many. */
bool tags_add(struct tag_list *tags, struct span key, struct span value, struct error *error);

/* x-amz-tagging, when the request has it; the account must be allowed to set tags. InvalidArgument: it cannot be
 * decoded, a key is empty or twice in it. */
bool tags_take_header(struct s3_request *request, struct tag_list *tags, struct error *error);

/* The document of PutObjectTagging, read and verified. MalformedXML. */
SUSPENDS bool tags_read_document(struct s3_request *request, struct tag_list *tags, struct error *error);

/* The TagSet element. */
void tags_write(struct s3_document *document, struct span packed);
