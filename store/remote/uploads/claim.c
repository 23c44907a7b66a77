/* store/remote/uploads/claim.c -- the record `end`: made once, renewed by who made it, taken over when it is stale. */
#include "store/remote/uploads/claim.h"

#include "runtime/fiber/loop.h"
#include "runtime/io/io.h"
#include "s3client/operations.h"
#include "s3client/wire/s3_error.h"

enum { PAUSE_MS_LEAST = 10, PAUSE_MS_MOST = 500 };

static const struct span record_name = SPAN("end");

/* ---- writing ---- */

/* Under the condition that the record has this ETag; "": that there is none. *ret_is_refused: it does not hold. */
SUSPENDS static bool put(struct claim *claim, const char *etag, bool *ret_is_refused, struct error *error)
{
    char text[UPLOAD_KEY_BYTES];
    struct s3_answer answer;
    struct buffer bytes = {0};
    upload_end_encode(&claim->end, &bytes);
    const struct span body = buffer_span(&bytes);
    const struct http_field headers[] = {
        {SPAN("content-type"), SPAN("application/octet-stream")},
        etag[0] == '\0' ? (struct http_field){SPAN("if-none-match"), SPAN("*")}
                        : (struct http_field){SPAN("if-match"), span_from_string(etag)},
    };
    const struct s3_call call = {.kind = S3_PUT_OBJECT,
                                 .bucket = claim->place->backend_bucket,
                                 .key = upload_backend_key(claim->place, record_name, text),
                                 .headers = headers,
                                 .headers_count = 2,
                                 .body = &body,
                                 .body_count = 1,
                                 .repeat = S3_REPEAT};
    bool done = remote_call(claim->place->shard, &call, &answer, error);
    *ret_is_refused = !done && (answer.status == 412 || error->code == S3_NoSuchKey);
    if (done) {
        memcpy(claim->etag, answer.etag, S3_ETAG_BYTES);
        s3_answer_close(&answer);
    }
    buffer_free(&bytes);
    return done;
}

/* Each writing has bytes of its own, and so an ETag. */
static void draw_token(struct claim *claim)
{
    random_fill(claim->place->remote->settings.random, claim->end.token, UPLOAD_TOKEN_BYTES);
}

/* ---- who holds it ---- */

/* The record of another one, as it was seen last. */
struct other {
    char etag[S3_ETAG_BYTES];
    deadline_t stale; /* if it does not change until then */
    bool is_decided;  /* it says that the object was made, or is to be none: once the upload has gone, it has ended */
};

SUSPENDS static bool look(struct claim *claim, char ret_etag[S3_ETAG_BYTES], bool *ret_is_ours, bool *ret_is_decided,
                          struct error *error)
{
    struct buffer bytes;
    struct upload_end there;
    bool found;
    buffer_init(&bytes, RECORD_BYTES_MAX);
    bool done = upload_get_with_etag(claim->place, record_name, &bytes, ret_etag, &found, error);
    if (done && !found)
        ret_etag[0] = '\0';
    bool is_read = done && found && upload_end_decode(buffer_span(&bytes), &there);
    *ret_is_ours = is_read && memcmp(there.token, claim->end.token, UPLOAD_TOKEN_BYTES) == 0;
    *ret_is_decided = is_read && (there.version[0] != '\0' || upload_end_gives_up(&there));
    buffer_free(&bytes);
    return done;
}

/* Has the one who holds it ended the upload? A backend that is just doing that may not know what to say: then it is
 * asked again. Where an upload goes before its object is there, it has ended when that is noted, or its claim stale. */
SUSPENDS static bool has_ended(const struct upload_place *place, const struct upload_record *record,
                               const struct other *other)
{
    bool is_completed;
    bool is_open;
    struct error ignored;
    if (upload_is_completed(place, record, &is_completed, &ignored) && is_completed)
        return true;
    bool may_go_early = !verdict_holds(&place->remote->verdicts, VERDICT_COMPLETE_GONE);
    if (may_go_early && !other->is_decided && loop_now_ns() < other->stale)
        return false;
    return upload_is_open(place, record, &is_open, &ignored) && !is_open;
}

