/*
 * Says whether IOT_CoAP_Init takes a URL: init_only URL ROOT.pem prints what
 * the library logs, and exits 0 with a context, 3 without one.
 */
#include "check.h"

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    IOT_OpenLog("init_only");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    IOT_CoAP_Deinit(&context);
    IOT_CloseLog();
    return 0;
}
