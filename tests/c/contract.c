/*
 * The contract of the C interface, against a cloud: contract URL ROOT.pem. Compiles as
 * C89 and as C++; run against the static and the shared library, over each transport.
 *
 * Exits 0 if all holds. Prints the paths of what the cloud must have received.
 */
#include "check.h"

#include <sys/types.h>

struct answer {
    int count;
    int code;
    int len;
    unsigned int token;
    char payload[1280];
};

static void keep_answer(void *arg, void *response)
{
    struct answer *answer = (struct answer *)arg;
    iotx_coap_resp_code_t code;
    unsigned char *payload = (unsigned char *)&code;
    int len = -1;

    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(0, IOT_CoAP_GetMessagePayload(response, &payload, &len));
    CHECK_INT(0, IOT_CoAP_GetMessageToken(response, &answer->token));
    answer->count++;
    answer->code = (int)code;
    answer->len = len;
    if (len == 0) {
        CHECK(payload == NULL);
        answer->payload[0] = '\0';
    } else {
        CHECK_INT(0, payload[len]);
        memcpy(answer->payload, payload, (size_t)len + 1);
    }
    /* Parameters that are none are refused, also in a callback. */
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessageCode(response, NULL));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessagePayload(response, NULL, &len));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessagePayload(response, &payload, NULL));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessageToken(response, NULL));
}

/* Yields until the answer is there; each Yield waits 2 s at most. */
static void await(iotx_coap_context_t *context, const struct answer *answer)
{
    int yields;

    for (yields = 0; answer->count == 0 && yields < 10; yields++) {
        CHECK(IOT_CoAP_Yield(context) >= 0);
    }
    CHECK_INT(1, answer->count);
}

static void nulls_are_refused(iotx_coap_config_t *config)
{
    iotx_coap_config_t without_device = *config;
    iotx_coap_context_t *none = NULL;
    iotx_message_t message = message_of("{}", NULL, NULL);
    char path[] = TOPIC "update";
    iotx_coap_resp_code_t code;
    unsigned char *payload;
    int len;
    unsigned int token;

    without_device.p_devinfo = NULL;
    CHECK(IOT_CoAP_Init(NULL) == NULL);
    CHECK(IOT_CoAP_Init(&without_device) == NULL);
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_DeviceNameAuth(NULL));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(NULL, path, &message));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Yield(NULL));
    CHECK_INT(0, IOT_CoAP_GetCurToken(NULL));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessageCode(NULL, &code));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessagePayload(NULL, &payload, &len));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_GetMessageToken(NULL, &token));
    IOT_CoAP_Deinit(NULL);
    IOT_CoAP_Deinit(&none);
    CHECK_INT(-1, IOT_Ioctl(IOTX_IOCTL_GET_REGION, NULL));
    CHECK_INT(FAIL_RETURN, IOT_SetupConnInfo(NULL, DEVICE_NAME, DEVICE_SECRET, NULL));
}

static void bad_configurations_are_refused(const iotx_coap_config_t *config)
{
    static const char *const urls[] = {
        "", "coap", "coap:/", "coap://", "coap://:5683", "http://localhost", "localhost:5683",
        "coap://localhost:0", "coap://localhost:65536", "coap://localhost:12a", "coap://[::1",
        "coap://a b", "coaps-tcp://localhost",
    };
    iotx_coap_config_t bad;
    iotx_deviceinfo_t info;
    char long_url[2048];
    size_t i;

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        bad = *config;
        bad.p_url = (char *)urls[i];
        if (IOT_CoAP_Init(&bad) != NULL) {
            fprintf(stderr, "taken: %s\n", urls[i]);
            failures++;
        }
    }
    memset(long_url, 'a', sizeof(long_url));
    memcpy(long_url, "coap://", 7);
    long_url[sizeof(long_url) - 1] = '\0';
    bad = *config;
    bad.p_url = long_url;
    CHECK(IOT_CoAP_Init(&bad) == NULL);

    /* Fields without their NUL, and empty ones. */
    bad = *config;
    bad.p_devinfo = &info;
    set_device(&info);
    memset(info.product_key, 'p', sizeof(info.product_key));
    CHECK(IOT_CoAP_Init(&bad) == NULL);
    set_device(&info);
    memset(info.device_secret, 's', sizeof(info.device_secret));
    CHECK(IOT_CoAP_Init(&bad) == NULL);
    set_device(&info);
    info.device_name[0] = '\0';
    CHECK(IOT_CoAP_Init(&bad) == NULL);
}

