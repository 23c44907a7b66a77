/* server/fleet/member.c -- the task that writes the card, and what it meets. */
#include "server/fleet/member.h"

#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"
#include "server/fleet/claim.h"

#include <stdlib.h>
#include <string.h>

enum {
    TURNS_OF_SWEEP = 12, /* one in so many cards is followed by a sweep */
    WRITE_TRIES = 3,
    FAILED_RETRIES = 2, /* then the next card comes at its time */
    FORGET_MS = 7 * 24 * 3600 * 1000,
};

/* ---- the card as it is now ---- */

static struct fleet_card card_now(const struct fleet_member *member)
{
    struct fleet_card card = member->options.card;
    card.id = member->options.identity->id;
    card.start = member->options.identity->start;
    card.place = member->options.identity->place;
    card.written_ms = clock_wall_ms(clock_system());
    if (member->look != NULL)
        member->look(member->context, &card);
    return card;
}

/* ---- files, on the pool ---- */

struct saving {
    struct fleet_identity identity; /* as it is when the work begins */
    bool is_done;
    struct error error;
};

static void save(void *argument)
{
    struct saving *saving = argument;
    saving->is_done = fleet_identity_save(&saving->identity, &saving->error);
}

SUSPENDS static bool save_identity(struct fleet_member *member, struct error *error)
{
    struct saving saving = {.identity = *member->options.identity};
    if (!offload_run(member->options.file_threads, save, &saving, error))
        return false;
    if (!saving.is_done)
        *error = saving.error;
    return saving.is_done;
}

const struct journal_id *fleet_member_lineage(const struct fleet_member *member)
{
    return &member->options.identity->lineage;
}

SUSPENDS bool fleet_member_note_lineage(struct fleet_member *member, const struct journal_id *lineage,
                                        struct error *error)
{
    if (journal_id_equal(&member->options.identity->lineage, lineage))
        return true;
    member->options.identity->lineage = *lineage;
    return save_identity(member, error);
}

/* ---- somebody else writes it, or it has gone ---- */

SUSPENDS static void become_another(struct fleet_member *member, const struct seen_card *other)
{
    struct fleet_identity *identity = member->options.identity;
    struct error error;
    member->copies++;
    log_message(LOG_ERROR,
                "%s, on %s, runs with a copy of --state %s: this process takes another id. Stop both and give each a "
                "folder of its own; what waited for the ledger when it was copied may be counted by one of them only",
                other->card.name, other->card.s3[0] != '\0' ? other->card.s3 : "an address that it does not say",
                identity->folder);
    fleet_identity_renew(identity, random_system());
    random_fill(random_system(), identity->start.bytes, sizeof identity->start.bytes);
    if (!save_identity(member, &error))
        log_message(LOG_WARNING, "%s", error.message);
    member->etag[0] = '\0';
    member->has_written = false;
}

/* Finds out what is there, after a start or a refusal. False: the backend does not say. */
SUSPENDS static bool look_at_card(struct fleet_member *member, struct error *error)
{
    struct seen_card seen;
    if (cards_read(member->room, &member->options.identity->id, &seen, error)) {
        if (fleet_is_own_card(member->options.identity, &seen.card))
            memcpy(member->etag, seen.etag, sizeof member->etag);
        else
            become_another(member, &seen);
    } else if (error->kind == ERROR_NOT_FOUND) {
        if (member->has_written)
            log_message(LOG_WARNING, "the card of this replica was deleted: somebody removes what lies below .bale/");
        member->etag[0] = '\0';
    } else if (error->kind == ERROR_DAMAGED) {
        memcpy(member->etag, seen.etag, sizeof member->etag);
    } else {
        return false;
    }
    member->is_etag_known = true;
    return true;
}

/* ---- writing ---- */

SUSPENDS static bool write_card(struct fleet_member *member, bool is_last, struct error *error)
{
    for (unsigned tries = 0; tries < WRITE_TRIES; tries++) {
        if (!member->is_etag_known && !look_at_card(member, error))
            return false;
        struct fleet_card card = card_now(member);
        card.is_stopped = is_last;
        if (cards_write(member->room, &card, member->etag, error)) {
            member->has_written = true;
            return true;
        }
        member->is_etag_known = false; /* refused, or its answer was lost */
        if (error->kind != ERROR_CONFLICT)
            return false;
    }
    return false;
}

