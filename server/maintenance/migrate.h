/* server/maintenance/migrate.h -- an object that came before Bale is packed: nothing that a client can see changes.
 *
 * What is read is one revision; it is packed, and written under the condition that this revision is still there. Its
 * ETag, metadata, tags and time stay. Kept as it is, with a reason: what a client could tell from before, and what is
 * not worth it. */
#pragma once

#include "server/maintenance/first_frame.h"
#include "server/maintenance/outcome.h"
#include "server/maintenance/policy.h"
#include "server/object/object.h"

struct migration {
    struct bucket_store *store;
    struct object_codecs *codecs;
    struct offload *threads; /* for tries */
    const struct prices *prices;
    bool executes;
    int64_t now_ms;
};

/* One object, which the rule is about; `trial` packs its first frame. False: the backend is out of reach, or does not
 * decide conditional writes. */
SUSPENDS bool migrate_object(struct migration *migration, const struct policy_rule *rule, struct trial *trial,
                             const struct object_name *name, const struct list_entry *entry,
                             struct maintained *ret_maintained, struct error *error);