static void messages_before_sign_in_are_refused(iotx_coap_context_t *context)
{
    iotx_message_t message = message_of("{}", NULL, NULL);
    char path[] = TOPIC "update";

    CHECK_INT(IOTX_ERR_NOT_AUTHED, IOT_CoAP_SendMessage(context, path, &message));
}

static void bad_messages_are_refused(iotx_coap_context_t *context)
{
    iotx_message_t message = message_of("{}", NULL, NULL);
    char path[] = TOPIC "update";
    char long_path[137];
    char payload[1400];

    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, NULL, &message));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, path, NULL));
    message.p_payload = NULL;
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_SendMessage(context, path, &message));

    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[136] = '\0';
    message = message_of("{}", NULL, NULL);
    CHECK_INT(IOTX_ERR_URI_TOO_LOOG, IOT_CoAP_SendMessage(context, long_path, &message));
    memset(payload, 'x', sizeof(payload));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload);
    CHECK_INT(IOTX_ERR_MSG_TOO_LOOG, IOT_CoAP_SendMessage(context, path, &message));
    message.payload_len = 65535;
    CHECK_INT(IOTX_ERR_MSG_TOO_LOOG, IOT_CoAP_SendMessage(context, path, &message));
}

static void post(iotx_coap_context_t *context, const char *name, const char *payload,
                 iotx_content_type_t content_type, iotx_msg_type_t type, int code)
{
    struct answer answer;
    unsigned int token;

    memset(&answer, 0, sizeof(answer));
    token = IOT_CoAP_GetCurToken(context);
    {
        /* All of this is dead once the call has returned. */
        char path[IOTX_URI_MAX_LEN + 1];
        char copy[1024];
        iotx_message_t message;

        strcpy(path, TOPIC);
        strcat(path, name);
        strcpy(copy, payload);
        message = message_of(copy, keep_answer, &answer);
        message.content_type = content_type;
        message.msg_type = type;
        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
        memset(path, '#', sizeof(path));
        memset(copy, '#', sizeof(copy));
        memset(&message, 0xA5, sizeof(message));
    }
    await(context, &answer);
    CHECK_INT(code, answer.code);
    CHECK_INT(token, answer.token);
    if (code == IOTX_COAP_RESP_CODE_CONTENT) {
        printf("posted %s\n", name);
    }
}

static void messages_are_answered(iotx_coap_context_t *context)
{
    /* A segment longer than the original's 31 bytes, up to the longest path. */
    char longest[IOTX_URI_MAX_LEN + 1];
    iotx_message_t message;
    char path[] = TOPIC "uncalled";

    post(context, "json", "{\"temperature\":21.5}", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_CONTENT);
    post(context, "cbor", "\xa1\x61\x74\x15", IOTX_CONTENT_TYPE_CBOR, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_CONTENT);
    post(context, "non", "{}", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_NON,
         IOTX_COAP_RESP_CODE_CONTENT);
    post(context, "empty", "", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_CONTENT);
    post(context, "/doubled//slashes/", "{}", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_CONTENT);

    memset(longest, 'l', sizeof(longest));
    longest[IOTX_URI_MAX_LEN - strlen(TOPIC)] = '\0';
    post(context, longest, "{}", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_URL_TOO_LONG);
    /* The cloud takes topics of 128 characters, so paths of 134. */
    longest[strlen(longest) - 1] = '\0';
    post(context, longest, "{}", IOTX_CONTENT_TYPE_JSON, IOTX_MESSAGE_CON,
         IOTX_COAP_RESP_CODE_CONTENT);

    /* A message without a callback is answered to no one. */
    message = message_of("{}", NULL, NULL);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_Yield(context));
}

static void refusals_arrive_as_codes(iotx_coap_context_t *context)
{
    struct answer answer;
    iotx_message_t message;
    char other[] = "/topic/" PRODUCT_KEY "/someone_else/update";
    char nowhere[] = "/nowhere";

    memset(&answer, 0, sizeof(answer));
    message = message_of("{}", keep_answer, &answer);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, other, &message));
    await(context, &answer);
    CHECK_INT(IOTX_COAP_RESP_CODE_NOT_FOUND, answer.code);

    memset(&answer, 0, sizeof(answer));
    CHECK_INT(0, IOT_CoAP_SendMessage(context, nowhere, &message));
    await(context, &answer);
    CHECK_INT(IOTX_COAP_RESP_CODE_NOT_FOUND, answer.code);
}

