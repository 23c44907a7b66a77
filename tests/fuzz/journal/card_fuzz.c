/* tests/fuzz/journal/card_fuzz.c -- any text as the card of a replica. */
#include "journal/fleet/cards.h"
#include "journal/fleet/fleet_report.h"
#include "runtime/base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen_card seen = {.received_ms = 1764000000000};
    struct fleet_card again;
    struct buffer text = {0};
    if (!card_decode(span_of(data, size), &seen.card))
        return 0;
    card_encode(&seen.card, &text);
    ASSERT(text.size <= CARD_BYTES_MAX && card_decode(buffer_span(&text), &again));
    ASSERT(memcmp(&again, &seen.card, sizeof again) == 0);
    const struct card_list list = {.cards = &seen, .count = 1};
    fleet_put_json(&list, NULL, &text);
    fleet_put_table(&list, NULL, &text);
    buffer_free(&text);
    return 0;
}
