/*
 * Ends a context while a callback of it runs in another thread's wait:
 * ended_in_callback URL ROOT.pem. The wait has had its answer by then; the call returns -1
 * all the same, since its thread must not call again. What the callback still sends is
 * refused: it would be lost.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <pthread.h>
#include <unistd.h>

static iotx_coap_context_t *volatile context;
static iotx_coap_context_t *handle;
static int is_in_callback;

static void on_response(void *argument, void *response)
{
    iotx_message_t message;
    unsigned char payload[] = "{}";

    (void)argument;
    (void)response;
    __atomic_store_n(&is_in_callback, 1, __ATOMIC_SEQ_CST);
    while (context != NULL) {
        usleep(1000);
    }
    memset(&message, 0, sizeof(message));
    message.p_payload = payload;
    message.payload_len = 2;
    CHECK_INT(IOTX_ERR_INVALID_PARAM,
              IOT_CoAP_SendMessage(handle, "/topic/a1RP1qZfrEi/example1/update", &message));
}

static int yield(void)
{
    return IOT_CoAP_Yield(handle);
}

static int flush(void)
{
    return IOT_CoAP_Flush(handle, 30000);
}

static int process(void)
{
    int result;

    do {
        result = IOT_CoAP_Process(handle);
    } while (!__atomic_load_n(&is_in_callback, __ATOMIC_SEQ_CST) && result == 0);
    return result;
}

static void *wait_by(void *function)
{
    CHECK_INT(IOTX_ERR_INVALID_PARAM, (*(int (**)(void))function)());
    return NULL;
}

int main(int argc, char **argv)
{
    int (*waits[])(void) = {yield, flush, process};
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_message_t message;
    unsigned char payload[] = "{}";
    pthread_t thread;
    size_t i;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 30000;
    IOT_SetLogLevel(IOT_LOG_ERROR);
    for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        handle = IOT_CoAP_Init(&config);
        context = handle;
        if (handle == NULL) {
            return 3;
        }
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(handle));
        is_in_callback = 0;
        memset(&message, 0, sizeof(message));
        message.p_payload = payload;
        message.payload_len = 2;
        message.resp_callback = on_response;
        CHECK_INT(0, IOT_CoAP_SendMessage(handle, "/topic/a1RP1qZfrEi/example1/update", &message));
        CHECK_INT(0, pthread_create(&thread, NULL, wait_by, &waits[i]));
        while (!__atomic_load_n(&is_in_callback, __ATOMIC_SEQ_CST)) {
            usleep(1000);
        }
        IOT_CoAP_Deinit((iotx_coap_context_t **)&context);
        CHECK_INT(0, pthread_join(thread, NULL));
    }
    return failures != 0;
}
