/*
 * Posts one message after another, each waiting for its answer:
 *
 *     messages URL COUNT [ROOT_PEM_FILE]
 *
 * A 64-byte JSON payload on a topic of the usual length, so that a request has
 * some 270 bytes. The subject of scripts/bench; prints nothing if all goes well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iot_coap.h"
#include "iot_coap_ext.h"

static unsigned long answered = 0;

static void count(void *user_data, void *response)
{
    iotx_coap_resp_code_t code;

    (void)user_data;
    if (IOT_CoAP_GetMessageCode(response, &code) == 0 && code == IOTX_COAP_RESP_CODE_CONTENT) {
        answered++;
    }
}

static char *read_file(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        return NULL;
    }
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    static const char payload[] =
        "{\"id\":\"1\",\"params\":{\"temperature\":21.5,\"humidity\":48,\"n\":100}}";
    char path[] = "/topic/a1RP1qZfrEi/example1/update";
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message;
    unsigned long messages, number;

    if (argc < 3) {
        return 2;
    }
    messages = strtoul(argv[2], NULL, 10);
    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.yield_pace = IOTX_COAP_PACE_NONE;
    options.trust_root_pem = argc > 3 ? read_file(argv[3]) : NULL;
    IOT_SetLogLevel(IOT_LOG_ERROR);
    context = IOT_CoAP_InitWithOptions(&config, &options);
    if (context == NULL || IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 1;
    }
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload) - 1;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.resp_callback = count;
    for (number = 0; number < messages; number++) {
        if (IOT_CoAP_SendMessage(context, path, &message) != 0) {
            return 1;
        }
        while (answered <= number) {
            if (IOT_CoAP_Yield(context) != 0) {
                return 1;
            }
        }
    }
    IOT_CoAP_Deinit(&context);
    return answered != messages;
}
