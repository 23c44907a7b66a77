/* tests/sim/oracle_store.c -- every head that is published and every deletion, looked at when it takes effect. */
#include "tests/sim/oracle.h"

#include "journal/part.h"
#include "tests/sim/coverage.h"
#include "tests/sim/fates.h"
#include "tests/sim/objects.h"

#include <stdlib.h>

void check_head_written(struct span body)
{
    static struct head head;
    struct error error;
    if (!head_decode(body, &head, &error)) {
        violate("J28", -1, "a head that cannot be read was published");
        return;
    }
    if (sim.has_head &&
        (head.generation != sim.head.generation + 1 || !journal_id_equal(&head.lineage, &sim.head.lineage) ||
         head_ancestor(&head, sim.head.generation) == NULL ||
         !journal_id_equal(&head_ancestor(&head, sim.head.generation)->nonce, head_nonce(&sim.head))))
        violate("J28", -1, "a head does not follow its predecessor");
    sim.head = head;
    sim.has_head = true;
    COVER_IF(head.ancestors[0].folded_count == 0, resolved_without_traffic);
    if (head.ancestors[0].folded_count == 0)
        return;
    struct part_name part = {head.generation, *head_nonce(&head), PART_LEDGER};
    char name[JOURNAL_NAME_BYTES];
    struct span ledger;
    struct segment_key *keys;
    uint32_t count;
    if (MUTATED(part_names_without_nonce))
        memset(&part.nonce, 0, sizeof part.nonce);
    part_name_format(&part, name);
    if (!world_object(name, &ledger) || !ledger_decode(ledger, &part, &keys, &count, &error)) {
        violate("J51", -1, "a head was published whose ledger is not there");
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t stored[SEGMENT_KEY_STORED_BYTES];
        segment_key_store(&keys[i], stored);
        struct span key = span_of(stored, sizeof stored);
        if (entries_find(&sim.covered, key, entries_hash(key)) != NULL)
            violate("J25", -1, "a segment was folded twice");
        fate_folded(&keys[i]);
        (void)entries_put(&sim.covered, key, entries_hash(key), span_of(&head.generation, 8));
    }
    free(keys);
}

void check_name_deleted(const char *name)
{
    struct segment_key key;
    if (!segment_name_parse(span_from_string(name), &key))
        return;
    uint8_t stored[SEGMENT_KEY_STORED_BYTES];
    segment_key_store(&key, stored);
    struct span span = span_of(stored, sizeof stored);
    const struct entry *entry = entries_find(&sim.covered, span, entries_hash(span));
    if (entry == NULL && key.base + sim.head.window > sim.head.generation)
        violate("J29", -1, "a segment was deleted that is live");
    else if (entry != NULL && load_u64_le(entry_value(entry).data) + 1 > sim.head.generation)
        violate("J29", -1, "a segment was deleted under the head that covers it");
}
