/*
 * What the library takes of the heap and the stack, measured: for scripts/size.
 *
 *     figures URL
 *
 * Prints a line for each: its name, a blank, bytes (or a count).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "iot_export.h"
#include "iot_import.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

enum { WAIT_MS = 1000, YIELDS = 10, WINDOW = 8, STEADY = 100 };

static int answers;

static void on_response(void *arg, void *message)
{
    (void)arg;
    (void)message;
    answers++;
}

/* A payload of 64 bytes, as performance.md has it. */
static void post(iotx_coap_context_t *client)
{
    static char payload[] = "{\"temperature\":21.5,\"humidity\":40,\"pressure\":1013,\"serial\":1234}";
    iotx_message_t message;
    char path[] = TOPIC;

    _Static_assert(sizeof(payload) - 1 == 64, "64 bytes");
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload) - 1;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.resp_callback = on_response;
    if (IOT_CoAP_SendMessage(client, path, &message) != IOTX_SUCCESS) {
        puts("not sent");
        exit(1);
    }
}

static void await(iotx_coap_context_t *client, int number)
{
    for (int yields = 0; answers < number && yields < YIELDS; yields++) {
        IOT_CoAP_Yield(client);
    }
    if (answers != number) {
        puts("not answered");
        exit(1);
    }
    answers = 0;
}

static void print(const char *name, size_t number)
{
    printf("%s %u\n", name, (unsigned int)number);
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t device;
    iotx_coap_config_t config;
    iotx_coap_context_t *client;
    size_t context, before, stack;
    unsigned int requests;

    if (argc != 2) {
        puts("usage: figures URL");
        return 2;
    }
    memset(&device, 0, sizeof(device));
    strcpy(device.product_key, "a1RP1qZfrEi");
    strcpy(device.device_name, "example1");
    strcpy(device.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &device;
    config.wait_time_ms = WAIT_MS;
    puts("figures:"); /* makes newlib's buffers before anything is measured */

    board_paint_stack();
    before = board_stack_used();
    client = IOT_CoAP_Init(&config);
    if (client == NULL || IOT_CoAP_DeviceNameAuth(client) != IOTX_SUCCESS) {
        puts("not signed in");
        return 1;
    }
    post(client);
    await(client, 1);
    stack = board_stack_used() - before;

    /* One message at a time: its place is kept for the next one. */
    context = board_heap_live();
    requests = board_heap_requests();
    for (int number = 0; number < STEADY; number++) {
        post(client);
        await(client, 1);
    }
    print("heap-per-context", context);
    print("allocations-per-100-messages", board_heap_requests() - requests);
    for (int number = 0; number < WINDOW; number++) {
        post(client);
    }
    await(client, WINDOW);
    print("heap-per-further-message-in-flight", (board_heap_live() - context) / (WINDOW - 1));
    print("stack", stack);
    IOT_CoAP_Deinit(&client);
    print("heap-after-deinit", board_heap_live());
    return 0;
}
