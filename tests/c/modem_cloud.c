/*
 * Signs in and posts over whatever network there is: modem_cloud URL ROOT COUNT.
 */
#include "check.h"

static int answered = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    answered++;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    char path[] = TOPIC "update";
    int posted, yields;

    if (argc != 4) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 500;
    IOT_SetLogLevel(IOT_LOG_INFO);
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    if (context == NULL || IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 3;
    }
    for (posted = 0; posted < atoi(argv[3]); posted++) {
        iotx_message_t message = message_of("{\"from\":\"a modem\"}", count, NULL);

        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
        for (yields = 0; answered <= posted && yields < 120; yields++) {
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
    }
    CHECK_INT(posted, answered);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
