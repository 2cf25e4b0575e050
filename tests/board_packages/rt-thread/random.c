/* The board's random numbers, where RT-Thread has none. */
#include <sys/random.h>

#include "iot_coap_board.h"

int iot_coap_board_random(unsigned char *bytes, size_t len)
{
    return getrandom(bytes, len, 0) == (ssize_t)len ? 0 : -1;
}
