/* server/journal_service.c -- brings the journal to life on shard 0, watches it, and ends it. */
#include "server/journal_service.h"

#include "journal/ground/ground.h"
#include "journal/savings/recounts.h"
#include "journal/savings/uncertain.h"
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "s3client/wire/s3_error.h"
#include "server/fleet/versions.h"

#include <stdio.h>
#include <string.h>

enum {
    BUCKET_RETRY_MS = 1000,
    BUCKET_RETRY_MAX_MS = 60000,
    WATCH_MS = 2000,
    FLUSH_MS_MAX = 10000,
    LOOKS_OF_CALM = 5,
    LOOKS_OF_SILENCE = 30,
    BUCKETS_PAGE = 1000,
    BUCKETS_ARENA_BYTES = 1 << 20,
    BEHIND_MS = 60000, /* what waits longer than this is worth a word */
    REQUEST_MS = 2000,
};

static const char gone_text[] =
    "the journal of this bucket has gone, and the settings of buckets with it: somebody has deleted .bale/journal/. "
    "Put it back, or make an empty one with bale journal --begin-anew; objects are served as they are";

static const char lost_text[] =
    "this bucket holds objects that a savings ledger has counted, and no journal: somebody has deleted .bale/journal/, "
    "and "
    "the settings of buckets with it. A new one was begun, where buckets have no settings: make them again, then count "
    "with bale savings --recount, and start this process anew";

/* ---- what the log is told: each thing once ---- */

/* How often in a row a condition must have been seen before it is told: trouble at once, its end and a silent store not
 * before they last, so that what comes and goes is no stream of lines. */
static unsigned looks_wanted(enum journal_condition told, enum journal_condition now)
{
    if (now == JOURNAL_NOT_READY)
        return LOOKS_OF_SILENCE;
    return now == JOURNAL_RUNS && told != JOURNAL_NOT_READY ? LOOKS_OF_CALM : 1;
}

static void tell_condition(struct journal_service *service)
{
    enum journal_condition now = journal_condition(service->journal);
    service->told.looks =
        now == service->told.condition && service->told.is_condition_told ? 0 : service->told.looks + 1;
    if (service->told.looks < looks_wanted(service->told.condition, now) || service->told.looks == 0)
        return;
    service->told.looks = 0;
    service->told.condition = now;
    service->told.is_condition_told = true;
    const char *detail = journal_condition_detail(service->journal);
    if (now == JOURNAL_RUNS)
        log_message(LOG_INFO, "the journal runs, at generation %llu",
                    (unsigned long long)journal_head(service->journal)->generation);
    else
        log_message(LOG_ERROR,
                    "the journal stands still (%s): %s%s%s. Requests are served as long as --settings-grace allows",
                    journal_condition_name(now), journal_condition_advice(now), detail[0] != '\0' ? ": " : "", detail);
}

/* A kind of alarm is told when it first occurs; /metrics has how often. */
static void tell_alarms(struct journal_service *service)
{
    const struct journal_counters *now = journal_counters(service->journal);
    for (unsigned alarm = 0; alarm < ALARM_COUNT; alarm++) {
        const char *object = journal_alarm_object(service->journal, alarm);
        if (now->alarms[alarm] > 0 && service->told.counters.alarms[alarm] == 0)
            log_message(LOG_ERROR, "the journal raises an alarm: %s%s%s%s. `bale journal` says more",
                        journal_alarm_name(alarm), object[0] != '\0' ? " (" : "", object, object[0] != '\0' ? ")" : "");
    }
    service->told.counters = *now;
}

/* Each doubt when it first shows, and that the figures are exact again. */
static void tell_doubts(struct journal_service *service)
{
    struct error error;
    const struct state *state = journal_state(service->journal);
    struct ledger_sums waiting = {0};
    bool doubts[SAVINGS_DOUBTS] = {false};
    bool is_known =
        state != NULL && service->spool != NULL && ledger_sums_add_spool(&waiting, state, service->spool, &error) &&
        savings_find_doubts(state, journal_head(service->journal), &waiting, service->spool, doubts, &error);
    ledger_sums_free(&waiting);
    if (!is_known)
        return;
    for (unsigned doubt = 0; doubt < SAVINGS_DOUBTS; doubt++) {
        if (doubts[doubt] && !service->told.doubts[doubt])
            log_message(LOG_ERROR, "the savings ledger may be wrong: %s", savings_doubt_text(doubt));
    }
    if (savings_are_exact(doubts) && !savings_are_exact(service->told.doubts))
        log_message(LOG_INFO, "the savings ledger is exact again");
    memcpy(service->told.doubts, doubts, sizeof doubts);
}

