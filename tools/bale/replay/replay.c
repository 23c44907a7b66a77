/* tools/bale/replay/replay.c -- line by line through a model of a tier. */
#include "tools/bale/replay/replay.h"

#include "tools/bale/replay/seen_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay {
    struct tier_model *model;
    struct seen_keys keys;
    struct hmac_sha256_key hash_key; /* any: it names blocks here alone */
    struct replay_figures *figures;
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- names ---- */

static uint64_t first_word(const uint8_t *digest)
{
    uint64_t word;
    memcpy(&word, digest, sizeof word);
    return word == 0 ? 1 : word;
}

/* A name as the log writes it may be longer than names are: its digest stands for it. */
static void digest_of_name(const struct logged_request *request, uint8_t ret_digest[SHA256_BYTES])
{
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, request->bucket);
    sha256_update(&sum, SPAN("/"));
    sha256_update(&sum, request->key);
    sha256_end(&sum, ret_digest);
}

/* Where the log names no revision, the writes that it told of stand for the time of the last one. */
static struct block_revision revision_of(const struct replay *replay, struct span digest,
                                         const struct logged_request *request, const struct seen_key *key)
{
    const struct object_name name = {.key = digest};
    struct object_attributes attributes = {.stored_size = request->size};
    struct span etag = span_take(request->etag, sizeof attributes.stored_etag - 1);
    if (etag.size > 0)
        memcpy(attributes.stored_etag, etag.data, etag.size);
    else
        attributes.modified_ms = (int64_t)key->writes * 1000;
    return block_revision_of(&replay->hash_key, &name, &attributes);
}

/* ---- one request ---- */

static void read_blocks(struct replay *replay, const struct block_revision *revision,
                        const struct logged_request *request, bool is_known)
{
    struct replay_figures *figures = replay->figures;
    struct block_name name = {.revision = *revision, .number = block_number_at(request->first)};
    uint64_t near = 0;
    for (; block_offset(name.number) < request->end; name.number++) {
        uint64_t first = larger(block_offset(name.number), request->first);
        uint64_t end = smaller(block_offset(name.number + 1), request->end);
        bool was_there = tier_model_read(replay->model, &name, is_known);
        if (was_there && first == request->first)
            figures->opens_near++;
        near += was_there ? end - first : 0;
    }
    figures->reads++;
    figures->bytes += request->end - request->first;
    figures->bytes_near += near;
    figures->reads_near += near == request->end - request->first;
}

static bool replay_request(struct replay *replay, const struct logged_request *request, struct error *error)
{
    uint8_t digest[SHA256_BYTES];
    if (request->kind == LOGGED_OTHER)
        return true;
    if (request->kind == LOGGED_UNPLACED) {
        replay->figures->reads_unplaced++;
        return true;
    }
    digest_of_name(request, digest);
    struct seen_key *key = seen_keys_at(&replay->keys, first_word(digest), error);
    if (key == NULL)
        return false;
    if (request->kind == LOGGED_WRITTEN) {
        key->writes++;
        key->is_written = true;
        return true;
    }
    struct block_revision revision = revision_of(replay, span_of(digest, sizeof digest), request, key);
    uint64_t seen = first_word(revision.bytes);
    read_blocks(replay, &revision, request, key->is_written || key->revision == seen);
    key->revision = seen;
    key->is_written = false;
    return true;
}

/* ---- the log ---- */

/* A line that is longer than any of ours is passed over, piece by piece. */
static bool replay_lines(struct replay *replay, FILE *log, struct error *error)
{
    static char line[REPLAY_LINE_BYTES_MAX];
    bool is_whole = true;
    bool done = true;
    while (done && fgets(line, sizeof line, log) != NULL) {
        size_t size = strlen(line);
        bool has_end = size > 0 && line[size - 1] == '\n';
        if (is_whole && (has_end || feof(log))) {
            const struct logged_request request = logged_request_read(span_of(line, has_end ? size - 1 : size));
            replay->figures->lines++;
            done = replay_request(replay, &request, error);
        }
        is_whole = has_end;
    }
    if (done && ferror(log))
        return error_set_errno(error, errno, "the log cannot be read");
    return done;
}

static bool replay_file(struct replay *replay, const char *path, struct error *error)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *log = is_input ? stdin : fopen(path, "re");
    if (log == NULL)
        return error_set_errno(error, errno, "%s cannot be read", path);
    bool done = replay_lines(replay, log, error);
    if (!is_input)
        (void)fclose(log);
    return done;
}

bool replay_log(const char *path, uint64_t disk_bytes, struct replay_figures *ret_figures, struct error *error)
{
    *ret_figures = (struct replay_figures){0};
    struct replay replay = {.model = tier_model_create(disk_bytes, error), .figures = ret_figures};
    if (replay.model == NULL)
        return false;
    hmac_sha256_prepare(&replay.hash_key, SPAN("replay"));
    bool done = seen_keys_init(&replay.keys, error) && replay_file(&replay, path, error);
    ret_figures->keys = replay.keys.count;
    ret_figures->tier = *tier_model_figures(replay.model);
    seen_keys_free(&replay.keys);
    tier_model_destroy(replay.model);
    if (done && ret_figures->reads == 0)
        return error_set(error, ERROR_INVALID, NULL,
                         "%s: no line of it says which bytes were read: it is neither the request log of a baled "
                         "before a bucket nor a server access log of S3 with whole reads",
                         path);
    return done;
}
