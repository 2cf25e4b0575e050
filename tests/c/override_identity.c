/*
 * A program that brings one function of the board port, its product key, and
 * takes the rest from the library: override_identity URL.
 */
#include "check.h"

static int asked = 0;

#ifdef __cplusplus
extern "C"
#endif
int HAL_GetProductKey(char *out)
{
    asked++;
    strcpy(out, PRODUCT_KEY);
    return (int)strlen(out);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    char id[IOTX_DEVICE_ID_LEN + 1];
    char text[IOTX_PRODUCT_KEY_LEN + 1];

    if (argc != 2) {
        return 2;
    }
    /* The library's own function: the name that was set here is told. */
    CHECK_INT(strlen(DEVICE_NAME), HAL_SetDeviceName((char *)DEVICE_NAME));
    CHECK_INT(strlen("other"), HAL_SetProductKey((char *)"other"));
    /* The port's other functions see the program's. */
    CHECK_INT(strlen(PRODUCT_KEY "." DEVICE_NAME), HAL_GetDeviceID(id));
    CHECK(strcmp(id, PRODUCT_KEY "." DEVICE_NAME) == 0);
    /* And so does the library. */
    asked = 0;
    CHECK_INT(0, IOT_Ioctl(IOTX_IOCTL_GET_PRODUCT_KEY, text));
    CHECK(strcmp(text, PRODUCT_KEY) == 0);
    CHECK_INT(1, asked);

    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
