/*
 * The heap runs out in the middle: every allocation of a client's life fails
 * once, one run after the other. Nothing stops, each call says what happened,
 * what was refused works the next time, and Deinit gives everything back, but for
 * the one DTLS session that is kept to be resumed.
 *
 * Then the heap is too small, by less each time, until a call has said so: what needs
 * much memory is refused again and again, and nothing may wait for it in vain.
 *
 *     exhausted_heap URL [ROOT.pem | IDENTITY,KEY]
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
enum { WAIT_MS = 20, YIELDS = 500, RUNS_MAX = 400, KEPT_MAX = 512, STEP = 160 };

static int failures;

#define CHECK(condition)                                                                \
    do {                                                                                \
        if (!(condition)) {                                                             \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);              \
            failures++;                                                                 \
        }                                                                               \
    } while (0)

/* A byte on each side of the code: an enumeration is one byte wide here, and no
 * more may be written. */
typedef struct {
    unsigned char before;
    iotx_coap_resp_code_t code;
    unsigned char after;
    int answers;
} answer_t;

static void on_response(void *arg, void *message)
{
    answer_t *answer = arg;

    CHECK(IOT_CoAP_GetMessageCode(message, &answer->code) == IOTX_SUCCESS);
    answer->answers++;
}

/* Once in a run, a call may be refused memory. */
static void refused(int *may_fail)
{
    CHECK(*may_fail && board_heap_has_refused());
    *may_fail = 0;
    board_heap_grow();
}

static void post(iotx_coap_context_t *client, int *may_fail)
{
    answer_t answer = {0xA5, IOTX_COAP_RESP_CODE_NOT_FOUND, 0xA5, 0};
    iotx_message_t message;
    char path[] = TOPIC;
    int status;

    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)"{\"a\":1}";
    message.payload_len = 7;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = &answer;
    message.resp_callback = on_response;
    status = IOT_CoAP_SendMessage(client, path, &message);
    if (status != IOTX_SUCCESS) {
        CHECK(status == IOTX_ERR_NO_MEM);
        refused(may_fail);
        CHECK(IOT_CoAP_SendMessage(client, path, &message) == IOTX_SUCCESS);
    }
    for (int yields = 0; answer.answers == 0 && yields < YIELDS; yields++) {
        IOT_CoAP_Yield(client);
    }
    CHECK(answer.answers == 1);
    CHECK(answer.code == IOTX_COAP_RESP_CODE_CONTENT);
    CHECK(answer.before == 0xA5 && answer.after == 0xA5);
}

static void live(iotx_coap_config_t *config)
{
    iotx_coap_context_t *client = IOT_CoAP_Init(config);
    int may_fail = 1;
    int status;

    if (client == NULL) {
        refused(&may_fail);
        client = IOT_CoAP_Init(config);
        CHECK(client != NULL);
    }
    status = IOT_CoAP_DeviceNameAuth(client);
    if (status != IOTX_SUCCESS) {
        CHECK(status == IOTX_ERR_NO_MEM);
        refused(&may_fail);
        CHECK(IOT_CoAP_DeviceNameAuth(client) == IOTX_SUCCESS);
    }
    post(client, &may_fail);
    post(client, &may_fail);
    IOT_CoAP_Deinit(&client);
    CHECK(client == NULL);
}

/* Lives until nothing is refused any more; returns how often something was. */
static unsigned int sweep(iotx_coap_config_t *config, size_t kept, int by_size)
{
    unsigned int runs = 0;

    do {
        if (by_size) {
            board_heap_shrink(kept + runs * STEP);
        } else {
            board_heap_refuse_after(runs);
        }
        live(config);
        CHECK(board_heap_live() <= kept);
        runs++;
    } while (board_heap_has_refused() && failures == 0 && runs < RUNS_MAX);
    board_heap_grow();
    /* The last run needed no more than were given. */
    CHECK(runs > 5 && runs < RUNS_MAX);
    return runs - 1;
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t device;
    iotx_coap_config_t config;
    size_t kept;

    if (argc < 2 || argc > 3 || (argc == 3 && trust(argv[2]) != 0)) {
        puts("usage: exhausted_heap URL [ROOT.pem | IDENTITY,KEY]");
        return 2;
    }
    _Static_assert(sizeof(iotx_coap_resp_code_t) == 1, "enumerations are one byte wide here");
    memset(&device, 0, sizeof(device));
    strcpy(device.product_key, "a1RP1qZfrEi");
    strcpy(device.device_name, "example1");
    strcpy(device.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &device;
    config.wait_time_ms = WAIT_MS;

    live(&config);
    kept = board_heap_live();
    CHECK(argc == 3 ? kept <= KEPT_MAX : kept == 0);
    printf("each of %u allocations failed once\n", sweep(&config, kept, 0));
    printf("a heap of %u times %d bytes was too small\n", sweep(&config, kept, 1), STEP);
    return failures != 0;
}
