/*
 * A device whose server is not there, or does not know it: unanswered URL. What the log says
 * is looked at by the test.
 */
#include "check.h"
#include "iot_coap_ext.h"

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;

    if (argc != 2) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.connect_limit_ms = 3000;
    options.sign_in_limit_ms = 3000;
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(IOT_CoAP_DeviceNameAuth(context) != 0);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
