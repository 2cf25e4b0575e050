/*
 * Calls HAL_UDP_* one after the other, as the arguments say, and prints what each returned and how
 * many milliseconds it took:
 *
 *     create HOST PORT | write LENGTH | read ROOM MS | expect COUNT | close | use SOCKET | sleep MS
 *
 * A socket is what the create before it opened; `use` takes an earlier one, from 0. What is
 * read must be a pattern that begins with its first byte. FROZEN_CLOCK: the clock stands still.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iot_coap_hal.h"

#ifdef FROZEN_CLOCK
uint64_t HAL_UptimeMs(void)
{
    return 1000;
}
#endif

enum { MOST = 8, ROOM = 4096 };

static iotx_hal_udp_t opened[MOST];
static int count = 0, used = 0;

static long long do_read(unsigned int room, unsigned int ms)
{
    /* Of exactly so many bytes, so that a sanitizer sees one that is written behind them. */
    unsigned char *data = malloc(room);
    int at, len = HAL_UDP_readTimeout(opened[used], data, room, ms);

    for (at = 0; at < len; at++) {
        if (data[at] != (unsigned char)(data[0] + at)) {
            printf("garbled ");
            break;
        }
    }
    free(data);
    return len;
}

static long long do_write(unsigned int len)
{
    static unsigned char data[ROOM];
    unsigned int at;

    for (at = 0; at < len; at++) {
        data[at] = (unsigned char)(len + at);
    }
    return HAL_UDP_write(opened[used], data, len);
}

int main(int argc, char **argv)
{
    int at = 1;

    while (at < argc) {
        const char *what = argv[at];
        unsigned int one = at + 1 < argc ? (unsigned int)atoi(argv[at + 1]) : 0;
        uint64_t start = HAL_UptimeMs();
        long long result = 0;

        if (strcmp(what, "create") == 0) {
            used = count++ % MOST;
            opened[used] = HAL_UDP_create(argv[at + 1], (unsigned short)atoi(argv[at + 2]));
            result = opened[used] == -1 ? -1 : 0;
            at += 3;
        } else if (strcmp(what, "write") == 0) {
            result = do_write(one);
            at += 2;
        } else if (strcmp(what, "read") == 0) {
            result = do_read(one, (unsigned int)atoi(argv[at + 2]));
            at += 3;
        } else if (strcmp(what, "expect") == 0) {
            HAL_UDP_expect(opened[used], (int)one);
            at += 2;
        } else if (strcmp(what, "close") == 0) {
            HAL_UDP_close(opened[used]);
            at += 1;
        } else if (strcmp(what, "use") == 0) {
            used = (int)one;
            at += 2;
        } else if (strcmp(what, "sleep") == 0) {
            HAL_SleepMs(one);
            at += 2;
        } else {
            return 2;
        }
        printf("%s %lld %llu\n", what, result, (unsigned long long)(HAL_UptimeMs() - start));
    }
    return 0;
}
