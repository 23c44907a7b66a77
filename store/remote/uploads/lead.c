/* store/remote/uploads/lead.c -- how long leads are. */
#include "store/remote/uploads/lead.h"

#include "store/remote/uploads/plan.h"

enum {
    LEADS_MAX = 64,
    FIRST_LEADS_MAX = 4,
    SPARE_BYTES_MAX = STORED_PART_BYTES_LEAST / 64,
    BESIDE_BODIES_BYTES = 128 << 10, /* lists, records and names of a short upload, and what others ask meanwhile */
};

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

/* What may go again of the upload's first parts, the first one among them, and `leads` leads, when the one that goes
 * alone behind these is the last: then it is sent again with the end of the object. 1.3 bytes for one of the client's,
 * of which a part has 5 MiB at least; less all that goes once. */
static int64_t first_row_spare(uint64_t bytes, uint64_t lacking, unsigned leads)
{
    unsigned parts = leads + 3;
    uint64_t most = parts * (uint64_t)STORED_PART_BYTES_LEAST * 13 / 10;
    return (int64_t)most - (int64_t)((parts + 2) * bytes + leads * (leads + 1) / 2 * lacking);
}

/* The first row counts for more, for short uploads have no other: so many leads that the whole never costs more, and
 * no more than that, because the longest ones come first. One of three and four always does. */
static uint64_t begin_first_row(uint64_t bytes, uint64_t lacking)
{
    unsigned leads = 1;
    while (leads < FIRST_LEADS_MAX && first_row_spare(bytes, lacking, leads) < 0)
        leads++;
    int64_t spare = (first_row_spare(bytes, lacking, leads) - BESIDE_BODIES_BYTES) / leads;
    int64_t least = (int64_t)lacking / 16;
    spare = spare < SPARE_BYTES_MAX ? spare : SPARE_BYTES_MAX;
    return leads * lacking + (uint64_t)(spare > least ? spare : least);
}

static uint64_t begin_row(uint64_t bytes, uint64_t lacking)
{
    return choose_leads(bytes, lacking) * lacking + lacking / 4;
}

uint64_t lead_choose(uint64_t bytes, uint64_t object_bytes, bool is_second)
{
    if (bytes >= STORED_PART_BYTES_LEAST || object_bytes < STORED_PART_BYTES_LEAST)
        return 0;
    uint64_t lacking = STORED_PART_BYTES_LEAST - bytes;
    uint64_t most = object_bytes - STORED_PART_BYTES_LEAST; /* the rest can still be copied */
    /* a little more than it takes: the next ones may be smaller */
    uint64_t wanted = is_second ? begin_first_row(bytes, lacking) : begin_row(bytes, lacking);
    uint64_t chosen = wanted < most ? wanted : most;
    return chosen < bytes && chosen >= lacking ? chosen : 0;
}

/* ---- parts ---- */

bool lead_is_better(const struct remote_writer *writer, const struct followed_upload *upload)
{
    const struct remote *remote = writer->key.shard->remote;
    uint64_t bytes = writer->body.size;
    uint64_t object_bytes = upload->waiting.size + bytes;
    if (atomic_load_explicit(&remote->has_no_leads, memory_order_relaxed) || writer->large != NULL ||
        upload->waiting.size == 0 || bytes < LED_BYTES_LEAST || bytes >= STORED_PART_BYTES_LEAST ||
        object_bytes < STORED_PART_BYTES_LEAST || !verdict_holds(&remote->verdicts, VERDICT_PARTS_OF_ANY_SIZE))
        return false;
    return upload->is_end || lead_choose(bytes, object_bytes, writer->part->number == 2) > 0;
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
    uint64_t object_bytes = upload->waiting.size + writer->body.size;
    uint64_t kept = lead_choose(writer->body.size, object_bytes, writer->part->number == 2);
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
