/* store/remote/verdicts/probe_rest.c -- labels of answers while a key is overwritten; ranges, lists, tags, parts. */
#include "runtime/base/arena.h"
#include "runtime/base/assert.h"
#include "runtime/base/decimal.h"
#include "runtime/base/hex.h"
#include "runtime/fiber/parallel.h"
#include "s3client/operations.h"
#include "store/remote/verdicts/probe.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    READERS = 16,
    WRITERS = 2,
    REVISION_BYTES_MAX = 3000,
    LIST_ARENA_BYTES = 4 << 20,
    PART_BYTES = 5 << 20,
};

/* ---- labels ---- */

struct hammer {
    struct probe *probe;
    struct span key;
    unsigned reads;     /* begun */
    unsigned revisions; /* written */
    bool has_slipped;
};

/* Of every revision the size is another one, and the name stands in the body and in the metadata. */
static size_t revision_body(unsigned revision, char *ret_text)
{
    size_t size = 16 + revision * 37 % (REVISION_BYTES_MAX - 16);
    int written = snprintf(ret_text, REVISION_BYTES_MAX, "%010u\n", revision);
    memset(ret_text + written, 'a' + (int)(revision % 26), size - (size_t)written);
    return size;
}

SUSPENDS static void write_revision(struct hammer *hammer)
{
    char *text = malloc(REVISION_BYTES_MAX);
    char name[16];
    ASSERT(text != NULL);
    unsigned revision = hammer->revisions++;
    const struct span body = span_of(text, revision_body(revision, text));
    (void)snprintf(name, sizeof name, "%010u", revision);
    const struct http_field label = {SPAN("x-amz-meta-revision"), span_from_string(name)};
    (void)probe_send(hammer->probe, S3_PUT_OBJECT, hammer->key, &label, &body, true);
    free(text);
}

/* Is all of one revision: what the metadata say, the ETag, the size, and the bytes, where there are any? */
static bool is_consistent(const struct s3_answer *answer, struct span label, const struct buffer *body)
{
    uint64_t revision;
    char *expected = malloc(REVISION_BYTES_MAX);
    ASSERT(expected != NULL);
    bool is_right = decimal_parse(label, &revision);
    if (is_right) {
        size_t size = revision_body((unsigned)revision, expected);
        struct md5_sum sum;
        uint8_t digest[MD5_BYTES];
        char etag[2 * MD5_BYTES];
        is_right =
            answer->content_length == size && (body == NULL || span_equal(buffer_span(body), span_of(expected, size)));
        md5_begin(&sum);
        md5_update(&sum, span_of(expected, size));
        md5_end(&sum, digest);
        hex_encode(span_of(digest, sizeof digest), etag);
        bool is_weak;
        struct span plain = fields_plain_etag(span_from_string(answer->etag), &is_weak);
        if (plain.size == sizeof etag && !is_weak) /* a backend whose ETags are no MD5 is judged by the rest */
            is_right = is_right && span_equal(plain, span_of(etag, sizeof etag));
    }
    free(expected);
    return is_right;
}

/* A whole GET, or a HEAD: servers mix revisions in either, and not in the same direction. */
SUSPENDS static void read_revision(struct hammer *hammer, bool is_head)
{
    struct buffer body;
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {
        .kind = is_head ? S3_HEAD_OBJECT : S3_GET_OBJECT, .bucket = hammer->probe->bucket, .key = hammer->key};
    if (!s3_client_call(hammer->probe->shard->client, &call, &answer, &ignored))
        return;
    struct span label = SPAN_EMPTY;
    (void)s3_answer_find(&answer, "x-amz-meta-revision", &label);
    buffer_init(&body, REVISION_BYTES_MAX);
    size_t size = 1;
    bool is_whole = is_head || buffer_reserve(&body, REVISION_BYTES_MAX);
    while (!is_head && is_whole && size > 0) {
        is_whole = s3_answer_read(&answer, body.data + body.size, REVISION_BYTES_MAX - body.size, &size, &ignored);
        body.size += is_whole ? size : 0;
    }
    if (is_whole && !is_consistent(&answer, label, is_head ? NULL : &body))
        hammer->has_slipped = true;
    s3_answer_close(&answer);
    buffer_free(&body);
}

