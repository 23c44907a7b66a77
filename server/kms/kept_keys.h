/* server/kms/kept_keys.h -- keys that a key service gave, for as long as they are used without asking it again.
 *
 * At most KEPT_KEYS_MAX. Where there is no room the holder (a bucket) that has most of them gives up the one that ends
 * first: who asks for many keys takes none from others. One whose time or uses are over is overwritten by whichever
 * call comes next; where none comes, somebody must see to it (kept_keys_forget_ended). Not locked. Lies in pages of
 * runtime/base/secret.h. Pure. */
#pragma once

#include "s3client/wire/checksum.h"
#include "server/kms/key_request.h"

enum { KEPT_KEYS_MS = 5 * 60 * 1000, KEPT_KEYS_USES_MAX = 1 << 20, KEPT_KEYS_MAX = 128 };

/* SHA-256 of what a key is for: to be made or opened, of which name and context, and what is to be opened. */
struct kept_purpose {
    uint8_t digest[SHA256_BYTES];
};
struct kept_purpose kept_purpose_of(const struct key_request *request);

struct kept_keys {
    struct kept_key {
        struct kept_purpose purpose;
        uint64_t holder;
        uint64_t until_ns; /* 0: nothing */
        uint32_t uses;
        struct kms_key key;
    } keys[KEPT_KEYS_MAX];
};

/* Takes a use of it. False: there is none, or none any more. */
bool kept_keys_look(struct kept_keys *kept, const struct kept_purpose *purpose, uint64_t now_ns,
                    struct kms_key *ret_key);
void kept_keys_add(struct kept_keys *kept, const struct kept_purpose *purpose, uint64_t holder, uint64_t now_ns,
                   const struct kms_key *key);
void kept_keys_forget_ended(struct kept_keys *kept, uint64_t now_ns);
void kept_keys_forget(struct kept_keys *kept);
