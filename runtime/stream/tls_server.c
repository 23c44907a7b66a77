/* runtime/stream/tls_server.c -- certificate and key, checked when they are read, replaced as a whole. */
#include "runtime/base/assert.h"
#include "runtime/stream/tls_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKET_KEYS_BYTES = 80 };

struct tls_server {
    char *certificate_path;
    char *key_path;
    pthread_mutex_t lock; /* held for a pointer's exchange: beside a handshake's cost it does not count */
    SSL_CTX *current;
};

/* ---- reading the files ---- */

/* The first error is the cause, those behind it say who met it. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *text = code == 0 ? NULL : ERR_reason_error_string(code);
    return text == NULL ? "no reason given" : text;
}

static bool check_dates(const X509 *certificate, const char *path, struct error *error)
{
    char name[128];
    (void)X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof name);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        return error_set(error, ERROR_INVALID, NULL, "TLS certificate %s: %s has expired; renew it", path, name);
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        return error_set(error, ERROR_INVALID, NULL, "TLS certificate %s: %s is not valid yet; check the clock", path,
                         name);
    return true;
}

static bool check_chain(SSL_CTX *context, const char *path, struct error *error)
{
    STACK_OF(X509) *chain = NULL;
    if (!check_dates(SSL_CTX_get0_certificate(context), path, error))
        return false;
    if (SSL_CTX_get0_chain_certs(context, &chain) != 1)
        return true;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (!check_dates(sk_X509_value(chain, i), path, error))
            return false;
    }
    return true;
}

static bool load_certificate(SSL_CTX *context, const char *path, struct error *error)
{
    if (access(path, R_OK) != 0)
        return error_set(error, ERROR_INVALID, NULL, "TLS certificate %s: %s", path, strerror(errno));
    if (SSL_CTX_use_certificate_chain_file(context, path) != 1)
        return error_set(error, ERROR_INVALID, NULL,
                         "TLS certificate %s: no usable PEM certificate with its chain (%s)", path, reason());
    return check_chain(context, path, error);
}

/* A key under a pass phrase is refused instead of asking for it on the terminal. */
static int refuse_pass_phrase(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static bool load_key(SSL_CTX *context, const char *path, const char *certificate_path, struct error *error)
{
    if (access(path, R_OK) != 0)
        return error_set(error, ERROR_INVALID, NULL, "TLS key %s: %s", path, strerror(errno));
    SSL_CTX_set_default_passwd_cb(context, refuse_pass_phrase);
    if (SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) != 1) {
        bool is_mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
                           ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH;
        if (is_mismatch)
            return error_set(error, ERROR_INVALID, NULL, "TLS key %s: it does not belong to the certificate %s", path,
                             certificate_path);
        return error_set(error, ERROR_INVALID, NULL, "TLS key %s: no usable PEM key without pass phrase (%s)", path,
                         reason());
    }
    if (SSL_CTX_check_private_key(context) != 1)
        return error_set(error, ERROR_INVALID, NULL, "TLS key %s: it does not belong to the certificate %s", path,
                         certificate_path);
    return true;
}

/* ---- the context ---- */

/* Only http/1.1 is spoken; a client that insists on something else gets no agreement, as RFC 7301 allows. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_chosen, unsigned char *ret_size,
                           const unsigned char *offered, unsigned offered_size, void *context)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    (void)ssl;
    (void)context;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, ret_size, spoken, sizeof spoken - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_chosen = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* AES-128-GCM first: its records cost 10 % less than AES-256's, and nothing known breaks it. */
static bool configure(SSL_CTX *context)
{
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_client_hello_cb(context, tls_session_meet_client, NULL);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets need no memory of ours */
    SSL_CTX_set_num_tickets(context, 1);
    static const unsigned char session_scope[] = "bale";
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_session_id_context(context, session_scope, sizeof session_scope - 1) == 1 &&
           SSL_CTX_set_ciphersuites(
               context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL") == 1;
}

/* Tickets that were handed out before a reload are still understood. */
static void inherit_ticket_keys(SSL_CTX *context, SSL_CTX *older)
{
    unsigned char keys[TICKET_KEYS_BYTES];
    if (SSL_CTX_get_tlsext_ticket_keys(older, keys, sizeof keys) == 1)
        (void)SSL_CTX_set_tlsext_ticket_keys(context, keys, sizeof keys);
    OPENSSL_cleanse(keys, sizeof keys);
}

bool tls_server_load(struct tls_server *server, struct error *error)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || !configure(context)) {
        SSL_CTX_free(context);
        return error_set(error, ERROR_IO, NULL, "OpenSSL refuses the settings of TLS: %s", reason());
    }
    if (!load_certificate(context, server->certificate_path, error) ||
        !load_key(context, server->key_path, server->certificate_path, error)) {
        SSL_CTX_free(context);
        return false;
    }
    pthread_mutex_lock(&server->lock);
    SSL_CTX *older = server->current;
    if (older != NULL)
        inherit_ticket_keys(context, older);
    server->current = context;
    pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(older); /* connections that use it hold it */
    return true;
}

struct tls_server *tls_server_create(const char *certificate_path, const char *key_path, struct error *error)
{
    struct tls_server *server = calloc(1, sizeof *server);
    ASSERT(server != NULL);
    pthread_mutex_init(&server->lock, NULL);
    server->certificate_path = strdup(certificate_path);
    server->key_path = strdup(key_path);
    ASSERT(server->certificate_path != NULL && server->key_path != NULL);
    if (tls_server_load(server, error))
        return server;
    tls_server_destroy(server);
    return NULL;
}

void tls_server_destroy(struct tls_server *server)
{
    if (server == NULL)
        return;
    SSL_CTX_free(server->current);
    pthread_mutex_destroy(&server->lock);
    free(server->certificate_path);
    free(server->key_path);
    free(server);
}

SSL *tls_server_open(struct tls_server *server)
{
    pthread_mutex_lock(&server->lock);
    SSL *ssl = SSL_new(server->current);
    pthread_mutex_unlock(&server->lock);
    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}
