/* store/remote/verdicts/probe_locks.c -- does the backend lock versions, and let go of them when it may? In a bucket of
 * its own, with retentions that may be bypassed, so that nothing is left of it. */
#include "runtime/base/clock.h"
#include "s3client/operations.h"
#include "s3client/wire/date.h"
#include "store/remote/verdicts/probe.h"

enum { AN_HOUR_MS = 3600000 };

static const struct http_field bypass = {SPAN("x-amz-bypass-governance-retention"), SPAN("true")};

/* ---- what a version has ---- */

/* A header of its HEAD; "" where there is none. */
SUSPENDS static bool says(struct probe *probe, struct span key, const char *version, const char *header,
                          const char *expected)
{
    struct s3_answer answer;
    struct error ignored;
    struct span value = SPAN_EMPTY;
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(version)};
    const struct s3_call call = {.kind = S3_HEAD_OBJECT,
                                 .bucket = probe->bucket,
                                 .key = key,
                                 .query = &parameter,
                                 .query_count = 1,
                                 .repeat = S3_REPEAT};
    if (!s3_client_call(probe->shard->client, &call, &answer, &ignored))
        return false;
    (void)s3_answer_find(&answer, header, &value);
    bool is_it = span_equal(value, span_from_string(expected));
    s3_answer_close(&answer);
    return is_it;
}

SUSPENDS static bool is_kept(struct probe *probe, struct span key, const char *version, bool may_bypass)
{
    struct probed deleted = probe_ask(probe, S3_DELETE_OBJECT, key, version, &bypass, may_bypass ? 1 : 0, NULL);
    bool is_refused = deleted.status == 403 || deleted.status == 400; /* MinIO: InvalidRequest */
    return is_refused && says(probe, key, version, "content-length", "6");
}

SUSPENDS static bool goes(struct probe *probe, struct span key, const char *version, bool may_bypass)
{
    struct probed deleted = probe_ask(probe, S3_DELETE_OBJECT, key, version, &bypass, may_bypass ? 1 : 0, NULL);
    struct probed gone = probe_ask(probe, S3_HEAD_OBJECT, key, version, NULL, 0, NULL);
    return probe_is_success(&deleted) && gone.status == 404;
}

/* In a list of several, the others go. */
SUSPENDS static bool is_kept_among_many(struct probe *probe, struct span key, const char *locked, const char *other)
{
    struct s3_answer answer;
    struct error ignored;
    struct s3_delete_item items[] = {{.key = key, .version = span_from_string(locked)},
                                     {.key = key, .version = span_from_string(other)}};
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    return s3_client_delete_objects(probe->shard->client, &call, items, 2, &answer, &ignored) && !items[0].is_deleted &&
           items[1].is_deleted && says(probe, key, locked, "content-length", "6");
}

/* ---- what is tried ---- */

SUSPENDS static bool set_retention(struct probe *probe, struct span key, const char *version, enum s3_lock_mode mode,
                                   int64_t until_ms, bool may_bypass)
{
    struct s3_answer answer;
    struct error ignored;
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(version)};
    const struct s3_call call = {.bucket = probe->bucket,
                                 .key = key,
                                 .query = &parameter,
                                 .query_count = 1,
                                 .headers = &bypass,
                                 .headers_count = may_bypass ? 1 : 0,
                                 .repeat = S3_REPEAT};
    return s3_client_put_retention(probe->shard->client, &call, mode, until_ms, &answer, &ignored);
}

SUSPENDS static bool set_hold(struct probe *probe, struct span key, const char *version, bool is_on)
{
    struct s3_answer answer;
    struct error ignored;
    const struct s3_parameter parameter = {SPAN("versionId"), span_from_string(version)};
    const struct s3_call call = {
        .bucket = probe->bucket, .key = key, .query = &parameter, .query_count = 1, .repeat = S3_REPEAT};
    return s3_client_put_legal_hold(probe->shard->client, &call, is_on, &answer, &ignored);
}