static void tell_sender(struct journal_service *service)
{
    bool is_behind = journal_service_waiting_ms(service) >= BEHIND_MS;
    if (is_behind && !service->told.is_behind)
        log_message(LOG_WARNING, "%llu records have been waiting for the ledger since %llu s; they are kept",
                    (unsigned long long)journal_service_records_waiting(service),
                    (unsigned long long)journal_service_waiting_ms(service) / 1000);
    else if (!is_behind && service->told.is_behind)
        log_message(LOG_INFO, "the ledger is up to date again");
    service->told.is_behind = is_behind;
}

static void tell_versions(struct journal_service *service)
{
    if (service->told.keeps_versions || !journal_bucket_keeps_versions(service->bucket))
        return;
    service->told.keeps_versions = true;
    log_message(LOG_WARNING,
                "the backend's bucket keeps versions, so of all that the journal has replaced and deleted, too: a "
                "lifecycle rule of the backend that expires noncurrent versions below .bale/ after a day ends that");
}

/* So that the next start knows that there was a journal. */
SUSPENDS static void tell_lineage(struct journal_service *service)
{
    struct fleet_member *member = service->wanted.member;
    const struct head *head = journal_head(service->journal);
    struct error error;
    if (member == NULL || head == NULL || journal_condition(service->journal) != JOURNAL_RUNS ||
        journal_id_equal(fleet_member_lineage(member), &head->lineage))
        return;
    if (!journal_id_is_zero(fleet_member_lineage(member)))
        log_message(LOG_WARNING, "the journal is not the one that this replica has known: it was restored, adopted or "
                                 "begun anew. Settings of buckets are as it has them");
    const struct journal_id lineage = head->lineage;
    if (!fleet_member_note_lineage(member, &lineage, &error))
        log_message(LOG_WARNING, "%s: the next start does not know that there was a journal", error.message);
}

static void note_recounts(struct journal_service *service)
{
    const struct backend_operations *operations = service->backend->operations;
    if (operations->note_recounts != NULL && journal_state(service->journal) != NULL)
        operations->note_recounts(service->backend, recounts_in_state(journal_state(service->journal)));
}

/* ---- life ---- */

static bool pause_ms(struct journal_service *service, uint64_t milliseconds)
{
    struct journal_scheduler *scheduler = &service->scheduler.base;
    return scheduler->sleep_until(scheduler, deadline_after_ms(milliseconds));
}

SUSPENDS static bool make_home(struct journal_service *service)
{
    struct error error;
    if (journal_home_prepare(&service->home, &error))
        return true;
    if (!service->told.is_without_bucket)
        log_message(LOG_ERROR, "the journal has no bucket and waits for one: %s", error.message);
    service->told.is_without_bucket = true;
    return false;
}

/* For the card of this process. */
static void fill_card(void *context, struct fleet_card *card)
{
    const struct journal_service *service = context;
    if (service->told.is_gone)
        (void)snprintf(card->journal, sizeof card->journal, "gone");
    if (service->journal == NULL)
        return;
    enum journal_condition condition = journal_condition(service->journal);
    bool is_lost = service->told.is_lost && condition == JOURNAL_RUNS;
    (void)snprintf(card->journal, sizeof card->journal, "%s",
                   is_lost ? "begun anew" : journal_condition_name(condition));
    if (journal_head(service->journal) != NULL)
        card->lag_ms = journal_age_ns(service->journal) / 1000000;
    card->spool_ms = journal_service_waiting_ms(service);
}

static void tell_older(struct journal_service *service, bool has_older)
{
    const struct backend_operations *operations = service->backend->operations;
    if (service->wanted.member == NULL || operations->allow_leads == NULL)
        return;
    service->wanted.member->has_older = has_older;
    operations->allow_leads(service->backend, !has_older);
}

static void see_fleet(void *context, const struct card_list *list)
{
    struct journal_service *service = context;
    bool has_older = fleet_has_older(list, VERSION_OF_LEADS);
    if (has_older != service->told.has_older)
        log_message(LOG_INFO, has_older ? "an older Bale runs before this bucket: what it could not read is not written"
                                        : "no older Bale runs before this bucket any more");
    service->told.has_older = has_older;
    tell_older(service, has_older);
}

static void open_room(struct journal_service *service)
{
    service->bucket = journal_room_open(&service->home, ROOM_JOURNAL);
    service->environment.store = journal_bucket_store(service->bucket);
    if (service->wanted.member != NULL)
        fleet_member_start(service->wanted.member, &service->environment, fill_card, see_fleet, service);
}

