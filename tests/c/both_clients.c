/*
 * A program that uses CoAP and, of the SDK, MQTT: both_clients URL. It says what it gets.
 */
#include "check.h"
#include "iot_coap_ext.h"

void IOT_MQTT_Construct(void *info);

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t device;
    iotx_coap_context_t *context;
    void *info = &device;
    int status, value = 0;

    if (argc != 2) {
        return 2;
    }
    IOT_OpenLog("both");
    IOT_SetLogLevel(IOT_LOG_WARNING);
    CHECK_INT(0, IOT_Ioctl(IOTX_IOCTL_SET_REGION, &value));
    status = IOT_SetupConnInfo(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, &info);
    if (status == 0) {
        IOT_MQTT_Construct(info);
    } else {
        CHECK_INT(-1, status);
        CHECK(info == NULL);
        printf("no record\n");
    }
    IOT_DumpMemoryStats(IOT_LOG_ERROR);

    IOT_CoAP_SetLogLevel(IOT_LOG_INFO);
    set_device(&device);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &device;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
