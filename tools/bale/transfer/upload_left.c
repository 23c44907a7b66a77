/* tools/bale/transfer/upload_left.c -- asks for the uploads of a key, and for the parts of each, youngest first. */
#include "tools/bale/transfer/upload_left.h"

#include "runtime/base/assert.h"
#include "runtime/base/hex.h"

#include <stdlib.h>
#include <string.h>

/* A server that is asked more often than this does not come to an end. */
enum { PAGES_MAX = 100, PAGE_BYTES_MAX = 16 << 20, CANDIDATES_MAX = 100 };

struct candidate {
    struct span id;
    int64_t initiated_ms;
};

struct search {
    struct s3_client *client;
    struct s3_call call;
    struct candidate candidates[CANDIDATES_MAX]; /* the first that are listed */
    unsigned count;
};

/* ---- uploads ---- */

/* *ret_is_past: of a longer key, which is listed behind them all. */
static bool take_uploads(struct search *search, const struct s3_uploads_page *page, struct arena *arena,
                         bool *ret_is_past, struct error *error)
{
    *ret_is_past = false;
    for (unsigned i = 0; i < page->count && search->count < CANDIDATES_MAX; i++) {
        const struct s3_upload_entry *entry = &page->entries[i];
        if (!span_equal(entry->key, search->call.key)) {
            *ret_is_past = true;
            continue;
        }
        struct candidate found = {arena_copy(arena, entry->upload_id), entry->initiated_ms};
        if (found.id.data == NULL)
            return error_set(error, ERROR_TOO_LARGE, NULL, "there are too many unfinished uploads of it");
        search->candidates[search->count++] = found;
    }
    return true;
}

/* Markers of a page, which is gone when the next one is asked for. */
static bool keep_markers(const struct s3_uploads_page *page, struct arena *arena, struct s3_uploads_request *request)
{
    request->key_marker = arena_copy(arena, page->next_key_marker);
    request->upload_id_marker = arena_copy(arena, page->next_upload_id_marker);
    return request->key_marker.size > 0 && request->key_marker.data != NULL;
}

SUSPENDS static bool list_uploads(struct search *search, struct arena *arena, struct error *error)
{
    struct s3_uploads_request request = {.prefix = search->call.key};
    struct s3_call call = search->call;
    bool is_over = false;
    bool is_done = true;
    call.key = SPAN_EMPTY;
    for (unsigned pages = 0; is_done && !is_over && pages < PAGES_MAX; pages++) {
        struct s3_answer answer;
        struct s3_uploads_page page;
        struct arena of_page;
        arena_init(&of_page, PAGE_BYTES_MAX);
        is_done = s3_client_list_uploads(search->client, &call, &request, &of_page, &page, &answer, error) &&
                  take_uploads(search, &page, arena, &is_over, error);
        if (is_done)
            is_over = is_over || !page.is_truncated || !keep_markers(&page, arena, &request);
        arena_free(&of_page);
    }
    return is_done;
}

static int youngest_first(const void *a, const void *b)
{
    int64_t one = ((const struct candidate *)a)->initiated_ms;
    int64_t other = ((const struct candidate *)b)->initiated_ms;
    return one < other ? 1 : one > other ? -1 : 0;
}

/* ---- parts ---- */

static void take_part(struct left_part *parts, unsigned parts_count, const struct s3_part *listed)
{
    if (listed->number > parts_count || listed->etag.size == 0 || listed->etag.size >= S3_ETAG_BYTES)
        return;
    struct left_part *part = &parts[listed->number - 1];
    *part = (struct left_part){.size = listed->size};
    memcpy(part->etag, listed->etag.data, listed->etag.size);
    if (listed->sum != NULL && listed->sum->algorithm == CHECKSUM_CRC64NVME)
        part->sum = *listed->sum;
}

/* As bale put begins them; or it is not said. */
static bool may_be_ours(const struct s3_parts_page *page)
{
    return page->algorithm == CHECKSUM_NONE ||
           (page->algorithm == CHECKSUM_CRC64NVME && page->type == CHECKSUM_FULL_OBJECT);
}

/* *ret_is_there: false also where it went meanwhile. */
SUSPENDS static bool list_parts(const struct search *search, struct span id, struct left_part *parts,
                                unsigned parts_count, bool *ret_is_there, struct error *error)
{
    unsigned after = 0;
    bool is_over = false;
    *ret_is_there = true;
    memset(parts, 0, parts_count * sizeof *parts);
    for (unsigned pages = 0; !is_over && pages < S3_PARTS_MAX; pages++) {
        struct s3_answer answer;
        struct s3_parts_page page;
        struct arena of_page;
        arena_init(&of_page, PAGE_BYTES_MAX);
        bool is_listed =
            s3_client_list_parts(search->client, &search->call, id, after, 0, &of_page, &page, &answer, error);
        for (unsigned i = 0; is_listed && i < page.count; i++)
            take_part(parts, parts_count, &page.parts[i]);
        *ret_is_there = is_listed && may_be_ours(&page);
        is_over = !*ret_is_there || !page.is_truncated || page.next_marker <= after;
        after = is_over ? 0 : page.next_marker;
        arena_free(&of_page);
        if (!is_listed)
            return answer.status == 404;
    }
    return true;
}

/* ---- both ---- */

SUSPENDS static bool choose(struct search *search, unsigned parts_count, struct upload_left *left, struct error *error)
{
    qsort(search->candidates, search->count, sizeof *search->candidates, youngest_first);
    for (unsigned i = 0; i < search->count; i++) {
        bool is_there;
        if (!list_parts(search, search->candidates[i].id, left->parts, parts_count, &is_there, error))
            return false;
        if (is_there) {
            left->id = search->candidates[i].id;
            return true;
        }
    }
    return true;
}

SUSPENDS bool upload_left_find(struct s3_client *client, struct span bucket, struct span key, unsigned parts_count,
                               struct arena *arena, struct upload_left *ret_left, struct error *error)
{
    struct search *search = calloc(1, sizeof *search);
    *ret_left = (struct upload_left){.parts = calloc(parts_count, sizeof *ret_left->parts)};
    ASSERT(search != NULL && ret_left->parts != NULL);
    search->client = client;
    search->call = (struct s3_call){.bucket = bucket, .key = key, .repeat = S3_REPEAT};
    bool is_done = list_uploads(search, arena, error) && choose(search, parts_count, ret_left, error);
    free(search);
    if (!is_done || ret_left->id.size == 0)
        upload_left_free(ret_left);
    return is_done;
}

void upload_left_free(struct upload_left *left)
{
    free(left->parts);
    *left = (struct upload_left){0};
}

/* ---- a part ---- */

bool upload_left_needs_md5(const struct left_part *part)
{
    return part->etag[0] != '\0' && part->sum.algorithm == CHECKSUM_NONE;
}

static bool is_md5(const char *etag, const uint8_t md5[MD5_BYTES])
{
    char digits[2 * MD5_BYTES];
    hex_encode(span_of(md5, MD5_BYTES), digits);
    return strlen(etag) == 2 + sizeof digits && memcmp(etag + 1, digits, sizeof digits) == 0;
}

bool upload_left_is_part(const struct left_part *part, uint64_t size, const struct checksum_value *sum,
                         const uint8_t md5[MD5_BYTES])
{
    if (part->etag[0] == '\0' || part->size != size)
        return false;
    if (upload_left_needs_md5(part))
        return is_md5(part->etag, md5);
    return sum->algorithm == part->sum.algorithm &&
           memcmp(sum->bytes, part->sum.bytes, checksum_size(sum->algorithm)) == 0;
}
