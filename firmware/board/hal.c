/*
 * The rest of the board port: output and randomness. Like ports written for early releases
 * of the original it has no HAL_Kv_*. It is for one thread and has no HAL_Mutex*. It has
 * no HAL_DTLSSession_* either: the library has DTLS of its own, if it was built with it.
 */
#include <stdarg.h>
#include <stdio.h>

#include "board.h"
#include "iot_import.h"

void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

int HAL_Snprintf(char *out, const int len, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(out, (size_t)len, format, arguments);
    va_end(arguments);
    return written;
}

void HAL_Srandom(uint32_t seed)
{
    (void)seed;
}

/* The emulated board has no source of randomness, so the host's is read. With
 * RANDOM_STUB nothing is, as in a port that nobody finished. */
uint32_t HAL_Random(uint32_t region)
{
    uint32_t number = 0;
#ifndef RANDOM_STUB
    FILE *source = fopen("/dev/urandom", "rb");

    if (source != NULL) {
        setvbuf(source, NULL, _IONBF, 0);
        if (fread(&number, sizeof(number), 1, source) != 1) {
            number = 0;
        }
        fclose(source);
    }
#endif
    return region == 0 ? 0 : number % region;
}
