/*
 * A device that keeps its access token over restarts: kept_token URL signs in,
 * posts once and ends. Run several times, it asks /auth once. kept_token URL kept
 * starts to sign in, and there has to be no need.
 */
#include "check.h"
#include "iot_coap_ext.h"

static int answer = 0;

static void keep_code(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    answer = (int)code;
}

static void print_line(void *data, int level, const char *line)
{
    CHECK(data == &answer);
    printf("%d %s\n", level, line);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message = message_of("{}", keep_code, NULL);
    char path[] = TOPIC "update";

    if (argc < 2) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.keep_access_token = 1;
    IOT_CoAP_SetLogHandler(print_line, &answer);
    IOT_SetLogLevel(IOT_LOG_INFO);
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(context != NULL);
    if (argc > 2) {
        CHECK_INT(1, IOT_CoAP_StartSignIn(context, 10000));
    } else {
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    }
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_Flush(context, 10000));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, answer);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
