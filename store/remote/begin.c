/* store/remote/begin.c -- the first word with the backend: is it there, is it ours, what can it do. */
#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "runtime/log/log.h"
#include "runtime/stream/tls.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"
#include "store/remote/ledger/settle.h"
#include "store/remote/store.h"
#include "store/remote/uploads/sweep.h"
#include "store/remote/verdicts/kept.h"
#include "store/remote/verdicts/probe.h"
#include "store/remote/write/pending.h"
#include "store/remote/write/place.h"

#include <stdio.h>

enum { FIRST_BYTE_MS = 6000, SILENT_MS_MAX = 10000 };

/* ---- what is wrong, in one sentence ---- */

static bool explain_denied(const struct remote *remote, const struct s3_answer *answer, struct error *error)
{
    const char *url = s3_endpoint_url(remote->settings.endpoint);
    const char *bucket = remote->settings.bucket;
    if (strcmp(answer->code, "InvalidAccessKeyId") == 0 || strcmp(answer->code, "XAdminUserNotFound") == 0)
        return error_set(error, ERROR_DENIED, NULL, "The backend %s does not know the access key.", url);
    if (strcmp(answer->code, "SignatureDoesNotMatch") == 0)
        return error_set(error, ERROR_DENIED, NULL, "The backend %s refuses the signature: the secret key is wrong.",
                         url);
    if (strcmp(answer->code, "RequestTimeTooSkewed") == 0)
        return error_set(
            error, ERROR_DENIED, NULL,
            "The backend %s refuses the clock of this machine: it is off by more than a quarter of an hour.", url);
    if (strcmp(answer->code, "ExpiredToken") == 0 || strcmp(answer->code, "InvalidToken") == 0)
        return error_set(error, ERROR_DENIED, NULL,
                         "The backend %s refuses the session token: it has expired, or is none.", url);
    return error_set(error, ERROR_DENIED, NULL, "The backend %s does not let these credentials list the bucket %s%s%s.",
                     url, bucket, answer->code[0] != '\0' ? ": " : "", answer->code);
}

static struct span without(struct span text, struct span beginning)
{
    return span_starts_with(text, beginning) ? span_skip(text, beginning.size) : text;
}

/* No answer came. Of the client's sentence, "operation bucket: where: reason", the reason. */
static bool explain_silence(const struct remote *remote, struct error *error)
{
    const char *url = s3_endpoint_url(remote->settings.endpoint);
    char asked[128];
    char text[ERROR_MESSAGE_BYTES];
    (void)snprintf(asked, sizeof asked, "%s %s: ", s3_kind_name(S3_LIST_OBJECTS), remote->settings.bucket);
    memcpy(text, error->message, sizeof text);
    struct span said = span_from_string(text);
    struct span reason = without(said, span_from_string(asked));
    if (reason.size == said.size) /* there was nothing to be sent: no credentials, perhaps */
        return error_prepend(error, "The backend %s was not asked", url);
    reason = without(reason, span_from_string(url));
    reason = without(reason, SPAN(": "));
    bool is_authority_unknown = error->code != NULL && strcmp(error->code, TLS_UNKNOWN_AUTHORITY) == 0;
    return error_set(error, error->kind, NULL, "The backend %s cannot be reached: %.*s.%s", url, SPAN_FORMAT(reason),
                     is_authority_unknown ? " --ca-file names the authorities that are believed." : "");
}

/* `error` has the client's own sentence. */
static bool explain(const struct remote *remote, const struct s3_answer *answer, struct error *error)
{
    const char *url = s3_endpoint_url(remote->settings.endpoint);
    const char *bucket = remote->settings.bucket;
    const char *region = s3_endpoint_region(remote->settings.endpoint);
    if (answer->status == 0)
        return explain_silence(remote, error);
    bool is_elsewhere = answer->region[0] != '\0' && strcmp(answer->region, region) != 0;
    if (strcmp(answer->code, "AuthorizationHeaderMalformed") == 0 || is_elsewhere ||
        (answer->status >= 300 && answer->status < 400))
        return error_set(error, ERROR_INVALID, NULL, "The bucket %s is not in the region %s%s%s: --backend-region.",
                         bucket, region, is_elsewhere ? " but in " : "", is_elsewhere ? answer->region : "");
    bool has_code = answer->code[0] != '\0';
    if (answer->status == 404 && (!has_code || strcmp(answer->code, "NoSuchBucket") == 0))
        return error_set(error, ERROR_NOT_FOUND, NULL, "The backend %s has no bucket %s%s.", url, bucket,
                         has_code ? "" : ", or is no S3 server");
    if (remote_is_denied(answer) || answer->status == 404) /* of an account, as some say it */
        return explain_denied(remote, answer, error);
    if (answer->status == 400 && !has_code)
        return error_set(error, ERROR_INVALID, NULL,
                         "The backend %s refuses requests for the bucket %s without a reason (400): does it speak "
                         "HTTPS, or is it no S3 server?",
                         url, bucket);
    return error_prepend(error, "The backend %s", url);
}

