/*
 * A program whose HAL_Random always says the same, as stubs in the field do: connects
 * twice: constant_random URL ROOT.pem.
 */
#include "check.h"

static int asked = 0;

#ifdef __cplusplus
extern "C"
#endif
uint32_t HAL_Random(uint32_t region)
{
    (void)region;
    asked++;
    return 4;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    int round;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    for (round = 0; round < 2; round++) {
        context = IOT_CoAP_Init(&config);
        CHECK(context != NULL);
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        IOT_CoAP_Deinit(&context);
    }
    /* What a program brings is taken, for all but keys. */
    CHECK(asked > 0);
    return failures != 0;
}