/* True with *ret_etag: what is to be replaced; "": nothing is there. */
SUSPENDS static bool wait_for_turn(struct claim *claim, const struct upload_record *record, struct other *other,
                                   uint64_t pause_ms, char ret_etag[S3_ETAG_BYTES], bool *ret_is_ours,
                                   bool *ret_is_free, struct error *error)
{
    if (!look(claim, ret_etag, ret_is_ours, &other->is_decided, error))
        return false;
    *ret_is_free = ret_etag[0] == '\0';
    if (*ret_is_free || *ret_is_ours)
        return true;
    if (strcmp(other->etag, ret_etag) != 0) {
        memcpy(other->etag, ret_etag, S3_ETAG_BYTES);
        other->stale = deadline_after_ms(CLAIM_STALE_MS);
    }
    if (has_ended(claim->place, record, other))
        return upload_no_such(error);
    *ret_is_free = loop_now_ns() >= other->stale;
    if (!*ret_is_free && io_sleep_until(deadline_after_ms(pause_ms)) != 0)
        return error_set(error, ERROR_CANCELLED, NULL, "The server stops.");
    return true;
}

static bool knows_conditions(const struct upload_place *place)
{
    const struct verdicts *verdicts = &place->remote->verdicts;
    return verdict_holds(verdicts, VERDICT_PUT_CREATE) && verdict_holds(verdicts, VERDICT_PUT_REPLACE);
}

SUSPENDS static bool take(struct claim *claim, const struct upload_record *record, struct error *error)
{
    struct other other = {0};
    char etag[S3_ETAG_BYTES] = "";
    bool is_free = true;
    bool is_refused;
    for (uint64_t pause_ms = PAUSE_MS_LEAST;; pause_ms = pause_ms < PAUSE_MS_MOST ? pause_ms * 2 : pause_ms) {
        bool is_ours;
        if (is_free && put(claim, etag, &is_refused, error)) {
            claim->was_others = etag[0] != '\0';
            return true;
        }
        if (is_free && !is_refused)
            return false;
        if (!wait_for_turn(claim, record, &other, pause_ms, etag, &is_ours, &is_free, error))
            return false;
        if (!is_ours)
            continue;
        memcpy(claim->etag, etag, S3_ETAG_BYTES); /* the answer to our own request was lost */
        return true;
    }
}

/* ---- holding it ---- */

/* A backend that does not answer is no reason to let go: who takes it over cannot write either. */
SUSPENDS static void renew(struct claim *claim)
{
    char etag[S3_ETAG_BYTES];
    struct error ignored;
    bool is_refused;
    bool is_ours;
    bool is_decided;
    memcpy(etag, claim->etag, sizeof etag);
    draw_token(claim);
    if (put(claim, etag, &is_refused, &ignored) || !is_refused || !look(claim, etag, &is_ours, &is_decided, &ignored))
        return;
    claim->is_lost = !is_ours;
    memcpy(claim->etag, etag, sizeof etag);
}

static void run_keeper(void *argument)
{
    struct claim *claim = argument;
    claim->keeper = fiber_current();
    while (!claim->is_over && !claim->is_lost && io_sleep_until(deadline_after_ms(CLAIM_RENEWED_MS)) == 0)
        renew(claim);
    claim->is_kept = false;
    claim->keeper = NULL;
    wait_wake_all(&claim->ended);
}

SUSPENDS bool claim_take(const struct upload_place *place, const struct upload_record *record,
                         const struct upload_end *end, struct claim *ret_claim, struct error *error)
{
    struct error ignored;
    *ret_claim = (struct claim){.place = place, .end = *end};
    wait_queue_init(&ret_claim->ended);
    draw_token(ret_claim);
    if (!knows_conditions(place))
        return upload_put_end(place, end, error);
    if (!take(ret_claim, record, error))
        return false;
    ret_claim->is_kept = true;
    ret_claim->is_kept = fiber_spawn("claim", run_keeper, ret_claim, &ignored); /* else it holds for a while */
    return true;
}

bool claim_holds(const struct claim *claim, struct error *error)
{
    return !claim->is_lost ||
           error_set(error, ERROR_BUSY, S3_SlowDown, "Somebody else is completing the upload. Try again.");
}

SUSPENDS static void end_keeper(struct claim *claim)
{
    struct error ignored;
    claim->is_over = true;
    while (claim->is_kept) {
        if (claim->keeper != NULL)
            fiber_cancel(claim->keeper);
        if (!wait_for(&claim->ended, DEADLINE_NONE, &ignored) && claim->is_kept)
            fiber_yield();
    }
}

SUSPENDS void claim_give_back(struct claim *claim, bool is_open)
{
    char etag[S3_ETAG_BYTES];
    struct error ignored;
    bool is_ours = claim->etag[0] == '\0';
    bool is_decided;
    end_keeper(claim);
    if (is_open && !claim->is_lost && (is_ours || (look(claim, etag, &is_ours, &is_decided, &ignored) && is_ours)))
        upload_remove(claim->place, record_name);
}
