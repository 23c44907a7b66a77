/* tests/unit/credentials/source_test.c -- snapshots under threads that pin, unpin and ask for newer ones: for the
 * thread sanitizer above all. The provider is a process that counts in a file. */
#include "runtime/fiber/loop.h"
#include "s3client/credentials/credentials.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARDS = 3, FIBERS = 8, ROUNDS = 40 };

static struct s3_credential_source *source;

/* The number in "AKID-7", which all parts of one snapshot have. */
static unsigned number_of(const struct s3_credentials *keys)
{
    unsigned access_key;
    unsigned secret_key;
    unsigned token;
    ck_assert(sscanf((const char *)keys->access_key_id.data, "AKID-%u", &access_key) == 1);
    ck_assert(sscanf((const char *)keys->secret_key.data, "SECRET-%u", &secret_key) == 1);
    ck_assert(sscanf((const char *)keys->session_token.data, "TOKEN-%u", &token) == 1);
    ck_assert(access_key == secret_key && access_key == token && access_key == keys->generation);
    return access_key;
}

struct shard {
    pthread_t thread;
    struct loop *loop;
    unsigned left;
};

/* Looks at what it holds before and after it has waited for newer ones. */
static SUSPENDS void use(void *argument)
{
    struct shard *shard = argument;
    struct error error;
    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct s3_credentials *keys = source->operations->pin(source, &error);
        unsigned number = number_of(keys);
        if (i % 10 == 9)
            ck_assert(source->operations->refresh(source, keys->generation, deadline_after_ms(60000), &error));
        else
            fiber_yield();
        ck_assert_uint_eq(number_of(keys), number);
        source->operations->unpin(source, keys);
    }
    if (--shard->left == 0)
        loop_stop(shard->loop, DEADLINE_NONE);
}

static void *run_shard(void *argument)
{
    struct shard *shard = argument;
    struct error error;
    shard->loop = loop_create(&(struct loop_options){0}, &error);
    ck_assert_msg(shard->loop != NULL, "%s", error.message);
    shard->left = FIBERS;
    for (unsigned i = 0; i < FIBERS; i++)
        ck_assert(fiber_spawn("use", use, shard, &error));
    loop_run(shard->loop);
    loop_destroy(shard->loop);
    return NULL;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

START_TEST(snapshots_are_whole_whoever_asks_for_the_next)
{
    char folder[] = "/tmp/bale-credentials-XXXXXX";
    char script[128];
    char profile[512];
    char text[512];
    char count[64];
    struct error error;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(script, sizeof script, "%s/keys", folder);
    (void)snprintf(profile, sizeof profile, "%s/profile", folder);
    (void)snprintf(count, sizeof count, "%s/count", folder);
    (void)snprintf(
        text, sizeof text,
        "echo x >>%s; n=$(wc -l <%s)\n"
        "echo \"{\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"AKID-$n\\\",\\\"SecretAccessKey\\\":\\\"SECRET-$n\\\","
        "\\\"SessionToken\\\":\\\"TOKEN-$n\\\"}\"\n",
        count, count);
    write_file(script, text);
    (void)snprintf(text, sizeof text, "[default]\ncredential_process = /bin/sh %s\n", script);
    write_file(profile, text);
    char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    const struct credentials_options options = {.environment = environment, .file = profile};
    source = credentials_open(&options, &error);
    ck_assert_msg(source != NULL, "%s", error.message);
    struct shard shards[SHARDS];
    for (unsigned i = 0; i < SHARDS; i++)
        ck_assert_int_eq(pthread_create(&shards[i].thread, NULL, run_shard, &shards[i]), 0);
    for (unsigned i = 0; i < SHARDS; i++)
        ck_assert_int_eq(pthread_join(shards[i].thread, NULL), 0);
    struct credentials_status status;
    credentials_status(source, &status);
    ck_assert_uint_ge(status.renewals, ROUNDS / 10);
    ck_assert_uint_lt(status.renewals, SHARDS * FIBERS * ROUNDS / 10); /* one for several */
    ck_assert_uint_eq(status.failures, 0);
    s3_credentials_destroy(source);
    (void)unlink(script);
    (void)unlink(profile);
    (void)unlink(count);
    (void)rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *group = tcase_create("source");
    tcase_set_timeout(group, 60);
    tcase_add_test(group, snapshots_are_whole_whoever_asks_for_the_next);
    suite_add_tcase(suite, group);
    return run_suite(suite);
}
