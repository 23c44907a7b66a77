/* store/embedded/rewrite/rewrite.h -- a version's body is packed anew (bucket.h). */
#pragma once

#include "store/embedded/state.h"

SUSPENDS bool store_commit_rewrite(struct bucket_writer *writer, const struct body_rewrite *rewrite,
                                   struct error *error);