struct chain {
    iotx_coap_context_t *context;
    struct answer last;
    int left;
};

/* Calls back into the library: sends the next, and waits for it in here. */
static void send_next(void *arg, void *response)
{
    struct chain *chain = (struct chain *)arg;
    iotx_message_t message;
    char path[] = TOPIC "chain";
    iotx_coap_context_t *same = chain->context;

    (void)response;
    /* Refused: this is a callback of the same context. */
    IOT_CoAP_Deinit(&same);
    CHECK(same == chain->context);
    if (chain->left-- > 0) {
        message = message_of("{}", send_next, chain);
        CHECK_INT(0, IOT_CoAP_SendMessage(chain->context, path, &message));
        CHECK_INT(0, IOT_CoAP_Yield(chain->context));
    } else {
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(chain->context));
        chain->last.count = 1;
    }
}

static void callbacks_may_call(iotx_coap_context_t *context)
{
    struct chain chain;
    iotx_message_t message;
    char path[] = TOPIC "chain";

    memset(&chain, 0, sizeof(chain));
    chain.context = context;
    chain.left = 3;
    message = message_of("{}", send_next, &chain);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    await(context, &chain.last);
}

static void many_may_be_in_flight(iotx_coap_context_t *context)
{
    struct answer answers[32];
    char path[] = TOPIC "window";
    iotx_message_t message;
    int i, yields, missing = 32;

    memset(answers, 0, sizeof(answers));
    for (i = 0; i < 32; i++) {
        message = message_of("{}", keep_answer, &answers[i]);
        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    }
    message = message_of("{}", NULL, NULL);
    CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, IOT_CoAP_SendMessage(context, path, &message));
    for (yields = 0; missing > 0 && yields < 100; yields++) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
        for (missing = 0, i = 0; i < 32; i++) {
            missing += answers[i].count == 0;
        }
    }
    for (i = 0; i < 32; i++) {
        CHECK_INT(1, answers[i].count);
    }
}

static void settings_and_identity(void)
{
    char text[IOTX_DEVICE_SECRET_LEN + 1];
    int number = 1, got = 0;
    void *info = &number;

    CHECK_INT(0, IOT_Ioctl(IOTX_IOCTL_SET_REGION, &number));
    CHECK_INT(0, IOT_Ioctl(IOTX_IOCTL_GET_REGION, &got));
    CHECK_INT(1, got);
    CHECK_INT(-1, IOT_Ioctl(999, &number));
    /* Whoever wants a record is told that there is none. */
    CHECK_INT(FAIL_RETURN, IOT_SetupConnInfo(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, &info));
    CHECK(info == NULL);
    CHECK_INT(SUCCESS_RETURN, IOT_SetupConnInfo(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET, NULL));
    CHECK_INT(strlen(PRODUCT_KEY), HAL_GetProductKey(text));
    CHECK(strcmp(text, PRODUCT_KEY) == 0);
    CHECK_INT(strlen(PRODUCT_KEY "." DEVICE_NAME), HAL_GetDeviceID(text));
    CHECK(strcmp(text, PRODUCT_KEY "." DEVICE_NAME) == 0);
    CHECK_INT(FAIL_RETURN, IOT_SetupConnInfo("far_too_long_a_product_key", DEVICE_NAME,
                                             DEVICE_SECRET, NULL));
    IOT_DumpMemoryStats(IOT_LOG_DEBUG);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    uint64_t start, took;

    if (argc != 3) {
        fprintf(stderr, "usage: contract URL ROOT.pem\n");
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 100; /* what a message and its Yield take, from the second on */

    nulls_are_refused(&config);
    bad_configurations_are_refused(&config);
    settings_and_identity();

    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        fprintf(stderr, "IOT_CoAP_Init(%s) returned NULL\n", argv[1]);
        return 1;
    }
    /* Nothing of these may be looked at again. */
    memset(&info, 0xA5, sizeof(info));
    memset(&config, 0xA5, sizeof(config));

    messages_before_sign_in_are_refused(context);
    start = HAL_UptimeMs();
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    messages_are_answered(context);
    took = HAL_UptimeMs() - start;
    /* The original takes 10 s to sign in. */
    CHECK(took < 2000);
    bad_messages_are_refused(context);
    refusals_arrive_as_codes(context);
    callbacks_may_call(context);
    many_may_be_in_flight(context);

    IOT_CoAP_Deinit(&context);
    CHECK(context == NULL);
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