static bool has_known_one(const struct journal_service *service)
{
    return service->wanted.member != NULL && !journal_id_is_zero(fleet_member_lineage(service->wanted.member));
}

static void set_gone(struct journal_service *service, bool is_gone)
{
    service->told.is_gone = is_gone;
    if (service->wanted.keeper != NULL)
        atomic_store_explicit(&service->wanted.keeper->has_no_journal, is_gone, memory_order_release);
}

static void tell_gone(struct journal_service *service)
{
    if (!service->told.is_gone)
        log_message(LOG_ERROR, "%s", gone_text);
    set_gone(service, true);
}

/* A replica that has known a journal here makes no other one in its place: with the old one the settings of buckets
 * have gone, and whoever deleted it may be able to put it back. True: there is one, or never was. */
SUSPENDS static bool wait_while_it_is_gone(struct journal_service *service)
{
    bool is_empty = true;
    if (!has_known_one(service))
        return true;
    service->options.may_seed = false;
    for (;;) {
        bool is_answered = ground_is_empty(&service->environment, REQUEST_MS, &is_empty);
        if (is_answered && !is_empty)
            break;
        if (is_answered)
            tell_gone(service);
        if (!pause_ms(service, WATCH_MS))
            return false;
    }
    set_gone(service, false);
    return true;
}

/* A replica that has known none, with an empty state folder, say, begins one where there is none; that there was one
 * before the objects tell. False: it is to end. */
SUSPENDS static bool look_for_a_lost_one(struct journal_service *service)
{
    const struct backend_operations *operations = service->backend->operations;
    bool is_empty = false;
    struct error error;
    if (has_known_one(service) || operations->holds_counted == NULL)
        return true;
    while (!ground_is_empty(&service->environment, REQUEST_MS, &is_empty) ||
           (is_empty && !operations->holds_counted(service->backend, &service->told.is_lost, &error))) {
        if (!pause_ms(service, WATCH_MS))
            return false;
    }
    if (service->told.is_lost)
        log_message(LOG_WARNING, "%s", lost_text);
    return true;
}

/* So long what was read last holds. */
static uint64_t settings_hold_ms(const struct journal_service *service)
{
    return service->wanted.settings_grace_ms + service->wanted.poll_ms;
}

static void open_journal(struct journal_service *service)
{
    static const struct spool_sender_options sending = {0};
    service->journal = journal_open(&service->environment, &service->options);
    if (service->spool != NULL)
        service->sender = spool_sender_start(&service->environment, service->journal, service->spool, &sending);
    if (service->wanted.keeper != NULL)
        keeper_start(service->wanted.keeper, service->journal, &service->environment, service->store, &service->home,
                     settings_hold_ms(service), service->wanted.settings_sweep_ms);
    if (service->wanted.dictionaries != NULL)
        dictionary_keeper_start(service->wanted.dictionaries, service->journal, &service->environment, service->store);
    if (service->wanted.trainer != NULL)
        training_start(service->wanted.trainer, &service->environment);
    if (service->wanted.lifecycle != NULL)
        lifecycle_start(service->wanted.lifecycle, service->journal, &service->environment);
}

SUSPENDS static void run(void *argument)
{
    struct journal_service *service = argument;
    for (uint64_t retry_ms = BUCKET_RETRY_MS; !make_home(service);
         retry_ms = retry_ms * 2 < BUCKET_RETRY_MAX_MS ? retry_ms * 2 : BUCKET_RETRY_MAX_MS) {
        if (!pause_ms(service, retry_ms))
            return;
    }
    if (service->scheduler.is_stopping)
        return;
    open_room(service);
    native_watch_look(&service->native, service->backend); /* before it is called lost: it may say why */
    if (!look_for_a_lost_one(service) || !wait_while_it_is_gone(service) || service->scheduler.is_stopping)
        return;
    open_journal(service);
    while (pause_ms(service, WATCH_MS)) {
        tell_condition(service);
        tell_alarms(service);
        tell_sender(service);
        tell_doubts(service);
        tell_versions(service);
        tell_lineage(service);
        note_recounts(service);
        native_watch_look(&service->native, service->backend);
    }
}

