/* tests/fuzz/maintenance/request_fuzz.c -- what comes to /maintain/begin: read whole, or refused with a sentence. */
#include "runtime/base/assert.h"
#include "server/maintenance/request.h"

#include <string.h>

static void check_rule(const struct policy_rule *rule)
{
    ASSERT(memchr(rule->name, '\0', sizeof rule->name) != NULL);
    ASSERT(rule->prefix_bytes <= OBJECT_KEY_BYTES_MAX && rule->level <= 19 && rule->action <= POLICY_SWEEP);
    ASSERT(rule->action != POLICY_TRANSITION || rule->storage_class != NULL);
    ASSERT(rule->least_gain >= 1 && rule->least_gain <= 99);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct maintenance_request request;
    struct error error = {0};
    if (!maintenance_request_read(span_of(bytes, size), &request, &error)) {
        ASSERT(error.message[0] != '\0');
        return 0;
    }
    ASSERT(request.policy.count >= 1 && request.policy.count <= POLICY_RULES_MAX);
    ASSERT(request.level >= -7 && request.level <= 19 && request.columns <= CONFIG_COLUMNS_OFF);
    ASSERT(request.prices.classes_count >= 1 && request.prices.classes_count <= PRICES_CLASSES);
    ASSERT(memchr(request.name, '\0', sizeof request.name) != NULL);
    for (unsigned i = 0; i < request.policy.count; i++)
        check_rule(&request.policy.rules[i]);
    maintenance_request_free(&request);
    return 0;
}