/* GET, not HEAD: errors of HEAD have no code. */
SUSPENDS static bool ask_for_bucket(struct remote *remote, struct error *error)
{
    struct remote_shard *shard = remote_shard_here(remote);
    struct arena arena;
    struct s3_list_page page;
    struct s3_answer answer;
    const struct s3_call call = {.bucket = span_from_string(remote->settings.bucket),
                                 .first_byte_ms = FIRST_BYTE_MS,
                                 .deadline = deadline_after_ms(FIRST_BYTE_MS)};
    arena_init(&arena, 1 << 20);
    bool done = s3_client_list_objects(shard->client, &call,
                                       &(struct s3_list_request){.prefix = remote->prefix, .entries_max = 1}, &arena,
                                       &page, &answer, error);
    arena_free(&arena);
    return done || explain(remote, &answer, error);
}

/* ---- verdicts ---- */

static void say_what_is_missing(const struct verdicts *verdicts)
{
    for (unsigned i = 0; i < VERDICTS; i++) {
        if (verdict_holds(verdicts, i) || verdict_is_extra(i) || verdict_is_moot(verdicts, i))
            continue;
        log_message(LOG_WARNING, "backend: not so: %s; %s.", verdict_text(i), verdict_without(i));
        if (verdict_is_untried(verdicts, i))
            log_message(LOG_WARNING, "backend: %s: %s.", verdict_name(i), verdict_wants());
    }
}

static void say_what_has_no_place(const struct remote *remote)
{
    struct error reason;
    if (place_is_lacking(remote, &reason))
        log_message(LOG_WARNING, "--class: %s.", reason.message);
}

SUSPENDS bool remote_test(struct bucket_store *store, bool forgets_races, struct error *error)
{
    struct remote *remote = remote_of(store);
    struct verdicts found; /* nobody sees one that is half done: what is not found yet would be kept as lost */
    if (!probe_backend(remote, &found, error) || !kept_verdicts_save(remote, &found, forgets_races, error))
        return false;
    remote->verdicts = found;
    return true;
}

SUSPENDS bool remote_begin(struct bucket_store *store, struct error *error)
{
    struct remote *remote = remote_of(store);
    bool found;
    if (!ask_for_bucket(remote, error) || !kept_verdicts_load(remote, &remote->verdicts, &found, error))
        return false;
    if (!found && !remote_test(store, false, error))
        return false;
    say_what_is_missing(&remote->verdicts);
    say_what_has_no_place(remote);
    verdicts_apply(&remote->verdicts, remote->settings.part_bytes, &remote->base.capabilities);
    remote->base.capabilities.has_tier = remote->settings.tier != NULL;
    remote->is_counted = remote->ledger_state != NULL && verdict_holds(&remote->verdicts, VERDICT_PUT_CREATE) &&
                         verdict_holds(&remote->verdicts, VERDICT_PUT_REPLACE);
    return true;
}

SUSPENDS void remote_settle(struct bucket_store *store)
{
    struct remote *remote = remote_of(store);
    ledger_settle_due(remote);
    if (remote->settings.state != NULL)
        pending_settle(remote);
}

/* ---- beside requests ---- */

SUSPENDS static void ask_if_there(struct remote *remote)
{
    struct s3_answer answer;
    struct error ignored;
    const struct s3_call call = {.kind = S3_HEAD_BUCKET, .bucket = span_from_string(remote->settings.bucket)};
    if (remote_call(remote_shard_here(remote), &call, &answer, &ignored))
        s3_answer_close(&answer);
}

/* That an answer bore another revision's ETag is known to the next start, too. True: it is kept. */
SUSPENDS static bool keep_slip(struct remote *remote)
{
    struct error ignored;
    struct verdicts verdicts = remote_verdicts(&remote->base);
    return kept_verdicts_save(remote, &verdicts, false, &ignored);
}

/* The journal's polls say as much as a question of our own, and cost nothing more. */
static bool is_silent(const struct remote *remote)
{
    return s3_endpoint_silent_ms(remote->settings.endpoint) > SILENT_MS_MAX;
}

static bool is_due(const struct remote *remote, uint64_t second)
{
    uint64_t every_s = (remote->settings.sweep_every_ms + 999) / 1000;
    return every_s > 0 && second % every_s == 0;
}

SUSPENDS void remote_tend(struct bucket_store *store)
{
    struct remote *remote = remote_of(store);
    struct error ignored;
    bool is_slip_kept = !verdict_holds(&remote->verdicts, VERDICT_LABELS_HOLD);
    for (uint64_t second = 1; io_sleep_until(deadline_after_ms(1000)) == 0; second++) {
        if (!remote_is_ready(store, &ignored) || is_silent(remote))
            ask_if_there(remote);
        if (!is_slip_kept && !remote_labels_hold(remote))
            is_slip_kept = keep_slip(remote);
        ledger_settle_due(remote);
        if (is_due(remote, second))
            uploads_sweep(remote);
    }
}
