/* server/s3/settings/small.h -- settings that are a word: request payment, acceleration.
 *
 * Statements 617 and 618. */
#pragma once

#include "server/s3/settings/document.h"

enum { SMALL_DOCUMENT_BYTES_MAX = 16 << 10 };

/* RequestPaymentConfiguration: *ret_is_requester: who asks pays. MalformedXML. */
bool payment_parse(const struct xml_element *root, bool *ret_is_requester, struct error *error);
void payment_render(bool is_requester, struct buffer *to);
/* *ret_payment is NULL unless who asks pays. */
bool payment_compile(const struct bucket_info *bucket, struct span document, struct arena *arena,
                     const void **ret_payment, struct error *error);

/* AccelerateConfiguration: only Suspended can be; Enabled is NotImplemented, since there is no edge. MalformedXML. */
bool accelerate_parse(const struct xml_element *root, struct error *error);
void accelerate_render(struct buffer *to);
