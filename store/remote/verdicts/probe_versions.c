/* store/remote/verdicts/probe_versions.c -- does the backend keep versions, and say of them what clients are promised?
 *
 * A bucket that has kept versions once does so for ever: so it is tried in a bucket of its own, which goes when that is
 * done. Where none can be made, the home bucket tells, if it keeps versions already. */
#include "runtime/base/arena.h"
#include "s3client/operations.h"
#include "store/remote/verdicts/probe.h"

enum { VERSIONS_ARENA_BYTES = 1 << 20 };

/* ---- requests ---- */

SUSPENDS static struct probed put(struct probe *probe, struct span key, const char *body,
                                  const struct http_field *condition)
{
    return probe_ask(probe, S3_PUT_OBJECT, key, NULL, condition, condition == NULL ? 0 : 1, body);
}

static bool is_version(const struct probed *probed, const struct probed *other)
{
    return probed->version[0] != '\0' && strcmp(probed->version, other->version) == 0;
}

static bool makes_version(const struct probed *probed)
{
    return probe_is_success(probed) && probed->version[0] != '\0' && strcmp(probed->version, "null") != 0;
}

/* What is current, or what that version is, under If-Match with its own ETag. */
SUSPENDS static bool is_there(struct probe *probe, struct span key, const char *version, const struct probed *made)
{
    const struct http_field matches = {SPAN("if-match"), span_from_string(made->etag)};
    struct probed found = probe_ask(probe, S3_HEAD_OBJECT, key, version, &matches, 1, NULL);
    return probe_is_success(&found) && strcmp(found.etag, made->etag) == 0 && is_version(&found, made);
}

SUSPENDS static bool set_versioning(struct probe *probe, enum s3_versioning versioning)
{
    struct s3_answer answer;
    struct error ignored;
    enum s3_versioning found;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    return s3_client_put_versioning(probe->shard->client, &call, versioning, &answer, &ignored) &&
           s3_client_get_versioning(probe->shard->client, &call, &found, &answer, &ignored) && found == versioning;
}

/* ---- what is tried ---- */

/* Of one key: three versions, the last one made on conditions. */
struct made {
    struct span key;
    struct probed first, second, third;
};

SUSPENDS static bool makes_versions(struct probe *probe, struct made *made)
{
    static const struct http_field if_absent = {SPAN("if-none-match"), SPAN("*")};
    made->key = probe_key(probe);
    made->first = put(probe, made->key, "one", NULL);
    made->second = put(probe, made->key, "second", NULL);
    if (!makes_version(&made->first) || !makes_version(&made->second) || is_version(&made->first, &made->second))
        return false;
    const struct http_field if_first = {SPAN("if-match"), span_from_string(made->first.etag)};
    const struct http_field if_second = {SPAN("if-match"), span_from_string(made->second.etag)};
    struct probed over = put(probe, made->key, "not", &if_absent);
    struct probed stale = put(probe, made->key, "not", &if_first);
    made->third = put(probe, made->key, "the third", &if_second);
    return probe_is_refusal(&over) && probe_is_refusal(&stale) && makes_version(&made->third) &&
           is_there(probe, made->key, NULL, &made->third) &&
           is_there(probe, made->key, made->first.version, &made->first) &&
           is_there(probe, made->key, made->second.version, &made->second);
}

/* Does a deletion leave a marker of its own, and name it? */
SUSPENDS static bool leaves_marker(struct probe *probe, struct span key)
{
    struct probed before = probe_ask(probe, S3_HEAD_OBJECT, key, NULL, NULL, 0, NULL);
    struct probed marker = probe_ask(probe, S3_DELETE_OBJECT, key, NULL, NULL, 0, NULL);
    struct probed hidden = probe_ask(probe, S3_HEAD_OBJECT, key, NULL, NULL, 0, NULL);
    return marker.is_delete_marker && hidden.status == 404 && hidden.is_delete_marker && is_version(&hidden, &marker) &&
           !is_version(&before, &hidden);
}

/* A marker is found, named, written over, and removed: twice, as lost answers have it. */
SUSPENDS static bool makes_markers(struct probe *probe, const struct made *made)
{
    static const struct http_field if_absent = {SPAN("if-none-match"), SPAN("*")};
    struct probed marker = probe_ask(probe, S3_DELETE_OBJECT, made->key, NULL, NULL, 0, NULL);
    struct probed hidden = probe_ask(probe, S3_HEAD_OBJECT, made->key, NULL, NULL, 0, NULL);
    if (!makes_version(&marker) || !marker.is_delete_marker || hidden.status != 404 || !hidden.is_delete_marker ||
        !is_version(&hidden, &marker))
        return false;
    struct probed named = probe_ask(probe, S3_HEAD_OBJECT, made->key, marker.version, NULL, 0, NULL);
    struct probed behind = put(probe, made->key, "behind a marker", &if_absent);
    struct probed removed = probe_ask(probe, S3_DELETE_OBJECT, made->key, marker.version, NULL, 0, NULL);
    struct probed again = probe_ask(probe, S3_DELETE_OBJECT, made->key, marker.version, NULL, 0, NULL);
    struct probed newest = probe_ask(probe, S3_DELETE_OBJECT, made->key, behind.version, NULL, 0, NULL);
    return named.status == 405 && makes_version(&behind) && probe_is_success(&removed) && removed.is_delete_marker &&
           probe_is_success(&again) && probe_is_success(&newest) && !newest.is_delete_marker &&
           is_there(probe, made->key, NULL, &made->third);
}

