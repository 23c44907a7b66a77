/* tests/unit/journal/write_samples.c -- writes one object of each kind into a folder, for the independent decoder. */
#include "tests/unit/journal/samples.h"

#include <stdio.h>

static bool write_file(const char *folder, const char *name, const struct buffer *body)
{
    char path[4096 - 256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool is_written = fwrite(body->data, 1, body->size, file) == body->size;
    return fclose(file) == 0 && is_written;
}

int main(int argc, char **argv)
{
    static struct head head;
    struct buffer body = {0};
    struct error error;
    uint64_t digest;
    if (argc != 2)
        return 2;
    sample_head(&head);
    bool is_good = sample_segment(&body, &error) && write_file(argv[1], "segment", &body) &&
                   head_encode(&head, &body, &error) && write_file(argv[1], "head", &body) &&
                   sample_ground(&body, &error) && write_file(argv[1], "ground", &body) && sample_roll(&body, &error) &&
                   write_file(argv[1], "roll", &body) && sample_state_part(&body, &digest, &error) &&
                   write_file(argv[1], "state", &body);
    buffer_free(&body);
    if (is_good)
        printf("%016llx\n", (unsigned long long)digest);
    return is_good ? 0 : 1;
}
