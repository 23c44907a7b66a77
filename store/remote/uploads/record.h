/* store/remote/uploads/record.h -- what is kept of an upload beside its parts: that it is there, and what it becomes.
 *
 *     .bale/mpu/UPLOAD/upload      while parts may come
 *     .bale/mpu/UPLOAD/end         that somebody is completing or aborting it, or has done so */
#pragma once

#include "runtime/base/error.h"
#include "store/bucket.h"
#include "store/remote/format/stamp.h"

enum { RECORD_BYTES_MAX = 128 << 10, BACKEND_UPLOAD_BYTES_MAX = 1024, UPLOAD_TOKEN_BYTES = 16 };

/* The descriptor: never changed. */
struct upload_record {
    struct upload_info info;          /* all but `id` */
    struct span backend_upload;       /* that the object comes from: who completes or aborts this one has decided */
    uint8_t nonce[STAMP_NONCE_BYTES]; /* of the object, as its metadata have it from the start */
    bool is_metadata_in_trailer;      /* as they have it, too */
};
void upload_record_encode(const struct upload_record *record, struct buffer *ret_bytes);
/* Spans point into `bytes`. False: it is none. */
bool upload_record_decode(struct span bytes, struct upload_record *ret_record);

/* Whose turn it is to end the upload, and what a Complete whose answer was lost is answered from. */
struct upload_end {
    struct span key; /* that the upload was for */
    uint8_t nonce[STAMP_NONCE_BYTES];
    uint8_t token[UPLOAD_TOKEN_BYTES]; /* random: of this very writing */
    char etag[ETAG_TEXT_BYTES];        /* logical, of the object that it becomes; "": it is given up */
    struct checksum_value checksum;
    struct span seal; /* of the object, if it is encrypted: instead of these two, which are not written then */
    char version[VERSION_TEXT_BYTES]; /* that it has become; "": none is known */
};
/* It is of an Abort: nothing is to become of the upload. */
static inline bool upload_end_gives_up(const struct upload_end *end)
{
    return end->etag[0] == '\0' && end->seal.size == 0;
}
void upload_end_encode(const struct upload_end *end, struct buffer *ret_bytes);
bool upload_end_decode(struct span bytes, struct upload_end *ret_end);
