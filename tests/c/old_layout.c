/*
 * A program with the types of a release that lays them out otherwise: old_layout URL
 * signs in and posts. V2_00 or V3_0_1 says which; OURS takes them from this library's
 * headers, with IOT_COAP_LAYOUT_*. Ends with 3 if IOT_CoAP_Init returns NULL, and with 4
 * if it cannot sign in. The board port is in a file of its own.
 */
#include <stdio.h>
#include <string.h>

#ifdef OURS
#include "iot_export.h"
#else
#ifdef V2_00
enum { KEY = 11, NAME = 20, ID = 64, SECRET = 32 };
#else
enum { KEY = 20, NAME = 32, ID = 53, SECRET = 64 };
#endif

typedef struct {
    char product_key[KEY + 1];
    char device_name[NAME + 1];
    char device_id[ID + 1];
    char device_secret[SECRET + 1];
} iotx_deviceinfo_t;

typedef struct {
    char *p_url;
#ifndef V2_00
    int wait_time_ms;
#endif
    iotx_deviceinfo_t *p_devinfo;
    void (*event_handle)(void *context, int event, void *data);
} iotx_coap_config_t;

typedef struct {
    unsigned char *p_payload;
    unsigned short payload_len;
    int content_type;
    int msg_type;
    void *user_data;
    void (*resp_callback)(void *arg, void *message);
} iotx_message_t;

void *IOT_CoAP_Init(iotx_coap_config_t *config);
int IOT_CoAP_DeviceNameAuth(void *context);
int IOT_CoAP_SendMessage(void *context, char *path, iotx_message_t *message);
int IOT_CoAP_GetMessageCode(void *message, int *code);
int IOT_CoAP_Yield(void *context);
void IOT_CoAP_Deinit(void **context);
void IOT_SetLogLevel(int level);
#endif

static int answers = 0;

static void count(void *arg, void *message)
{
    (void)arg;
    (void)message;
    answers++;
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t device;
    iotx_coap_config_t config;
    iotx_message_t message;
    void *context;
    char path[] = "/topic/a1RP1qZfrEi/example1/update", payload[] = "{}";
    int rounds;

    if (argc != 2) {
        return 2;
    }
    memset(&device, 0, sizeof(device));
    strcpy(device.product_key, "a1RP1qZfrEi");
    strcpy(device.device_name, "example1");
    strcpy(device.device_id, "a1RP1qZfrEi.example1");
    strcpy(device.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &device;
    IOT_SetLogLevel(2);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    if (IOT_CoAP_DeviceNameAuth(context) != 0) {
        IOT_CoAP_Deinit(&context);
        return 4;
    }
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = 2;
    message.resp_callback = count;
    if (IOT_CoAP_SendMessage(context, path, &message) != 0) {
        return 5;
    }
    for (rounds = 0; rounds < 10 && answers == 0; rounds++) {
        IOT_CoAP_Yield(context);
    }
    IOT_CoAP_Deinit(&context);
    return answers == 1 ? 0 : 6;
}
