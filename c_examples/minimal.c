/*
 * The least that a device does: connect, sign in, send one message, print the
 * answer. Put your device's identity in, and run it with the URL of your
 * endpoint, or with none to use the product's own:
 *
 *     ./minimal coaps://a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com:5684
 */
#include <stdio.h>

#include "coap_api.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

static int answered;
static int accepted;

static void on_response(void *arg, void *message)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    IOT_CoAP_GetMessageCode(message, &code);
    printf("answered with %u.%02u\n", (unsigned int)code >> 5, (unsigned int)code & 31);
    answered = 1;
    accepted = code >> 5 == 2; /* 2.xx */
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    iotx_coap_config_t config = {argc > 1 ? argv[1] : NULL, 2000, &device, NULL};
    unsigned char payload[] = "{\"name\":\"hello world\"}";
    iotx_message_t message = {payload, sizeof(payload) - 1, IOTX_CONTENT_TYPE_JSON,
                              IOTX_MESSAGE_CON, NULL, on_response};

    IOT_SetLogLevel(IOT_LOG_ERROR); /* each call that fails says why */
    iotx_coap_context_t *client = IOT_CoAP_Init(&config);
    if (client == NULL) {
        return 1;
    }
    if (IOT_CoAP_DeviceNameAuth(client) == IOTX_SUCCESS &&
        IOT_CoAP_SendMessage(client, TOPIC, &message) == IOTX_SUCCESS) {
        for (int i = 0; i < 50 && !answered; i++) {
            IOT_CoAP_Yield(client); /* returns with the answer, or after 2 s */
        }
    }
    IOT_CoAP_Deinit(&client);
    return accepted ? 0 : 1;
}
