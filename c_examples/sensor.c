/*
 * A sensor that lives on a battery: it wakes, measures, posts in CBOR, and sleeps
 * without power.
 *
 *     ./sensor [URL [WAKINGS [SECONDS]]]    # so many wakings, so long a sleep between
 *
 * What to take from it:
 *
 * - IOT_CoAP_Pause and IOT_CoAP_Resume: the access token and the DTLS session
 *   outlive the sleep, so that a waking costs one message and its answer, without
 *   a sign-in or a full handshake.
 * - a reading is the device's own until the cloud has answered for it. Given up (a
 *   notice), refused or still waiting when it is time to sleep, it stays in the
 *   backlog and goes out with the next waking. So it can arrive twice: its number
 *   tells.
 * - the time awake has a bound, whatever the network does, and ends when
 *   IOT_CoAP_Idle says that nothing is expected any more.
 * - HAL_UDP_expect: the modem is told what is expected after each datagram, so that it
 *   can release its radio connection at once (Release Assistance) and need not wait
 *   for the network's own timer, which is 10 s and more.
 * - nothing is kept in RAM: wake() may as well be the whole run of a program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coap_api.h"
#include "iot_coap_ext.h"
#include "wrappers.h"

#define TOPIC "/topic/a1RP1qZfrEi/example1/update"
/* The name of the backlog in the store. */
#define STORED_AS "sensor.backlog"
/* Readings that wait for the cloud; the oldest makes room. */
#define BACKLOG_LENGTH 24
/* With an ACK_TIMEOUT of 1 s an unacknowledged message is given up after 31 to
 * 46.5 s (RFC 7252 section 4.8): longer than that need no one wait. */
#define ACK_TIMEOUT_MS 1000
#define AWAKE_MS 50000

typedef struct {
    uint32_t number;
    float celsius;
    uint32_t delivered;
} reading_t;

typedef struct {
    uint32_t next_number;
    uint32_t length;
    reading_t readings[BACKLOG_LENGTH];
} backlog_t;

/* --- CBOR (RFC 8949): as much of it as this payload needs ------------------------ */

/* Room for the longest payload of this program. */
typedef struct {
    unsigned char bytes[40];
    unsigned short length;
} cbor_t;

static void put_byte(cbor_t *cbor, uint32_t byte)
{
    if (cbor->length < sizeof(cbor->bytes)) {
        cbor->bytes[cbor->length++] = (unsigned char)byte;
    }
}

/* The head of an item: its major type, and a number in the fewest bytes. */
static void put_head(cbor_t *cbor, uint32_t major, uint32_t number)
{
    int bytes = number < 24 ? 0 : number <= 0xff ? 1 : number <= 0xffff ? 2 : 4;

    put_byte(cbor, major << 5 | (bytes == 0 ? number : bytes == 1 ? 24 : bytes == 2 ? 25 : 26));
    while (bytes-- > 0) {
        put_byte(cbor, number >> (8 * bytes));
    }
}

static void put_text(cbor_t *cbor, const char *text)
{
    put_head(cbor, 3, (uint32_t)strlen(text));
    while (*text != '\0') {
        put_byte(cbor, (unsigned char)*text++);
    }
}

static void put_float(cbor_t *cbor, float number)
{
    uint32_t bits;
    int bytes = 4;

    memcpy(&bits, &number, sizeof(bits));
    put_byte(cbor, 7 << 5 | 26);
    while (bytes-- > 0) {
        put_byte(cbor, bits >> (8 * bytes));
    }
}

/* {"number": 17, "celsius": 21.5} */
static void put_reading(cbor_t *cbor, const reading_t *reading)
{
    cbor->length = 0;
    put_head(cbor, 5, 2);
    put_text(cbor, "number");
    put_head(cbor, 0, reading->number);
    put_text(cbor, "celsius");
    put_float(cbor, reading->celsius);
}

/* --- the backlog ------------------------------------------------------------------ */

static void load(backlog_t *backlog)
{
    int length = sizeof(*backlog);

    if (HAL_Kv_Get(STORED_AS, backlog, &length) != 0 || length != sizeof(*backlog) ||
        backlog->length > BACKLOG_LENGTH) {
        memset(backlog, 0, sizeof(*backlog));
        backlog->next_number = 1;
    }
}

static void store(const backlog_t *backlog)
{
    if (HAL_Kv_Set(STORED_AS, backlog, sizeof(*backlog), 1) != 0) {
        printf("the backlog is not stored\n");
    }
}

/* Measures; here a driver of the sensor would be asked. */
static void add_reading(backlog_t *backlog)
{
    reading_t *reading;

    if (backlog->length == BACKLOG_LENGTH) {
        printf("reading %u: dropped for a newer one\n", (unsigned int)backlog->readings[0].number);
        backlog->length--;
        memmove(&backlog->readings[0], &backlog->readings[1],
                backlog->length * sizeof(backlog->readings[0]));
    }
    reading = &backlog->readings[backlog->length++];
    reading->number = backlog->next_number++;
    reading->celsius = 21.5f + (float)(reading->number % 8) / 8;
    reading->delivered = 0;
}

