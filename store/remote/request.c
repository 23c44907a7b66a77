/* store/remote/request.c -- requests to the backend: what their failure means to a client, and how the backend does. */
#include "runtime/base/clock.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/store.h"
#include "store/remote/words/words.h"

#include <assert.h>

/* ---- how the backend does ---- */

static bool has_code(const struct s3_answer *answer, const char *code)
{
    return strcmp(answer->code, code) == 0;
}

bool remote_is_denied(const struct s3_answer *answer)
{
    static const char *const of_sessions[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}; /* with 400 */
    for (size_t i = 0; i < sizeof of_sessions / sizeof of_sessions[0]; i++) {
        if (has_code(answer, of_sessions[i]))
            return true;
    }
    return answer->status == 401 || answer->status == 403;
}

/* Of a HEAD: what AWS answers to a session that has expired, and in another region. */
static bool is_silent(const struct s3_answer *answer)
{
    return answer->status == 400 && answer->code[0] == '\0';
}

static const char refuses_us[] = "it refuses the credentials, or the clock";

/* NULL: none, as far as this request shows. HeadBucket is this server's own question whether all is well. */
static const char *trouble_of(enum s3_kind asked, const struct s3_answer *answer, enum error_kind kind)
{
    if (answer->status == 0 && (kind == ERROR_CANCELLED || kind == ERROR_TOO_LARGE || kind == ERROR_BUSY))
        return NULL; /* of our own making */
    if (answer->status == 0)
        return kind == ERROR_TIMED_OUT ? "it does not answer in time" : "it cannot be reached";
    bool is_named = remote_is_denied(answer) && answer->code[0] != '\0' && !has_code(answer, "AccessDenied");
    if (is_named || (is_silent(answer) && asked == S3_HEAD_BUCKET))
        return refuses_us;
    if (remote_is_denied(answer) && asked == S3_HEAD_BUCKET)
        return "it denies access to the bucket";
    if (answer->status == 404 && asked == S3_HEAD_BUCKET)
        return "the bucket is not there any more";
    if (answer->status == 507)
        return "it has no room left";
    return answer->status >= 500 && answer->status != 501 ? "it answers with errors" : NULL;
}

/* Whoever is denied one thing, or a bucket, has not seen that the rest is well. */
static bool shows_health(const struct s3_answer *answer, bool done)
{
    return done || (answer->status != 0 && !remote_is_denied(answer) && !is_silent(answer) &&
                    !has_code(answer, "NoSuchBucket"));
}

/* The newest reason is the one to be told. But HEAD has no code: where it is denied, the code of another request says
 * better why. */
static bool is_told_better(const struct remote *remote, const struct s3_answer *answer)
{
    return remote_is_denied(answer) && answer->code[0] == '\0' && atomic_load(&remote->failing_how) == refuses_us;
}

static void note_health(struct remote *remote, enum s3_kind asked, const struct s3_answer *answer, bool done,
                        enum error_kind kind)
{
    const char *trouble = done ? NULL : trouble_of(asked, answer, kind);
    int64_t since = atomic_load_explicit(&remote->failing_since_ms, memory_order_relaxed);
    if (trouble != NULL && (since == 0 || !is_told_better(remote, answer)))
        atomic_store(&remote->failing_how, trouble);
    if (trouble != NULL && since == 0)
        atomic_store(&remote->failing_since_ms, clock_wall_ms(remote->settings.clock));
    else if (trouble == NULL && since != 0 && shows_health(answer, done))
        atomic_store(&remote->failing_since_ms, 0);
}

bool remote_is_ready(const struct bucket_store *store, struct error *error)
{
    const struct remote *remote = (const struct remote *)store;
    int64_t since = atomic_load(&remote->failing_since_ms);
    if (since == 0)
        return true;
    int64_t seconds = (clock_wall_ms(remote->settings.clock) - since) / 1000;
    return error_set(error, ERROR_BUSY, NULL, "The backend %s is away: %s, for %lld s now.",
                     s3_endpoint_url(remote->settings.endpoint), atomic_load(&remote->failing_how),
                     (long long)(seconds < 0 ? 0 : seconds));
}

/* ---- what a failure means to a client ---- */