/* A deletion on a condition: of another revision nothing, of this one a marker. */
SUSPENDS static bool deletes_on_condition(struct probe *probe, const struct made *made)
{
    if (!verdict_holds(probe->verdicts, VERDICT_DELETE_MATCH))
        return true;
    const struct http_field if_first = {SPAN("if-match"), span_from_string(made->first.etag)};
    const struct http_field if_third = {SPAN("if-match"), span_from_string(made->third.etag)};
    struct probed wrong = probe_ask(probe, S3_DELETE_OBJECT, made->key, NULL, &if_first, 1, NULL);
    struct probed right = probe_ask(probe, S3_DELETE_OBJECT, made->key, NULL, &if_third, 1, NULL);
    struct probed removed = probe_ask(probe, S3_DELETE_OBJECT, made->key, right.version, NULL, 0, NULL);
    return probe_is_refusal(&wrong) && makes_version(&right) && right.is_delete_marker && probe_is_success(&removed) &&
           is_there(probe, made->key, NULL, &made->third);
}

/* The page behind a version, or with NULL behind a key: its first entry is this version; NULL: there is none. */
SUSPENDS static bool lists(struct probe *probe, struct span key, const char *behind, bool is_behind_key,
                           const struct probed *expected, bool is_latest)
{
    struct arena arena;
    struct s3_versions_page page;
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    const struct s3_versions_request request = {
        .prefix = key,
        .key_marker = behind != NULL || is_behind_key ? key : SPAN_EMPTY,
        .version_marker = span_from_string(behind != NULL ? behind : ""),
        .entries_max = 1,
    };
    arena_init(&arena, VERSIONS_ARENA_BYTES);
    bool done = s3_client_list_versions(probe->shard->client, &call, &request, &arena, &page, &answer, &ignored);
    const struct s3_version_entry *entry = done && page.count > 0 ? page.entries : NULL;
    bool is_right = expected == NULL ? done && entry == NULL
                                     : entry != NULL && span_equal(entry->key, key) && !entry->is_delete_marker &&
                                           entry->is_latest == is_latest &&
                                           span_equal(entry->version, span_from_string(expected->version));
    arena_free(&arena);
    return is_right;
}

/* In the order of their making, the newest first. */
SUSPENDS static bool lists_versions(struct probe *probe, const struct made *made)
{
    return lists(probe, made->key, NULL, false, &made->third, true) &&
           lists(probe, made->key, made->third.version, false, &made->second, false) &&
           lists(probe, made->key, NULL, true, NULL, false);
}

/* A version goes, and is not there any more. */
SUSPENDS static bool removes_second(struct probe *probe, const struct made *made)
{
    struct probed removed = probe_ask(probe, S3_DELETE_OBJECT, made->key, made->second.version, NULL, 0, NULL);
    struct probed gone = probe_ask(probe, S3_HEAD_OBJECT, made->key, made->second.version, NULL, 0, NULL);
    return probe_is_success(&removed) && gone.status == 404;
}

SUSPENDS static bool copies_versions(struct probe *probe, const struct made *made)
{
    struct s3_answer answer;
    struct error ignored;
    struct span to = probe_key(probe);
    const struct s3_copy_source source = {.bucket = probe->bucket,
                                          .key = made->key,
                                          .version = span_from_string(made->first.version),
                                          .if_match = span_from_string(made->first.etag)};
    const struct s3_call call = {.bucket = probe->bucket, .key = to, .repeat = S3_ONCE};
    bool done = s3_client_copy_object(probe->shard->client, &call, &source, &answer, &ignored);
    return done && answer.version[0] != '\0' && probe_holds(probe, to, "one");
}

SUSPENDS static bool tags_versions(struct probe *probe, const struct made *made)
{
    struct arena arena;
    struct s3_answer answer;
    struct error ignored;
    struct s3_tag *tags = NULL;
    unsigned count = 1;
    const struct s3_tag tag = {SPAN("colour"), SPAN("red")};
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(made->first.version)};
    const struct s3_call of_first = {
        .bucket = probe->bucket, .key = made->key, .query = &parameter, .query_count = 1, .repeat = S3_REPEAT};
    const struct s3_call of_current = {.bucket = probe->bucket, .key = made->key, .repeat = S3_REPEAT};
    if (!verdict_holds(probe->verdicts, VERDICT_TAGS))
        return true;
    arena_init(&arena, VERSIONS_ARENA_BYTES);
    struct s3_client *client = probe->shard->client;
    bool done = s3_client_put_tags(client, &of_first, &tag, 1, &answer, &ignored) &&
                s3_client_get_tags(client, &of_first, &arena, &tags, &count, &answer, &ignored) && count == 1 &&
                s3_client_get_tags(client, &of_current, &arena, &tags, &count, &answer, &ignored) && count == 0;
    arena_free(&arena);
    return done;
}

