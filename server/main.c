/* server/main.c -- the program baled. */
#include "server/baled.h"

int main(int argc, char **argv)
{
    return baled_run(argc, argv, backend_open);
}
