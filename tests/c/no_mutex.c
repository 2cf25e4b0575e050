/*
 * A board whose HAL_MutexCreate returns NULL. Where the port names no thread, there is only
 * one, and clients work without; where it does, there is no memory for a mutex.
 */
#define HAL_MutexCreate mutex_of_the_port
#include "board_port.c"
#undef HAL_MutexCreate

#include "iot_coap_hal.h"
#include "iot_export.h"

static void *self = NULL;

void *HAL_MutexCreate(void)
{
    return NULL;
}

void *HAL_ThreadSelf(void)
{
    return self;
}

static int is_made(void)
{
    iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    iotx_coap_config_t config = {"coap://127.0.0.1:5683", 2000, &device, NULL};
    iotx_coap_context_t *client = IOT_CoAP_Init(&config);
    int made = client != NULL;

    IOT_CoAP_Deinit(&client);
    return made;
}

int main(void)
{
    int of_one_thread = is_made(), of_several;

    self = &self;
    of_several = is_made();
    printf("of one thread: %d, of several: %d\n", of_one_thread, of_several);
    return of_one_thread && !of_several ? 0 : 1;
}
