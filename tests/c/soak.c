/*
 * Clients of the soak: soak URL ROOT.pem FIRST. A process of its own, so that its
 * memory is the library's and nobody else's. Contexts, a thread each, post
 * messages numbered from FIRST on, as many at once as they may, until the first
 * line on standard input; from the second on time runs fast, until every message
 * has ended.
 *
 * Prints, a line each: "posting" when it begins; "heap BYTES" every second of
 * it; "left BYTES", what the heap holds more than before once all contexts are
 * gone; "notices SIGNED_IN SIGN_IN_FAILED SESSION_RENEWED"; and "message NUMBER
 * ACCEPTED ANSWERS CODE GIVEN_UP" for every message.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#define CLIENTS 8
/* A client has so many numbers, and stops when they are used up. */
#define NUMBERS 1000000
/* Every so manyth message is Non-confirmable. */
#define NON_EACH 10
/* The longest that messages may take to end: 247 s by the fast clock below. */
#define SETTLING_MS 60000
/* Under faults a handshake or a sign-in can take several tries. */
#define STARTING_MS 120000

/* How often what happened to a message. */
typedef struct {
    unsigned char accepted, answers, code, given_up;
} record_t;

static record_t records[CLIENTS * NUMBERS];
static char *url;
static long first;
static int over = 0;
static unsigned notices[4];

static uint64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* When the clock began to run fast; 0 before. */
static uint64_t fast_since = 0;
#define FAST 20

/* The port's clock, in the place of the library's own. An answer that was sent
 * Non-confirmable and lost is waited for until 247 s are over (RFC 7252 section
 * 4.8.2), and nothing else will end it: once the faults are over and all that
 * they held back has arrived, time may run faster. */
uint64_t HAL_UptimeMs(void)
{
    uint64_t since = __atomic_load_n(&fast_since, __ATOMIC_SEQ_CST), now = real_ms();

    return since == 0 || now < since ? now : now + (now - since) * (FAST - 1);
}

/* What the heap holds: all that was taken from malloc and not given back. */
static long heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return (long)(info.uordblks + info.hblkhd);
}

static void on_response(void *number, void *response)
{
    record_t *record = &records[(uintptr_t)number];
    iotx_coap_resp_code_t code;

    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    record->code = (unsigned char)code;
    record->answers++;
}

static void on_notice(void *data, iotx_coap_context_t *context, const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)context;
    __atomic_add_fetch(&notices[notice->kind], 1, __ATOMIC_SEQ_CST);
    if (notice->kind == IOTX_COAP_NOTICE_GAVE_UP) {
        records[(uintptr_t)notice->user_data].given_up++;
    }
}

/* A context that has signed in. */
static iotx_coap_context_t *connect_client(int client)
{
    iotx_coap_options_t options;
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    uint64_t start = real_ms();

    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &info;
    config.wait_time_ms = 100;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sign_in_encoding = client % 2 ? IOTX_COAP_SIGN_IN_CBOR : IOTX_COAP_SIGN_IN_JSON;
    options.on_notice = on_notice;
    do {
        context = IOT_CoAP_InitWithOptions(&config, &options);
    } while (context == NULL && real_ms() - start < STARTING_MS);
    while (context != NULL && IOT_CoAP_DeviceNameAuth(context) != 0) {
        if (real_ms() - start > STARTING_MS) {
            IOT_CoAP_Deinit(&context);
        }
    }
    CHECK(context != NULL);
    return context;
}

/* Posts until told that posting is over. */
static void post(iotx_coap_context_t *context, int client)
{
    char path[] = TOPIC "soak";
    char payload[32];
    int next = 0, code;

    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST) && next < NUMBERS) {
        uintptr_t number = (uintptr_t)client * NUMBERS + (uintptr_t)next;
        iotx_message_t message;

        snprintf(payload, sizeof(payload), "{\"message\":%ld}", first + (long)number);
        message = message_of(payload, on_response, (void *)number);
        if (next % NON_EACH == NON_EACH - 1) {
            message.msg_type = IOTX_MESSAGE_NON;
        }
        code = IOT_CoAP_SendMessage(context, path, &message);
        if (code == 0) {
            records[number].accepted = 1;
            next++;
        } else {
            /* As many wait for their answers as may. */
            CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, code);
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
    }
}

/* Waits until every message has ended, and for what comes late. */
static void settle(iotx_coap_context_t *context)
{
    iotx_coap_statistics_t statistics;
    uint64_t fast;

    do {
        CHECK_INT(0, IOT_CoAP_Yield(context));
        CHECK_INT(0, IOT_CoAP_GetStatistics(context, &statistics, sizeof(statistics)));
        fast = __atomic_load_n(&fast_since, __ATOMIC_SEQ_CST);
    } while (fast == 0 || (statistics.outstanding > 0 && real_ms() - fast < SETTLING_MS));
    CHECK_INT(0, statistics.outstanding);
}

static void *run_client(void *client)
{
    iotx_coap_context_t *context = connect_client((int)(intptr_t)client);

    if (context != NULL) {
        post(context, (int)(intptr_t)client);
        settle(context);
        IOT_CoAP_Deinit(&context);
    }
    return NULL;
}

static void *connect_once(void *client)
{
    iotx_coap_context_t *context = connect_client((int)(intptr_t)client);

    IOT_CoAP_Deinit(&context);
    return NULL;
}

/* Whether a line comes within so long; without the test on the other side there
 * is nothing to go on for. */
static int told_within(int ms)
{
    struct pollfd input;
    char line[16];

    input.fd = 0;
    input.events = POLLIN;
    if (poll(&input, 1, ms) == 0) {
        return 0;
    }
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(3);
    }
    return 1;
}

int main(int argc, char **argv)
{
    static char room[1 << 16];
    pthread_t threads[CLIENTS];
    long before;
    int i;

    if (argc != 4) {
        return 2;
    }
    url = argv[1];
    read_root(argv[2]);
    first = atol(argv[3]);
    /* An arena more, made for a thread, would count as held. */
    mallopt(M_ARENA_MAX, 1);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, room, _IOFBF, sizeof(room));

    /* What the system's libraries set up once is no part of a context. */
    CHECK_INT(0, pthread_create(&threads[0], NULL, connect_once, NULL));
    CHECK_INT(0, pthread_join(threads[0], NULL));
    before = heap();
    printf("posting\n");
    fflush(stdout);
    for (i = 0; i < CLIENTS; i++) {
        CHECK_INT(0, pthread_create(&threads[i], NULL, run_client, (void *)(intptr_t)i));
    }
    while (!told_within(1000)) {
        printf("heap %ld\n", heap() - before);
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    while (!told_within(1000)) {
    }
    __atomic_store_n(&fast_since, real_ms(), __ATOMIC_SEQ_CST);
    for (i = 0; i < CLIENTS; i++) {
        CHECK_INT(0, pthread_join(threads[i], NULL));
    }
    printf("left %ld\n", heap() - before);
    printf("notices %u %u %u\n", notices[IOTX_COAP_NOTICE_SIGNED_IN],
           notices[IOTX_COAP_NOTICE_SIGN_IN_FAILED], notices[IOTX_COAP_NOTICE_SESSION_RENEWED]);
    for (i = 0; i < CLIENTS * NUMBERS; i++) {
        const record_t *record = &records[i];

        if (record->accepted || record->answers || record->given_up) {
            printf("message %ld %u %u %u %u\n", first + i, record->accepted, record->answers,
                   record->code, record->given_up);
        }
    }
    return failures != 0;
}
