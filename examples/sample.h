/* How the examples read the tensors of examples/data. */
#include <stdint.h>
#include <stdio.h>

/* From the file's order of bytes, the lowest first, to that of this machine. */
static void order_bytes(void *values, size_t size, size_t count)
{
    const uint16_t one = 1;
    unsigned char *value = (unsigned char *)values;
    if (*(const unsigned char *)&one == 1)
        return;
    for (size_t i = 0; i < count; i++, value += size)
        for (size_t low = 0, high = size - 1; low < high; low++, high--) {
            unsigned char byte = value[low];
            value[low] = value[high];
            value[high] = byte;
        }
}

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
    if (ok)
        order_bytes(to, size, count);
    return ok;
}
