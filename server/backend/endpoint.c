/* server/backend/endpoint.c -- options as settings of the client. */
#include "server/backend/endpoint.h"

extern char **environ;

enum { HEADERS_MAX = 2 };

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

struct s3_credential_source *backend_credentials_open(const struct config *config,
                                                      struct credentials_options *ret_options, struct error *error)
{
    *ret_options = (struct credentials_options){
        .environment = environ,
        .file = text_or_null(config->backend_credentials),
        .profile = text_or_null(config->profile),
        .region = config->backend_region,
        .ca_file = text_or_null(config->ca_file),
    };
    return credentials_open(ret_options, error);
}

struct s3_endpoint *backend_endpoint_create(const struct config *config, struct s3_credential_source *credentials,
                                            struct offload *threads, struct error *error)
{
    struct s3_extra_header headers[HEADERS_MAX];
    unsigned count = 0;
    if (text_or_null(config->backend_sse) != NULL)
        headers[count++] =
            (struct s3_extra_header){"x-amz-server-side-encryption", config->backend_sse, S3_ON_CREATION};
    if (config->request_payer)
        headers[count++] = (struct s3_extra_header){"x-amz-request-payer", "requester", S3_ON_ALL};
    const struct s3_endpoint_settings settings = {
        .url = text_or_null(config->endpoint),
        .region = config->backend_region,
        .addressing = config->backend_addressing == CONFIG_ADDRESSING_VIRTUAL ? S3_ADDRESS_VIRTUAL : S3_ADDRESS_PATH,
        .ca_file = text_or_null(config->ca_file),
        .credentials = credentials,
        .offload = threads,
        .headers = headers,
        .headers_count = count,
    };
    return s3_endpoint_create(&settings, error); /* the sentence names what is wrong of them */
}
