/* s3client/credential_source.h -- where a client's credentials come from, whoever fetches and refreshes them.
 *
 * A source publishes snapshots: each is complete, never changes, and lives as long as somebody has pinned it. Clients
 * look at `generation` before each request and pin anew when it has moved, so that a refresh in time costs no request.
 * Sources are shared by all shards; pin and unpin may be called on any thread and never wait. */
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/span.h"
#include "runtime/fiber/fiber.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    S3_SECRET_KEY_BYTES_MAX = 252,        /* what the signer takes */
    S3_ACCESS_KEY_ID_BYTES_MAX = 256,     /* all three are printable ASCII without blanks */
    S3_SESSION_TOKEN_BYTES_MAX = 4 << 10, /* so that a head stays within 8 KiB */
};

struct s3_credentials {
    struct span access_key_id;
    struct span secret_key;
    struct span session_token; /* empty: none */
    uint64_t generation;       /* of the source, when this was published; never 0 */
};

struct s3_credential_source;

struct s3_credential_source_operations {
    /* The newest snapshot, or NULL with a sentence when there is none (yet, or any more). */
    const struct s3_credentials *(*pin)(struct s3_credential_source *source, struct error *error);
    void (*unpin)(struct s3_credential_source *source, const struct s3_credentials *credentials);
    /* The backend has refused `generation` as expired: returns when a newer one has been published, at once if it has
     * been already. False: there is none to be had before the deadline. Many fibers may ask at once; one fetch serves
     * them all. NULL: what this source has does not expire. */
    SUSPENDS bool (*refresh)(struct s3_credential_source *source, uint64_t generation, deadline_t deadline,
                             struct error *error);
    void (*destroy)(struct s3_credential_source *source);
};

/* The first member of each implementation. */
struct s3_credential_source {
    const struct s3_credential_source_operations *operations;
    _Atomic uint64_t generation; /* of the newest snapshot; grows by one with each */
};

/* Credentials that never change; all three are copied. NULL with a sentence when one is empty, too long, or
 * holds what cannot stand in a header. */
struct s3_credential_source *s3_credentials_create_static(struct span access_key_id, struct span secret_key,
                                                          struct span session_token, struct error *error);

static inline void s3_credentials_destroy(struct s3_credential_source *source)
{
    if (source != NULL)
        source->operations->destroy(source);
}
