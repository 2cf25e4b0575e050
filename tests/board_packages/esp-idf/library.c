/* In the place of the library: it calls its port. */
#include "iot_coap_hal.h"

void library(void)
{
    HAL_Free(HAL_Malloc(1));
    HAL_UDP_close(HAL_UDP_create("host", 5683));
}
