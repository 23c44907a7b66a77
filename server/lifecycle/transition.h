/* server/lifecycle/transition.h -- where rules move a version: to a colder storage class, never to a warmer one.
 *
 * The ways that S3 has: STANDARD -> STANDARD_IA -> INTELLIGENT_TIERING -> ONEZONE_IA or GLACIER_IR -> GLACIER ->
 * DEEP_ARCHIVE, any of them left out. Of several that are due, DEEP_ARCHIVE comes before GLACIER, INTELLIGENT_TIERING,
 * GLACIER_IR, ONEZONE_IA and STANDARD_IA; from there the next sweep goes on.
 *
 * What has less than 128 KiB of original bytes does not move, unless its rule has a size of its own, or the bucket says
 * varies_by_storage_class and the class is GLACIER or DEEP_ARCHIVE. Pure. */
#pragma once

#include "server/lifecycle/evaluate.h"

/* May rules move objects of the one class to the other? Empty: STANDARD. */
bool transition_may_move(struct span from, struct span to);

/* Has the rule any transition? */
bool transition_rule_moves(const struct lifecycle_rule *rule);
/* As lifecycle_plan_soonest_ms, of the rule's transitions. */
int64_t transition_soonest_ms(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule, int64_t now_ms);

/* The rule's transitions that are for such a version, current or not. */
const struct lifecycle_transition *transitions_for(const struct lifecycle_rule *rule,
                                                   const struct lifecycle_version *version, unsigned *ret_count);
/* As lifecycle_ask_rule, of one of them. */
enum lifecycle_answer transition_ask(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                                     const struct lifecycle_transition *transition,
                                     const struct lifecycle_version *version, int64_t now_ms, int64_t *ret_due_ms);
/* Makes the verdict (a LIFECYCLE_MOVE, without a rule at first) what the rule's transitions say, if they say more. */
void transition_judge(const struct lifecycle_plan *plan, const struct lifecycle_rule *rule,
                      const struct lifecycle_version *version, int64_t now_ms, struct lifecycle_verdict *verdict);
