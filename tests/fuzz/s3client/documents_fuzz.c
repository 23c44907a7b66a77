/* tests/fuzz/s3client/documents_fuzz.c -- any bytes as the documents of a backend: what is taken is bounded and lies in
 * the arena. The first byte chooses the kind. */
#include "runtime/base/assert.h"
#include "s3client/client_private.h"
#include "s3client/operations/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct s3_call call = {.bucket = {(const uint8_t *)"box", 3}};
static struct arena arena;
static struct s3_answer answer;
static struct error error;

/* Touches every byte. */
static void check(struct span text)
{
    static volatile uint8_t sum;
    for (size_t i = 0; i < text.size; i++)
        sum = (uint8_t)(sum + text.data[i]);
}

static void try_objects(struct span document)
{
    struct s3_list_page page;
    if (!document_objects(document, &call, &arena, &page, &answer, &error))
        return;
    ASSERT(page.count <= S3_LIST_ENTRIES_MAX);
    check(page.continuation);
    for (unsigned i = 0; i < page.count; i++) {
        const struct s3_list_entry *entry = &page.entries[i];
        check(entry->key);
        check(entry->etag);
        check(entry->storage_class);
        ASSERT(entry->metadata_count == 0 || entry->has_metadata);
        for (unsigned m = 0; m < entry->metadata_count; m++) {
            check(entry->metadata[m].name);
            check(entry->metadata[m].value);
        }
    }
}

static void try_uploads(struct span document)
{
    struct s3_uploads_page page;
    if (!document_uploads(document, &call, &arena, &page, &answer, &error))
        return;
    check(page.next_key_marker);
    check(page.next_upload_id_marker);
    for (unsigned i = 0; i < page.count; i++) {
        ASSERT(page.entries[i].upload_id.size > 0 && page.entries[i].upload_id.size <= S3_UPLOAD_ID_BYTES_MAX);
        check(page.entries[i].key);
        check(page.entries[i].upload_id);
        check(page.entries[i].initiator);
    }
}

static void try_parts(struct span document)
{
    struct s3_parts_page page;
    if (!document_parts(document, &call, &arena, &page, &answer, &error))
        return;
    for (unsigned i = 0; i < page.count; i++) {
        ASSERT(page.parts[i].number >= 1 && page.parts[i].number <= S3_PARTS_MAX);
        check(page.parts[i].etag);
    }
}

static void try_versions(struct span document)
{
    struct s3_versions_page page;
    enum s3_versioning versioning;
    struct s3_bucket_lock lock;
    if (document_lock(document, &call, &lock, &answer, &error))
        ASSERT(lock.mode == S3_LOCK_NONE || (lock.days > 0) != (lock.years > 0));
    if (document_versioning(document, &call, &versioning, &answer, &error))
        ASSERT(versioning <= S3_VERSIONING_SUSPENDED);
    if (!document_versions(document, &call, &arena, &page, &answer, &error))
        return;
    check(page.next_key_marker);
    for (unsigned i = 0; i < page.count; i++) {
        const struct s3_version_entry *entry = &page.entries[i];
        ASSERT(entry->key.size > 0 && entry->version.size < S3_VERSION_BYTES);
        ASSERT(entry->is_prefix || entry->version.size > 0);
        check(entry->key);
        check(entry->etag);
    }
}

static void try_buckets_and_tags(struct span document)
{
    struct s3_bucket_entry *buckets;
    struct s3_tag *tags;
    unsigned count;
    if (document_buckets(document, &call, &arena, &buckets, &count, &answer, &error)) {
        for (unsigned i = 0; i < count; i++)
            check(buckets[i].name);
    }
    if (document_tags(document, &call, &arena, &tags, &count, &answer, &error)) {
        ASSERT(count <= S3_TAGS_MAX);
        for (unsigned i = 0; i < count; i++) {
            check(tags[i].name);
            check(tags[i].value);
        }
    }
}

static void try_rules(struct span document)
{
    struct s3_lifecycle_rule *rules;
    unsigned count;
    if (!document_lifecycle(document, &call, &arena, &rules, &count, &answer, &error))
        return;
    ASSERT(count <= S3_LIFECYCLE_RULES_MAX);
    for (unsigned i = 0; i < count; i++) {
        check(rules[i].id);
        check(rules[i].prefix);
    }
}

static void try_deleted(struct span document)
{
    struct s3_delete_item items[] = {{.key = SPAN("a")}, {.key = SPAN("b"), .version = SPAN("1")}, {.key = SPAN("a")}};
    if (!document_deleted(document, &call, items, 3, &answer, &error))
        return;
    for (unsigned i = 0; i < 3; i++)
        ASSERT(items[i].is_deleted == (items[i].error.kind == ERROR_NONE));
}

static void try_elements(struct span document)
{
    char etag[S3_ETAG_BYTES];
    if (document_element(document, &call, "CompleteMultipartUploadResult", "ETag", etag, sizeof etag, &answer, &error))
        ASSERT(etag[0] != '\0' && strlen(etag) < sizeof etag);
    char code[S3_CODE_BYTES];
    struct buffer message;
    buffer_init(&message, 100);
    (void)s3_refusal_parse(document, code, &message);
    ASSERT(strlen(code) < sizeof code);
    buffer_free(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct span document) = {try_objects, try_uploads,  try_parts,    try_buckets_and_tags,
                                                          try_deleted, try_elements, try_versions, try_rules};
    if (size == 0)
        return 0;
    arena_init(&arena, 1 << 20);
    kinds[data[0] % (sizeof kinds / sizeof *kinds)](span_of(data + 1, size - 1));
    arena_free(&arena);
    return 0;
}
