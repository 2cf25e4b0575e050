/*
 * A life in all the RAM that the linker script gives: the client, the C library, the
 * network driver and this program. Says what each part of it took at most.
 *
 *     whole_ram URL ROOT.pem|IDENTITY,KEY
 */
#include <stdio.h>
#include <string.h>

#include "board.h"
#include "iot_export.h"
#include "iot_import.h"
#include "trust.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"

enum { MESSAGES = 20, YIELDS = 50, WAIT_MS = 200 };

/* Of the linker script. */
extern char data_start[], end[], stack_limit[], stack_top[];

/* newlib's: where the heap ends, with 0. */
void *_sbrk(int more);

static int answers;

static void on_response(void *arg, void *message)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    if (IOT_CoAP_GetMessageCode(message, &code) == IOTX_SUCCESS &&
        code == IOTX_COAP_RESP_CODE_CONTENT) {
        answers++;
    }
}

static void live(const char *url)
{
    static iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "",
                                       "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    static unsigned char payload[] = "{\"temperature\":21.5,\"humidity\":40}";
    iotx_coap_config_t config = {(char *)url, WAIT_MS, &device, NULL};
    iotx_message_t message = {payload, sizeof(payload) - 1, IOTX_CONTENT_TYPE_JSON,
                              IOTX_MESSAGE_CON, NULL, on_response};
    iotx_coap_context_t *client = IOT_CoAP_Init(&config);

    if (client == NULL || IOT_CoAP_DeviceNameAuth(client) != IOTX_SUCCESS) {
        puts("no connection");
        return;
    }
    for (int sent = 1; sent <= MESSAGES; sent++) {
        char path[] = TOPIC;

        if (IOT_CoAP_SendMessage(client, path, &message) != IOTX_SUCCESS) {
            puts("not sent");
            break;
        }
        for (int yields = 0; answers < sent && yields < YIELDS; yields++) {
            IOT_CoAP_Yield(client);
        }
    }
    IOT_CoAP_Deinit(&client);
}

int main(int argc, char **argv)
{
    size_t statics = (size_t)(end - data_start);
    size_t heap, stack;
    int fits;

    if (argc != 3 || trust(argv[2]) != 0) {
        puts("usage: whole_ram URL ROOT.pem|IDENTITY,KEY");
        return 2;
    }
    live(argv[1]);
    /* What newlib's heap has grown to. It gives nothing back. */
    heap = (size_t)((char *)_sbrk(0) - end);
    stack = board_stack_used();
    fits = end + heap <= stack_limit && stack < (size_t)(stack_top - stack_limit);
    printf("%d of %d messages answered\n", answers, (int)MESSAGES);
    printf("RAM: %u bytes; static %u, heap %u (the client's: %u), stack %u: %s\n",
           (unsigned int)(stack_top - data_start), (unsigned int)statics, (unsigned int)heap,
           (unsigned int)board_heap_peak(), (unsigned int)stack,
           fits ? "it fits" : "it does not fit");
    return answers == MESSAGES && fits ? 0 : 1;
}
