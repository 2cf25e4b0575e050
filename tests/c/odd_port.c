/*
 * A program on a board whose port is odd: odd_port URL clock|reads|sound. Time is told
 * by the system's clock, not by the port's.
 */
#define COUNT_TICKS
#include "board_port.c"

#include "iot_coap_ext.h"
#include "iot_export.h"

#include <limits.h>

#define WAIT_MS 200

static int answers = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    if (IOT_CoAP_GetMessageCode(response, &code) == 0 && code == IOTX_COAP_RESP_CODE_CONTENT) {
        answers++;
    }
}

static long system_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* Says what took so long, or so short. */
static int is_within(const char *what, long took, long least, long most)
{
    if (took >= least && took <= most) {
        return 1;
    }
    fprintf(stderr, "%s: %ld, not %ld to %ld\n", what, took, least, most);
    return 0;
}

static int post(iotx_coap_context_t *context)
{
    char path[] = "/topic/a1RP1qZfrEi/example1/update";
    char payload[] = "{\"from\":\"odd port\"}";
    iotx_message_t message;

    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = (unsigned short)strlen(payload);
    message.resp_callback = count;
    return IOT_CoAP_SendMessage(context, path, &message);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    long start;
    int round;

    if (argc != 3) {
        return 2;
    }
    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = WAIT_MS;
    IOT_SetLogLevel(IOT_LOG_ERROR);
    alarm(60); /* a wait that never ends fails */
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    clock_stands_still = strcmp(argv[2], "clock") == 0;
    reads_do_not_wait = strcmp(argv[2], "reads") == 0;
    if (IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 1;
    }
    for (round = 0; round < 3; round++) {
        start = system_ms();
        if (post(context) != 0) {
            return 1;
        }
        while (answers <= round && system_ms() - start < 1000) {
            IOT_CoAP_Yield(context);
        }
        if (!is_within("an answer", answers, round + 1, round + 1)) {
            return 1;
        }
        reads = ticked = 0;
        slept_ms = read_ms = 0;
        start = system_ms();
        IOT_CoAP_Yield(context);
        if (!is_within("ms in a Yield that finds nothing", system_ms() - start, WAIT_MS - 20,
                       LONG_MAX) ||
            !is_within("ms that it waits", (long)(slept_ms + read_ms), 0, 2 * WAIT_MS) ||
            !is_within("reads of one", (long)reads, 1, 2 + WAIT_MS / 10 + (long)ticked)) {
            return 1;
        }
    }
    slept_ms = read_ms = 0;
    for (round = 0; round < 100; round++) {
        IOT_CoAP_Process(context);
    }
    if (!is_within("ms that 100 calls of Process wait", (long)(slept_ms + read_ms), 0, 100)) {
        return 1;
    }
    IOT_CoAP_Deinit(&context);
    return 0;
}