static void remove_delivered(backlog_t *backlog)
{
    uint32_t kept = 0;
    uint32_t i;

    for (i = 0; i < backlog->length; i++) {
        if (!backlog->readings[i].delivered) {
            backlog->readings[kept++] = backlog->readings[i];
        }
    }
    backlog->length = kept;
}

/* --- what becomes of a message ------------------------------------------------------ */

/* An answer. The reading it is for is the message's user_data. */
static void on_response(void *arg, void *message)
{
    reading_t *reading = arg;
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR;

    IOT_CoAP_GetMessageCode(message, &code);
    reading->delivered = code == IOTX_COAP_RESP_CODE_CONTENT;
    printf("reading %u: %s with %u.%02u\n", (unsigned int)reading->number,
           reading->delivered ? "taken" : "refused", (unsigned int)code >> 5,
           (unsigned int)code & 31);
}

static const char *reason_of(iotx_coap_give_up_t reason)
{
    switch (reason) {
    case IOTX_COAP_GIVE_UP_NOT_ACKNOWLEDGED:
    case IOTX_COAP_GIVE_UP_NOT_ANSWERED:
        return "no answer";
    case IOTX_COAP_GIVE_UP_RESET:
        return "rejected";
    case IOTX_COAP_GIVE_UP_NOT_SIGNED_IN:
        return "not signed in";
    default:
        return "for another reason";
    }
}

/* No answer, and none to be waited for: the callback will not be called. */
static void on_notice(void *data, iotx_coap_context_t *context, const iotx_coap_notice_t *notice)
{
    (void)data;
    (void)context;
    if (notice->kind == IOTX_COAP_NOTICE_GAVE_UP) {
        const reading_t *reading = notice->user_data;

        printf("reading %u: given up, %s\n", (unsigned int)reading->number,
               reason_of(notice->reason));
    }
}

/* --- the modem ------------------------------------------------------------------------ */

/* What the library expects after the datagram that it sends next. A board would pass it on
 * with that datagram: for a Quectel BC95, for one, as the flag of AT+NSOSTF, 0x200 for "no
 * more" and 0x400 for "one answer". */
void HAL_UDP_expect(iotx_hal_udp_t socket, int how_many)
{
    static const char *const told[] = {"release at once", "release after one answer", "stay"};

    (void)socket;
    printf("modem: %s\n", told[how_many]);
}

/* --- a waking ------------------------------------------------------------------------- */

static void post(iotx_coap_context_t *client, reading_t *reading)
{
    char path[] = TOPIC;
    cbor_t cbor;
    iotx_message_t message;
    int status;

    put_reading(&cbor, reading);
    memset(&message, 0, sizeof(message));
    message.p_payload = cbor.bytes;
    message.payload_len = cbor.length;
    message.content_type = IOTX_CONTENT_TYPE_CBOR;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = reading; /* lives until the context is paused */
    message.resp_callback = on_response;
    status = IOT_CoAP_SendMessage(client, path, &message);
    if (status != IOTX_SUCCESS) {
        printf("reading %u: not sent: %s\n", (unsigned int)reading->number,
               IOT_CoAP_ErrorString(status));
    }
}

/* From power to no power; how many readings stay for the next waking. */
static uint32_t wake(char *url)
{
    iotx_deviceinfo_t device = {"a1RP1qZfrEi", "example1", "", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"};
    iotx_coap_config_t config = {url, 2000, &device, NULL};
    iotx_coap_options_t options;
    iotx_coap_context_t *client;
    backlog_t backlog;
    uint64_t awake_since;
    uint32_t i;

    load(&backlog);
    add_reading(&backlog);
    /* Before it is posted: should the power fail now, its number is not used twice. */
    store(&backlog);

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.sign_in_encoding = IOTX_COAP_SIGN_IN_CBOR;
    options.ack_timeout_ms = ACK_TIMEOUT_MS;
    options.on_notice = on_notice;
    client = IOT_CoAP_Resume(&config, &options);
    if (client != NULL) {
        /* Returns at once with the access token that was kept. */
        if (IOT_CoAP_DeviceNameAuth(client) == IOTX_SUCCESS) {
            for (i = 0; i < backlog.length; i++) {
                post(client, &backlog.readings[i]);
            }
            awake_since = HAL_UptimeMs();
            while (!IOT_CoAP_Idle(client) && HAL_UptimeMs() - awake_since < AWAKE_MS) {
                IOT_CoAP_Yield(client);
            }
        }
        /* What still waits is forgotten by the client, and kept by the backlog. */
        IOT_CoAP_Pause(&client);
        remove_delivered(&backlog);
        store(&backlog);
    }
    return backlog.length;
}

int main(int argc, char **argv)
{
    char *url = argc > 1 ? argv[1] : NULL;
    int wakings = argc > 2 ? atoi(argv[2]) : 3;
    int seconds = argc > 3 ? atoi(argv[3]) : 1;
    uint32_t left = 0;
    int i;

    setvbuf(stdout, NULL, _IOLBF, 0); /* so that its lines and the log's are in order */
    IOT_SetLogLevel(IOT_LOG_WARNING);
    for (i = 0; i < wakings; i++) {
        if (i > 0) {
            HAL_SleepMs((uint32_t)seconds * 1000); /* here the power would go */
        }
        left = wake(url);
        printf("asleep, %u readings in the backlog\n", (unsigned int)left);
    }
    return left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
