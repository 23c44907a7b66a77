/* store/remote/uploads/record.h -- what is kept of an upload beside its parts: that it is there, and how it ended.
 *
 *     .bale/mpu/UPLOAD/upload    while parts may come
 *     .bale/mpu/UPLOAD/end       that it was given up, or is being completed, and by which upload of the backend */
#pragma once

#include "runtime/base/error.h"
#include "store/bucket.h"
#include "store/remote/format/stamp.h"

enum { RECORD_BYTES_MAX = 128 << 10, BACKEND_UPLOAD_BYTES_MAX = 1024 };

/* Appends the descriptor. `upload`: all but `id`. */
void upload_record_encode(const struct upload_info *upload, struct buffer *ret_bytes);
/* Spans point into `bytes`. False: it is none. */
bool upload_record_decode(struct span bytes, struct upload_info *ret_upload);

struct upload_end {
    bool is_given_up; /* nothing below is there then */
    bool is_broken;   /* its maker did not end: the backend's upload is being given up */
    struct span key;  /* that the upload was for */
    struct span backend_upload;
    uint8_t nonce[STAMP_NONCE_BYTES]; /* of the object that it becomes */
    char etag[ETAG_TEXT_BYTES];       /* logical */
    struct checksum_value checksum;
};
void upload_end_encode(const struct upload_end *end, struct buffer *ret_bytes);
bool upload_end_decode(struct span bytes, struct upload_end *ret_end);
