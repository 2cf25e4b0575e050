/*
 * A network that refuses to send, and one that recovers: refused_sends URL.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <sys/socket.h>

/* What the port's write returns instead of sending, or 0. */
static int refusal = 0;

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    return refusal != 0 ? refusal : (int)send((int)handle, data, len, 0);
}

static int answers = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    *(int *)arg = ++answers;
}

int main(int argc, char **argv)
{
    /* Ports in the field say it in their own ways. */
    static const int refusals[] = {-1, -3, -4, -105};
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    int non_answered = 0, con_answered = 0;
    iotx_message_t non = message_of("{\"kind\":\"non\"}", count, &non_answered);
    iotx_message_t con = message_of("{\"kind\":\"con\"}", count, &con_answered);
    char path[] = TOPIC "update";
    iotx_coap_statistics_t statistics;
    uint64_t start;
    unsigned int i;

    if (argc != 2) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 200;
    non.msg_type = IOTX_MESSAGE_NON;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);

    /* Signing in says so at once, and has not signed in. */
    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        refusal = refusals[i];
        start = HAL_UptimeMs();
        CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, IOT_CoAP_DeviceNameAuth(context));
        CHECK(HAL_UptimeMs() - start < 1000);
        CHECK_INT(IOTX_ERR_NOT_AUTHED, IOT_CoAP_SendMessage(context, path, &con));
    }
    refusal = 0;
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));

    /* A NON message is refused and forgotten: the program may send it again
     * itself, more often than messages can be in flight. A CON message is kept. */
    refusal = -1;
    for (i = 0; i < 100; i++) {
        CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, IOT_CoAP_SendMessage(context, path, &non));
    }
    CHECK_INT(0, IOT_CoAP_GetStatistics(context, &statistics, sizeof(statistics)));
    CHECK_INT(0, statistics.outstanding);
    CHECK_INT(0, statistics.given_up);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &con));
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(0, answers);

    /* The network recovers: what was kept is sent, what was refused is not. */
    refusal = 0;
    start = HAL_UptimeMs();
    while (con_answered == 0 && HAL_UptimeMs() - start < 10000) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(1, con_answered);
    CHECK_INT(0, non_answered);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &non));
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(2, non_answered);

    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
