/*
 * Several tasks with one client: one is in IOT_CoAP_Yield, two send, at the same priority
 * and at others, and a third ends the client while the first is in it: once while it waits,
 * once while it runs a callback, in which IOT_CoAP_Deinit is refused to it alone.
 *
 *     tasks URL MESSAGES [ROOT.pem | IDENTITY,KEY]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "iot_coap_ext.h"
#include "rtos.h"
#include "senders.h"
#include "trust.h"

enum { WAIT_MS = 60000, LIMIT_MS = 120000, ACK_TIMEOUT_MS = 1000 };
enum { RECEIVER_STACK = 12 * 1024 };
/* This one's is 2. The receiver's is above it: when this one runs, it waits. */
enum { RECEIVER_PRIORITY = 3 };

volatile int failures;

static iotx_coap_context_t *client;
static TaskHandle_t ender;
/* The client is being ended, or will be as soon as the callback that runs has returned. */
static volatile int is_ending, has_begun_to_end, has_ended, has_returned;

/* --- the task that receives ------------------------------------------------------- */

static void receive(void *nothing)
{
    uint64_t before = HAL_UptimeMs();

    (void)nothing;
    while (!is_ending) {
        int result = IOT_CoAP_Yield(client);

        /* It fails if the client was ended meanwhile, and only then. */
        CHECK(result == IOTX_SUCCESS || (result == -1 && is_ending));
        CHECK(HAL_UptimeMs() >= before);
        before = HAL_UptimeMs();
    }
    board_print_stack("the task that receives", RECEIVER_STACK);
    xTaskNotifyGive(ender);
    vTaskDelete(NULL);
}

/* A callback that the client is ended in: not by its own task, which would wait for itself,
 * but by another, which waits for the callback. */
static void end_in_callback(sender_t *sender)
{
    iotx_coap_context_t *same = client;

    IOT_CoAP_Deinit(&same);
    CHECK(same == client);
    is_ending = 1;
    xTaskNotifyGive(sender->task);
    while (!has_begun_to_end || eTaskGetState(ender) != eBlocked) {
        vTaskDelay(1);
    }
    HAL_SleepMs(50);
    CHECK(!has_ended);
    has_returned = 1;
}

static void on_notice(void *data, iotx_coap_context_t *context, const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)context;
    if (notice->kind == IOTX_COAP_NOTICE_GAVE_UP) {
        handle_given_up(notice->user_data);
    }
}

/* --- a client's life ----------------------------------------------------------------- */

static iotx_coap_context_t *new_client(char *url)
{
    static iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "",
                                       "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    iotx_coap_config_t config = {url, WAIT_MS, &device, NULL};
    iotx_coap_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = on_notice;
    options.ack_timeout_ms = ACK_TIMEOUT_MS;
    options.connect_limit_ms = LIMIT_MS;
    options.sign_in_limit_ms = LIMIT_MS;
    return IOT_CoAP_InitWithOptions(&config, &options);
}

static int begin(char *url)
{
    is_ending = has_begun_to_end = has_ended = has_returned = 0;
    client = new_client(url);
    if (client == NULL || IOT_CoAP_DeviceNameAuth(client) != IOTX_SUCCESS) {
        HAL_Printf("not signed in\n");
        return -1;
    }
    return 0;
}

static void end_while_it_waits(void)
{
    TickType_t start = xTaskGetTickCount();

    is_ending = 1;
    IOT_CoAP_Deinit(&client);
    /* Long before its Yield would have returned by itself. */
    CHECK(xTaskGetTickCount() - start < pdMS_TO_TICKS(WAIT_MS / 4));
    HAL_Printf("ended while a task waits, in %u ms\n",
               (unsigned int)((xTaskGetTickCount() - start) * portTICK_PERIOD_MS));
}

static void end_while_it_calls_back(void)
{
    sender_t last;

    memset(&last, 0, sizeof(last));
    last.client = client;
    last.task = ender;
    last.on_answer = end_in_callback;
    deliver(&last);
    has_begun_to_end = 1;
    IOT_CoAP_Deinit(&client);
    has_ended = 1;
    CHECK(has_returned);
    HAL_Printf("ended while a callback runs\n");
}

static int live(char *url, int messages, const UBaseType_t priorities[2], void (*end)(void))
{
    if (begin(url) != 0) {
        return -1;
    }
    CHECK(xTaskCreate(receive, "receiver", RECEIVER_STACK / sizeof(StackType_t), NULL,
                      RECEIVER_PRIORITY, NULL) == pdPASS);
    run_senders(client, messages, priorities);
    end();
    CHECK(client == NULL);
    CHECK(ulTaskNotifyTake(pdTRUE, portMAX_DELAY) == 1);
    /* The idle task frees what ended tasks had. */
    vTaskDelay(pdMS_TO_TICKS(20));
    return 0;
}

/* --- the port by itself -------------------------------------------------------------- */

/* The linker leads the library's calls of HAL_MutexCreate here (--wrap). */
void *__real_HAL_MutexCreate(void);
void *__wrap_HAL_MutexCreate(void);
static int mutexes_left = -1;

void *__wrap_HAL_MutexCreate(void)
{
    if (mutexes_left == 0) {
        return NULL;
    }
    mutexes_left--;
    return __real_HAL_MutexCreate();
}

/* Without memory for a mutex there is no client, rather than one that is not locked. */
static void check_mutexes(char *url)
{
    size_t before = board_heap_live();

    mutexes_left = 0;
    client = new_client(url);
    CHECK(client == NULL);
    CHECK(board_heap_live() == before);
    mutexes_left = -1;
}

static void check_sleep(void)
{
    for (unsigned int ms = 1; ms < 40; ms += 7) {
        uint64_t start = HAL_UptimeMs();

        HAL_SleepMs(ms);
        CHECK(HAL_UptimeMs() - start >= ms);
    }
}

int main(int argc, char **argv)
{
    static const UBaseType_t same[2] = {RECEIVER_PRIORITY, RECEIVER_PRIORITY};
    static const UBaseType_t others[2] = {RECEIVER_PRIORITY + 1, RECEIVER_PRIORITY - 1};
    size_t before;
    int messages;

    if (argc < 3 || argc > 4 || (argc == 4 && trust(argv[3]) != 0)) {
        HAL_Printf("usage: tasks URL MESSAGES [ROOT.pem | IDENTITY,KEY]\n");
        return 2;
    }
    messages = atoi(argv[2]);
    IOT_SetLogLevel(IOT_LOG_ERROR);
    ender = xTaskGetCurrentTaskHandle();
    check_sleep();
    check_mutexes(argv[1]);
    if (live(argv[1], messages, same, end_while_it_waits) != 0) {
        return 1;
    }
    /* A session may be kept, to be resumed. */
    before = board_heap_live();
    if (live(argv[1], messages, others, end_while_it_calls_back) != 0) {
        return 1;
    }
    CHECK(board_heap_live() <= before);
#ifdef CLOCK_START
    CHECK(HAL_UptimeMs() >> 32 == 1);
#endif
    HAL_Printf("heap: %u bytes at most, the tasks' stacks in it\n",
               (unsigned int)board_heap_peak());
    HAL_Printf("%s\n", failures == 0 ? "all well" : "FAILED");
    return failures != 0;
}
