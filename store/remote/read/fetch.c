/* store/remote/read/fetch.c -- ranges of stored bytes, pinned to their revision. */
#include "store/remote/read/fetch.h"

#include "s3client/wire/s3_error.h"

#include <inttypes.h>
#include <stdio.h>

enum { SKIPPED_BYTES_MAX = 8 << 20, SKIP_BYTES = 4 << 10, RANGE_TEXT_BYTES = 64 };

struct span fetch_quote(struct span etag, char ret_text[QUOTED_ETAG_BYTES])
{
    int size = snprintf(ret_text, QUOTED_ETAG_BYTES, "\"%.*s\"", SPAN_FORMAT(etag));
    return span_of(ret_text, (size_t)size);
}

bool fetch_changed(struct error *error)
{
    return error_set(error, ERROR_CHANGED, S3_SlowDown, "The object was replaced while it was being read. Try again.");
}

static bool is_revision(const struct s3_answer *answer, struct span etag)
{
    bool is_weak;
    return span_equal(fields_plain_etag(span_from_string(answer->etag), &is_weak), etag);
}

/* The object that answered ends before the revision that was named, whatever ETag stands on it: a backend that opens an
 * object after it has looked at its ETag may have the next one in its hands. */
static bool is_shorter(const struct s3_answer *answer, uint64_t end)
{
    uint64_t first;
    uint64_t answered_end;
    uint64_t size = answer->content_length;
    if (answer->status == 206)
        return s3_answer_content_range(answer, &first, &answered_end, &size) && size < end;
    return answer->has_content_length && size < end;
}

/* The stream stands at its first byte. */
SUSPENDS static bool accept(struct fetch *fetch, struct span etag, struct error *error)
{
    uint64_t first;
    uint64_t end;
    uint64_t size;
    if (!is_revision(&fetch->answer, etag) || is_shorter(&fetch->answer, fetch->end))
        return fetch_changed(error);
    if (fetch->answer.status == 206) {
        if (!s3_answer_content_range(&fetch->answer, &first, &end, &size) || first != fetch->position ||
            end < fetch->end)
            return remote_nonsense("GetObject: a range was answered with another one", error);
        return true;
    }
    uint64_t begin = fetch->position;
    if (!fetch->answer.has_content_length || begin > SKIPPED_BYTES_MAX)
        return remote_nonsense("GetObject: a range was answered with something else", error);
    fetch->position = 0;
    while (fetch->position < begin) {
        uint64_t left = begin - fetch->position;
        if (!fetch_read(fetch, NULL, (size_t)(left < SKIP_BYTES ? left : SKIP_BYTES), error))
            return false;
    }
    return true;
}

SUSPENDS bool fetch_open(struct remote_key *key, struct span etag, uint64_t first, uint64_t end,
                         struct fetch *ret_fetch, struct error *error)
{
    char range[RANGE_TEXT_BYTES];
    char quoted[QUOTED_ETAG_BYTES];
    int size = snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, first, end - 1);
    const struct http_field headers[] = {
        {SPAN("range"), span_of(range, (size_t)size)},
        {SPAN("if-match"), fetch_quote(etag, quoted)},
    };
    struct s3_call call = remote_key_call(key, S3_GET_OBJECT, S3_REPEAT);
    call.headers = headers;
    call.headers_count = sizeof headers / sizeof headers[0];
    *ret_fetch = (struct fetch){.position = first, .end = end};
    if (!remote_call(key->shard, &call, &ret_fetch->answer, error)) {
        int status = ret_fetch->answer.status; /* 416: it ends before the first byte that is asked for */
        bool is_gone = status == 412 || status == 416 || remote_key_is_missing(key, &ret_fetch->answer, error);
        return is_gone ? fetch_changed(error) : false;
    }
    ret_fetch->is_open = true;
    if (accept(ret_fetch, etag, error))
        return true;
    fetch_close(ret_fetch);
    return false;
}

SUSPENDS bool fetch_read(struct fetch *fetch, void *ret_bytes, size_t size, struct error *error)
{
    uint8_t skipped[SKIP_BYTES / 2];
    while (size > 0) {
        size_t wanted = ret_bytes != NULL || size < sizeof skipped ? size : sizeof skipped;
        size_t got;
        if (!s3_answer_read(&fetch->answer, ret_bytes != NULL ? ret_bytes : skipped, wanted, &got, error)) {
            fetch_close(fetch);
            return false;
        }
        if (got == 0) {
            fetch_close(fetch);
            return error_set(error, ERROR_CLOSED, NULL, "The backend sent less than it announced.");
        }
        fetch->position += got;
        size -= got;
        if (ret_bytes != NULL)
            ret_bytes = (uint8_t *)ret_bytes + got;
    }
    return true;
}

void fetch_close(struct fetch *fetch)
{
    if (fetch->is_open)
        s3_answer_close(&fetch->answer);
    fetch->is_open = false;
}

SUSPENDS bool fetch_range(struct remote_key *key, struct span etag, uint64_t first, uint64_t end, void *ret_bytes,
                          struct error *error)
{
    struct fetch fetch;
    if (!fetch_open(key, etag, first, end, &fetch, error))
        return false;
    bool done = fetch_read(&fetch, ret_bytes, (size_t)(end - first), error);
    fetch_close(&fetch);
    return done;
}
