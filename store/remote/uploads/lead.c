/* store/remote/uploads/lead.c -- how long leads are. */
#include "store/remote/uploads/lead.h"

#include "store/remote/uploads/plan.h"

enum { LEADS_MAX = 64 };

/* ---- their length ---- */

/* How many leads should follow each other until a part goes alone. That one is sent twice, and of the others what it
 * takes: lacking, twice lacking, ... So few that the mean over all of them is least. */
static unsigned choose_leads(uint64_t bytes, uint64_t lacking)
{
    unsigned leads = 0;
    uint64_t again = bytes; /* of leads + 2 parts */
    while (leads < LEADS_MAX) {
        uint64_t further = again + (leads + 1) * lacking;
        if (further * (leads + 2) >= again * (leads + 3))
            break;
        again = further;
        leads++;
    }
    return leads;
}

uint64_t lead_choose(uint64_t bytes, uint64_t object_bytes)
{
    if (bytes >= STORED_PART_BYTES_LEAST || object_bytes < STORED_PART_BYTES_LEAST)
        return 0;
    uint64_t lacking = STORED_PART_BYTES_LEAST - bytes;
    uint64_t most = object_bytes - STORED_PART_BYTES_LEAST;                 /* the rest can still be copied */
    uint64_t wanted = choose_leads(bytes, lacking) * lacking + lacking / 4; /* the next ones may be a little smaller */
    uint64_t chosen = wanted < most ? wanted : most;
    return chosen < bytes && chosen >= lacking ? chosen : 0;
}

/* ---- parts ---- */

bool lead_is_better(const struct remote_writer *writer, const struct followed_upload *upload)
{
    uint64_t bytes = writer->body.size;
    uint64_t object_bytes = upload->waiting.size + bytes;
    if (writer->large != NULL || upload->waiting.size == 0 || bytes < LED_BYTES_LEAST ||
        bytes >= STORED_PART_BYTES_LEAST || object_bytes < STORED_PART_BYTES_LEAST ||
        !verdict_holds(&writer->key.shard->remote->verdicts, VERDICT_PARTS_OF_ANY_SIZE))
        return false;
    return upload->is_end || lead_choose(bytes, object_bytes) > 0;
}

struct followed_upload *lead_take(const struct remote_writer *writer, struct part_facts *facts)
{
    struct followed_upload *upload = followed_next(writer);
    if (upload == NULL || !lead_is_better(writer, upload))
        return NULL;
    upload->is_busy = true;
    followed_tell(upload, false, &facts->before);
    return upload;
}

void lead_sent(struct remote_writer *writer, struct followed_upload *upload, const struct part_facts *facts,
               struct span name, bool is_named)
{
    struct remote_shard *shard = writer->key.shard;
    uint64_t kept = lead_choose(writer->body.size, upload->waiting.size + writer->body.size);
    followed_clear(shard, upload);
    if (is_named && kept > 0) {
        body_keep_end(shard, &writer->body, kept);
        upload->is_end = followed_keep(writer, upload, facts, name);
        if (!upload->is_end)
            followed_clear(shard, upload);
    }
    if (is_named)
        followed_go_on(shard, upload);
    else
        followed_drop(shard, upload);
}
