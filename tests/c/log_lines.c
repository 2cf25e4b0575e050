/*
 * What the library logs: log_lines URL ROOT.pem makes each mistake that a
 * caller can make, announced by a line "> what", and then a whole session at
 * debug level, announced by "> session".
 */
#include "check.h"

static void ignore(void *arg, void *response)
{
    (void)arg;
    (void)response;
}

static void announce(const char *what)
{
    printf("> %s\n", what);
    fflush(stdout);
}

static void init_with(const iotx_coap_config_t *config, const char *url)
{
    iotx_coap_config_t bad = *config;

    bad.p_url = (char *)url;
    announce(url);
    CHECK(IOT_CoAP_Init(&bad) == NULL);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config, bad;
    iotx_deviceinfo_t info, bad_info;
    iotx_coap_context_t *context;
    iotx_message_t message = message_of("{}", ignore, NULL);
    char path[] = TOPIC "update", query[] = TOPIC "update?a=b";
    char long_path[200], payload[1300];
    int yields;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(long_path, 'x', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    memset(payload, 'x', sizeof(payload));

    /* Silent as long as no level is set. */
    CHECK(IOT_CoAP_Init(NULL) == NULL);

    IOT_SetLogLevel(IOT_LOG_ERROR);
    announce("Init(NULL)");
    CHECK(IOT_CoAP_Init(NULL) == NULL);
    bad = config;
    bad.p_devinfo = NULL;
    announce("Init without p_devinfo");
    CHECK(IOT_CoAP_Init(&bad) == NULL);
    bad = config;
    bad_info = info;
    memset(bad_info.device_name, 'n', sizeof(bad_info.device_name));
    bad.p_devinfo = &bad_info;
    announce("Init with an unterminated device_name");
    CHECK(IOT_CoAP_Init(&bad) == NULL);
    bad_info = info;
    bad_info.device_secret[0] = '\0';
    announce("Init without device_secret");
    CHECK(IOT_CoAP_Init(&bad) == NULL);
    init_with(&config, "http://localhost");
    init_with(&config, "coap://localhost:99999");
    init_with(&config, "coap://");

    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    announce("SendMessage before sign-in");
    CHECK_INT(IOTX_ERR_NOT_AUTHED, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    announce("SendMessage(NULL)");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(NULL, path, &message));
    announce("SendMessage without path");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, NULL, &message));
    announce("SendMessage without message");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, path, NULL));
    announce("SendMessage to an empty path");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, (char *)"", &message));
    announce("SendMessage to a long path");
    CHECK_INT(IOTX_ERR_URI_TOO_LOOG, IOT_CoAP_SendMessage(context, long_path, &message));
    announce("SendMessage of a long payload");
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload);
    CHECK_INT(IOTX_ERR_MSG_TOO_LOOG, IOT_CoAP_SendMessage(context, path, &message));
    message = message_of("{}", ignore, NULL);
    announce("Yield(NULL)");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Yield(NULL));
    announce("GetMessageCode(NULL)");
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessageCode(NULL, NULL));
    announce("Ioctl 999");
    CHECK_INT(-1, IOT_Ioctl(999, &yields));
    announce("SetupConnInfo(NULL)");
    CHECK_INT(-1, IOT_SetupConnInfo(NULL, NULL, NULL, NULL));
    IOT_CoAP_Deinit(&context);

    announce("session");
    IOT_SetLogLevel(IOT_LOG_DEBUG);
    context = IOT_CoAP_Init(&config);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    message.content_type = OUTSIDE(iotx_content_type_t, -7);
    message.msg_type = OUTSIDE(iotx_msg_type_t, 4711);
    for (yields = 0; yields < 2; yields++) {
        CHECK_INT(0, IOT_CoAP_SendMessage(context, query, &message));
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    IOT_CoAP_Deinit(&context);
    IOT_CloseLog();
    CHECK(IOT_CoAP_Init(NULL) == NULL);
    return failures != 0;
}
