/* runtime/stream/tls_client.c -- whom a client believes, and the sessions that it can take up again. */
#include "runtime/base/assert.h"
#include "runtime/stream/tls_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HOSTS_REMEMBERED = 64, /* a power of two */
    HOST_BYTES_MAX = 256,
};

/* The newest session with one host. Hosts that fall on the same place displace each other: that costs handshakes, no
 * more. */
struct remembered {
    char host[HOST_BYTES_MAX];
    SSL_SESSION *session;
};

struct tls_client {
    SSL_CTX *context;
    pthread_mutex_t lock;
    struct remembered remembered[HOSTS_REMEMBERED];
};

/* ---- sessions ---- */

static int client_index; /* of an SSL_CTX's data: the tls_client */
static int host_index;   /* of an SSL's data: a copy of the host's name */

static void free_host(void *parent, void *host, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    free(host);
}

__attribute__((constructor)) static void take_indices(void)
{
    client_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    host_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_host);
    ASSERT(client_index >= 0 && host_index >= 0);
}

static struct remembered *place_of(struct tls_client *client, const char *host)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *at = host; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
    return &client->remembered[(hash ^ hash >> 32) & (HOSTS_REMEMBERED - 1)];
}

/* OpenSSL's callback, on the thread of some shard. TLS 1.3 brings sessions after the handshake, often two. */
static int remember(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *client = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_index);
    const char *host = SSL_get_ex_data(ssl, host_index);
    struct remembered *place = place_of(client, host);
    pthread_mutex_lock(&client->lock);
    SSL_SESSION *older = place->session;
    strcpy(place->host, host); /* tls_client_open has bounded it */
    place->session = session;
    pthread_mutex_unlock(&client->lock);
    SSL_SESSION_free(older);
    return 1; /* it is ours now */
}

static void take_up(struct tls_client *client, SSL *ssl, const char *host)
{
    struct remembered *place = place_of(client, host);
    pthread_mutex_lock(&client->lock);
    if (place->session != NULL && strcmp(place->host, host) == 0 && SSL_SESSION_is_resumable(place->session))
        (void)SSL_set_session(ssl, place->session); /* holds it */
    pthread_mutex_unlock(&client->lock);
}

/* ---- life ---- */

static const char *reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
    return text == NULL ? "no reason given" : text;
}

static const char *or_default(const char *variable, const char *path)
{
    const char *value = getenv(variable);
    return value != NULL ? value : path;
}

static bool load_system_authorities(SSL_CTX *context, struct error *error)
{
    const char *file = or_default(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *folder = or_default(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    if (access(file, R_OK) != 0 && access(folder, R_OK | X_OK) != 0)
        return error_set(error, ERROR_INVALID, NULL,
                         "this system has no certificates of authorities in %s or %s: install them (ca-certificates), "
                         "or name a file with one",
                         file, folder);
    return SSL_CTX_set_default_verify_paths(context) == 1 ||
           error_set(error, ERROR_INVALID, NULL, "the system's certificates of authorities: %s", reason());
}

/* Whoever names a certificate means it, also when it is not the root of its chain. */
static bool load_authorities(SSL_CTX *context, const char *path, struct error *error)
{
    if (path == NULL)
        return load_system_authorities(context, error);
    if (access(path, R_OK) != 0)
        return error_set(error, ERROR_INVALID, NULL, "certificates of authorities %s: %s", path, strerror(errno));
    if (SSL_CTX_load_verify_file(context, path) != 1)
        return error_set(error, ERROR_INVALID, NULL, "certificates of authorities %s: no usable PEM certificate (%s)",
                         path, reason());
    return X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

/* As in tls_server.c: AES-128-GCM first. */
static bool configure(SSL_CTX *context)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, remember);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(context, spoken, sizeof spoken - 1) == 0 && /* 0: it worked */
           SSL_CTX_set_ciphersuites(
               context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1;
}

struct tls_client *tls_client_create(const char *authorities_path, struct error *error)
{
    struct tls_client *client = calloc(1, sizeof *client);
    ASSERT(client != NULL);
    pthread_mutex_init(&client->lock, NULL);
    ERR_clear_error();
    client->context = SSL_CTX_new(TLS_client_method());
    bool ok = client->context != NULL && configure(client->context) &&
              SSL_CTX_set_ex_data(client->context, client_index, client) == 1;
    if (!ok)
        (void)error_set(error, ERROR_IO, NULL, "OpenSSL refuses the settings of TLS: %s", reason());
    if (ok && load_authorities(client->context, authorities_path, error))
        return client;
    tls_client_destroy(client);
    return NULL;
}

void tls_client_destroy(struct tls_client *client)
{
    if (client == NULL)
        return;
    for (unsigned i = 0; i < HOSTS_REMEMBERED; i++)
        SSL_SESSION_free(client->remembered[i].session);
    SSL_CTX_free(client->context);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

/* ---- connections ---- */

static bool is_address(const char *host)
{
    uint8_t bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The certificate must be for this host; only a name is sent along (RFC 6066, section 3). */
static bool expect(SSL *ssl, const char *host)
{
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_client_open(struct tls_client *client, const char *host)
{
    ASSERT(strlen(host) < HOST_BYTES_MAX);
    SSL *ssl = SSL_new(client->context);
    char *copy = strdup(host);
    if (ssl == NULL || copy == NULL || SSL_set_ex_data(ssl, host_index, copy) != 1) {
        SSL_free(ssl);
        free(copy);
        return NULL;
    }
    if (!expect(ssl, host)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    take_up(client, ssl, host);
    return ssl;
}
