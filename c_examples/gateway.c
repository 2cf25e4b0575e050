/*
 * A gateway that speaks for a thousand devices from one thread: a context each, all
 * of them in one poll loop. Each device signs in, then posts once in PERIOD_MS.
 *
 *     ./gateway URL DEVICES [SECONDS]    # a file with a line KEY,NAME,SECRET a device
 *
 * What to take from it:
 *
 * - a context is a device: its identity is that of the configuration's p_devinfo, not
 *   the board port's, and is copied.
 * - IOT_CoAP_StartSignIn does not wait, as IOT_CoAP_DeviceNameAuth would: a notice
 *   tells how it ended, and a device that was not answered holds up no other. (Over
 *   coaps://, IOT_CoAP_Init waits for the handshake: let threads do that part.)
 * - IOT_CoAP_GetFd and IOT_CoAP_GetTimeoutMs say what a context waits for. The
 *   descriptor stays the same for the life of the context; the time changes only in a
 *   call of that context, and is asked again after it: so a round of the loop costs one
 *   poll, and calls only into contexts that have something to do.
 * - IOT_CoAP_Process handles what has arrived and does what is due. It never waits.
 * - each message has one end: its callback, or the notice that it was given up.
 */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "coap_api.h"
#include "iot_coap_ext.h"
#include "wrappers.h"

/* How often a device posts. */
#define PERIOD_MS 1000
/* From one device's first sign-in to the next one's: a thousand datagrams at once
 * overrun many a queue on the way. */
#define SIGN_IN_DISTANCE_MS 1
/* How long a device tries, and rests before it tries again. */
#define SIGN_IN_LIMIT_MS 60000
#define SIGN_IN_PAUSE_MS 30000
/* Longer than the library waits for an answer before it gives a message up. */
#define ANSWER_LIMIT_MS 100000
/* For standard streams and the like. */
#define OTHER_DESCRIPTORS 32
#define NEVER UINT64_MAX

typedef struct {
    uint64_t posted;
    uint64_t taken;
    uint64_t refused;
    uint64_t given_up;
} counts_t;

typedef struct {
    iotx_deviceinfo_t identity;
    iotx_coap_context_t *client;
    int signed_in;
    uint64_t act_at;   /* when it signs in, or posts, next */
    uint64_t process_at; /* when its context wants to be called, whatever arrives */
} device_t;

static counts_t counts;
static size_t signing_in, signed_in;

static uint64_t in_flight(void)
{
    return counts.posted - counts.taken - counts.refused - counts.given_up;
}

/* --- the devices --------------------------------------------------------------------- */

/* Reads the next line; 0 at the end, -1 for a line that does not describe a device. */
static int read_identity(FILE *file, iotx_deviceinfo_t *identity)
{
    char line[256];

    memset(identity, 0, sizeof(*identity));
    if (fgets(line, sizeof(line), file) == NULL) {
        return 0;
    }
    /* The widths are IOTX_PRODUCT_KEY_LEN and so on. */
    return sscanf(line, "%20[^,],%32[^,],%64[^,\r\n]", identity->product_key,
                  identity->device_name, identity->device_secret) == 3
               ? 1
               : -1;
}

/* All devices of a file, to be freed; NULL if that fails or there are none. */
static device_t *read_devices(const char *path, size_t *count)
{
    FILE *file = fopen(path, "r");
    device_t *devices = NULL;
    size_t room = 0;
    int status = -1;

    *count = 0;
    while (file != NULL) {
        if (*count == room) {
            device_t *more = realloc(devices, (room = 2 * room + 64) * sizeof(*devices));

            if (more == NULL) {
                status = -1;
                break;
            }
            devices = more;
        }
        memset(&devices[*count], 0, sizeof(devices[*count]));
        status = read_identity(file, &devices[*count].identity);
        if (status != 1) {
            break;
        }
        (*count)++;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (status != 0 || *count == 0) {
        fprintf(stderr, "%s: wrong or missing at line %zu, which is to be KEY,NAME,SECRET\n", path,
                *count + 1);
        free(devices);
        devices = NULL;
    }
    return devices;
}

/* A socket each: more than a process may have unless it asks. */
static void allow_descriptors(size_t count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count + OTHER_DESCRIPTORS) {
        limit.rlim_cur = count + OTHER_DESCRIPTORS;
        if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            fprintf(stderr, "%zu devices need as many descriptors: see `ulimit -Hn`\n", count);
        }
    }
}

/* --- what becomes of a message --------------------------------------------------------- */

static void on_response(void *arg, void *message)
{
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR;

    (void)arg; /* the device */
    IOT_CoAP_GetMessageCode(message, &code);
    if (code == IOTX_COAP_RESP_CODE_CONTENT) {
        counts.taken++;
    } else {
        counts.refused++;
    }
}

static void on_notice(void *data, iotx_coap_context_t *client, const iotx_coap_notice_t *notice)
{
    device_t *device = data;

    (void)client;
    switch (notice->kind) {
    case IOTX_COAP_NOTICE_SIGNED_IN: /* again, when the access token is renewed */
        if (!device->signed_in) {
            device->signed_in = 1;
            device->act_at = HAL_UptimeMs();
            signed_in++;
            signing_in--;
        }
        break;
    case IOTX_COAP_NOTICE_SIGN_IN_FAILED:
        fprintf(stderr, "%s: not signed in\n", device->identity.device_name);
        if (!device->signed_in) {
            device->act_at = HAL_UptimeMs() + SIGN_IN_PAUSE_MS;
            signing_in--;
        }
        break;
    case IOTX_COAP_NOTICE_GAVE_UP:
        fprintf(stderr, "%s: a message was given up\n", device->identity.device_name);
        counts.given_up++;
        break;
    default:
        break;
    }
}

