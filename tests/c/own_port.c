/*
 * A program that brings a whole board port, for a library that has none of its
 * own: own_port URL signs in and posts through it; a coaps:// URL must be
 * refused. PORT_APART: the port is in files of its own.
 *
 * Nothing of "check.h" that needs more than the port has.
 */
#ifdef PORT_APART
#include <stdlib.h>
#include <string.h>
extern int board_sockets;
#else
#include "board_port.c"
#endif

#include "iot_export.h"

static int answer = 0;

static void keep_code(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    if (IOT_CoAP_GetMessageCode(response, &code) == 0) {
        answer = (int)code;
    }
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message;
    char path[] = "/topic/a1RP1qZfrEi/example1/update";
    char payload[] = "{\"from\":\"own port\"}";
    int yields, posts;

    if (argc != 2) {
        return 2;
    }
    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 200;
    IOT_SetLogLevel(IOT_LOG_ERROR);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    if (IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 1;
    }
    /* Long enough for the clock to wrap in between. */
    for (posts = 0; posts < 3; posts++) {
        memset(&message, 0, sizeof(message));
        message.p_payload = (unsigned char *)payload;
        message.payload_len = (unsigned short)strlen(payload);
        message.resp_callback = keep_code;
        answer = 0;
        if (IOT_CoAP_SendMessage(context, path, &message) != 0) {
            return 1;
        }
        for (yields = 0; answer == 0 && yields < 20; yields++) {
            IOT_CoAP_Yield(context);
        }
        if (answer != IOTX_COAP_RESP_CODE_CONTENT) {
            return 1;
        }
        IOT_CoAP_Yield(context);
    }
    IOT_CoAP_Deinit(&context);
    return board_sockets == 0 ? 0 : 5;
}
