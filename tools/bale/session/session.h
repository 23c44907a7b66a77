/* tools/bale/session/session.h -- one piece of work on the store in a folder, without a server. */
#pragma once

#include "store/bucket.h"
#include "store/embedded/embedded.h"

#include <stdbool.h>

/* Runs on a fiber; may block, nobody else is there. */
typedef SUSPENDS bool session_work(struct bucket_store *store, void *context, struct error *error);

/* Opens the folder (a server that has it open is named in the refusal, as is the other kind), works, closes. `make`: a
 * missing folder is made; otherwise it is refused. */
bool session_run(const char *folder, enum embedded_kind kind, bool make, session_work *work, void *context,
                 struct error *error);

/* The same without a store: `work` is given NULL. */
bool session_run_bare(session_work *work, void *context, struct error *error);

/* Is there a store in the folder? */
bool session_find_folder(const char *folder, struct error *error);
/* Has it a journal and a ledger? A raw folder never has. */
bool session_check_ledger(struct bucket_store *store, const char *folder, struct error *error);
/* Is it a bucket of clients? ERROR_INVALID: it is no name, or one of Bale's own. */
bool session_check_bucket(struct span bucket, struct error *error);
