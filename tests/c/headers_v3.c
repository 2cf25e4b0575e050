/*
 * A source of v3.x finds what it names: types, constants, functions. Compiling
 * this is the test, as C89 and as C++98.
 */
#include "infra_config.h"
#include "infra_types.h"
#include "infra_defs.h"
#include "infra_compat.h"
#include "infra_log.h"
#include "coap_api.h"
#include "coap_wrapper.h"
#include "wrappers.h"

typedef char set_dynamic_register_is_4[IOTX_IOCTL_SET_DYNAMIC_REGISTER == 4 ? 1 : -1];
typedef char get_dynamic_register_is_5[IOTX_IOCTL_GET_DYNAMIC_REGISTER == 5 ? 1 : -1];

static char product_key[IOTX_PRODUCT_KEY_LEN + 1];
static char product_secret[IOTX_PRODUCT_SECRET_LEN + 1];
static char device_name[IOTX_DEVICE_NAME_LEN + 1];
static char device_secret[IOTX_DEVICE_SECRET_LEN + 1];

/* The linkkit layer's way to tell which response belongs to which message. */
static uint32_t expected;

static void on_response(void *arg, void *message)
{
    unsigned int token = 0;

    (void)arg;
    if (IOT_CoAP_GetMessageToken(message, &token) == IOTX_SUCCESS && token == expected) {
        HAL_Printf("mine\r\n");
    }
}

int headers_v3(iotx_message_t *message);
int headers_v3(iotx_message_t *message)
{
    char path[] = "/topic/";
    iotx_coap_device_info_t devinfo;
    iotx_coap_config_t config;
    iotx_coap_context_t *context;
    int status;

    IOT_SetLogLevel(IOT_LOG_DEBUG);
    IOT_Ioctl(IOTX_IOCTL_GET_PRODUCT_KEY, product_key);
    IOT_Ioctl(IOTX_IOCTL_GET_PRODUCT_SECRET, product_secret);
    IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, device_name);
    IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_SECRET, device_secret);
    HAL_Snprintf(devinfo.device_id, IOTX_PRODUCT_KEY_LEN + IOTX_DEVICE_NAME_LEN + 2, "%s.%s",
                 product_key, device_name);

    config.p_url = NULL;
    config.wait_time_ms = 3000;
    config.p_devinfo = (iotx_coap_device_info_t *)&devinfo;
    config.event_handle = NULL;
    context = IOT_CoAP_Init(&config);
    expected = IOT_CoAP_GetCurToken(context);
    message->resp_callback = on_response;
    status = IOT_CoAP_SendMessage(context, path, message);
    IOT_CoAP_Deinit(&context);
    IOT_SetLogLevel(IOT_LOG_NONE);
    return status == IOTX_SUCCESS ? SUCCESS_RETURN : FAIL_RETURN;
}
