/* tests/unit/keys/aws_answer_test.c -- what AWS KMS is sent, which keys are meant by which names, and its answers. */
#include "s3client/wire/s3_error.h"
#include "server/kms/aws_answer.h"
#include "tests/unit/run_suite.h"

#define ARN "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define ID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define ALIAS_ARN "arn:aws:kms:eu-central-1:111122223333:alias/payments"

static struct error error;

static void expect_body(struct span client, struct span blob, const char *body)
{
    const struct kms_context context = {.bucket = SPAN("bucket"), .client = client};
    const struct key_request request = {.key = SPAN("alias/payments"), .context = &context, .blob = blob};
    struct buffer text;
    buffer_init(&text, AWS_BODY_BYTES_MAX);
    ck_assert(aws_body_write(&request, &text, &error) == (body != NULL));
    ck_assert(body == NULL || span_equal(buffer_span(&text), span_from_string(body)));
    buffer_free(&text);
}

START_TEST(bodies_are_as_the_service_wants_them)
{
    expect_body(SPAN_EMPTY, SPAN_EMPTY,
                "{\"KeyId\":\"alias/payments\",\"KeySpec\":\"AES_256\",\"EncryptionContext\":{\"aws:s3:arn\":"
                "\"arn:aws:s3:::bucket\"}}");
    expect_body(SPAN("{ } \n"), SPAN("blob"),
                "{\"KeyId\":\"alias/payments\",\"CiphertextBlob\":\"YmxvYg==\",\"EncryptionContext\":{\"aws:s3:arn\":"
                "\"arn:aws:s3:::bucket\"}}");
    expect_body(SPAN("{\"a\":\"}\"}"), SPAN_EMPTY,
                "{\"KeyId\":\"alias/payments\",\"KeySpec\":\"AES_256\",\"EncryptionContext\":{\"aws:s3:arn\":"
                "\"arn:aws:s3:::bucket\",\"a\":\"}\"}}");
    expect_body(SPAN("{"), SPAN_EMPTY, NULL);
    /* whoever can write to the store has not the words of the request to say */
    expect_body(SPAN("{\"a\":\"b\"},\"KeyId\":{\"c\":\"d\"}"), SPAN("blob"), NULL);
    expect_body(SPAN("{\"aws:s3:arn\":\"arn:aws:s3:::other\"}"), SPAN("blob"), NULL);
    expect_body(SPAN("{\"a\":{}}"), SPAN("blob"), NULL);
}
END_TEST

