/* tests/sim/mutants.h -- what the simulated store does when a rule about the order of requests is taken out. Of no
 * effect without a mutation. */
#pragma once

#include "tests/sim/world/progress.h"

#include <stdbool.h>

void mutants_begin(void);
/* Before a request takes its way. */
void mutants_before(const struct progress *progress, enum verb verb, const char *name, const char *after);
/* A listing as it was before the head was read (list_before_head_on_fold). *ret_at: when. */
bool mutants_list(const struct progress *progress, const char *prefix, const char *after, struct store_page *page,
                  uint64_t *ret_at);
/* The head as it was before the window was listed (head_before_list_on_read). */
bool mutants_head(const struct progress *progress, struct buffer *body, struct store_etag *etag);
/* The effect comes so much later than the answer (bell_after_ack). */
uint64_t mutants_delay(const struct progress *progress, enum verb verb, const char *name);
