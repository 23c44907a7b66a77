/* tools/bale/commands/tier.c -- bale tier: what the tier of a running server holds, and what it is good for; or what
 * one would have been good for. */
#include "s3client/wire/uri.h"
#include "tools/bale/command.h"
#include "tools/bale/replay/replay.h"
#include "tools/bale/session/control_call.h"
#include "tools/bale/view/answer_view.h"
#include "tools/bale/view/bytes_text.h"

#include <inttypes.h>
#include <stdio.h>

static const char *bytes_of(struct json_object *document, const char *name, char ret_text[BYTES_TEXT_BYTES])
{
    bytes_text((double)answer_number(document, name), ret_text);
    return ret_text;
}

static void print_reads(struct json_object *document)
{
    char memory[BYTES_TEXT_BYTES];
    char disk[BYTES_TEXT_BYTES];
    char missed[BYTES_TEXT_BYTES];
    double near = (double)(answer_number(document, "bytes_from_memory") + answer_number(document, "bytes_from_disk"));
    double all = near + (double)answer_number(document, "bytes_missed");
    printf("read     %s from memory, %s from disk, %s from the bucket: %.1f %% was near\n",
           bytes_of(document, "bytes_from_memory", memory), bytes_of(document, "bytes_from_disk", disk),
           bytes_of(document, "bytes_missed", missed), all > 0 ? 100 * near / all : 0);
    printf("         %" PRId64 " objects were opened without a body from the bucket\n",
           answer_number(document, "opens_near"));
}

static void print_saved(struct json_object *saved)
{
    char bytes[BYTES_TEXT_BYTES];
    printf("saved    %s and %" PRId64 " requests, less %" PRId64 " for what was not near: %.4f %s\n",
           bytes_of(saved, "bytes", bytes), answer_number(saved, "requests"), answer_number(saved, "further_requests"),
           json_object_get_double(answer_member(saved, "money")), answer_text(saved, "currency"));
}

static void print_memory(struct json_object *document)
{
    char used[BYTES_TEXT_BYTES];
    char most[BYTES_TEXT_BYTES];
    printf("memory   %s of %s\n", bytes_of(document, "memory_bytes", used),
           bytes_of(document, "memory_bytes_max", most));
}

static void print_disk(struct json_object *disk)
{
    char text[BYTES_TEXT_BYTES];
    char most[BYTES_TEXT_BYTES];
    char date[DATE_BYTES];
    printf("disk     %s of %s in %s, %" PRId64 " blocks%s\n", bytes_of(disk, "bytes", text),
           bytes_of(disk, "bytes_max", most), answer_text(disk, "folder"), answer_number(disk, "blocks"),
           answer_flag(disk, "loaded") ? "" : "; what was there at the start is still being read");
    if (answer_member(disk, "oldest_ms") != NULL)
        printf("         the oldest of %s\n", answer_format_date(answer_number(disk, "oldest_ms"), date));
    printf("written  %s; not written: %" PRId64 " blocks as the disk was busy, %" PRId64
           " beyond the day's limit, %" PRId64 " for want of room\n",
           bytes_of(disk, "written_bytes", text), answer_number(disk, "dropped_busy"),
           answer_number(disk, "dropped_limit"), answer_number(disk, "dropped_full"));
    printf("reads    %" PRId64 ", of which %" PRId64 " were late and %" PRId64 " failed; %" PRId64
           " blocks were not sound\n",
           answer_number(disk, "reads"), answer_number(disk, "reads_late"), answer_number(disk, "reads_failed"),
           answer_number(disk, "blocks_unsound"));
    if (answer_member(disk, "paused") != NULL)
        printf("WRITING IS PAUSED: %s\n", answer_text(disk, "paused"));
    if (answer_number(disk, "bypassed_shards") > 0)
        printf("THE DISK IS BYPASSED: it was slow of late\n");
}

static void print_sizes(struct json_object *sizes)
{
    char text[BYTES_TEXT_BYTES];
    for (size_t i = 0; i < answer_count(sizes); i++) {
        struct json_object *size = json_object_array_get_idx(sizes, i);
        printf("%-8s %.1f %% of all blocks would have been near with %s%s\n", i == 0 ? "sizes" : "",
               100 * json_object_get_double(answer_member(size, "near")), bytes_of(size, "bytes_max", text),
               answer_flag(size, "was_full") ? "" : ", which would not be full yet");
    }
}

/* BUCKET/KEY, as check_tier has seen it. */
static struct json_object *drop_key(const struct command_line *line, struct error *error)
{
    struct span place = span_from_string(line->target);
    size_t slash = span_find(place, '/');
    const struct control_place server = command_place(line);
    struct buffer request = {0};
    buffer_append_string(&request, "/tier/drop?bucket=");
    uri_encode(&request, span_take(place, slash), URI_ENCODE_ALL);
    buffer_append_string(&request, "&key=");
    uri_encode(&request, span_skip(place, slash + 1), URI_ENCODE_ALL);
    struct json_object *answer = control_call(&server, "POST", buffer_span(&request), error);
    buffer_free(&request);
    return answer;
}

