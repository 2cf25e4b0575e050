/*
 * A device that sleeps between messages: sleeper URL pause|fail|fork|left resumes what was
 * kept, posts once, and goes to sleep, or loses its power without a word, or leaves a
 * child behind that posts and goes to sleep when its input ends, or looks at its socket when
 * its input ends, and loses its power then.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <unistd.h>

static int answer = 0;

/* The store is that of our port; what is written to it is counted. */
int iotx_linux_kv_set(const char *key, const void *value, int len, int sync);
int iotx_linux_kv_get(const char *key, void *value, int *len);
int iotx_linux_kv_del(const char *key);

static int writes = 0, written = 0;

int HAL_Kv_Set(const char *key, const void *value, int len, int sync)
{
    writes++;
    written += len;
    return iotx_linux_kv_set(key, value, len, sync);
}

int HAL_Kv_Get(const char *key, void *value, int *len)
{
    return iotx_linux_kv_get(key, value, len);
}

int HAL_Kv_Del(const char *key)
{
    return iotx_linux_kv_del(key);
}

static void keep_code(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    answer = (int)code;
}

static void print_line(void *data, int level, const char *line)
{
    (void)data;
    printf("%d %s\n", level, line);
}

static void pause_wrongly(iotx_coap_config_t *config, const iotx_coap_options_t *options)
{
    iotx_coap_context_t *context = NULL;

    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Pause(NULL));
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Pause(&context));
    context = IOT_CoAP_InitWithOptions(config, options);
    CHECK(context != NULL);
    CHECK_INT(IOTX_ERR_INVALID_PARAM, IOT_CoAP_Pause(&context));
    CHECK(context != NULL);
    IOT_CoAP_Deinit(&context);
}

static void post(iotx_coap_context_t *context)
{
    iotx_message_t message = message_of("{}", keep_code, NULL);
    char path[] = TOPIC "update";

    answer = 0;
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
    CHECK_INT(0, IOT_CoAP_Flush(context, 30000));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, answer);
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    char end;

    if (argc != 3) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.trust_root_pem = getenv("ROOT_PEM");
    IOT_CoAP_SetLogHandler(print_line, NULL);
    IOT_SetLogLevel(IOT_LOG_INFO);
    context = IOT_CoAP_Resume(&config, &options);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    post(context);
    if (strcmp(argv[2], "fork") == 0) {
        fflush(stdout);
        if (fork() == 0) {
            CHECK_INT(0, read(STDIN_FILENO, &end, 1));
            post(context);
        }
    }
    if (strcmp(argv[2], "left") == 0) {
        puts("posted");
        fflush(stdout);
        CHECK_INT(0, read(STDIN_FILENO, &end, 1));
        CHECK(IOT_CoAP_Yield(context) >= 0);
    }
    if (strcmp(argv[2], "fail") == 0 || strcmp(argv[2], "left") == 0) {
        fflush(stdout);
        _exit(failures != 0);
    }
    CHECK_INT(0, IOT_CoAP_Pause(&context));
    CHECK(context == NULL);
    printf("%d writes, %d bytes\n", writes, written);
    if (strcmp(argv[2], "wrongly") == 0) {
        pause_wrongly(&config, &options);
    }
    return failures != 0;
}
