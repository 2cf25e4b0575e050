/*
 * A firmware's program as the samples of V2.x are written, with the endpoint as
 * its argument: what the commands of the guides build and run. Ends with 0 once
 * three messages were answered.
 */
#include <string.h>

#include "iot_import.h"
#include "iot_export.h"

#define PRODUCT_KEY "a1RP1qZfrEi"
#define DEVICE_NAME "example1"
#define DEVICE_SECRET "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"

#define MESSAGES 3

static int answers = 0;

static void response_handler(void *arg, void *p_response)
{
    int len = 0;
    unsigned char *p_payload = NULL;
    iotx_coap_resp_code_t resp_code;

    (void)arg;
    IOT_CoAP_GetMessageCode(p_response, &resp_code);
    IOT_CoAP_GetMessagePayload(p_response, &p_payload, &len);
    HAL_Printf("[APPL]: response code 0x%x, %d bytes\r\n", (unsigned int)resp_code, len);
    if (resp_code == IOTX_COAP_RESP_CODE_CONTENT) {
        answers++;
    }
}

static int post_data(iotx_coap_context_t *p_ctx)
{
    static unsigned char payload[] = "{\"name\":\"hello world\"}";
    char path[IOTX_URI_MAX_LEN + 1] = "/topic/" PRODUCT_KEY "/" DEVICE_NAME "/update/";
    iotx_message_t message; /* user_data is never set, as in the samples */

    message.p_payload = payload;
    message.payload_len = (unsigned short)strlen((char *)payload);
    message.resp_callback = response_handler;
    message.msg_type = IOTX_MESSAGE_CON;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    return IOT_CoAP_SendMessage(p_ctx, path, &message);
}

int main(int argc, char **argv)
{
    int sent = 0, turns;
    iotx_deviceinfo_t devinfo;
    iotx_coap_config_t config;
    iotx_coap_context_t *p_ctx = NULL;

    IOT_OpenLog("coap");
    IOT_SetLogLevel(IOT_LOG_ERROR);
    memset(&devinfo, 0, sizeof(devinfo));
    strncpy(devinfo.product_key, PRODUCT_KEY, IOTX_PRODUCT_KEY_LEN);
    strncpy(devinfo.device_name, DEVICE_NAME, IOTX_DEVICE_NAME_LEN);
    strncpy(devinfo.device_id, PRODUCT_KEY "." DEVICE_NAME, IOTX_DEVICE_ID_LEN);
    strncpy(devinfo.device_secret, DEVICE_SECRET, IOTX_DEVICE_SECRET_LEN);

    memset(&config, 0, sizeof(config));
    config.p_url = argc > 1 ? argv[1] : NULL;
    config.p_devinfo = &devinfo;
    config.wait_time_ms = 3000;
    p_ctx = IOT_CoAP_Init(&config);
    if (NULL == p_ctx) {
        HAL_Printf("IoTx CoAP init failed\r\n");
        return 1;
    }
    if (IOT_CoAP_DeviceNameAuth(p_ctx) == IOTX_SUCCESS) {
        for (turns = 0; answers < MESSAGES && turns < 60; turns++) {
            if (sent == answers && post_data(p_ctx) == IOTX_SUCCESS) {
                sent++;
            }
            IOT_CoAP_Yield(p_ctx);
        }
    }
    IOT_CoAP_Deinit(&p_ctx);
    IOT_CloseLog();
    return answers == MESSAGES ? 0 : 1;
}
