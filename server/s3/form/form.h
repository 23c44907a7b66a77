/* server/s3/form/form.h -- an upload from a web form: its fields, who signed them, and its file as it streams.
 *
 * A form is opened in place of a signature's verification (handle.c): its fields are read, which are bounded, and from
 * then on the request looks as if they had been its headers. The file, of any size, is read by the operation
 * (post_object.c). Section AG. */
#pragma once

#include "server/object/object.h"
#include "server/s3/form/form_fields.h"
#include "server/s3/form/form_policy.h"
#include "server/s3/form/multipart.h"
#include "server/s3/request/request.h"

struct checksum_claim;

struct s3_form {
    struct multipart multipart;
    uint8_t *window; /* what came and is not used yet: [start, end) */
    size_t start;
    size_t end;
    bool has_body_ended;
    struct form_fields fields;
    size_t fields_bytes;
    bool has_file;
    struct span file_name; /* without its path; may be empty */
    bool has_policy;
    struct form_policy policy;
};

/* PreconditionFailed: the body is no form. */
bool s3_form_check_type(struct s3_request *request, struct error *error);

/* Is this POST a form, to be opened before anything else is known of it, unless a sub-resource is addressed? Signed in
 * its head it is not. */
bool s3_form_is_meant(const struct s3_request *request);

/* Reads the fields up to the file and verifies who signed them: sets request->form, key, head and authentication.
 * What s3_form_check_type refuses, MalformedPOSTRequest, MaxPostPreDataLengthExceeded, InvalidArgument, and
 * what form_signature_verify refuses. */
SUSPENDS bool s3_form_open(struct s3_request *request, struct error *error);

/* The file into the writer, to its end and that of the body; the writer is finished then. `checksum` is what the fields
 * claim. EntityTooLarge, EntityTooSmall, BadDigest, MalformedPOSTRequest. */
SUSPENDS bool s3_form_receive(struct s3_request *request, const struct checksum_claim *claim,
                              struct object_writer *writer, struct object_digest *ret_digest, struct error *error);
