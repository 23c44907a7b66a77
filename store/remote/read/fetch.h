/* store/remote/read/fetch.h -- stored bytes of one revision of an object, as a stream of one request. */
#pragma once

#include "store/remote/store.h"

struct fetch {
    bool is_open;
    uint64_t position; /* of the next byte, in the stored object */
    uint64_t end;
    struct s3_answer answer;
};

/* Opens [first, end) of the revision `etag`, not empty. ERROR_CHANGED: the key holds another one, or none. A backend
 * that sends the whole object instead is read up to `first`, if that is near. */
SUSPENDS bool fetch_open(struct remote_key *key, struct span etag, uint64_t first, uint64_t end,
                         struct fetch *ret_fetch, struct error *error);
/* Exactly the next `size` bytes, which lie before the end; `ret_bytes` NULL: they are skipped. False: the stream is
 * closed; ERROR_CLOSED or ERROR_TIMED_OUT: it broke, and may be opened again at its position. */
SUSPENDS bool fetch_read(struct fetch *fetch, void *ret_bytes, size_t size, struct error *error);
void fetch_close(struct fetch *fetch);

/* All of [first, end) at once. */
SUSPENDS bool fetch_range(struct remote_key *key, struct span etag, uint64_t first, uint64_t end, void *ret_bytes,
                          struct error *error);

/* The revision was replaced while it was read: ERROR_CHANGED, code SlowDown. */
bool fetch_changed(struct error *error);

/* An ETag in quotes, as conditions have it. */
enum { QUOTED_ETAG_BYTES = STORED_ETAG_TEXT_BYTES + 2 };
struct span fetch_quote(struct span etag, char ret_text[QUOTED_ETAG_BYTES]);
