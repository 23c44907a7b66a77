/* tests/fuzz/remote/facts_fuzz.c -- any name as a part: what is accepted, written anew, reads the same. */
#include "runtime/base/assert.h"
#include "store/remote/uploads/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct part_facts facts;
    struct part_facts again;
    struct buffer frames = {0};
    struct buffer frames_again = {0};
    struct buffer name = {0};
    if (facts_decode(span_of(data, size), &facts, &frames)) {
        facts.part.frames = buffer_span(&frames);
        facts.part.seal = facts_seal(&facts);
        facts_encode(&facts, SIZE_MAX, &name);
        ASSERT(facts_decode(buffer_span(&name), &again, &frames_again));
        ASSERT(again.part.number == facts.part.number && again.part.stored_size == facts.part.stored_size);
        ASSERT(span_equal(buffer_span(&frames), buffer_span(&frames_again)));
        ASSERT(span_equal(facts_seal(&facts), facts_seal(&again)));
    }
    buffer_free(&frames);
    buffer_free(&frames_again);
    buffer_free(&name);
    return 0;
}
