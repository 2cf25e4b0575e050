/*
 * A program whose port cuts datagrams to the buffer, and cannot tell: cutting_port URL
 * ROOT.pem prints what the library logs, and exits 0 with a context, 3 without one.
 */
#include "check.h"
#include "udp_socket.h"

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    return udp_socket(host, port);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    return udp_read((int)handle, data, len, (int)ms);
}

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
    IOT_OpenLog("cutting_port");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    IOT_CoAP_Deinit(&context);
    IOT_CloseLog();
    return 0;
}