SUSPENDS static bool completes_versions(struct probe *probe)
{
    struct span upload_id;
    char etag[S3_ETAG_BYTES];
    struct span key = probe_key(probe);
    if (!probe_upload(probe, key, "a part", &upload_id, etag))
        return false;
    struct probed completed = probe_complete(probe, key, upload_id, etag, NULL);
    return makes_version(&completed) && is_there(probe, key, completed.version, &completed);
}

/* What was found out beside that it keeps versions. */
struct beside {
    bool marks_all;         /* what is not there, and what is marked already, gets a marker, too; each is named */
    bool lists_behind_gone; /* a list goes on behind a version that is not there any more */
};

SUSPENDS static bool keeps_versions(struct probe *probe, struct beside *beside)
{
    struct made made;
    if (!makes_versions(probe, &made) || !makes_markers(probe, &made) || !deletes_on_condition(probe, &made) ||
        !tags_versions(probe, &made) || !lists_versions(probe, &made) || !removes_second(probe, &made) ||
        !copies_versions(probe, &made) || !completes_versions(probe))
        return false;
    struct span absent = probe_key(probe);
    beside->lists_behind_gone = lists(probe, made.key, made.second.version, false, &made.first, false);
    beside->marks_all = leaves_marker(probe, absent);
    if (beside->marks_all)
        beside->marks_all = leaves_marker(probe, absent); /* a second one over it, too */
    /* It may begin the key anew, but leave nothing out. */
    return beside->lists_behind_gone || lists(probe, made.key, made.second.version, false, &made.third, true);
}

/* What was there before is the null version; suspended, each write replaces that, and others stay. */
SUSPENDS static bool keeps_null_version(struct probe *probe, struct span key, const struct probed *before,
                                        struct beside *beside)
{
    struct probed null = probe_ask(probe, S3_HEAD_OBJECT, key, "null", NULL, 0, NULL);
    struct probed version = put(probe, key, "a version", NULL);
    if (!probe_is_success(&null) || strcmp(null.etag, before->etag) != 0 || !makes_version(&version) ||
        !set_versioning(probe, S3_VERSIONING_SUSPENDED))
        return false;
    struct probed first = put(probe, key, "null and one", NULL);
    struct probed second = put(probe, key, "null and two", NULL);
    struct probed newest = probe_ask(probe, S3_HEAD_OBJECT, key, "null", NULL, 0, NULL);
    struct probed marker = probe_ask(probe, S3_DELETE_OBJECT, key, NULL, NULL, 0, NULL);
    struct probed hidden = probe_ask(probe, S3_HEAD_OBJECT, key, NULL, NULL, 0, NULL);
    beside->marks_all = beside->marks_all && marker.is_delete_marker && strcmp(marker.version, "null") == 0;
    return probe_is_success(&first) && !makes_version(&first) && !makes_version(&second) &&
           strcmp(newest.etag, second.etag) == 0 && probe_is_success(&marker) && hidden.status == 404 &&
           hidden.is_delete_marker && strcmp(hidden.version, "null") == 0 &&
           is_there(probe, key, version.version, &version);
}

/* ---- where it is tried ---- */

SUSPENDS static bool try_in_new_bucket(struct probe *probe, struct beside *beside)
{
    struct span key = probe_key(probe);
    struct probed before = put(probe, key, "before versions", NULL);
    struct probed null = probe_ask(probe, S3_HEAD_OBJECT, key, "null", NULL, 0, NULL);
    return probe_is_success(&before) && probe_is_success(&null) && set_versioning(probe, S3_VERSIONING_ENABLED) &&
           keeps_versions(probe, beside) && keeps_null_version(probe, key, &before, beside);
}

SUSPENDS static bool is_home_versioned(struct probe *probe)
{
    struct s3_answer answer;
    struct error ignored;
    enum s3_versioning versioning;
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    return s3_client_get_versioning(probe->shard->client, &call, &versioning, &answer, &ignored) &&
           versioning == S3_VERSIONING_ENABLED;
}

SUSPENDS void probe_versions(struct probe *probe)
{
    struct probe_bucket own;
    struct beside beside = {0};
    bool holds = false;
    if (probe_bucket_make(probe, false, &own)) {
        holds = try_in_new_bucket(probe, &beside);
        probe_bucket_remove(probe, &own);
    } else if (is_home_versioned(probe)) {
        holds = keeps_versions(probe, &beside);
    } else {
        probe_set_untried(probe, VERDICT_VERSIONS);
    }
    probe_set(probe, VERDICT_VERSIONS, holds);
    probe_set(probe, VERDICT_VERSION_MARKERS, holds && beside.marks_all);
    probe_set(probe, VERDICT_VERSION_LISTS, holds && beside.lists_behind_gone);
}
