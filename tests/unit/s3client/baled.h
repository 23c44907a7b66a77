/* tests/unit/s3client/baled.h -- a real server for tests: a baled of its own in a temporary folder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BALED_ACCESS_KEY "AKIDOFTHETESTS"
#define BALED_SECRET_KEY "secretsecretsecretsecretsecretsecretsecr"

/* The program is named by the variable BALED. `options`: NULL-terminated, further ones. Fails the test when it does not
 * start. Returns the port of S3. */
uint16_t baled_start(const char *const *options);
void baled_stop(void);
