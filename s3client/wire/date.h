/* s3client/wire/date.h -- the three ways in which S3 writes a time. All are UTC, milliseconds since 1970 in and out.
 *
 * HTTP: "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110; the two obsolete forms are read as well). XML:
 * "2009-10-12T17:50:30.000Z". Signature: "20130524T000000Z". Years 1970 to 9999. */
#pragma once

#include "runtime/base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { DATE_TEXT_BYTES = 32, DATE_XML_BYTES = 24 };

void date_format_http(int64_t time_ms, char ret_text[DATE_TEXT_BYTES]);
void date_format_xml(int64_t time_ms, char ret_text[DATE_TEXT_BYTES]);       /* DATE_XML_BYTES of text */
void date_format_signature(int64_t time_ms, char ret_text[DATE_TEXT_BYTES]); /* its first 8 characters are the day */
bool date_parse_http(struct span text, int64_t *ret_time_ms);
bool date_parse_xml(struct span text, int64_t *ret_time_ms);
/* From year 1 on, before 1970 negative: for a time that is only compared. */
bool date_parse_xml_of_any_year(struct span text, int64_t *ret_time_ms);
bool date_parse_signature(struct span text, int64_t *ret_time_ms);
