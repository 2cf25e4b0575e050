/*
 * A device that wakes up for one message: one_message URL ACK_TIMEOUT_MS nothing|token|session
 * goes on with so much of what was kept, posts 200 bytes, and goes to sleep. Prints what
 * happened and when, in milliseconds.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <sys/time.h>

#define PAYLOAD_LEN 200

/* As a program that is patient: no handshake over a slow network ends before. */
#define ATTEMPTS 4
#define PATIENCE_MS 300000

static int answer = 0;

static void keep_code(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    answer = (int)code;
}

/* With a key, instead of certificates. */
int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len)
{
    const char *own_identity = getenv("PSK_IDENTITY"), *own_key = getenv("PSK_KEY");

    (void)host;
    if (own_identity == NULL || own_key == NULL) {
        return -1;
    }
    *identity_len = (unsigned int)strlen(own_identity);
    *key_len = (unsigned int)strlen(own_key);
    memcpy(identity, own_identity, *identity_len);
    memcpy(key, own_key, *key_len);
    return 0;
}

static long now_ms(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return now.tv_sec * 1000L + now.tv_usec / 1000L;
}

static void print_line(void *data, int level, const char *line)
{
    (void)data;
    fprintf(stderr, "%d %s\n", level, line);
}

int main(int argc, char **argv)
{
    char payload[PAYLOAD_LEN + 1], path[] = TOPIC "update";
    iotx_coap_context_t *context = NULL;
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_message_t message;
    long start = now_ms();
    int keeps_session, attempt;

    if (argc != 4) {
        return 2;
    }
    keeps_session = strcmp(argv[3], "session") == 0;
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.trust_root_pem = getenv("ROOT_PEM");
    options.ack_timeout_ms = (unsigned int)atoi(argv[2]);
    options.keep_access_token = strcmp(argv[3], "nothing") != 0;
    IOT_CoAP_SetLogHandler(print_line, NULL);
    IOT_SetLogLevel(IOT_LOG_INFO);
    for (attempt = 0; context == NULL && attempt < ATTEMPTS; attempt++) {
        context = keeps_session ? IOT_CoAP_Resume(&config, &options)
                                : IOT_CoAP_InitWithOptions(&config, &options);
    }
    if (context == NULL) {
        return 1;
    }
    printf("connected %ld\n", now_ms() - start);
    attempt = 0;
    while (IOT_CoAP_DeviceNameAuth(context) != 0 && attempt < ATTEMPTS) {
        attempt++;
    }
    printf("signed-in %ld\n", now_ms() - start);
    memset(payload, '7', PAYLOAD_LEN);
    payload[PAYLOAD_LEN] = '\0';
    message = message_of(payload, keep_code, NULL);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_Flush(context, PATIENCE_MS));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, answer);
    if (keeps_session) {
        CHECK_INT(0, IOT_CoAP_Pause(&context));
    } else {
        IOT_CoAP_Deinit(&context);
    }
    printf("asleep %ld\n", now_ms() - start);
    return failures != 0;
}
