/*
 * An outage of four hundred seconds on a clock of the program's own: outage URL ROOT KIND.
 * While it lasts, nothing arrives (KIND "silent"), or the port refuses everything
 * ("broken"). Nothing takes longer than it may, and each message is told as given up.
 */
#include "udp_socket.h"

#include "check.h"
#include "iot_coap_ext.h"

/* A wait takes as long as it is asked for; in truth, none at all during the outage. */
static uint64_t uptime_ms = 1000;
static int is_away = 0;
static int is_broken = 0;

uint64_t HAL_UptimeMs(void)
{
    return uptime_ms;
}

void HAL_SleepMs(uint32_t ms)
{
    uptime_ms += ms;
}

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    return is_away && is_broken ? -1 : udp_socket(host, port);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    if (is_away) {
        return is_broken ? -1 : (int)len;
    }
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    int result;

    if (is_away && is_broken) {
        return -1;
    }
    result = is_away ? -2 : udp_read((int)handle, data, len, (int)ms);
    if (result == -2) {
        uptime_ms += ms;
    }
    return result;
}

#define MESSAGES 6

static struct told {
    int is_sent;
    int count;
    uint64_t at;
    iotx_coap_give_up_t reason;
} told[MESSAGES];

static void on_notice(void *data, iotx_coap_context_t *context, const iotx_coap_notice_t *notice)
{
    struct told *message;

    (void)data;
    (void)context;
    if (notice->kind == IOTX_COAP_NOTICE_GAVE_UP) {
        message = (struct told *)notice->user_data;
        message->count++;
        message->at = uptime_ms;
        message->reason = notice->reason;
    }
}

static int answered = 0;

static void count(void *arg, void *response)
{
    (void)arg;
    (void)response;
    answered++;
}

static void post(iotx_coap_context_t *context, int number, iotx_msg_type_t type)
{
    iotx_message_t message = message_of("{}", count, &told[number]);
    char path[] = TOPIC "update";
    int code;

    message.msg_type = type;
    code = IOT_CoAP_SendMessage(context, path, &message);
    /* What the network refuses and nobody sends again is refused in turn. */
    CHECK(code == 0
          || (is_broken && type == IOTX_MESSAGE_NON && code == IOTX_ERR_SEND_MSG_FAILED));
    told[number].is_sent = code == 0;
}

static void yield_for(iotx_coap_context_t *context, uint64_t ms)
{
    uint64_t start = uptime_ms, before;

    while (uptime_ms - start < ms) {
        before = uptime_ms;
        CHECK_INT(0, IOT_CoAP_Yield(context));
        /* A read takes a millisecond at least. */
        CHECK(uptime_ms - before <= 1010);
    }
}

/* Fails, and no later than it may. */
static void sign_in(iotx_coap_context_t *context)
{
    uint64_t start = uptime_ms;

    CHECK(IOT_CoAP_DeviceNameAuth(context) != 0);
    CHECK(uptime_ms - start <= 10010);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_options_t options;
    iotx_coap_context_t *context;
    uint64_t start;
    int number;

    if (argc != 4) {
        return 2;
    }
    read_root(argv[2]);
    is_broken = strcmp(argv[3], "broken") == 0;
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 1000;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = on_notice;
    context = IOT_CoAP_InitWithOptions(&config, &options);
    CHECK(context != NULL);
    if (context == NULL) {
        return 1;
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));

    /* Two when nobody knows of the outage yet, four in the midst of it. */
    is_away = 1;
    start = uptime_ms;
    post(context, 0, IOTX_MESSAGE_CON);
    post(context, 1, IOTX_MESSAGE_NON);
    sign_in(context);
    yield_for(context, 40000);
    for (number = 2; number < MESSAGES; number++) {
        post(context, number, number % 2 == 0 ? IOTX_MESSAGE_CON : IOTX_MESSAGE_NON);
    }
    sign_in(context);
    yield_for(context, 400000);
    for (number = 0; number < MESSAGES; number++) {
        CHECK_INT(told[number].is_sent, told[number].count);
        if (told[number].count == 0) {
            continue;
        }
        /* EXCHANGE_LIFETIME after they were sent, at 40 to 60 s the latest of them. */
        CHECK(told[number].at - start <= 60000 + 247000 + 1000);
        printf("%d: %d after %u s\n", number, (int)told[number].reason,
               (unsigned int)((told[number].at - start) / 1000));
    }

    /* The context is none the worse for it. */
    is_away = 0;
    start = uptime_ms;
    while (IOT_CoAP_DeviceNameAuth(context) != 0 && uptime_ms - start < 200000) {
    }
    CHECK_INT(0, answered);
    post(context, 0, IOTX_MESSAGE_CON);
    start = uptime_ms;
    while (answered == 0 && uptime_ms - start < 60000) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(1, answered);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
