/* server/lifecycle/tags.h -- tags of what may be due, where lists do not bring them.
 *
 * Over S3 tags are a request for each version. So they are asked for only where they decide: some rule says of the
 * version that it is due, but for its tags. */
#pragma once

#include "server/lifecycle/evaluate.h"
#include "store/bucket.h"

/* Do the tags of an entry decide, which are not known yet? */
bool lifecycle_needs_tags(const struct lifecycle_plan *plan, const struct list_entry *entry, int64_t now_ms);
/* Fills entry.tags of those whose tags decide, into the arena. Nothing over a store that lists_tags. What has gone
 * meanwhile has none: it is not there when it is to be deleted. */
SUSPENDS bool lifecycle_read_tags(struct bucket_store *store, struct span bucket, const struct lifecycle_plan *plan,
                                  const struct list_page *page, int64_t now_ms, struct arena *arena,
                                  struct error *error);