/* A retention that comes with the write: it binds, is made longer, and shorter only by who may bypass it. */
SUSPENDS static bool keeps_retention(struct probe *probe, int64_t now_ms)
{
    char date[DATE_TEXT_BYTES];
    struct span key = probe_key(probe);
    date_format_xml(now_ms + AN_HOUR_MS, date);
    const struct http_field headers[] = {
        {SPAN("x-amz-object-lock-mode"), SPAN("GOVERNANCE")},
        {SPAN("x-amz-object-lock-retain-until-date"), span_from_string(date)},
    };
    struct probed made = probe_ask(probe, S3_PUT_OBJECT, key, NULL, headers, 2, "locked");
    struct probed other = probe_ask(probe, S3_PUT_OBJECT, key, NULL, NULL, 0, "other");
    return probe_is_success(&made) && made.version[0] != '\0' && probe_is_success(&other) &&
           says(probe, key, made.version, "x-amz-object-lock-mode", "GOVERNANCE") &&
           is_kept(probe, key, made.version, false) && is_kept_among_many(probe, key, made.version, other.version) &&
           set_retention(probe, key, made.version, S3_LOCK_GOVERNANCE, now_ms + 3 * AN_HOUR_MS, false) &&
           !set_retention(probe, key, made.version, S3_LOCK_GOVERNANCE, now_ms + AN_HOUR_MS, false) &&
           !set_retention(probe, key, made.version, S3_LOCK_NONE, 0, false) &&
           is_kept(probe, key, made.version, false) && goes(probe, key, made.version, true);
}

/* A hold binds everybody, with or without a retention. */
SUSPENDS static bool keeps_holds(struct probe *probe)
{
    struct span key = probe_key(probe);
    struct probed made = probe_ask(probe, S3_PUT_OBJECT, key, NULL, NULL, 0, "locked");
    return probe_is_success(&made) && set_hold(probe, key, made.version, true) &&
           says(probe, key, made.version, "x-amz-object-lock-legal-hold", "ON") &&
           is_kept(probe, key, made.version, true) && set_hold(probe, key, made.version, false) &&
           says(probe, key, made.version, "x-amz-object-lock-legal-hold", "OFF") &&
           goes(probe, key, made.version, false);
}

SUSPENDS static bool set_default(struct probe *probe, enum s3_lock_mode mode)
{
    struct s3_answer answer;
    struct error ignored;
    struct s3_bucket_lock found;
    const struct s3_bucket_lock lock = {.mode = mode, .days = mode == S3_LOCK_NONE ? 0 : 1};
    const struct s3_call call = {.bucket = probe->bucket, .repeat = S3_REPEAT};
    return s3_client_put_bucket_lock(probe->shard->client, &call, &lock, &answer, &ignored) &&
           s3_client_get_bucket_lock(probe->shard->client, &call, &found, &answer, &ignored) && found.is_enabled &&
           found.mode == mode && found.days == lock.days;
}

/* What is written while the bucket has one is bound by it; what a Complete makes, too. */
SUSPENDS static bool keeps_default(struct probe *probe)
{
    struct span upload_id;
    char etag[S3_ETAG_BYTES];
    struct span key = probe_key(probe);
    struct span whole = probe_key(probe);
    if (!set_default(probe, S3_LOCK_GOVERNANCE))
        return false;
    struct probed made = probe_ask(probe, S3_PUT_OBJECT, key, NULL, NULL, 0, "locked");
    bool begun = probe_upload(probe, whole, "locked", &upload_id, etag);
    struct probed completed = {0};
    if (begun)
        completed = probe_complete(probe, whole, upload_id, etag, NULL);
    return set_default(probe, S3_LOCK_NONE) && begun && probe_is_success(&completed) && probe_is_success(&made) &&
           is_kept(probe, key, made.version, false) && is_kept(probe, whole, completed.version, false) &&
           goes(probe, key, made.version, true) && goes(probe, whole, completed.version, true);
}

SUSPENDS void probe_locks(struct probe *probe)
{
    struct probe_bucket own;
    int64_t now_ms = clock_wall_ms(probe->remote->settings.clock);
    if (!verdict_holds(probe->verdicts, VERDICT_VERSIONS))
        return;
    if (!probe_bucket_make(probe, true, &own)) {
        probe_set_untried(probe, VERDICT_LOCKS);
        return;
    }
    bool holds = keeps_retention(probe, now_ms) && keeps_holds(probe) && keeps_default(probe);
    probe_bucket_remove(probe, &own);
    probe_set(probe, VERDICT_LOCKS, holds);
}
