/* tests/sim/oracle/store.c -- every head that is published and every deletion, looked at when it takes effect. */
#include "tests/sim/oracle/oracle.h"

#include "codec/format/crc.h"
#include "journal/format/part.h"
#include "journal/ground/capability.h"
#include "tests/sim/actors/interference.h"
#include "tests/sim/coverage.h"
#include "tests/sim/oracle/fates.h"
#include "tests/sim/world/objects.h"

#include <stdlib.h>

enum { LAYERS_CHECK_ONE_OF = 16 };

static bool part_is_there(uint64_t generation, const struct journal_id *nonce, enum part_kind kind,
                          struct part_name *ret_part, struct span *ret_body)
{
    char name[JOURNAL_NAME_BYTES];
    *ret_part = (struct part_name){generation, *nonce, kind};
    if (MUTATED(part_names_without_nonce))
        memset(&ret_part->nonce, 0, sizeof ret_part->nonce);
    part_name_format(ret_part, name);
    return interference_find(name, ret_body);
}

/* ---- heads ---- */

/* J28, J31: one successor, of the same lineage, that names those before it; and no bytes twice. */
static void check_lineage(const struct head *head, uint64_t body_hash)
{
    uint64_t remembered = head->generation < head->horizon ? head->generation : head->horizon;
    if (head->generation != generations_count() + 1)
        violate("J28", -1, "a head does not follow its predecessor");
    if (sim.has_head && !journal_id_equal(&head->lineage, &sim.head.lineage))
        violate("J28", -1, "a head is of another lineage than its predecessor");
    if (head->ancestors_count != remembered)
        violate("J28", -1, "a head remembers more or fewer generations than the horizon");
    for (uint64_t g = 1; g <= generations_count(); g++) {
        const struct head_ancestor *ancestor = head_ancestor(head, g);
        if (ancestor != NULL && !journal_id_equal(&ancestor->nonce, &generation_known(g)->nonce))
            violate("J28", -1, "a head names an ancestor that never was");
        if (generation_known(g)->body_hash == body_hash)
            violate("J31", -1, "two heads have equal bytes");
    }
}

/* J51: whatever the head names is there, and what the layers hold is what the digest says. */
static void check_parts(const struct head *head)
{
    struct part_name part;
    struct span body;
    struct layer stacked = {0};
    struct layer base = {0};
    struct error error;
    for (uint32_t i = 0; i < head->ancestors_count; i++) {
        if (head->ancestors[i].folded_count > 0 &&
            !part_is_there(head->generation - i, &head->ancestors[i].nonce, PART_ROLL, &part, &body))
            violate("J51", -1, "a head names a roll that is not there");
    }
    bool reads_layers = head->generation % LAYERS_CHECK_ONE_OF == 0;
    for (uint32_t i = 0; i < head->layers_count; i++) {
        if (!part_is_there(head->layers[i].generation, &head->layers[i].nonce, PART_STATE, &part, &body))
            violate("J51", -1, "a head names a layer that is not there");
        else if (reads_layers && !state_part_decode(body, &part, &stacked, &error))
            violate("J39", -1, "a layer cannot be read");
    }
    layer_absorb(&base, &stacked);
    if (reads_layers && !sim.result->is_violated && layer_digest(&base) != head->digest)
        violate("J25", -1, "the layers do not hold what the head's digest says");
    layer_free(&base);
}

static void publish(const struct head *head, uint64_t body_hash)
{
    struct known_generation generation = {*head_nonce(head), head->digest, world_now(), body_hash, 0, 0};
    struct part_name part;
    struct span body;
    struct error error;
    struct segment_key *keys = NULL;
    uint32_t count = 0;
    if (head->ancestors[0].folded_count > 0 &&
        (!part_is_there(head->generation, head_nonce(head), PART_ROLL, &part, &body) ||
         !roll_decode(body, &part, &keys, &count, &error) || count != head->ancestors[0].folded_count)) {
        violate("J51", -1, "a head was published whose roll is not there");
        free(keys);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        char name[JOURNAL_NAME_BYTES];
        segment_name_format(&keys[i], name);
        if (world_object(name, &body))
            segment_learn_body(segment_index(&keys[i]), body);
        fate_folded(&keys[i]);
    }
    generation_publish(&generation, head, keys, count);
    free(keys);
}

