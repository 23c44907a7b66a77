/* tests/servers/joined.c -- a baled whose folder takes parts as a bucket of S3 does: of 5 MiB at least, but the last.
 *
 * So what clients send goes through the joiner, and every test that talks to a server can be run over it:
 * tests/s3/run --baled build/tests/servers/baled_joined. The options are baled's. */
#include "server/baled.h"

static struct backend *open_joined(const struct backend_means *means, struct error *error)
{
    return backend_folder_open(means, UINT64_C(5) << 20, error);
}

int main(int argc, char **argv)
{
    return baled_run(argc, argv, open_joined);
}
