/*
 * What the library takes of the heap and the stack, measured: for scripts/size.
 *
 *     figures URL [ROOT.pem | IDENTITY,KEY]
 *
 * Prints a line for each: its name, a blank, bytes (or a count). Instructions are
 * right where the emulator counts them (see ../run).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "iot_export.h"
#include "iot_import.h"
#include "trust.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

/* Short, since a Yield after a message takes that long (its pace). */
enum { WAIT_MS = 20, YIELDS = 500, WINDOW = 8, STEADY = 100 };

/* A nanosecond each, where the emulator counts, and the clock has 25 MHz. */
enum { INSTRUCTIONS_PER_CYCLE = 40 };

static int answers;

static void on_response(void *arg, void *message)
{
    (void)arg;
    (void)message;
    answers++;
}

/* A payload of 64 bytes. */
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
    uint64_t start;
    unsigned int requests;

    if (argc < 2 || argc > 3) {
        puts("usage: figures URL [ROOT.pem | IDENTITY,KEY]");
        return 2;
    }
    if (argc == 3 && trust(argv[2]) != 0) {
        puts("nothing to trust");
        return 1;
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
    board_heap_forget_peak();
    start = board_busy_cycles();
    client = IOT_CoAP_Init(&config);
    start = board_busy_cycles() - start;
    print("connect-heap-peak", board_heap_peak());
    print("connect-instructions", (size_t)(start * INSTRUCTIONS_PER_CYCLE));
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
