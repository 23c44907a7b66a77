/* tests/sim/actors/changers.c -- several processes change the same settings, and write down when each change began and
 * was answered. */
#include "tests/sim/actors/changers.h"

#include "journal/settings/change.h"
#include "tests/sim/oracle/oracle.h"
#include "tests/sim/world/faults.h"

enum { CHANGES_MAX = 96, SETTINGS = 2, BUCKET = 7, CHANGE_MS = 60000 };

/* Its number is its document. */
struct change {
    uint64_t began, ended; /* ended 0: nobody was told that it was made; it may have been, or be made later */
    uint8_t setting;
    bool is_set;
};

static struct change changes[CHANGES_MAX + 1];
static unsigned changes_count;

void changers_begin(void)
{
    changes_count = 0;
}

static void make_change(struct actor *actor)
{
    unsigned number = ++changes_count;
    struct change *change = &changes[number];
    struct journal *journal = actor->journal;
    struct error error;
    *change =
        (struct change){.began = world_now(), .setting = (uint8_t)world_below(SETTINGS), .is_set = world_below(5) > 0};
    const struct setting_change wanted = {
        .setting = change->setting,
        .is_set = change->is_set,
        .record = {.document = number, .crc64 = world_below(UINT64_MAX), .bytes = number}};
    deadline_t deadline = clock_monotonic_ns(journal->environment.clock) + (uint64_t)CHANGE_MS * MS;
    bool is_done = settings_change(journal, &journal->environment, BUCKET, &wanted, 1, deadline, &error);
    if (is_done && !actor->process.is_dead && !journal->is_stopping)
        change->ended = world_now();
}

void changer_run(void *argument)
{
    struct actor *actor = argument;
    while (!actor->process.is_dead && !sim.is_ending && changes_count < CHANGES_MAX) {
        world_sleep_ms(20 + world_below(1500));
        if (!actor->process.is_dead && !sim.is_ending && changes_count < CHANGES_MAX &&
            journal_state(actor->journal) != NULL)
            make_change(actor);
    }
}

/* Could it be the last one? Not if another that was answered began after it had ended. */
static bool may_be_last(const struct change *last)
{
    for (unsigned i = 1; i <= changes_count; i++) {
        const struct change *other = &changes[i];
        if (other->setting == last->setting && other->ended > 0 && last->ended > 0 && other->began > last->ended)
            return false;
    }
    return true;
}

/* Some removal could, or nothing was ever surely set. */
static bool may_be_unset(uint8_t setting)
{
    bool was_set = false;
    for (unsigned i = 1; i <= changes_count; i++) {
        if (changes[i].setting != setting)
            continue;
        if (!changes[i].is_set && may_be_last(&changes[i]))
            return true;
        was_set |= changes[i].is_set && changes[i].ended > 0;
    }
    return !was_set;
}

void check_changes(const struct state *state)
{
    if (world_rates.special != SPECIAL_NONE || sim.counts_undecided)
        return;
    for (uint8_t setting = 0; setting < SETTINGS; setting++) {
        struct setting_record record;
        bool is_set = setting_record_find(state, BUCKET, setting, &record);
        if (!is_set && !may_be_unset(setting))
            violate("settings", -1, "a setting that was answered is gone");
        if (is_set && (record.document == 0 || record.document > changes_count))
            violate("settings", -1, "a setting is what nobody wrote");
        else if (is_set && !may_be_last(&changes[record.document]))
            violate("settings", -1, "a setting that was answered was undone by an earlier one");
    }
}
