/*
 * One thread receives, another sends, as the vendor's document advises: while
 * IOT_CoAP_Yield waits in its own thread, IOT_CoAP_SendMessage does not wait.
 *
 *     ./two_threads [URL [COUNT]]
 *
 * What to take from it:
 *
 * - callbacks run in the thread that calls IOT_CoAP_Yield, so what they share
 *   with other threads needs a lock. The library holds no lock of its own
 *   meanwhile: a callback may send.
 * - shutting down goes in this order: tell the receiving thread to stop, wait
 *   for it to end (one wait_time_ms at most), and only then IOT_CoAP_Deinit. No
 *   thread may use a context that is being freed.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coap_api.h"
#include "wrappers.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

/* Longer than the library waits for an answer before it gives a message up. */
#define ANSWER_LIMIT_S 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* Guarded by the lock. */
static int taken;
static int refused;
static int stopping;

static void on_response(void *arg, void *message)
{
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR;
    int ok;

    IOT_CoAP_GetMessageCode(message, &code);
    ok = code == IOTX_COAP_RESP_CODE_CONTENT;
    HAL_Printf("%s: %s (0x%02x)\n", (const char *)arg, ok ? "taken" : "refused",
               (unsigned int)code);
    pthread_mutex_lock(&lock);
    if (ok) {
        taken++;
    } else {
        refused++;
    }
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static int is_stopping(void)
{
    int now;

    pthread_mutex_lock(&lock);
    now = stopping;
    pthread_mutex_unlock(&lock);
    return now;
}

static void *receive(void *client)
{
    while (!is_stopping()) {
        IOT_CoAP_Yield(client);
    }
    return NULL;
}

/* Whether all messages were answered before the time was up. */
static int wait_for_answers(int count)
{
    struct timespec limit;
    int status = 0;
    int all;

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += ANSWER_LIMIT_S;
    pthread_mutex_lock(&lock);
    while (taken + refused < count && status == 0) {
        status = pthread_cond_timedwait(&changed, &lock, &limit);
    }
    all = taken == count;
    pthread_mutex_unlock(&lock);
    return all;
}

static int send_messages(iotx_coap_context_t *client, int count)
{
    /* user_data: what the callback is told. It has to live until then. */
    static char name[] = "a message of the sending thread";
    int sent = 0;
    int i;

    for (i = 1; i <= count; i++) {
        char payload[32];
        iotx_message_t message;

        memset(&message, 0, sizeof(message));
        snprintf(payload, sizeof(payload), "{\"count\":%d}", i);
        message.p_payload = (unsigned char *)payload; /* copied: may be reused at once */
        message.payload_len = (unsigned short)strlen(payload);
        message.content_type = IOTX_CONTENT_TYPE_JSON;
        message.msg_type = IOTX_MESSAGE_CON;
        message.user_data = name;
        message.resp_callback = on_response;
        if (IOT_CoAP_SendMessage(client, TOPIC, &message) == IOTX_SUCCESS) {
            sent++;
        }
        HAL_SleepMs(20);
    }
    return sent;
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    iotx_coap_config_t config = {argc > 1 ? argv[1] : NULL, 500, &device, NULL};
    int count = argc > 2 ? atoi(argv[2]) : 5;
    iotx_coap_context_t *client;
    pthread_t receiver;
    int sent;
    int all;

    IOT_SetLogLevel(IOT_LOG_WARNING);
    client = IOT_CoAP_Init(&config);
    if (client == NULL) {
        return EXIT_FAILURE;
    }
    if (IOT_CoAP_DeviceNameAuth(client) != IOTX_SUCCESS ||
        pthread_create(&receiver, NULL, receive, client) != 0) {
        HAL_Printf("not connected\n");
        IOT_CoAP_Deinit(&client);
        return EXIT_FAILURE;
    }

    sent = send_messages(client, count);
    all = wait_for_answers(sent);

    pthread_mutex_lock(&lock);
    stopping = 1;
    pthread_mutex_unlock(&lock);
    pthread_join(receiver, NULL);
    IOT_CoAP_Deinit(&client);

    HAL_Printf("%d of %d messages sent, %d taken\n", sent, count, taken);
    return sent == count && all ? EXIT_SUCCESS : EXIT_FAILURE;
}
