/* tests/credentials/probe.c -- opens a source of credentials as a process does, and does what tests/credentials/run
 * says.
 *
 * usage: credentials_probe [--file F] [--profile P] [--region R] [--ca-file F]; the environment is its own.
 *
 * First line out: "open PROVIDER" or "error MESSAGE" (then it ends with status 1). Then a line for each line in:
 *   keys             -> "keys GENERATION ACCESS SECRET TOKEN-or--", as pinned for a moment
 *   hold / release   -> "held ..." pins, and lets go; what was held is said again: it must not have changed
 *   refresh F S MS   -> F fibers on each of S shards ask for keys newer than those pinned; each waits MS at most:
 *                       "refreshed COUNT LAST-ERROR-or--"
 *   status           -> "status PROVIDER EXPIRES-MS RENEWALS FAILURES TROUBLE-or--"
 *   quit             -> "closed MS", what closing took */
#include "runtime/base/assert.h"
#include "runtime/fiber/loop.h"
#include "s3client/credentials/credentials.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static struct s3_credential_source *source;

static void print_keys(const char *what, const struct s3_credentials *keys)
{
    printf("%s %" PRIu64 " %.*s %.*s %.*s\n", what, keys->generation, SPAN_FORMAT(keys->access_key_id),
           SPAN_FORMAT(keys->secret_key), SPAN_FORMAT(keys->session_token.size > 0 ? keys->session_token : SPAN("-")));
}

static const struct s3_credentials *pin(void)
{
    struct error error;
    const struct s3_credentials *keys = source->operations->pin(source, &error);
    ASSERT(keys != NULL);
    return keys;
}

/* ---- fibers that ask ---- */

struct shard {
    pthread_t thread;
    struct loop *loop;
    unsigned fibers;
    unsigned left;
    uint64_t generation;
    uint64_t wait_ms;
    unsigned refreshed;
    struct error error; /* of the last fiber that got nothing */
};

static SUSPENDS void ask(void *argument)
{
    struct shard *shard = argument;
    if (source->operations->refresh(source, shard->generation, deadline_after_ms(shard->wait_ms), &shard->error))
        shard->refreshed++;
    if (--shard->left == 0)
        loop_stop(shard->loop, DEADLINE_NONE);
}

static void *run_shard(void *argument)
{
    struct shard *shard = argument;
    struct error error;
    shard->loop = loop_create(&(struct loop_options){0}, &error);
    ASSERT(shard->loop != NULL);
    for (unsigned i = 0; i < shard->fibers; i++)
        ASSERT(fiber_spawn("ask", ask, shard, &error));
    loop_run(shard->loop);
    loop_destroy(shard->loop);
    return NULL;
}

enum { SHARDS_MAX = 4 };

static void refresh(unsigned fibers, unsigned shards_count, uint64_t wait_ms)
{
    struct shard shards[SHARDS_MAX] = {0};
    const struct s3_credentials *keys = pin();
    unsigned refreshed = 0;
    const char *reason = "-";
    ASSERT(fibers > 0 && shards_count <= SHARDS_MAX);
    for (unsigned i = 0; i < shards_count; i++) {
        shards[i] =
            (struct shard){.fibers = fibers, .left = fibers, .generation = keys->generation, .wait_ms = wait_ms};
        ASSERT(pthread_create(&shards[i].thread, NULL, run_shard, &shards[i]) == 0);
    }
    source->operations->unpin(source, keys);
    for (unsigned i = 0; i < shards_count; i++) {
        ASSERT(pthread_join(shards[i].thread, NULL) == 0);
        refreshed += shards[i].refreshed;
        if (shards[i].refreshed < fibers)
            reason = shards[i].error.message;
    }
    printf("refreshed %u %s\n", refreshed, reason);
}

/* ---- commands ---- */

static void print_status(void)
{
    struct credentials_status status;
    credentials_status(source, &status);
    printf("status %s|%" PRId64 "|%" PRIu64 "|%" PRIu64 "|%s\n", status.provider, status.expires_ms, status.renewals,
           status.failures, status.trouble[0] != '\0' ? status.trouble : "-");
}

static void obey(const char *line)
{
    static const struct s3_credentials *held;
    unsigned fibers;
    unsigned shards;
    unsigned wait_ms;
    if (strcmp(line, "keys\n") == 0) {
        const struct s3_credentials *keys = pin();
        print_keys("keys", keys);
        source->operations->unpin(source, keys);
    } else if (strcmp(line, "hold\n") == 0) {
        held = pin();
        print_keys("held", held);
    } else if (strcmp(line, "release\n") == 0) {
        ASSERT(held != NULL);
        print_keys("held", held);
        source->operations->unpin(source, held);
    } else if (sscanf(line, "refresh %u %u %u", &fibers, &shards, &wait_ms) == 3) {
        refresh(fibers, shards, wait_ms);
    } else if (strcmp(line, "status\n") == 0) {
        print_status();
    } else {
        printf("unknown\n");
    }
    (void)fflush(stdout);
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    char line[256];
    struct error error;
    const struct credentials_options options = {.environment = environ,
                                                .file = option(argc, argv, "--file"),
                                                .profile = option(argc, argv, "--profile"),
                                                .region = option(argc, argv, "--region"),
                                                .ca_file = option(argc, argv, "--ca-file")};
    source = credentials_open(&options, &error);
    if (source == NULL) {
        printf("error %s\n", error.message);
        return EXIT_FAILURE;
    }
    struct credentials_status status;
    credentials_status(source, &status);
    printf("open %s\n", status.provider);
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "quit\n") != 0)
        obey(line);
    uint64_t began_ns = clock_monotonic_ns(clock_system());
    s3_credentials_destroy(source);
    printf("closed %" PRIu64 "\n", (clock_monotonic_ns(clock_system()) - began_ns) / 1000000);
    return EXIT_SUCCESS;
}
