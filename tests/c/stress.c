/*
 * Eight threads on one context: stress URL ROOT.pem. Five send, two yield, one
 * signs in again and again and asks for tokens and statistics.
 *
 * Compiled as it is, and under ThreadSanitizer.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <pthread.h>
#include <sched.h>

#define SENDERS 5
#define EACH 200

static iotx_coap_context_t *context;
static int answers[SENDERS * EACH];
static int answered = 0;
static int over = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST);
    __atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
}

static void *send_all(void *first)
{
    char path[] = TOPIC "stress";
    int number, code;

    for (number = 0; number < EACH; number++) {
        iotx_message_t message = message_of("{}", count, (int *)first + number);

        do {
            code = IOT_CoAP_SendMessage(context, path, &message);
            sched_yield();
        } while (code == IOTX_ERR_SEND_MSG_FAILED);
        CHECK_INT(0, code);
    }
    return NULL;
}

static void *yield_until_over(void *unused)
{
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    return unused;
}

static void *meddle(void *unused)
{
    iotx_coap_statistics_t statistics;

    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        CHECK_INT(0, IOT_CoAP_StartSignIn(context, 10000));
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        CHECK_INT(0, IOT_CoAP_GetStatistics(context, &statistics, sizeof(statistics)));
        CHECK(statistics.answered <= SENDERS * EACH);
        (void)IOT_CoAP_GetCurToken(context);
        CHECK(IOT_CoAP_GetFd(context) > 0);
        CHECK(IOT_CoAP_GetTimeoutMs(context) >= 0);
    }
    return unused;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    pthread_t threads[SENDERS + 3];
    uint64_t start;
    int i;

    if (argc != 3) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 100;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    for (i = 0; i < SENDERS; i++) {
        CHECK_INT(0, pthread_create(&threads[i], NULL, send_all, &answers[i * EACH]));
    }
    CHECK_INT(0, pthread_create(&threads[SENDERS], NULL, yield_until_over, NULL));
    CHECK_INT(0, pthread_create(&threads[SENDERS + 1], NULL, yield_until_over, NULL));
    CHECK_INT(0, pthread_create(&threads[SENDERS + 2], NULL, meddle, NULL));
    for (i = 0; i < SENDERS; i++) {
        CHECK_INT(0, pthread_join(threads[i], NULL));
    }
    start = HAL_UptimeMs();
    while (__atomic_load_n(&answered, __ATOMIC_SEQ_CST) < SENDERS * EACH &&
           HAL_UptimeMs() - start < 30000) {
        HAL_SleepMs(5);
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    for (; i < SENDERS + 3; i++) {
        CHECK_INT(0, pthread_join(threads[i], NULL));
    }
    for (i = 0; i < SENDERS * EACH; i++) {
        CHECK_INT(1, answers[i]);
    }
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