static void run_hammer(void *context, unsigned index)
{
    struct hammer *hammer = context;
    while (hammer->reads < PROBE_READS && !hammer->has_slipped && !hammer->probe->is_down) {
        if (index < WRITERS) {
            write_revision(hammer);
        } else {
            read_revision(hammer, hammer->reads++ % 2 == 0);
        }
    }
}

SUSPENDS void probe_labels(struct probe *probe)
{
    struct hammer hammer = {.probe = probe, .key = probe_key(probe)};
    write_revision(&hammer);
    parallel_run(WRITERS + READERS, WRITERS + READERS, run_hammer, &hammer);
    probe_set(probe, VERDICT_LABELS_HOLD, !hammer.has_slipped);
}

/* ---- ranges and lists ---- */

SUSPENDS static bool answers_suffix(struct probe *probe, struct span key)
{
    struct s3_answer answer;
    struct buffer body;
    struct error ignored;
    const struct http_field range = {SPAN("range"), SPAN("bytes=-4")};
    const struct s3_call call = {.kind = S3_GET_OBJECT,
                                 .bucket = probe->bucket,
                                 .key = key,
                                 .headers = &range,
                                 .headers_count = 1,
                                 .repeat = S3_REPEAT};
    buffer_init(&body, 64);
    bool done = s3_client_call_whole(probe->shard->client, &call, &body, &answer, &ignored) && answer.status == 206 &&
                span_equal(buffer_span(&body), SPAN("6789"));
    buffer_free(&body);
    return done;
}

SUSPENDS static void probe_list(struct probe *probe, struct span key)
{
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = key, .wants_metadata = true};
    arena_init(&arena, LIST_ARENA_BYTES);
    if (s3_client_list_objects(probe->shard->client, &call, &request, &arena, &page, &answer, &ignored) &&
        page.count > 0) {
        probe_set(probe, VERDICT_LIST_ENCODING, page.was_encoded);
        bool has_label = false;
        for (unsigned i = 0; page.entries[0].has_metadata && i < page.entries[0].metadata_count; i++) {
            const struct http_field *field = &page.entries[0].metadata[i];
            has_label = has_label || (span_equal_ignore_case(field->name, SPAN("x-amz-meta-label")) &&
                                      span_equal(field->value, SPAN("yes")));
        }
        probe_set(probe, VERDICT_LIST_METADATA, has_label);
    }
    arena_free(&arena);
}

/* ---- storage classes ---- */

SUSPENDS static bool tells_class(struct probe *probe, struct span key, struct span name)
{
    struct s3_answer answer;
    struct error ignored;
    struct span told = SPAN_EMPTY;
    const struct s3_call call = {.kind = S3_HEAD_OBJECT, .bucket = probe->bucket, .key = key, .repeat = S3_REPEAT};
    if (!s3_client_call(probe->shard->client, &call, &answer, &ignored))
        return false;
    bool is_told = s3_answer_find(&answer, "x-amz-storage-class", &told) && span_equal(told, name);
    s3_answer_close(&answer);
    return is_told;
}

SUSPENDS static bool lists_class(struct probe *probe, struct span key, struct span name)
{
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    const struct s3_list_request request = {.prefix = key};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool is_listed = s3_client_list_objects(probe->shard->client, &call, &request, &arena, &page, &answer, &ignored) &&
                     page.count > 0 && span_equal(page.entries[0].storage_class, name);
    arena_free(&arena);
    return is_listed;
}