void check_head_written(struct span body)
{
    static struct head head;
    struct error error;
    uint64_t body_hash = crc64nvme_update(0, body);
    if (!head_decode(body, &head, &error)) {
        violate("J28", -1, "a head that cannot be read was published");
        return;
    }
    if (interference_is_old(&head))
        return;
    interference_head_published(body);
    if (body.size > HEAD_BYTES_MAX)
        violate("J43", -1, "a head is larger than 64 KiB");
    check_lineage(&head, body_hash);
    if (!sim.result->is_violated)
        publish(&head, body_hash);
    if (!sim.result->is_violated)
        check_parts(&head);
    COVER_IF(head.ancestors[0].folded_count == 0, resolved_without_traffic);
    sim.head = head;
    sim.has_head = true;
}

/* ---- deletions ---- */

/* Copies of heads that are there, by their names. */
static uint64_t newest_copy;
static const struct part_name *deleted_part;

static void note_copy(const char *name)
{
    uint64_t generation;
    struct journal_id nonce;
    if (head_copy_name_parse(span_from_string(name), &generation, &nonce) && generation > newest_copy)
        newest_copy = generation;
}

static void look_for_newest_copy(void)
{
    newest_copy = 0;
    (void)world_names(HEADS_PREFIX, note_copy);
}

bool newest_head_is_copied(void)
{
    look_for_newest_copy();
    return newest_copy >= sim.head.generation;
}

/* J36: whatever is deleted, a restore from the newest copy does not miss it, nor from one of the two generations before
 * it. Copies of later heads than an old one that was put back may have been taken away with them. */
static void check_copied(uint64_t settled)
{
    look_for_newest_copy();
    if (newest_copy < settled + 2 && interference_head() != HEAD_IS_OLD)
        violate("J36", -1, "a segment was deleted in the name of a head of which there is no copy");
}

static void check_segment_deleted(const struct segment_key *key)
{
    const struct known_segment *segment = segment_known(segment_index(key));
    check_copied(segment->covered != 0 ? segment->covered : key->base + sim.head.window);
    if (head_find_quarantined(&sim.head, key) != NULL)
        violate("J39", -1, "a segment was deleted that is in quarantine");
    else if (segment->covered == 0 && key->base + sim.head.window > sim.head.generation)
        violate("J29", -1, "a segment was deleted that is live");
    else if (segment->covered == 0 && key->base + sim.head.window + 2 > sim.head.generation)
        violate("J29", -1, "a segment was deleted less than two generations after it was rejected");
    else if (segment->covered + 2 > sim.head.generation)
        violate("J29", -1, "a segment was deleted less than two generations after it was covered");
}

static bool names_part(const struct head *head, const struct part_name *part)
{
    const struct head_ancestor *ancestor = head_ancestor(head, part->generation);
    if (part->kind == PART_ROLL)
        return ancestor != NULL && journal_id_equal(&ancestor->nonce, &part->nonce);
    for (uint32_t i = 0; i < head->layers_count; i++) {
        if (head->layers[i].generation == part->generation && journal_id_equal(&head->layers[i].nonce, &part->nonce))
            return true;
    }
    return false;
}

/* One that is damaged names nothing: nobody restores from it. */
static void check_copy_without_part(const char *name)
{
    static struct head copy;
    struct span body;
    struct error error;
    struct journal_id nonce;
    uint64_t generation;
    if (head_copy_name_parse(span_from_string(name), &generation, &nonce) && generation + 2 >= newest_copy &&
        world_object(name, &body) && head_decode(body, &copy, &error) && names_part(&copy, deleted_part))
        violate("J36", -1, "a part was deleted that a copy of a head names from which may be restored");
}

static void check_part_deleted(const struct part_name *part)
{
    if (part->generation > sim.head.generation)
        violate("J51", -1, "a part was deleted of a fold that may still be published");
    if (names_part(&sim.head, part))
        violate("J51", -1, "a part was deleted that the head names");
    deleted_part = part;
    look_for_newest_copy();
    if (interference_head() != HEAD_IS_OLD)
        (void)world_names(HEADS_PREFIX, check_copy_without_part);
}

void check_name_deleted(const char *name)
{
    struct span span = span_from_string(name);
    struct segment_key key;
    struct part_name part;
    struct journal_id nonce;
    uint64_t generation;
    if (!sim.has_head)
        return;
    if (segment_name_parse(span, &key)) {
        check_segment_deleted(&key);
    } else if (part_name_parse(span, &part)) {
        check_part_deleted(&part);
    } else if (head_copy_name_parse(span, &generation, &nonce)) {
        look_for_newest_copy();                                              /* a later one must be there */
        if (newest_copy <= generation && interference_head() != HEAD_IS_OLD) /* the later ones may be gone with it */
            violate("J36", -1, "the newest copy of a head was deleted");
    } else if (strncmp(name, PROBES_PREFIX, strlen(PROBES_PREFIX)) != 0) {
        violate("J29", -1, "the head or the bell was deleted");
    }
}
