/* server/baled.c -- baled: reads its options, starts, says where it listens, ends on a signal. */
#include "server/baled.h"

#include "runtime/base/buffer.h"
#include "runtime/stream/listener.h"
#include "server/config/config.h"
#include "server/server.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { EXIT_USAGE = 2 };

static void print_help(void)
{
    struct buffer text;
    buffer_init(&text, 0);
    config_help(&text);
    (void)fwrite(text.data, 1, text.size, stdout);
    buffer_free(&text);
}

/* Before the first thread, so that all inherit it: SIGTERM, SIGINT and SIGHUP are read by shard 0, SIGPIPE is an errno.
 */
static void block_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* An inherited socket says itself where it listens, whatever the options say. */
static bool adopt_address(int fd, char **address, struct error *error)
{
    char text[LISTENER_ADDRESS_BYTES];
    if (fd < 0)
        return true;
    if (!listener_address(fd, text))
        return error_set(error, ERROR_INVALID, NULL, "the inherited descriptor %d is no listening socket of TCP", fd);
    free(*address);
    *address = strdup(text);
    return *address != NULL || error_set(error, ERROR_BUSY, NULL, "no memory");
}

static bool inherit(struct config *config, struct inherited_sockets *ret_sockets, struct error *error)
{
    return service_manager_sockets(ret_sockets, error) && adopt_address(ret_sockets->s3, &config->listen, error) &&
           adopt_address(ret_sockets->admin, &config->admin, error);
}

/* The host part of "host:port" as somebody on this machine would write it into a URL. */
static void print_url(const struct config *config, const char *address, uint16_t port)
{
    const char *scheme = config->tls_cert[0] != '\0' ? "https" : "http";
    int host = (int)(strrchr(address, ':') - address);
    if (host == 0)
        printf("%s://127.0.0.1:%u", scheme, port);
    else
        printf("%s://%.*s:%u", scheme, host, address, port);
}

/* One line, which tools/run and the tests read. */
static void print_ready(const struct config *config, const struct server *server)
{
    const char *folder = config_folder(config);
    char *whole_path = realpath(folder, NULL);
    printf("baled: ready, S3 on ");
    print_url(config, config->listen, server_port(server));
    printf(" in region %s, admin on ", config->region);
    print_url(config, config->admin, server_admin_port(server));
    printf(", %u shard%s, data in %s%s\n", server_shards(server), server_shards(server) == 1 ? "" : "s",
           whole_path != NULL ? whole_path : folder, config->raw ? ", raw" : "");
    free(whole_path);
}

/* A new key pair is shown once and to a person only: what is not a terminal may be kept by somebody. */
static void print_credentials(const struct config *config, const struct server *server)
{
    if (server_new_access_key(server) == NULL)
        return;
    const char *folder = config_folder(config);
    if (isatty(STDOUT_FILENO))
        printf("baled: a key pair was made, kept in %s/credentials: access key %s, secret key %s\n", folder,
               server_new_access_key(server), server_new_secret_key(server));
    else
        printf("baled: a key pair was made, kept in %s/credentials\n", folder);
}

static int serve(struct config *config, backend_opener *open)
{
    struct error error;
    struct inherited_sockets sockets;
    struct server *server = NULL;
    if (inherit(config, &sockets, &error))
        server = server_start(config, &sockets, open, &error);
    if (server == NULL) {
        (void)fprintf(stderr, "baled: %s\n", error.message);
        return EXIT_FAILURE;
    }
    print_credentials(config, server);
    print_ready(config, server);
    (void)fflush(stdout);
    service_manager_tell("READY=1");
    server_wait(server);
    server_close(server);
    return EXIT_SUCCESS;
}

/* A page of a list takes some 300 KB twice, and gives them back. By default glibc returns such pieces to the kernel
 * each time, and gets them again page fault by page fault, which was a fifth of the request. So each thread keeps up to
 * HEAP_KEPT_BYTES of what it freed. */
static void keep_freed_memory(void)
{
    enum { HEAP_PIECE_BYTES_MAX = 1 << 20, HEAP_KEPT_BYTES = 4 << 20 };
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_PIECE_BYTES_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
}

int baled_run(int argc, char **argv, backend_opener *open)
{
    block_signals();
    keep_freed_memory();
    struct config config;
    struct error error;
    int status = EXIT_SUCCESS;
    switch (config_load(argc, argv, environ, &config, &error)) {
    case CONFIG_HELP:
        print_help();
        break;
    case CONFIG_VERSION:
        printf("baled %s\n", BALE_VERSION);
        break;
    case CONFIG_WRONG:
        (void)fprintf(stderr, "baled: %s\n", error.message);
        status = EXIT_USAGE;
        break;
    case CONFIG_READY:
        status = serve(&config, open);
        break;
    }
    config_free(&config);
    return status;
}