/* Of what S3 itself would say, this goes on as it is; the rest is between the backend and its operator. */
static bool is_for_clients(const char *code)
{
    static const char *const passed[] = {
        S3_EntityTooLarge,      S3_EntityTooSmall,     S3_InvalidPart,
        S3_InvalidPartOrder,    S3_InvalidRange,       S3_InvalidTag,
        S3_InvalidStorageClass, S3_KeyTooLongError,    S3_MethodNotAllowed,
        S3_NoSuchBucket,        S3_NoSuchKey,          S3_NoSuchUpload,
        S3_NoSuchVersion,       S3_PreconditionFailed, S3_NoSuchTagSet,
        S3_BucketNotEmpty,      S3_InvalidBucketState, S3_BucketAlreadyExists,
        S3_InvalidBucketName,   S3_MetadataTooLarge,   S3_BucketAlreadyOwnedByYou,
    };
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        if (code == passed[i])
            return true;
    }
    return false;
}

static bool keep_code(struct error *error, const char *code)
{
    const struct s3_error_entry *entry = s3_error_find(code);
    return error_set(error, error->kind, code, "%s", entry != NULL ? entry->message : "");
}

/* What the backend does not take, and this server would. */
static bool pass_refusal(struct error *error, const char *code)
{
    const struct s3_error_entry *entry = s3_error_find(code);
    return error_set(error, error->kind, code, "The backend refuses this: %s", entry != NULL ? entry->message : code);
}

static void log_backend(enum log_level level, const char *sentence)
{
    log_message(level, "backend: %s", sentence);
}

/* Servers that keep objects as files say in words of their own that a key is no name of a file, or one below a file. */
static bool is_about_name(enum s3_kind kind, const struct s3_answer *answer)
{
    static const char *const codes[] = {"XMinioInvalidObjectName",  "InvalidObjectName",
                                        "ObjectParentIsFile",       "XMinioParentIsObject",
                                        "ObjectExistsAsDirectory",  "XMinioObjectExistsAsDirectory",
                                        "ExistingObjectIsDirectory"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(answer->code, codes[i]) == 0)
            return true;
    }
    bool is_heads = kind == S3_HEAD_OBJECT && answer->code[0] == '\0'; /* which has no code */
    return answer->status == 400 && (is_heads || strncmp(answer->code, "XMinioInvalid", 13) == 0);
}

static bool refuse_name(const struct s3_answer *answer, struct error *error)
{
    return error_set(error, ERROR_INVALID, S3_InvalidArgument,
                     "The backend cannot keep this name, or not beside the others that are there: %s.", answer->code);
}

/* S3 says AccessDenied of what is locked, MinIO InvalidRequest: neither request has anything else that could be wrong
 * with it. */
static bool is_about_lock(enum s3_kind kind, const struct s3_answer *answer)
{
    return (kind == S3_DELETE_OBJECT || kind == S3_PUT_RETENTION) && answer->status == 400 &&
           has_code(answer, "InvalidRequest");
}

bool remote_refuse_locked(struct error *error)
{
    return error_set(error, ERROR_DENIED, S3_AccessDenied, "Access Denied because object protected by object lock.");
}

/* HEAD has no code: absent is the key, as the bucket is known to be there. */
static const char *code_of_absence(enum s3_kind kind, const char *code)
{
    if (code != NULL)
        return code;
    return kind == S3_HEAD_BUCKET || kind == S3_LIST_OBJECTS ? S3_NoSuchBucket : S3_NoSuchKey;
}

static bool refuse(enum s3_kind kind, const struct s3_answer *answer, struct error *error)
{
    if (answer->status >= 400 && is_about_name(kind, answer))
        return refuse_name(answer, error);
    if (is_about_lock(kind, answer))
        return remote_refuse_locked(error);
    switch (remote_is_denied(answer) ? ERROR_DENIED : error->kind) {
    case ERROR_NOT_FOUND:
        return keep_code(error, code_of_absence(kind, error->code));
    case ERROR_CONFLICT:
        if (answer->status == 412)
            return keep_code(error, S3_PreconditionFailed);
        if (error->code != NULL && is_for_clients(error->code))
            return keep_code(error, error->code);
        return answer->status == 304 ? false : keep_code(error, S3_ConditionalRequestConflict);
    case ERROR_CANCELLED:
        return false;
    case ERROR_DENIED:
        log_backend(LOG_WARNING, error->message);
        if (strcmp(answer->code, "InvalidObjectState") == 0)
            return error_set(error, ERROR_DENIED, S3_InvalidObjectState,
                             "The object lies in an archive of the backend and cannot be read there now.");
        return trouble_of(kind, answer, ERROR_DENIED) == NULL
                   ? error_set(error, ERROR_DENIED, S3_AccessDenied, "The backend does not allow this.")
                   : error_set(error, ERROR_BUSY, S3_SlowDown, "The backend does not take requests at the moment.");
    case ERROR_UNSUPPORTED:
        log_backend(LOG_WARNING, error->message);
        return error_set(error, ERROR_UNSUPPORTED, S3_NotImplemented, "The backend does not offer this.");
    case ERROR_DAMAGED:
        log_backend(LOG_WARNING, error->message);
        return error_set(error, ERROR_IO, S3_InternalError, "The backend gave an answer that makes no sense.");
    case ERROR_INVALID:
        if (error->code != NULL && is_for_clients(error->code))
            return pass_refusal(error, error->code);
        log_backend(LOG_WARNING, error->message);
        return error_set(error, ERROR_IO, S3_InternalError, "The backend refused a request of this server.");
    default:
        log_backend(LOG_WARNING, error->message);
        if (answer->status == 507) /* nobody knows of it what it has done, as of any other 5xx */
            return error_set(error, ERROR_BUSY, S3_InsufficientStorage, "The backend has no room left.");
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend does not answer at the moment. Try again.");
    }
}

