/* s3client/credentials/sts_document.h -- what AWS STS answers: XML with keys, or with a refusal. */
#pragma once

#include "s3client/credentials/keys.h"

enum { STS_DOCUMENT_BYTES_MAX = 64 << 10 };

struct sts_refusal {
    char code[64];     /* "AccessDenied"; "": the document is no refusal */
    char message[160]; /* as it may be shown */
};

/* <AssumeRole...Response><AssumeRole...Result><Credentials>, all four of its elements. On failure *ret_refusal says
 * whether STS refused, and how; the error says so or what is wrong with the document. */
bool sts_document_read(struct span xml, struct keys *ret_keys, struct sts_refusal *ret_refusal, struct error *error);
