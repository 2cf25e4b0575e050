/*
 * The self-test of board ports, in a task: selftest HOST PORT, where somebody echoes.
 */
#include <stdlib.h>

#include "FreeRTOS.h"
#include "task.h"

#include "iot_coap_board.h"
#include "rtos.h"
#include "selftest.h"

enum { STACK = 2048 };

static void (*thread_run)(void *);

static void run(void *argument)
{
    thread_run(argument);
    vTaskDelete(NULL);
}

static int start_thread(void (*function)(void *), void *argument)
{
    thread_run = function;
    return xTaskCreate(run, "other", STACK / sizeof(StackType_t), argument,
                       tskIDLE_PRIORITY + 1, NULL) == pdPASS
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    iot_coap_selftest_t test = {0};

    if (argc != 3) {
        return 2;
    }
    test.print = iot_coap_board_print;
    test.echo_host = argv[1];
    test.echo_port = (unsigned short)atoi(argv[2]);
    test.heap_most = configTOTAL_HEAP_SIZE;
    test.start_thread = start_thread;
    return iot_coap_selftest(&test) != 0;
}
