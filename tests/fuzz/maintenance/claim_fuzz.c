/* tests/fuzz/maintenance/claim_fuzz.c -- the claim of a fleet's job, of whoever wrote it into a journal. */
#include "runtime/base/assert.h"
#include "server/maintenance/claim.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Found whole, or not at all. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct journal_id none;
    struct maintenance_claim claim;
    struct state state;
    struct buffer ops;
    if (size > 6000)
        return 0;
    state_init(&state, NULL, 0);
    buffer_init(&ops, 0);
    op_put(&ops, &(struct op){OP_MAP_PUT, SPACE_LIFECYCLE, SPAN("maintain"), SPAN("all"), span_of(bytes, size)});
    (void)state_apply_batch(&state, &none, 1, buffer_span(&ops));
    if (maintenance_claim_find(&state, &claim)) {
        ASSERT(claim.nonce != 0);
        ASSERT(memchr(claim.name, '\0', sizeof claim.name) != NULL);
    }
    buffer_free(&ops);
    state_free(&state);
    return 0;
}
