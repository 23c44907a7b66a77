/* tools/bale/view/bytes_text.h -- an amount of bytes as people read it: "7.48 MiB". */
#pragma once

enum { BYTES_TEXT_BYTES = 32 };

void bytes_text(double bytes, char ret_text[BYTES_TEXT_BYTES]);
