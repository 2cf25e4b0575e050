#include "senders.h"

#include <string.h>

#include "rtos.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

/* Longer than the library waits for an answer before it gives a message up. */
enum { ANSWER_LIMIT_MS = 200000, TRIES = 5 };
enum { STACK_BYTES = 4 * 1024 };

typedef struct {
    sender_t sender;
    TaskHandle_t waiter;
    int messages;
} task_t;

static void on_response(void *arg, void *message)
{
    sender_t *sender = arg;
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR;

    CHECK(IOT_CoAP_GetMessageCode(message, &code) == IOTX_SUCCESS);
    CHECK(code == IOTX_COAP_RESP_CODE_CONTENT);
    sender->answers++;
    sender->is_answered = 1;
    if (sender->on_answer != NULL) {
        sender->on_answer(sender);
    } else {
        xTaskNotifyGive(sender->task);
    }
}

void handle_given_up(void *user_data)
{
    sender_t *sender = user_data;

    sender->given_up++;
    xTaskNotifyGive(sender->task);
}

void deliver(sender_t *sender)
{
    static char payload[] = "{\"temperature\":21.5,\"humidity\":40}";
    char path[] = TOPIC;
    iotx_message_t message;

    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload) - 1;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = sender;
    message.resp_callback = on_response;
    sender->is_answered = 0;
    for (int tries = 0; !sender->is_answered && tries < TRIES; tries++) {
        TickType_t start = xTaskGetTickCount();

        CHECK(IOT_CoAP_SendMessage(sender->client, path, &message) == IOTX_SUCCESS);
        if (xTaskGetTickCount() - start > sender->longest) {
            sender->longest = xTaskGetTickCount() - start;
        }
        CHECK(ulTaskNotifyTake(pdTRUE, pdMS_TO_TICKS(ANSWER_LIMIT_MS)) == 1);
    }
    CHECK(sender->is_answered);
}

static void send(void *arg)
{
    task_t *task = arg;

    for (int message = 0; message < task->messages; message++) {
        deliver(&task->sender);
    }
    board_print_stack("a task that sends", STACK_BYTES);
    xTaskNotifyGive(task->waiter);
    vTaskDelete(NULL);
}

void run_senders(iotx_coap_context_t *client, int messages, const UBaseType_t priorities[2])
{
    task_t tasks[2];

    memset(tasks, 0, sizeof(tasks));
    /* Neither begins before both are there. */
    vTaskSuspendAll();
    for (int number = 0; number < 2; number++) {
        tasks[number].sender.client = client;
        tasks[number].messages = messages;
        tasks[number].waiter = xTaskGetCurrentTaskHandle();
        CHECK(xTaskCreate(send, "sender", STACK_BYTES / sizeof(StackType_t), &tasks[number],
                          priorities[number], &tasks[number].sender.task) == pdPASS);
    }
    (void)xTaskResumeAll();
    for (int ended = 0; ended < 2; ended++) {
        CHECK(ulTaskNotifyTake(pdFALSE, portMAX_DELAY) != 0);
    }
    for (int number = 0; number < 2; number++) {
        const sender_t *sender = &tasks[number].sender;

        CHECK(sender->answers == (unsigned int)messages);
        HAL_Printf("priority %u: %u answers, %u given up, SendMessage took %u ms at most\n",
                   (unsigned int)priorities[number], sender->answers, sender->given_up,
                   (unsigned int)(sender->longest * portTICK_PERIOD_MS));
    }
}
