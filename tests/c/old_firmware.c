/*
 * The habits of firmware written for the original, good and bad, that must go
 * on doing no harm: old_firmware URL ROOT.pem, against a cloud whose access
 * tokens serve one message each, so that every other one is refused at first.
 *
 * No file may be written from here on: the original's port kept the device
 * secret in one.
 */
#include "check.h"

#include <stdint.h>
#include <sys/resource.h>

/* user_data that points nowhere, as that of samples which never set it. */
static void *const wild[] = {
    NULL, (void *)1, (void *)(intptr_t)-1, (void *)(uintptr_t)0xA5A5A5A5u, (void *)"read-only",
};
#define WILD (int)(sizeof(wild) / sizeof(wild[0]))

static int next_answer = 0;
static iotx_coap_context_t *other = NULL;

static void never(void *context, iotx_coap_event_t event, void *data)
{
    (void)context;
    (void)data;
    fprintf(stderr, "the event handler was called, with %d\n", (int)event);
    failures++;
}

static void is_as_it_was(void *arg, void *response)
{
    iotx_coap_resp_code_t code;
    unsigned char *payload = NULL, *again = NULL;
    int len = 0, same_len = 0;
    char copy[64];

    CHECK(arg == wild[next_answer % WILD]);
    next_answer++;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    /* Asked for twice, it is the same, also where it came encrypted. */
    CHECK_INT(0, IOT_CoAP_GetMessagePayload(response, &payload, &len));
    CHECK(len > 0 && len < (int)sizeof(copy) && payload[0] == '{');
    memcpy(copy, payload, (size_t)len);
    CHECK_INT(0, IOT_CoAP_GetMessagePayload(response, &again, &same_len));
    CHECK(again == payload && same_len == len && memcmp(copy, again, (size_t)len) == 0);
    /* Another context may end in here. */
    if (other != NULL) {
        IOT_CoAP_Deinit(&other);
        CHECK(other == NULL);
    }
}

static iotx_coap_context_t *open_context(const char *address)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    char url[128];

    /* Never zeroed: wait_time_ms is garbage, and stands for 2 s. */
    memset(&config, 0xA5, sizeof(config));
    strcpy(url, address);
    set_device(&info);
    config.p_url = url;
    config.p_devinfo = &info;
    config.event_handle = never;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    memset(url, '#', sizeof(url));
    memset(&info, '#', sizeof(info));
    memset(&config, '#', sizeof(config));
    return context;
}

/* Sends with each user_data in turn, and waits for each answer. */
static void post_all(iotx_coap_context_t *context)
{
    char path[] = TOPIC "update";
    int i, yields;

    next_answer = 0;
    for (i = 0; i < WILD; i++) {
        iotx_message_t message = message_of("{}", is_as_it_was, wild[i]);

        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
        for (yields = 0; next_answer == i && yields < 20; yields++) {
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
        CHECK_INT(i + 1, next_answer);
    }
}

int main(int argc, char **argv)
{
    static const struct rlimit nothing = {0, 0};
    iotx_coap_context_t *context, *second;
    char path[] = TOPIC "uncalled";
    iotx_message_t uncalled = message_of("{}", NULL, NULL);
    uint64_t start, took;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    CHECK_INT(0, setrlimit(RLIMIT_FSIZE, &nothing));
    CHECK_INT(0, IOT_SetupConnInfo(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, NULL));
    CHECK_INT(strlen(DEVICE_SECRET), HAL_SetDeviceSecret((char *)DEVICE_SECRET));

    context = open_context(argv[1]);
    other = open_context(argv[1]);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    post_all(context);
    CHECK(other == NULL);

    /* Two at a time: each reads what is its own. */
    second = open_context(argv[1]);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(second));
    post_all(context);
    post_all(second);
    IOT_CoAP_Deinit(&second);

    /* A message without a callback, which is refused at first. */
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &uncalled));
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &uncalled));
    do {
        start = HAL_UptimeMs();
        CHECK_INT(0, IOT_CoAP_Yield(context));
        took = HAL_UptimeMs() - start;
    } while (took < 1900);
    /* Nothing came any more: it took what it is to wait, not more. */
    CHECK(took < 2500);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