START_TEST(keys_are_meant_by_their_names)
{
    static const struct {
        const char *ours;
        const char *theirs;
        enum kms_meant meant;
    } rows[] = {
        {ARN, ARN, KMS_MEANT},
        {ARN, ID, KMS_MEANT},
        {ARN, "alias/payments", KMS_MEANT_NOT},
        {ARN, "1234abcd-12ab-34cd-56ef-1234567890ac", KMS_MEANT_NOT},
        {ID, ID, KMS_MEANT},
        {ID, ARN, KMS_MEANT_PERHAPS},
        {"alias/payments", "alias/payments", KMS_MEANT},
        {"alias/payments", ARN, KMS_MEANT_PERHAPS},
        {"alias/payments", ID, KMS_MEANT_PERHAPS},
        {"alias/payments", "alias/other", KMS_MEANT_NOT},
        {ALIAS_ARN, "alias/payments", KMS_MEANT},
        {"*", ARN, KMS_MEANT_AMONG},
        {"*", "alias/payments", KMS_MEANT_AMONG},
        {"*", "payments", KMS_MEANT_NOT},
        {"*", "", KMS_MEANT_NOT},
        {"*", "arn:aws:kms:us-east-1:111122223333:key/" ID, KMS_MEANT_NOT},
        {"*", "arn:aws:s3:eu-central-1:111122223333:key/" ID, KMS_MEANT_NOT},
        {"*", ARN "\"", KMS_MEANT_NOT},
        {"*", "arn:aws:kms", KMS_MEANT_NOT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kms_service service = {.provider = KMS_AWS, .region = "eu-central-1"};
        memcpy(service.key, rows[i].ours, strlen(rows[i].ours) + 1);
        struct span theirs = span_from_string(rows[i].theirs);
        ck_assert_msg(kms_service_meant(&service, theirs) == rows[i].meant, "%s, %s", rows[i].ours, rows[i].theirs);
        service.provider = KMS_VAULT;
        ck_assert(kms_service_meant(&service, theirs) == KMS_MEANT_NOT);
    }
    ck_assert(kms_service_is_same_key(SPAN(ARN), SPAN(ID)) && kms_service_is_same_key(SPAN(ARN), SPAN(ARN)));
    ck_assert(!kms_service_is_same_key(SPAN(ARN), SPAN("")) && !kms_service_is_same_key(SPAN(ID), SPAN(ARN)));
}
END_TEST

#define PLAINTEXT "\"Plaintext\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\""

START_TEST(what_an_object_keeps_names_keys_of_aws_alone)
{
    struct kms_service service = {.provider = KMS_AWS, .key = "alias/payments"};
    ck_assert(span_equal(kms_service_key_of(&service, SPAN(ARN)), SPAN(ARN)));
    ck_assert(span_equal(kms_service_key_of(&service, SPAN_EMPTY), SPAN("alias/payments")));
    service = (struct kms_service){.provider = KMS_VAULT, .key = "invoices"};
    ck_assert(span_equal(kms_service_key_of(&service, SPAN("../keys/invoices/config")), SPAN("invoices")));
    ck_assert(span_equal(kms_service_key_of(&service, SPAN_EMPTY), SPAN("invoices")));
}
END_TEST

START_TEST(keys_are_taken_whole_or_not)
{
    static const struct {
        const char *body;
        bool opens;
        bool taken;
    } rows[] = {
        {"{" PLAINTEXT
         ",\"CiphertextBlob\":\"YmxvYg==\",\"KeyId\":\"arn:aws:kms:r:1:key\\/x\",\"KeyMaterialId\":\"m\"}",
         false, true},
        {"{" PLAINTEXT ",\"KeyId\":\"arn\"}", true, true},
        {"{" PLAINTEXT ",\"KeyId\":\"arn\"}", false, false},
        {"{" PLAINTEXT ",\"CiphertextBlob\":\"YmxvYg==\"}", false, false},
        {"{" PLAINTEXT ",\"CiphertextBlob\":\"\",\"KeyId\":\"arn\"}", false, false},
        {"{" PLAINTEXT ",\"CiphertextBlob\":\"YmxvYg==\",\"KeyId\":\"a\\nb\"}", false, false},
        {"{\"Plaintext\":\"AAAA\"}", true, false},
        {"{\"Plaintext\":1}", true, false},
        {"{}", true, false},
        {"<html>", true, false},
        {"", true, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kms_key key = {.blob_size = 0};
        enum aws_remedy remedy;
        bool taken = aws_answer_take("name", 200, span_from_string(rows[i].body), rows[i].opens, &key, &remedy, &error);
        ck_assert_msg(taken == rows[i].taken, "%s", rows[i].body);
        ck_assert(taken || error.code == S3_ServiceUnavailable);
        ck_assert(!taken || rows[i].opens || (key.blob_size == 4 && strcmp(key.id, "arn:aws:kms:r:1:key/x") == 0));
    }
}
END_TEST

START_TEST(exceptions_are_answers_of_s3)
{
    static const struct {
        unsigned status;
        const char *body;
        const char *code;
        enum aws_remedy remedy;
    } rows[] = {
        {400, "{\"__type\":\"com.amazonaws.kms#DisabledException\"}", S3_KmsDisabledException, AWS_NO_REMEDY},
        {400, "{\"__type\":\"AccessDeniedException\"}", S3_AccessDenied, AWS_NO_REMEDY},
        {400, "{\"__type\":\"ExpiredTokenException\"}", S3_AccessDenied, AWS_NEW_CREDENTIALS},
        {400, "{\"__type\":\"InvalidCiphertextException\"}", S3_InternalError, AWS_NO_REMEDY},
        {400, "{\"__type\":\"ThrottlingException\"}", S3_SlowDown, AWS_NO_REMEDY},
        {429, "", S3_SlowDown, AWS_NO_REMEDY},
        {400, "{\"__type\":\"WhatNobodyKnows\"}", S3_ServiceUnavailable, AWS_NO_REMEDY},
        {500, "{\"__type\":\"KMSInternalException\"}", S3_ServiceUnavailable, AWS_ASK_AGAIN},
        {503, "<html>", S3_ServiceUnavailable, AWS_ASK_AGAIN},
        {301, "", S3_ServiceUnavailable, AWS_NO_REMEDY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kms_key key = {.blob_size = 0};
        enum aws_remedy remedy;
        ck_assert(
            !aws_answer_take("name", rows[i].status, span_from_string(rows[i].body), false, &key, &remedy, &error));
        ck_assert_msg(error.code == rows[i].code && remedy == rows[i].remedy, "%s", rows[i].body);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("aws_answer");
    TCase *tcase = tcase_create("aws_answer");
    tcase_add_test(tcase, bodies_are_as_the_service_wants_them);
    tcase_add_test(tcase, keys_are_meant_by_their_names);
    tcase_add_test(tcase, what_an_object_keeps_names_keys_of_aws_alone);
    tcase_add_test(tcase, keys_are_taken_whole_or_not);
    tcase_add_test(tcase, exceptions_are_answers_of_s3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
