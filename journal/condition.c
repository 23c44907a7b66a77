/* journal/condition.c -- the names of a journal's conditions and alarms, and what an operator does about them. */
#include "journal/journal.h"

static const struct {
    const char *name, *advice;
} CONDITIONS[JOURNAL_CONDITION_COUNT] = {
    [JOURNAL_RUNS] = {"running", "nothing is in the way"},
    [JOURNAL_NOT_READY] = {"not-ready", "the store has not answered yet, or is being tested"},
    [JOURNAL_HEAD_MISSING] = {"head-missing", "the head is gone: stop all writers, then `bale journal --restore`"},
    [JOURNAL_HEAD_DAMAGED] = {"head-damaged",
                              "the head cannot be read: stop all writers, then `bale journal --restore`"},
    [JOURNAL_HEAD_NEWER] = {"head-newer", "the head is of a later version: upgrade this program"},
    [JOURNAL_WENT_BACK] = {"went-back", "somebody put an older head in place: put the newer one back, or stop all "
                                        "writers and `bale journal --restore`"},
    [JOURNAL_OTHER_LINEAGE] = {"other-lineage", "the journal was restored or adopted, or somebody put another one in "
                                                "its place: if that was meant, start this process again"},
    [JOURNAL_CHECKPOINT_LOST] = {"checkpoint-lost", "a part of the checkpoint is missing or damaged: `bale journal "
                                                    "--verify` names it, `--restore` goes back to the last good head"},
    [JOURNAL_STORE_BROKEN] = {"store-broken", "the store does not keep what the journal needs: use another one; "
                                              "`bale journal --test-store` tests it again"},
    [JOURNAL_STORE_DAMAGED] = {"store-damaged",
                               "the store cannot list the journal's objects: its catalogue is damaged. "
                               "Stop this process, then `bale check --repair`"},
    [JOURNAL_GROUND_MISSING] = {"ground-missing", "nothing says that the journal belongs here: `bale journal "
                                                  "--test-store`, or `--adopt` if this is a copy"},
    [JOURNAL_IS_COPY] = {"is-copy", "the journal was made in another store: `bale journal --adopt` makes this copy "
                                    "one of its own"},
};

static const char *const ALARMS[ALARM_COUNT] = {
    [ALARM_HEAD_MISSING] = "head-missing",
    [ALARM_HEAD_DAMAGED] = "head-damaged",
    [ALARM_GENERATION_WENT_BACK] = "generation-went-back",
    [ALARM_LINEAGE] = "lineage",
    [ALARM_SEGMENT_VANISHED] = "segment-vanished",
    [ALARM_SEGMENT_DAMAGED] = "segment-damaged",
    [ALARM_FOREIGN_BODY] = "foreign-body",
    [ALARM_SEGMENT_MISSING] = "segment-missing",
    [ALARM_PART_MISSING] = "part-missing",
    [ALARM_DIGEST] = "digest",
    [ALARM_BELL_DAMAGED] = "bell-damaged",
    [ALARM_LISTING_DAMAGED] = "listing-damaged",
    [ALARM_GROUND] = "ground",
};

const char *journal_condition_name(enum journal_condition condition)
{
    return CONDITIONS[condition].name;
}

const char *journal_condition_advice(enum journal_condition condition)
{
    return CONDITIONS[condition].advice;
}

const char *journal_alarm_name(enum journal_alarm alarm)
{
    return ALARMS[alarm];
}
