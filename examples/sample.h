/* How the examples read the tensors of examples/data. */
#include <stdint.h>
#include <stdio.h>

/* Read @p count values of @p size bytes behind the 128 bytes of header that
 * these .npy files have. A program of your own has its tensors in memory
 * already. */
static int read_sample(const char *path, void *to, size_t size, size_t count)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        perror(path);
    int ok = file && fseek(file, 128, SEEK_SET) == 0 &&
             fread(to, size, count, file) == count;
    if (file)
        fclose(file);
    return ok;
}
