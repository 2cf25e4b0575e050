/*
 * Tasks that send, each one message after the other, and what all tasks of the test share.
 */
#ifndef SENDERS_H
#define SENDERS_H

#include "FreeRTOS.h"
#include "task.h"

#include "iot_export.h"
#include "iot_import.h"

/* How often something was not as it should be, in any task. */
extern volatile int failures;

/* Prints as one piece: newlib's own output is not for several tasks. */
#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            HAL_Printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            failures++;                                                                 \
        }                                                                               \
    } while (0)

/* Who sends, and waits to be notified of the answer. It is the messages' user_data. */
typedef struct sender {
    iotx_coap_context_t *client;
    TaskHandle_t task;
    /* Called with the answer, by the task that receives, and has to notify the sender; NULL
     * where nothing else is to be done with it. */
    void (*on_answer)(struct sender *sender);
    volatile int is_answered;
    unsigned int answers, given_up;
    /* The longest that SendMessage took. */
    TickType_t longest;
} sender_t;

/* Sends a message, again where it is given up, and waits for its answer. */
void deliver(sender_t *sender);

/* To be called where the library gives a message up. */
void handle_given_up(void *user_data);

/* Has two tasks of these priorities each send so many messages at the same time, and waits
 * for both. */
void run_senders(iotx_coap_context_t *client, int messages, const UBaseType_t priorities[2]);

#endif