static void tell(struct fleet_member *member, bool done, const struct error *error)
{
    if (!done && !member->is_failing)
        log_message(LOG_WARNING, "the card of this replica cannot be written: %s", error->message);
    member->is_failing = !done;
}

SUSPENDS static void sweep(struct fleet_member *member)
{
    struct error error;
    unsigned removed;
    if (!cards_sweep(member->room, &member->options.identity->id, FORGET_MS, &removed, &error))
        log_message(LOG_DEBUG, "cards of replicas that have gone cannot be removed: %s", error.message);
    else if (removed > 0)
        log_message(LOG_INFO, "removed %u card%s of replicas that have gone a week ago", removed,
                    removed == 1 ? "" : "s");
}

/* What cannot be read now is as it was. */
SUSPENDS static void look_at_all(struct fleet_member *member)
{
    struct card_list list;
    struct error error;
    if (!cards_read_all(member->room, &list, &error)) {
        log_message(LOG_DEBUG, "the cards of the fleet cannot be read: %s", error.message);
        return;
    }
    member->seen(member->context, &list);
    card_list_free(&list);
}

SUSPENDS static void run(void *argument)
{
    struct fleet_member *member = argument;
    struct journal_scheduler *scheduler = member->environment->scheduler;
    struct error error = {0};
    do {
        bool done = write_card(member, false, &error);
        tell(member, done, &error);
        look_at_all(member);
        if (done && ++member->turns % TURNS_OF_SWEEP == 0)
            sweep(member);
    } while (scheduler->sleep_until(scheduler, deadline_after_ms(member->options.card.every_ms)));
}

/* ---- life ---- */

void fleet_member_init(struct fleet_member *member, const struct fleet_member_options *options)
{
    *member = (struct fleet_member){.options = *options};
}

void fleet_member_start(struct fleet_member *member, const struct journal_environment *environment, fleet_look *look,
                        fleet_seen *seen, void *context)
{
    struct journal_scheduler *scheduler = environment->scheduler;
    member->environment = environment;
    member->look = look;
    member->seen = seen;
    member->context = context;
    if (member->options.home->endpoint == NULL)
        return;
    member->room = cards_room_open(member->options.home);
    if (!scheduler->spawn(scheduler, "card", run, member))
        log_message(LOG_WARNING, "there is no fiber for the card of this replica");
}

void fleet_member_end(struct fleet_member *member)
{
    if (member->room != NULL)
        cards_room_end(member->room);
}

SUSPENDS void fleet_member_stop(struct fleet_member *member)
{
    struct error error;
    if (member->room == NULL)
        return;
    if (member->has_written && !write_card(member, true, &error))
        log_message(LOG_INFO, "the card of this replica does not say that it has stopped: %s", error.message);
    member->look = NULL;
    cards_room_close(member->room);
    member->room = NULL;
}

/* ---- what it shows ---- */

/* In the place of what the bucket has of it, but for the two times that tell clocks apart. */
static void put_own(const struct fleet_member *member, struct card_list *list)
{
    struct fleet_card card = card_now(member);
    unsigned at = 0;
    while (at < list->count && !journal_id_equal(&list->cards[at].card.id, &card.id))
        at++;
    struct seen_card *own = &list->cards[at];
    if (at == list->count) {
        own->received_ms = card.written_ms;
        list->count++;
    } else {
        card.written_ms = own->card.written_ms;
    }
    own->card = card;
    own->age_ms = 0;
}

SUSPENDS bool fleet_member_show(const struct fleet_member *member, struct card_list *ret_list, struct error *error)
{
    if (member->room == NULL)
        card_list_init(ret_list, 0);
    else if (!cards_read_all(member->room, ret_list, error))
        return false;
    put_own(member, ret_list);
    return true;
}