static bool answered(struct remote_shard *shard, enum s3_kind kind, const struct s3_answer *answer, bool done,
                     struct error *error)
{
    note_health(shard->remote, kind, answer, done, done ? ERROR_NONE : error->kind);
    bool is_away = atomic_load_explicit(&shard->remote->failing_since_ms, memory_order_relaxed) != 0;
    if (!done && is_silent(answer) && is_away) /* for the reason that others were told, as far as one can know */
        return error_set(error, ERROR_BUSY, S3_SlowDown, "The backend does not take requests at the moment.");
    return done || refuse(kind, answer, error);
}

/* Parts are nothing that one can read before they are joined. */
static bool changes_nothing(enum s3_kind kind)
{
    const uint64_t of_uploads =
        S3_ON(S3_CREATE_UPLOAD) | S3_ON(S3_UPLOAD_PART) | S3_ON(S3_COPY_PART) | S3_ON(S3_ABORT_UPLOAD);
    return s3_kind_reads(kind) || (of_uploads & S3_ON(kind)) != 0;
}

bool remote_answered(struct remote_shard *shard, enum s3_kind kind, const struct s3_answer *answer, bool done,
                     struct error *error)
{
    if (!changes_nothing(kind))
        words_note_changes(shard->remote);
    return answered(shard, kind, answer, done, error);
}

/* A HEAD of an object that is answered with 400 does not say whether its name is meant, or all that this server asks: a
 * session that has expired, say. The bucket has a name that it can keep. */
SUSPENDS static void ask_whether_all_is_well(struct remote_shard *shard, struct span bucket)
{
    const struct s3_call call = {.kind = S3_HEAD_BUCKET, .bucket = bucket};
    struct s3_answer answer;
    struct error ignored;
    bool is_away = atomic_load_explicit(&shard->remote->failing_since_ms, memory_order_relaxed) != 0;
    if (!is_away && remote_call(shard, &call, &answer, &ignored))
        s3_answer_close(&answer);
}

SUSPENDS bool remote_call(struct remote_shard *shard, const struct s3_call *call, struct s3_answer *ret_answer,
                          struct error *error)
{
    bool done = s3_client_call(shard->client, call, ret_answer, error);
    if (!changes_nothing(call->kind))
        words_note_call(shard->remote, call);
    if (!done && call->kind == S3_HEAD_OBJECT && is_silent(ret_answer))
        ask_whether_all_is_well(shard, call->bucket);
    done = answered(shard, call->kind, ret_answer, done, error);
    if (!done && error->code == S3_NoSuchBucket)
        remote_forget_bucket(shard, call->bucket);
    return done;
}

void remote_answered_version(const struct s3_answer *answer, char ret_version[VERSION_TEXT_BYTES])
{
    static_assert((int)S3_VERSION_BYTES == (int)VERSION_TEXT_BYTES, "ids of versions are as long here as there");
    if (answer->version[0] == '\0')
        strcpy(ret_version, "null");
    else
        memcpy(ret_version, answer->version, VERSION_TEXT_BYTES);
}

bool remote_nonsense(const char *what, struct error *error)
{
    log_message(LOG_WARNING, "backend: %s", what);
    return error_set(error, ERROR_IO, S3_InternalError, "The backend gave an answer that makes no sense.");
}
