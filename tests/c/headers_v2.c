/*
 * A source of V2.x finds what it names: types, constants, functions. Compiling
 * this is the test, as C89 and as C++98.
 */
#include <string.h>

#include "iot_import.h"
#include "iot_export.h"

typedef char set_dynamic_register_is_6[IOTX_IOCTL_SET_DYNAMIC_REGISTER == 6 ? 1 : -1];
typedef char get_dynamic_register_is_7[IOTX_IOCTL_GET_DYNAMIC_REGISTER == 7 ? 1 : -1];
typedef char lengths[PRODUCT_KEY_LEN == 20 && DEVICE_NAME_LEN == 32 && DEVICE_ID_LEN == 64 &&
                             DEVICE_SECRET_LEN == 64 && PRODUCT_SECRET_LEN == 64
                         ? 1
                         : -1];

static void on_response(void *arg, void *message)
{
    iotx_coap_resp_code_t code;
    unsigned char *payload = NULL;
    int len = 0;

    IOT_CoAP_GetMessageCode(message, &code);
    IOT_CoAP_GetMessagePayload(message, &payload, &len);
    HAL_Printf("%p 0x%x %d\r\n", arg, (unsigned int)code, len);
}

static int set_devinfo(iotx_deviceinfo_t *devinfo)
{
    if (NULL == devinfo) {
        return IOTX_ERR_INVALID_PARAM;
    }
    memset(devinfo, 0, sizeof(*devinfo));
    HAL_GetProductKey(devinfo->product_key);
    HAL_GetDeviceName(devinfo->device_name);
    HAL_GetDeviceSecret(devinfo->device_secret);
    HAL_GetDeviceID(devinfo->device_id);
    return IOTX_SUCCESS;
}

int headers_v2(char *url);
int headers_v2(char *url)
{
    static unsigned char payload[] = "{}";
    char path[IOTX_URI_MAX_LEN + 1] = "/topic/";
    int dynamic_register = 0;
    iotx_deviceinfo_t devinfo;
    iotx_coap_config_t config;
    iotx_message_t message;
    iotx_coap_context_t *context = NULL;
    int status;

    IOT_OpenLog("coap");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_Ioctl(IOTX_IOCTL_SET_DYNAMIC_REGISTER, &dynamic_register);
    if (FAIL_RETURN == IOT_SetupConnInfo("key", "name", "secret", NULL)) {
        return SUCCESS_RETURN;
    }
    set_devinfo(&devinfo);
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = (iotx_device_info_t *)&devinfo;
    config.wait_time_ms = 3000;
    context = IOT_CoAP_Init(&config);
    IOT_CoAP_DeviceNameAuth(context);

    memset(&message, 0, sizeof(message));
    message.p_payload = payload;
    message.payload_len = (unsigned short)strlen((char *)payload);
    message.resp_callback = on_response;
    message.msg_type = IOTX_MESSAGE_CON;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    status = IOT_CoAP_SendMessage(context, path, &message);
    IOT_CoAP_Yield(context);
    IOT_CoAP_Deinit(&context);

    IOT_DumpMemoryStats(IOT_LOG_DEBUG);
    IOT_SetLogLevel(IOT_LOG_EMERG);
    IOT_CloseLog();
    return status;
}
