/*
 * What a modem is told by HAL_UDP_expect, and when a device may sleep:
 * radio URL ROOT, where the cloud answers each message separately, after a while.
 */
#include "check.h"
#include "iot_coap_ext.h"

#define MOST 64

static int expected[MOST];
static int count = 0;

void HAL_UDP_expect(intptr_t handle, int how_many)
{
    CHECK(handle != 0);
    CHECK(how_many >= 0 && how_many <= 2);
    if (count < MOST) {
        expected[count++] = how_many;
    }
}

static int answers = 0;

static void on_response(void *arg, void *response)
{
    (void)arg;
    (void)response;
    answers++;
}

static int post(iotx_coap_context_t *context, iotx_msg_type_t type)
{
    iotx_message_t message = message_of("{}", on_response, NULL);
    char path[] = TOPIC "update";

    message.msg_type = type;
    return IOT_CoAP_SendMessage(context, path, &message);
}

/* Yields until the device may sleep. */
static void rest(iotx_coap_context_t *context)
{
    uint64_t start = HAL_UptimeMs();

    CHECK_INT(0, IOT_CoAP_Idle(context));
    while (IOT_CoAP_Idle(context) == 0 && HAL_UptimeMs() - start < 5000) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(1, IOT_CoAP_Idle(context));
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_options_t options;
    iotx_coap_context_t *context;
    int handshake, at;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 200;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.yield_pace = IOTX_COAP_PACE_NONE;
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Idle(NULL));
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(context != NULL);
    if (context == NULL) {
        return 1;
    }
    /* A handshake goes on until its last flight is sent. */
    handshake = count;
    CHECK((handshake != 0) == (strncmp(argv[1], "coaps:", 6) == 0));
    for (at = 0; at < handshake; at++) {
        CHECK_INT(2, expected[at]);
    }
    CHECK_INT(1, IOT_CoAP_Idle(context));
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(1, IOT_CoAP_Idle(context));
    CHECK_INT(1, expected[handshake]);

    /* One message, and the acknowledgement of its separate answer. */
    count = 0;
    CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
    CHECK_INT(1, count);
    rest(context);
    CHECK_INT(1, answers);
    CHECK_INT(2, count);
    CHECK_INT(1, expected[0]);
    CHECK_INT(0, expected[1]);

    /* Three at a time: the answers to two others are expected with the first's. */
    count = 0;
    for (at = 0; at < 3; at++) {
        CHECK_INT(0, post(context, at == 1 ? IOTX_MESSAGE_NON : IOTX_MESSAGE_CON));
    }
    CHECK_INT(3, count);
    CHECK_INT(1, expected[0]);
    CHECK_INT(2, expected[1]);
    CHECK_INT(2, expected[2]);
    rest(context);
    CHECK_INT(4, answers);
    /* The last datagram is the last acknowledgement. */
    CHECK_INT(0, expected[count - 1]);

    count = 0;
    IOT_CoAP_Deinit(&context);
    /* A session says goodbye. */
    CHECK_INT(handshake != 0, count);
    CHECK(count == 0 || expected[0] == 0);
    return failures != 0;
}