/* Those in which objects can be read at once: an object of ten bytes in each. */
SUSPENDS static void probe_classes(struct probe *probe)
{
    const struct span body = SPAN("0123456789");
    bool forgets_one = false;
    for (unsigned i = VERDICT_CLASS_REDUCED_REDUNDANCY; i <= VERDICT_CLASS_GLACIER_IR; i++) {
        struct span key = probe_key(probe);
        struct span name = verdict_class(i);
        const struct http_field class = {SPAN("x-amz-storage-class"), name};
        struct probed put = probe_send(probe, S3_PUT_OBJECT, key, &class, &body, false);
        bool is_kept = probe_is_success(&put) && tells_class(probe, key, name) && lists_class(probe, key, name);
        probe_set(probe, i, is_kept);
        forgets_one = forgets_one || (probe_is_success(&put) && !is_kept);
    }
    probe_set(probe, VERDICT_CLASSES_TOLD, !forgets_one);
}

/* ---- tags and parts ---- */

SUSPENDS static bool keeps_tags(struct probe *probe, struct span key)
{
    struct arena arena;
    struct s3_answer answer;
    struct error ignored;
    struct s3_tag *tags = NULL;
    unsigned count = 0;
    const struct s3_tag tag = {SPAN("colour"), SPAN("red")};
    const struct s3_call call = {.bucket = probe->bucket, .key = key, .repeat = S3_REPEAT};
    arena_init(&arena, LIST_ARENA_BYTES);
    bool kept = s3_client_put_tags(probe->shard->client, &call, &tag, 1, &answer, &ignored) &&
                s3_client_get_tags(probe->shard->client, &call, &arena, &tags, &count, &answer, &ignored) &&
                count == 1 && span_equal(tags[0].name, tag.name) && span_equal(tags[0].value, tag.value);
    arena_free(&arena);
    return kept;
}

SUSPENDS static bool upload_parts(struct probe *probe, const struct s3_call *call, struct span upload_id,
                                  const uint8_t *bytes, struct s3_part parts[3], char etags[3][S3_ETAG_BYTES])
{
    static const size_t sizes[3] = {PART_BYTES, PART_BYTES + 1, 1};
    for (unsigned i = 0; i < 3; i++) {
        struct s3_answer answer;
        struct error ignored;
        struct s3_call part = *call;
        const struct span body = span_of(bytes, sizes[i]);
        part.body = &body;
        part.body_count = 1;
        if (!s3_client_upload_part(probe->shard->client, &part, upload_id, i + 1, &answer, &ignored))
            return false;
        memcpy(etags[i], answer.etag, S3_ETAG_BYTES);
        parts[i] = (struct s3_part){.number = i + 1, .etag = span_from_string(etags[i])};
    }
    return true;
}

SUSPENDS static bool takes_any_parts(struct probe *probe)
{
    struct arena arena;
    struct s3_answer answer;
    struct error ignored;
    struct span upload_id;
    struct s3_part parts[3];
    char etags[3][S3_ETAG_BYTES];
    const struct s3_call call = {.bucket = probe->bucket, .key = probe_key(probe), .repeat = S3_REPEAT};
    uint8_t *bytes = calloc(1, PART_BYTES + 1);
    ASSERT(bytes != NULL);
    arena_init(&arena, LIST_ARENA_BYTES);
    bool begun = s3_client_create_upload(probe->shard->client, &call, &arena, &upload_id, &answer, &ignored);
    bool done = begun && upload_parts(probe, &call, upload_id, bytes, parts, etags) &&
                s3_client_complete_upload(probe->shard->client, &call, upload_id, parts, 3, &answer, &ignored);
    if (begun && !done)
        (void)s3_client_abort_upload(probe->shard->client, &call, upload_id, &answer, &ignored);
    arena_free(&arena);
    free(bytes);
    return done;
}

SUSPENDS void probe_rest(struct probe *probe)
{
    struct span key = probe_key(probe);
    const struct http_field label = {SPAN("x-amz-meta-label"), SPAN("yes")};
    const struct span body = SPAN("0123456789");
    (void)probe_send(probe, S3_PUT_OBJECT, key, &label, &body, false);
    probe_set(probe, VERDICT_SUFFIX_RANGE, answers_suffix(probe, key));
    probe_list(probe, key);
    probe_classes(probe);
    probe_set(probe, VERDICT_TAGS, keeps_tags(probe, key));
    probe_set(probe, VERDICT_PARTS_OF_ANY_SIZE, takes_any_parts(probe));
}
