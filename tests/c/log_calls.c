/*
 * A log handler that calls the library, over a whole board port without threads: each call is
 * refused, and no line is written about it, which would call the handler again.
 */
#include "board_port.c"

#include "iot_coap_ext.h"
#include "iot_export.h"

static int lines = 0;
static int yielded = 1;
static void *made = &lines;

static void handle_line(void *data, int level, const char *line)
{
    (void)level;
    (void)line;
    if (data != &lines || ++lines > 3) {
        return;
    }
    yielded = IOT_CoAP_Yield(NULL);
    made = IOT_CoAP_Init(NULL);
}

int main(void)
{
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_CoAP_SetLogHandler(handle_line, &lines);
    if (IOT_CoAP_Yield(NULL) != -1 || lines != 1 || yielded != -1 || made != NULL) {
        printf("%d lines, Yield %d, Init %p\n", lines, yielded, made);
        return 1;
    }
    /* The handler has returned: calls are let in, and what they log is written. */
    if (IOT_CoAP_Init(NULL) != NULL || lines != 2) {
        printf("%d lines\n", lines);
        return 1;
    }
    return 0;
}