bool journal_service_start(struct journal_service *service, const struct backend *backend,
                           const struct journal_service_options *options, struct error *error)
{
    *service = (struct journal_service){.backend = backend,
                                        .store = backend->store,
                                        .spool = backend->spool,
                                        .home = backend->home,
                                        .wanted = *options,
                                        .options = {.poll_ms = options->poll_ms, .may_seed = true},
                                        .told = {.condition = JOURNAL_NOT_READY}};
    tell_older(service, true); /* until the cards were read */
    fiber_scheduler_init(&service->scheduler);
    struct journal_scheduler *scheduler = &service->scheduler.base;
    service->environment = (struct journal_environment){
        .clock = clock_system(), .random = random_system(), .scheduler = scheduler, .place = backend->home.place};
    service->started_ns = clock_monotonic_ns(service->environment.clock);
    return scheduler->spawn(scheduler, "journal", run, service) ||
           error_set(error, ERROR_BUSY, NULL, "there is no fiber for the journal");
}

/* A journal that stands still is not waited for: what is in the spool is safe there. */
SUSPENDS static bool flush(struct journal_service *service, deadline_t deadline)
{
    deadline_t most = deadline_after_ms(FLUSH_MS_MAX);
    return journal_condition(service->journal) == JOURNAL_RUNS &&
           spool_sender_flush(service->sender, deadline < most ? deadline : most);
}

static void close_journal(struct journal_service *service)
{
    if (service->wanted.keeper != NULL)
        keeper_stop(service->wanted.keeper);
    if (service->wanted.dictionaries != NULL)
        dictionary_keeper_stop(service->wanted.dictionaries);
    if (service->sender != NULL)
        spool_sender_free(service->sender);
    journal_free(service->journal);
    service->journal = NULL;
    service->sender = NULL;
}

void journal_service_stop(struct journal_service *service, deadline_t deadline)
{
    if (service->wanted.lifecycle != NULL)
        lifecycle_stop(service->wanted.lifecycle, deadline);
    if (service->sender != NULL && journal_service_records_waiting(service) > 0 && !flush(service, deadline))
        log_message(LOG_INFO, "%llu records wait for the ledger: the next start sends them",
                    (unsigned long long)journal_service_records_waiting(service));
    if (service->journal != NULL)
        journal_stop(service->journal);
    if (service->wanted.member != NULL)
        fleet_member_end(service->wanted.member);
    bool has_ended = fiber_scheduler_stop(&service->scheduler, DEADLINE_NONE); /* requests have deadlines */
    ASSERT(has_ended);
    if (service->wanted.member != NULL)
        fleet_member_stop(service->wanted.member);
    if (service->journal != NULL)
        close_journal(service);
    if (service->bucket != NULL)
        journal_bucket_close(service->bucket);
    service->bucket = NULL;
}

/* ---- what it shows ---- */

/* Rows of nothing for the buckets that there are; the ledger fills them. */
SUSPENDS static bool add_buckets(const struct journal_service *service, unsigned buckets_max, struct savings *savings,
                                 struct error *error)
{
    static const struct ledger_amounts nothing;
    char after[BUCKET_NAME_BYTES_MAX + 1] = "";
    bool is_truncated = true;
    bool done = true;
    struct arena arena;
    arena_init(&arena, BUCKETS_ARENA_BYTES);
    while (done && is_truncated && savings->count < buckets_max) {
        struct bucket_info *buckets;
        unsigned count;
        arena_reset(&arena);
        done = bucket_list_buckets(service->store, SPAN_EMPTY, SPAN_EMPTY, span_from_string(after), BUCKETS_PAGE,
                                   &arena, &buckets, &count, &is_truncated, error);
        for (unsigned i = 0; done && i < count; i++) {
            if (buckets[i].name[0] != '.') /* Bale's own */
                savings_add(savings, span_from_string(buckets[i].name), &nothing);
            memcpy(after, buckets[i].name, sizeof after);
        }
    }
    arena_free(&arena);
    return done;
}

static bool add_ledger(const struct journal_service *service, struct ledger_sums *sums, struct savings *savings,
                       struct error *error)
{
    const struct state *state = service->journal == NULL ? NULL : journal_state(service->journal);
    if (service->spool == NULL)
        return error_set(error, ERROR_UNSUPPORTED, NULL, "this backend has no ledger");
    if (state == NULL)
        return error_set(error, ERROR_BUSY, NULL, "the ledger has not been read yet");
    ledger_sums_add_state(sums, state);
    bool done =
        ledger_sums_add_spool(sums, state, service->spool, error) &&
        savings_find_doubts(state, journal_head(service->journal), sums, service->spool, savings->doubts, error);
    struct spool_amounts amounts;
    for (size_t at = 0; done && ledger_sums_next(sums, &at, &amounts);) {
        if (!ledger_is_uncertain(&amounts) && !ledger_amounts_are_zero(&amounts.amounts))
            savings_add(savings, amounts.bucket, &amounts.amounts);
    }
    return done;
}