static struct json_object *ask(const struct command_line *line, struct error *error)
{
    if (line->target != NULL)
        return drop_key(line, error);
    const struct control_place place = command_place(line);
    return control_call(&place, line->drop ? "POST" : "GET", line->drop ? SPAN("/tier/drop") : SPAN("/tier"), error);
}

/* ---- of a log ---- */

static double percent(uint64_t part, uint64_t all)
{
    return all > 0 ? 100 * (double)part / (double)all : 0;
}

static void print_replay(const struct replay_figures *figures, uint64_t size)
{
    const struct tier_model_figures *tier = &figures->tier;
    char bytes[BYTES_TEXT_BYTES];
    char near[BYTES_TEXT_BYTES];
    char most[BYTES_TEXT_BYTES];
    bytes_text((double)figures->bytes, bytes);
    bytes_text((double)figures->bytes_near, near);
    bytes_text((double)size, most);
    printf("asked    %s in %" PRIu64 " reads of %" PRIu64 " keys\n", bytes, figures->reads, figures->keys);
    printf("near     %s, %.1f %% of that, with a tier of %s\n", near, percent(figures->bytes_near, figures->bytes),
           most);
    printf("         %.1f %% of the reads would have found all bytes near, %.1f %% the first one\n",
           percent(figures->reads_near, figures->reads), percent(figures->opens_near, figures->reads));
    bytes_text((double)tier->bytes_written, bytes);
    bytes_text((double)tier->bytes_on_disk, near);
    printf("disk     %s written, of that %" PRIu64 " of %" PRIu64 " blocks as they were in use when room was needed\n",
           bytes, tier->blocks_moved, tier->blocks_written);
    if (tier->was_full)
        printf("         it was full, and had to choose\n");
    else
        printf("         %s of it in use at the end: a larger one would have had no more\n", near);
    if (figures->reads_unplaced > 0)
        printf("LEFT OUT %" PRIu64 " reads of a part, as the log does not say of which\n", figures->reads_unplaced);
}

static void add_number(struct json_object *document, const char *name, uint64_t number)
{
    json_object_object_add(document, name, json_object_new_int64((int64_t)number));
}

static void print_replay_json(const struct replay_figures *figures, uint64_t size)
{
    struct json_object *document = json_object_new_object();
    add_number(document, "size", size);
    add_number(document, "lines", figures->lines);
    add_number(document, "keys", figures->keys);
    add_number(document, "reads", figures->reads);
    add_number(document, "reads_near", figures->reads_near);
    add_number(document, "opens_near", figures->opens_near);
    add_number(document, "reads_left_out", figures->reads_unplaced);
    add_number(document, "bytes", figures->bytes);
    add_number(document, "bytes_near", figures->bytes_near);
    add_number(document, "blocks", figures->tier.blocks_read);
    add_number(document, "blocks_near", figures->tier.blocks_had);
    add_number(document, "blocks_written", figures->tier.blocks_written);
    add_number(document, "blocks_moved", figures->tier.blocks_moved);
    add_number(document, "bytes_written", figures->tier.bytes_written);
    add_number(document, "bytes_on_disk", figures->tier.bytes_on_disk);
    json_object_object_add(document, "was_full", json_object_new_boolean(figures->tier.was_full));
    answer_print(document);
    json_object_put(document);
}

static bool replay(const struct command_line *line, struct error *error)
{
    struct replay_figures figures;
    if (!replay_log(line->replay, line->tier_size, &figures, error))
        return false;
    if (line->json)
        print_replay_json(&figures, line->tier_size);
    else
        print_replay(&figures, line->tier_size);
    return true;
}

/* ---- the command ---- */

bool command_tier(const struct command_line *line, struct error *error)
{
    if (line->replay != NULL)
        return replay(line, error);
    struct json_object *answer = ask(line, error);
    if (answer == NULL)
        return false;
    if (line->json) {
        answer_print(answer);
    } else if (line->target != NULL) {
        printf("forgotten: %" PRId64 " blocks\n", answer_number(answer, "blocks"));
    } else if (line->drop) {
        printf("the tier is empty\n");
    } else {
        print_reads(answer);
        if (answer_member(answer, "saved") != NULL)
            print_saved(answer_member(answer, "saved"));
        print_memory(answer);
        if (answer_member(answer, "disk") != NULL)
            print_disk(answer_member(answer, "disk"));
        print_sizes(answer_member(answer, "sizes"));
    }
    json_object_put(answer);
    return true;
}