/* --- a device's context ------------------------------------------------------------------ */

/* After any call of its context: what it waits for now. */
static void look_again(device_t *device, struct pollfd *descriptor, uint64_t now)
{
    int timeout = IOT_CoAP_GetTimeoutMs(device->client);

    device->process_at = timeout < 0 ? NEVER : now + (uint64_t)timeout;
    descriptor->fd = IOT_CoAP_GetFd(device->client); /* poll passes over -1 */
    descriptor->events = POLLIN;
}

static int open_client(device_t *device, char *url)
{
    iotx_coap_config_t config = {url, 0, &device->identity, NULL};
    iotx_coap_options_t options;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = on_notice;
    options.notice_data = device;
    device->client = IOT_CoAP_InitWithOptions(&config, &options);
    return device->client == NULL ? -1 : 0;
}

static void post(device_t *device)
{
    char path[IOTX_URI_MAX_LEN + 1];
    char payload[] = "{\"watts\":230}";
    iotx_message_t message;

    snprintf(path, sizeof(path), "/topic/%s/%s/update", device->identity.product_key,
             device->identity.device_name);
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = sizeof(payload) - 1;
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = device;
    message.resp_callback = on_response;
    counts.posted++;
    if (IOT_CoAP_SendMessage(device->client, path, &message) != IOTX_SUCCESS) {
        counts.refused++; /* the log says why: 32 wait for their answers, say */
    }
}

/* What a device does of itself, at its time. */
static void act(device_t *device)
{
    if (device->signed_in) {
        device->act_at += PERIOD_MS;
        post(device);
    } else {
        device->act_at = NEVER; /* a notice says what comes next */
        signing_in += IOT_CoAP_StartSignIn(device->client, SIGN_IN_LIMIT_MS) == IOTX_SUCCESS;
    }
}

/* --- the loop ---------------------------------------------------------------------------- */

static void report(const device_t *devices, size_t count, uint64_t second)
{
    static uint64_t taken_before;
    uint64_t resent = 0, round_trips = 0, round_trip_ms = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        iotx_coap_statistics_t statistics;

        IOT_CoAP_GetStatistics(devices[i].client, &statistics, sizeof(statistics));
        resent += statistics.resent;
        round_trips += statistics.round_trips;
        round_trip_ms += statistics.round_trips * statistics.round_trip_avg_ms;
    }
    printf("%3u s: %zu signed in, %u messages/s taken, %u in flight, %u ms there and back;"
           " %u resent, %u refused, %u given up\n",
           (unsigned int)second, signed_in, (unsigned int)(counts.taken - taken_before),
           (unsigned int)in_flight(),
           (unsigned int)(round_trips == 0 ? 0 : round_trip_ms / round_trips),
           (unsigned int)resent, (unsigned int)counts.refused, (unsigned int)counts.given_up);
    taken_before = counts.taken;
}

/* Works for `seconds`, then waits until every message and sign-in has ended. */
static void run(device_t *devices, struct pollfd *descriptors, size_t count, unsigned int seconds)
{
    uint64_t start = HAL_UptimeMs();
    uint64_t end = start + seconds * (uint64_t)1000;
    uint64_t report_at = start + 1000;
    uint64_t now = start;
    size_t i;

    for (i = 0; i < count; i++) {
        devices[i].act_at = start + i * SIGN_IN_DISTANCE_MS;
        look_again(&devices[i], &descriptors[i], now);
    }
    while (now < end || (in_flight() + signing_in > 0 && now < end + ANSWER_LIMIT_MS)) {
        uint64_t next = report_at;

        for (i = 0; i < count; i++) {
            if (now < end && now >= devices[i].act_at) {
                act(&devices[i]);
                look_again(&devices[i], &descriptors[i], now);
            }
            if (now < end && devices[i].act_at < next) {
                next = devices[i].act_at;
            }
            if (devices[i].process_at < next) {
                next = devices[i].process_at;
            }
        }
        poll(descriptors, (nfds_t)count, next > now ? (int)(next - now) : 0);
        now = HAL_UptimeMs();
        for (i = 0; i < count; i++) {
            if (descriptors[i].revents != 0 || now >= devices[i].process_at) {
                IOT_CoAP_Process(devices[i].client);
                look_again(&devices[i], &descriptors[i], now);
            }
        }
        now = HAL_UptimeMs();
        if (now >= report_at) {
            report(devices, count, (report_at - start) / 1000);
            report_at += 1000;
        }
    }
}

int main(int argc, char **argv)
{
    unsigned int seconds = argc > 3 ? (unsigned int)atoi(argv[3]) : 5;
    struct pollfd *descriptors = NULL;
    device_t *devices;
    size_t count, opened = 0, i;
    int all;

    if (argc < 3) {
        fprintf(stderr, "usage: gateway URL DEVICES [SECONDS]\n");
        return EXIT_FAILURE;
    }
    IOT_SetLogLevel(IOT_LOG_ERROR);
    devices = read_devices(argv[2], &count);
    if (devices == NULL || (descriptors = calloc(count, sizeof(*descriptors))) == NULL) {
        free(devices);
        return EXIT_FAILURE;
    }
    allow_descriptors(count);
    while (opened < count && open_client(&devices[opened], argv[1]) == 0) {
        opened++;
    }
    if (opened == count) {
        run(devices, descriptors, count, seconds);
    }
    for (i = 0; i < count; i++) {
        IOT_CoAP_Deinit(&devices[i].client);
    }
    free(descriptors);
    free(devices);

    printf("%zu of %zu devices signed in, %u messages posted, %u taken\n", signed_in, count,
           (unsigned int)counts.posted, (unsigned int)counts.taken);
    all = signed_in == count && counts.posted > 0 && counts.taken == counts.posted;
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
