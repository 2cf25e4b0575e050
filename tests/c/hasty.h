/*
 * For programs that post while their network is broken: the library's clock, which runs faster
 * than the true one where waiting would take long, and what becomes of messages.
 */
#ifndef HASTY_H
#define HASTY_H

#include <stdint.h>
#include <time.h>

#include "check.h"
#include "iot_coap_ext.h"

static unsigned int haste = 1;
static uint64_t hasty_since_ms = 0;

static uint64_t true_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t HAL_UptimeMs(void)
{
    return hasty_since_ms + (true_ms() - hasty_since_ms) * haste;
}

static void hurry(unsigned int factor)
{
    hasty_since_ms = true_ms();
    haste = factor;
}

static int answers = 0;
static int given_up = 0;

static void count(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    answers++;
}

static void on_notice(void *data, iotx_coap_context_t *context, const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)context;
    given_up += notice->kind == IOTX_COAP_NOTICE_GAVE_UP;
}

static int post(iotx_coap_context_t *context, iotx_msg_type_t type)
{
    iotx_message_t message = message_of("{}", count, NULL);
    char path[] = TOPIC "update";

    message.msg_type = type;
    return IOT_CoAP_SendMessage(context, path, &message);
}

#endif
