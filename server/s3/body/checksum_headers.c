/* server/s3/body/checksum_headers.c -- what a client says that its body hashes to, and whether it did. */
#include "server/s3/body/checksum_headers.h"

#include "runtime/base/base64.h"
#include "s3client/wire/s3_error.h"

static bool refuse(struct error *error, const char *why)
{
    return error_set(error, ERROR_INVALID, S3_InvalidRequest, "%s", why);
}

static bool parse_md5(const struct s3_request *request, struct checksum_claim *claim, struct error *error)
{
    struct span text;
    claim->has_md5 = http_head_find(request->head, "content-md5", &text);
    if (claim->has_md5 && !base64_decode(text, claim->md5, MD5_BYTES))
        return error_set(error, ERROR_INVALID, S3_InvalidDigest, "The Content-MD5 you specified is not valid.");
    return true;
}

/* x-amz-checksum-mode, -algorithm and -type say something about checksums, but hold none. */
static bool holds_value(struct span name)
{
    static const char *const others[] = {"x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type"};
    struct span prefix = SPAN("x-amz-checksum-");
    if (name.size < prefix.size || !span_equal_ignore_case(span_take(name, prefix.size), prefix))
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (span_equal_ignore_case(name, span_from_string(others[i])))
            return false;
    return true;
}

static bool parse_value(const struct s3_request *request, struct checksum_claim *claim, struct error *error)
{
    const struct http_head *head = request->head;
    for (unsigned i = 0; i < head->fields_count; i++) {
        if (!holds_value(head->fields[i].name))
            continue;
        if (claim->has_value)
            return refuse(error, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
        claim->algorithm = checksum_from_header(head->fields[i].name);
        if (claim->algorithm == CHECKSUM_NONE)
            return refuse(error, "The algorithm type you specified in x-amz-checksum- header is invalid. Valid are: " //
                          CHECKSUM_VALID_NAMES ".");
        if (!checksum_parse(claim->algorithm, head->fields[i].value, &claim->value))
            return error_set(error, ERROR_INVALID, S3_InvalidRequest, "Value for %s header is invalid.",
                             checksum_header(claim->algorithm));
        claim->has_value = true;
    }
    return true;
}

static bool add_trailer(struct checksum_claim *claim, enum checksum_algorithm trailer, struct error *error)
{
    if (trailer == CHECKSUM_NONE)
        return true;
    if (claim->has_value)
        return refuse(error, "Expecting a single x-amz-checksum- header, not one and a trailer.");
    claim->trailer = trailer;
    claim->algorithm = trailer;
    return true;
}

/* An MD5 that is announced may come as Content-MD5: version 3 of the JavaScript SDK has no other header for it. */
static void take_md5_as_checksum(struct checksum_claim *claim)
{
    claim->algorithm = CHECKSUM_MD5;
    claim->value = (struct checksum_value){.algorithm = CHECKSUM_MD5};
    memcpy(claim->value.bytes, claim->md5, MD5_BYTES);
    claim->has_value = true;
}

/* x-amz-sdk-checksum-algorithm must agree with what came. */
static bool check_announced(const struct s3_request *request, struct checksum_claim *claim, struct error *error)
{
    struct span name;
    if (!http_head_find(request->head, "x-amz-sdk-checksum-algorithm", &name))
        return true;
    enum checksum_algorithm announced = checksum_from_name(name);
    if (announced == CHECKSUM_NONE)
        return refuse(error,
                      "Value for x-amz-sdk-checksum-algorithm header is invalid. Valid are: " CHECKSUM_VALID_NAMES ".");
    if (claim->algorithm == CHECKSUM_NONE && announced == CHECKSUM_MD5 && claim->has_md5)
        take_md5_as_checksum(claim);
    if (claim->algorithm == CHECKSUM_NONE)
        return refuse(error, "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                             "x-amz-trailer headers were found.");
    if (claim->algorithm != announced)
        return refuse(error, "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    return true;
}

bool checksum_claim_parse(struct s3_request *request, enum checksum_algorithm trailer, struct checksum_claim *ret_claim,
                          struct error *error)
{
    *ret_claim = (struct checksum_claim){0};
    return parse_md5(request, ret_claim, error) && parse_value(request, ret_claim, error) &&
           add_trailer(ret_claim, trailer, error) && check_announced(request, ret_claim, error);
}

bool checksum_claim_parse_md5(struct s3_request *request, struct checksum_claim *ret_claim, struct error *error)
{
    *ret_claim = (struct checksum_claim){0};
    return parse_md5(request, ret_claim, error);
}

static bool equals(const struct checksum_value *claimed, const struct checksum_value *computed)
{
    return claimed->algorithm == computed->algorithm &&
           memcmp(claimed->bytes, computed->bytes, checksum_size(computed->algorithm)) == 0;
}

bool checksum_claim_verify(const struct checksum_claim *claim, const struct payload_decoder *decoder,
                           const uint8_t md5[MD5_BYTES], const struct checksum_value *computed, struct error *error)
{
    struct checksum_value trailer;
    if (claim->has_md5 && memcmp(claim->md5, md5, MD5_BYTES) != 0)
        return error_set(error, ERROR_INVALID, S3_BadDigest,
                         "The Content-MD5 you specified did not match what we received.");
    bool is_wrong = claim->has_value && !equals(&claim->value, computed);
    is_wrong = is_wrong || (claim->trailer != CHECKSUM_NONE && payload_decoder_trailer(decoder, &trailer) &&
                            !equals(&trailer, computed));
    if (is_wrong)
        return error_set(error, ERROR_INVALID, S3_BadDigest,
                         "The %s you specified did not match the calculated checksum.",
                         checksum_name(computed->algorithm));
    return true;
}
