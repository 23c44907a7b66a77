/* tests/unit/runtime/certificates.h -- certificates made by the test itself, so that nothing expires. */
#pragma once

enum { DAY_SECONDS = 24 * 3600 };

/* A key and a certificate for it, signed by itself, as PEM files. `names` as in "DNS:localhost,IP:127.0.0.1", or NULL:
 * only the common name, localhost. valid_from and valid_until are seconds from now. */
void write_certificate(const char *certificate_file, const char *key_file, const char *names, long valid_from,
                       long valid_until);
