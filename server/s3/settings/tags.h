/* server/s3/settings/tags.h -- the tags of an object or a bucket: out of a document into a packed list, and back.
 *
 * The packed list is that of store/attributes.h, name for name: what stores keep. Limits: "Categorizing your objects
 * using tags" in the Amazon S3 user guide. */
#pragma once

#include "runtime/base/buffer.h"
#include "s3client/wire/xml_tree.h"
#include "s3client/wire/xml_writer.h"

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

/* Is there one of that key? */
bool tags_have_key(const struct tag_list *tags, struct span key);

/* The document of PutObjectTagging and PutBucketTagging, as text or as a tree. The texts of the tree must live as long
 * as the call. MalformedXML, and what tags_add refuses. */
bool tags_parse(struct span document, struct arena *arena, struct tag_list *tags, struct error *error);
bool tags_take_tree(const struct xml_element *root, struct tag_list *tags, struct error *error);
/* All Tag elements in this one. */
bool tags_take_set(const struct xml_element *set, struct tag_list *tags, struct error *error);

/* The TagSet element. */
void tags_write(struct xml_writer *xml, struct span packed);
/* The whole document. */
void tags_render(struct span packed, struct buffer *to);
