/*
 * Signs in and posts over coaps://, and prints the log, which says whose DTLS it was:
 * whose_dtls URL. The host and port of a coap:// URL are spoken to as coaps://: see
 * plain_dtls.c. Ends with 3 if IOT_CoAP_Init returns NULL.
 */
#include <stdio.h>
#include <string.h>

#include "iot_export.h"
#include "iot_import.h"

static int answers = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    if (IOT_CoAP_GetMessageCode(response, &code) == 0 && code == IOTX_COAP_RESP_CODE_CONTENT) {
        answers++;
    }
}

int main(int argc, char **argv)
{
    static char topic[] = "/topic/a1RP1qZfrEi/example1/update";
    static char url[256];
    iotx_coap_config_t config;
    iotx_deviceinfo_t device;
    iotx_coap_context_t *context;
    iotx_message_t message;
    int rounds;

    if (argc != 2 || strlen(argv[1]) + 2 > sizeof(url)) {
        return 2;
    }
    if (strncmp(argv[1], "coap://", 7) == 0) {
        strcpy(url, "coaps://");
        strcat(url, argv[1] + 7);
    } else {
        strcpy(url, argv[1]);
    }
    memset(&device, 0, sizeof(device));
    strcpy(device.product_key, "a1RP1qZfrEi");
    strcpy(device.device_name, "example1");
    strcpy(device.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &device;
    config.wait_time_ms = 1000;

    IOT_SetLogLevel(IOT_LOG_INFO);
    IOT_SetupConnInfo(device.product_key, device.device_name, device.device_secret, NULL);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    if (IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 4;
    }
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)"{}";
    message.payload_len = 2;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.resp_callback = count;
    if (IOT_CoAP_SendMessage(context, topic, &message) != 0) {
        return 5;
    }
    for (rounds = 0; rounds < 10 && answers == 0; rounds++) {
        IOT_CoAP_Yield(context);
    }
    IOT_CoAP_Deinit(&context);
    if (answers != 1) {
        return 6;
    }
    HAL_Printf("answered\n");
    return 0;
}
