/* server/lifecycle/native_watch.c -- asks the backend for its rules, now and then. */
#include "server/lifecycle/native_watch.h"

#include "runtime/fiber/loop.h"
#include "runtime/log/log.h"

#include <string.h>

enum { LOOK_MS = 3600 * 1000, LOOK_AGAIN_MS = 60 * 1000 };

static void tell(const struct native_watch *watch, const char *before)
{
    if (watch->rule[0] != '\0' && strcmp(watch->rule, before) != 0)
        log_message(LOG_ERROR,
                    "the lifecycle rule %s of the backend's own bucket covers what is this server's there (.bale/, "
                    ".s4dict/), and would remove it, or move it: settings of buckets and dictionaries would be lost. "
                    "Give the rule a prefix or a tag; bale lifecycle --native BUCKET prints rules that do no harm",
                    watch->rule);
    else if (watch->rule[0] == '\0' && before[0] != '\0')
        log_message(LOG_INFO, "no lifecycle rule of the backend's own covers what is this server's any more");
}

/* A backend that has no such call, or a credential that may not make it, is told once. */
static void note_trouble(struct native_watch *watch, const struct error *error)
{
    if (watch->trouble[0] == '\0' && error->kind != ERROR_BUSY)
        log_message(LOG_INFO, "whether a lifecycle rule of the backend's own covers .bale/ is not known: %s",
                    error->message);
    memcpy(watch->trouble, error->message, sizeof watch->trouble);
}

SUSPENDS void native_watch_look(struct native_watch *watch, const struct backend *backend)
{
    char before[BACKEND_RULE_ID_BYTES];
    char rule[BACKEND_RULE_ID_BYTES];
    struct error error = {0};
    if (backend->operations->find_native_rule == NULL || (watch->has_looked && loop_now_ns() < watch->next_ns))
        return;
    bool is_known = backend->operations->find_native_rule(backend, rule, &error);
    if (is_known) {
        memcpy(before, watch->rule, sizeof before);
        memcpy(watch->rule, rule, sizeof rule);
        watch->trouble[0] = '\0';
        tell(watch, before);
    } else {
        note_trouble(watch, &error);
    }
    bool is_settled = watch->rule[0] == '\0' && (is_known || error.kind != ERROR_BUSY);
    atomic_store_explicit(&watch->is_covered, watch->rule[0] != '\0', memory_order_relaxed);
    watch->has_looked = true;
    watch->next_ns = deadline_after_ms(is_settled ? LOOK_MS : LOOK_AGAIN_MS);
}
