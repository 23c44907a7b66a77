/* server/kms/kept_keys.c -- an array that is looked through: a call of a service takes a thousand times as long. */
#include "server/kms/kept_keys.h"

enum { MS_NS = 1000000 };

struct kept_purpose kept_purpose_of(const struct key_request *request)
{
    static const uint8_t zero;
    struct kept_purpose purpose;
    struct sha256_sum sum;
    sha256_begin(&sum);
    sha256_update(&sum, request->blob.size == 0 ? SPAN("make") : SPAN("open"));
    sha256_update(&sum, request->blob.size == 0 ? request->key : SPAN_EMPTY);
    sha256_update(&sum, span_of(&zero, 1));
    sha256_update(&sum, span_of(request->context->hash, KMS_CONTEXT_BYTES));
    sha256_update(&sum, request->blob);
    sha256_end(&sum, purpose.digest);
    return purpose;
}

static bool is_live(const struct kept_key *kept, uint64_t now_ns)
{
    return kept->until_ns > now_ns && kept->uses < KEPT_KEYS_USES_MAX;
}

void kept_keys_forget_ended(struct kept_keys *kept, uint64_t now_ns)
{
    for (unsigned i = 0; i < KEPT_KEYS_MAX; i++)
        if (kept->keys[i].until_ns != 0 && !is_live(&kept->keys[i], now_ns))
            explicit_bzero(&kept->keys[i], sizeof kept->keys[i]);
}

bool kept_keys_look(struct kept_keys *kept, const struct kept_purpose *purpose, uint64_t now_ns,
                    struct kms_key *ret_key)
{
    kept_keys_forget_ended(kept, now_ns);
    for (unsigned i = 0; i < KEPT_KEYS_MAX; i++) {
        struct kept_key *at = &kept->keys[i];
        if (memcmp(&at->purpose, purpose, sizeof *purpose) != 0 || at->until_ns == 0)
            continue;
        at->uses++;
        *ret_key = at->key;
        return true;
    }
    return false;
}

static unsigned count_of(const struct kept_keys *kept, uint64_t holder)
{
    unsigned count = 0;
    for (unsigned i = 0; i < KEPT_KEYS_MAX; i++)
        count += kept->keys[i].holder == holder;
    return count;
}

/* What is empty; else the oldest of whoever has most, whom the newcomer itself may be. */
static struct kept_key *find_room(struct kept_keys *kept, uint64_t holder)
{
    struct kept_key *place = NULL;
    unsigned most = 0;
    for (unsigned i = 0; i < KEPT_KEYS_MAX; i++) {
        struct kept_key *at = &kept->keys[i];
        if (at->until_ns == 0)
            return at;
        unsigned count = count_of(kept, at->holder) + (at->holder == holder);
        if (place != NULL && (count < most || (count == most && at->until_ns >= place->until_ns)))
            continue;
        place = at;
        most = count;
    }
    return place;
}

/* Field by field: a whole one would be put together on the stack, and stay there. */
void kept_keys_add(struct kept_keys *kept, const struct kept_purpose *purpose, uint64_t holder, uint64_t now_ns,
                   const struct kms_key *key)
{
    kept_keys_forget_ended(kept, now_ns);
    struct kept_key *place = find_room(kept, holder);
    place->purpose = *purpose;
    place->holder = holder;
    place->until_ns = now_ns + (uint64_t)KEPT_KEYS_MS * MS_NS;
    place->uses = 0;
    place->key = *key;
}

void kept_keys_forget(struct kept_keys *kept)
{
    explicit_bzero(kept, sizeof *kept);
}
