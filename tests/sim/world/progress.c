/* tests/sim/world/progress.c -- follows the requests of one task. */
#include "tests/sim/world/progress.h"

#include "journal/format/frame.h"
#include "journal/format/name.h"
#include "runtime/base/byteorder.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"

#include <string.h>

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool is_named(const struct progress *progress, const char *task)
{
    return progress->task != NULL && strcmp(progress->task, task) == 0;
}

static void follow_listing(struct progress *progress, bool is_more)
{
    if (!is_more) {
        progress->pages = 0;
        progress->names_changed = fates_names_changed();
    } else if (progress->names_changed != fates_names_changed()) {
        progress->listing_moved = true;
    }
    progress->pages++;
}

static enum crash_point at_compactor(struct progress *progress, enum verb verb, const char *name)
{
    if (verb == VERB_GET && strcmp(name, HEAD_NAME) == 0 && progress->stage == STAGE_NONE)
        progress->stage = STAGE_HEAD_READ;
    else if (verb == VERB_LIST && begins(name, SEGMENTS_PREFIX) && progress->stage == STAGE_HEAD_READ)
        progress->stage = STAGE_LISTED;
    if (verb == VERB_CREATE && begins(name, PARTS_PREFIX)) {
        progress->stage = STAGE_PARTS;
        return POINT_PART_PUT;
    }
    if (verb == VERB_REPLACE && strcmp(name, HEAD_NAME) == 0)
        return POINT_HEAD_PUT;
    if (verb == VERB_CREATE && begins(name, HEADS_PREFIX))
        return POINT_CLEANUP_COPY;
    if (verb == VERB_DELETE)
        return POINT_DELETE;
    return POINT_NONE;
}

static enum crash_point at_writer(struct progress *progress, enum verb verb, const char *name)
{
    if (verb == VERB_CREATE && begins(name, SEGMENTS_PREFIX)) {
        struct segment_key key;
        progress->is_writing = segment_name_parse(span_from_string(name), &key);
        progress->writing_base = key.base;
        progress->has_written = false;
        return POINT_SEGMENT_PUT;
    }
    if (progress->has_written && strcmp(name, BELL_NAME) == 0)
        return POINT_BELL;
    if (progress->has_written && verb == VERB_GET && strcmp(name, HEAD_NAME) == 0 && progress->pages == 0)
        return POINT_ACK_CHECK;
    return POINT_NONE;
}

enum crash_point progress_at(struct progress *progress, enum verb verb, const char *name, const char *after)
{
    if (verb == VERB_LIST && begins(name, SEGMENTS_PREFIX)) {
        bool is_more = strlen(after) > strlen(SEGMENTS_PREFIX) + 16;
        follow_listing(progress, is_more);
        if (is_more)
            return POINT_LIST_MORE;
    }
    if (verb == VERB_CREATE && strcmp(name, HEAD_NAME) == 0)
        return POINT_SEED;
    enum crash_point point = is_named(progress, "journal-compactor") ? at_compactor(progress, verb, name)
                             : is_named(progress, "journal-writer")  ? at_writer(progress, verb, name)
                                                                     : POINT_NONE;
    if (point != POINT_NONE)
        return point;
    if (verb == VERB_GET && progress->pages > 0 && strcmp(name, HEAD_NAME) == 0) {
        progress->pages = 0;
        return POINT_TICK_HEAD;
    }
    return verb == VERB_GET && begins(name, SEGMENTS_PREFIX) ? POINT_TICK_BODY : POINT_NONE;
}

void progress_answered(struct progress *progress, enum verb verb, const char *name, enum store_answer answer,
                       struct span body)
{
    if (verb == VERB_CREATE && begins(name, SEGMENTS_PREFIX)) {
        progress->has_written = answer == STORE_DONE;
        progress->pages = 0;
    }
    if (verb == VERB_REPLACE && strcmp(name, HEAD_NAME) == 0 && answer != STORE_UNKNOWN) {
        progress->stage = STAGE_PUBLISHED;
        COVER_IF(progress->listing_moved && answer == STORE_DONE, fold_of_moving_listing);
    }
    if (verb == VERB_DELETE)
        progress->stage = STAGE_DELETED;
    if (verb == VERB_GET && begins(name, SEGMENTS_PREFIX) && answer == STORE_NOT_FOUND)
        COVER(gone_between_list_and_fetch);
    if (verb == VERB_GET && strcmp(name, HEAD_NAME) == 0 && answer == STORE_DONE && progress->is_writing &&
        body.size > FRAME_HEADER_BYTES + JOURNAL_ID_BYTES + 8) {
        uint64_t generation = load_u64_le(body.data + FRAME_HEADER_BYTES + JOURNAL_ID_BYTES);
        COVER_IF(generation + 1 == progress->writing_base + fates_window(), wait_at_the_edge);
    }
}

void progress_slept(struct progress *progress)
{
    progress->stage = STAGE_NONE;
    progress->pages = 0;
    progress->listing_moved = false;
}

const char *crash_point_name(enum crash_point point)
{
    static const char *const names[] = {
        "C1 C2 segment PUT",
        "C3 bell of a stored segment",
        "C4 head of the ack decision",
        "C6 between pages",
        "C7 head after listing",
        "C8 body in a tick",
        "C9 C10 part PUT",
        "C10 C11 head PUT",
        "C12 copy before deleting",
        "C13 C14 delete",
        "C15 create head",
    };
    _Static_assert(sizeof names / sizeof *names == CRASH_POINTS, "one name for each point");
    return names[point];
}
