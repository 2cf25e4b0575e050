/*
 * A program that brings three functions of the board port, those that make,
 * write and read a socket, and leaves even its closing to the library:
 * override_udp URL. Its sockets are plain descriptors without time-outs.
 */
#include "check.h"
#include "udp_socket.h"

static int created = 0, written = 0, received = 0;

#ifdef __cplusplus
extern "C" {
#endif

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    created++;
    return udp_socket(host, port);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    written++;
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    int result;

    /* A port in the field would now wait for ever. */
    CHECK(ms != 0);
    result = udp_read((int)handle, data, len, (int)ms);
    received += result > 0;
    return result;
}

#ifdef __cplusplus
}
#endif

static int answers = 0;

static void count(void *arg, void *response)
{
    (void)arg;
    (void)response;
    answers++;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message = message_of("{}", count, NULL);
    char path[] = TOPIC "update";

    if (argc != 2) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(1, answers);
    CHECK_INT(1, created);
    CHECK_INT(2, written);
    CHECK_INT(2, received);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