bool journal_service_savings(const struct journal_service *service, unsigned empty_buckets_max,
                             struct savings *ret_savings, struct error *error)
{
    *ret_savings = (struct savings){0};
    /* where a bucket's row is damaged, the ledger still has its name */
    bool is_listed = add_buckets(service, empty_buckets_max, ret_savings, error) || error->kind == ERROR_DAMAGED;
    struct ledger_sums sums = {0};
    bool done = is_listed && add_ledger(service, &sums, ret_savings, error);
    if (done) {
        savings_finish(ret_savings);
        savings_add_uncertain(ret_savings, &sums);
    } else {
        savings_free(ret_savings);
    }
    ledger_sums_free(&sums);
    return done;
}

static uint64_t records_waiting(const struct journal_service *service, const struct spool_info *info)
{
    struct journal_id id;
    uint64_t last = 0;
    memcpy(id.bytes, info->id, sizeof id.bytes);
    const struct state *state = service->journal == NULL ? NULL : journal_state(service->journal);
    if (state != NULL && (ledger_spool_is_cut_off(state, info) || ledger_spool_was_closed(state, info)))
        return 0; /* the state takes none of it: the savings say so, or there is nothing to say */
    if (state != NULL)
        (void)state_spool_last(state, &id, &last);
    uint64_t first = info->first > last ? info->first : last + 1;
    uint64_t end = info->last_frozen + (info->has_open ? 1 : 0);
    return info->first == 0 || first > end ? 0 : end - first + 1;
}

uint64_t journal_service_records_waiting(const struct journal_service *service)
{
    struct buffer infos;
    struct error error;
    uint64_t waiting = 0;
    if (service->spool == NULL)
        return 0;
    buffer_init(&infos, 0);
    bool is_listed = spool_list(service->spool, &infos, &error);
    const struct spool_info *info = (const struct spool_info *)(const void *)infos.data;
    for (size_t i = 0; is_listed && i < infos.size / sizeof *info; i++)
        waiting += records_waiting(service, &info[i]);
    buffer_free(&infos);
    return waiting;
}

uint64_t journal_service_waiting_ms(const struct journal_service *service)
{
    uint64_t since = service->sender == NULL ? 0 : spool_sender_counters(service->sender)->waiting_since_ns;
    uint64_t now = clock_monotonic_ns(service->environment.clock);
    return since == 0 || since > now ? 0 : (now - since) / 1000000;
}

/* For so long that requests are refused for it: after a start they wait a moment, later the last known settings hold.
 */
static bool is_unread(const struct journal_service *service, uint64_t *ret_ms)
{
    bool was_read = service->journal != NULL && journal_state(service->journal) != NULL;
    uint64_t age_ns = was_read ? journal_age_ns(service->journal)
                               : clock_monotonic_ns(service->environment.clock) - service->started_ns;
    *ret_ms = age_ns / 1000000;
    return *ret_ms > (was_read ? settings_hold_ms(service) : SETTINGS_READY_MS);
}

bool journal_service_is_well(const struct journal_service *service, struct error *error)
{
    uint64_t unread_ms;
    if (service->told.is_gone)
        return error_set(error, ERROR_NOT_FOUND, NULL, "%s", gone_text);
    if (service->journal == NULL && service->told.is_without_bucket)
        return error_set(error, ERROR_BUSY, NULL, "the journal has no bucket and waits for one");
    enum journal_condition condition =
        service->journal == NULL ? JOURNAL_NOT_READY : journal_condition(service->journal);
    if (condition != JOURNAL_RUNS && condition != JOURNAL_NOT_READY)
        return error_set(error, ERROR_DAMAGED, NULL, "the journal stands still (%s): %s",
                         journal_condition_name(condition), journal_condition_advice(condition));
    if (service->wanted.keeper != NULL && is_unread(service, &unread_ms))
        return error_set(error, ERROR_BUSY, NULL,
                         "the journal has not been read for %llu s: requests to buckets that have settings are refused "
                         "until it is",
                         (unsigned long long)unread_ms / 1000);
    if (service->told.is_lost)
        return error_set(error, ERROR_NOT_FOUND, NULL, "%s", lost_text);
    uint64_t waiting_ms = journal_service_waiting_ms(service);
    return waiting_ms < BEHIND_MS ||
           error_set(error, ERROR_BUSY, NULL, "the savings ledger is %llu s behind; what it lacks is kept",
                     (unsigned long long)waiting_ms / 1000);
}
