/* server/admin/journal_metrics.h -- of the text of /metrics what the journal and the ledger count. */
#pragma once

#include "server/journal_service.h"

SUSPENDS void admin_write_journal_metrics(const struct journal_service *service, struct buffer *to);
