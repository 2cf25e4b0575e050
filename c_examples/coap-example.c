/*
 * The original's sample, ported: sign in, post to a topic, print the answers.
 * It takes the original's options and four of its own (-u, -c, -n, and -h that
 * tells them all):
 *
 *     ./coap-example -e online -s dtls          # as the original's
 *     ./coap-example -u coap://127.0.0.1 -n 3   # at a server of your choice
 *     iot-coap-cloud -- ./coap-example -u {coaps} -c {root} -n 3
 *
 * What to take from it:
 *
 * - IOT_CoAP_Yield returns once it has called a callback, and after wait_time_ms
 *   at the latest. So count answers, not Yields.
 * - a message's user_data comes back as the callback's `arg`: here it says which
 *   post the answer belongs to. The response lives in the callback only.
 * - a program that defines iotx_coap_get_ca() replaces the roots that the
 *   cloud's certificate may chain to (-c).
 * - the secret is never printed.
 *
 * The device's identity is the board port's: on Linux it comes from HAL_Set* or
 * the environment (IOT_COAP_PRODUCT_KEY, IOT_COAP_DEVICE_NAME,
 * IOT_COAP_DEVICE_SECRET). If there is none, the vendor's published sample
 * device is taken.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iot_export.h"
#include "iot_import.h"

#define SAMPLE_PRODUCT_KEY "a1RP1qZfrEi"
#define SAMPLE_DEVICE_NAME "example1"
#define SAMPLE_DEVICE_SECRET "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"

#define WAIT_TIME_MS 3000
/* Longer than the library waits for an answer before it gives a message up. */
#define ANSWER_LIMIT_MS 100000
/* With -l: how long from one post to the next. */
#define LOOP_PERIOD_MS 30000

#define PAYLOAD "{\"name\":\"hello world\"}"

/* --- what the command line asks for ------------------------------------------- */

typedef struct {
    const char *environment; /* pre, online or daily; NULL: the product's own endpoint */
    const char *security;    /* nosec, dtls or psk */
    char *url;               /* instead of the two above */
    const char *root;        /* file of the roots to trust */
    int count;               /* posts a connection */
    int loop;                /* go on posting until interrupted */
    int reconnect;           /* do it all a second time */
} options_t;

static void print_usage(void)
{
    HAL_Printf("usage: coap-example [OPTION]...\n"
               "  -e pre|online|daily  the cloud's environment\n"
               "  -s nosec|dtls|psk    how messages are protected in it (default: dtls)\n"
               "  -u URL               the endpoint: coap://, coaps:// or coap-psk://host[:port]\n"
               "  -c ROOT.pem          the roots to trust over coaps://\n"
               "  -n COUNT             how many posts (default: 1)\n"
               "  -l                   post every %d seconds until interrupted\n"
               "  -r                   connect a second time (resumes the DTLS session)\n"
               "  -h                   tell this\n",
               LOOP_PERIOD_MS / 1000);
}

/* 0 to go on, 1 after -h, -1 for what it does not take. */
static int read_options(int argc, char **argv, options_t *options)
{
    int option;

    memset(options, 0, sizeof(*options));
    options->security = "dtls";
    options->count = 1;
    while ((option = getopt(argc, argv, "e:s:u:c:n:lrh")) != -1) {
        switch (option) {
        case 'e':
            options->environment = optarg;
            break;
        case 's':
            options->security = optarg;
            break;
        case 'u':
            options->url = optarg;
            break;
        case 'c':
            options->root = optarg;
            break;
        case 'n':
            options->count = atoi(optarg);
            break;
        case 'l':
            options->loop = 1;
            break;
        case 'r':
            options->reconnect = 1;
            break;
        case 'h':
            print_usage();
            return 1;
        default:
            print_usage();
            return -1;
        }
    }
    if (options->count < 1 || optind != argc) {
        print_usage();
        return -1;
    }
    return 0;
}

/* --- where to connect ------------------------------------------------------------ */

typedef struct {
    const char *environment;
    const char *security;
    const char *url; /* %s stands for the product key */
} endpoint_t;

static const endpoint_t endpoints[] = {
    {"daily", "dtls", "coaps://11.239.164.238:5684"},
    {"daily", "psk", "coap-psk://10.101.83.159:5682"},
    {"pre", "nosec", "coap://pre.iot-as-coap.cn-shanghai.aliyuncs.com:5683"},
    {"pre", "dtls", "coaps://pre.iot-as-coap.cn-shanghai.aliyuncs.com:5684"},
    {"pre", "psk", "coap-psk://pre.iot-as-coap.cn-shanghai.aliyuncs.com:5683"},
    {"online", "dtls", "coaps://%s.iot-as-coap.cn-shanghai.aliyuncs.com:5684"},
    {"online", "psk", "coap-psk://%s.coap.cn-shanghai.link.aliyuncs.com:5682"},
};

/* Writes the endpoint's URL, or returns -1 if there is none of that kind. */
static int find_url(const options_t *options, const char *product_key, char *url, size_t size)
{
    size_t i;

    for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const endpoint_t *endpoint = &endpoints[i];

        if (strcmp(endpoint->environment, options->environment) == 0 &&
            strcmp(endpoint->security, options->security) == 0) {
            snprintf(url, size, endpoint->url, product_key);
            return 0;
        }
    }
    HAL_Printf("[APPL]: there is no endpoint for -e %s -s %s\n", options->environment,
               options->security);
    return -1;
}

/* --- whom to trust ----------------------------------------------------------------- */

static char *roots;

/* Replaces the library's: PEM text, which must outlive the client. NULL leaves it
 * at the library's own roots. */
const char *iotx_coap_get_ca(void)
{
    return roots;
}

/* Reads the file of -c. */
static int read_roots(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t length = 0;

    if (file != NULL) {
        long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;

        rewind(file);
        roots = size > 0 ? malloc((size_t)size + 1) : NULL;
        if (roots != NULL) {
            length = fread(roots, 1, (size_t)size, file);
            roots[length] = '\0';
        }
        fclose(file);
    }
    if (length == 0) {
        HAL_Printf("[APPL]: cannot read %s\n", path);
        return -1;
    }
    return 0;
}

/* --- who we are ---------------------------------------------------------------------- */

static void get_identity(iotx_deviceinfo_t *device)
{
    memset(device, 0, sizeof(*device));
    if (HAL_GetProductKey(device->product_key) <= 0) {
        HAL_SetProductKey(SAMPLE_PRODUCT_KEY);
        HAL_SetDeviceName(SAMPLE_DEVICE_NAME);
        HAL_SetDeviceSecret(SAMPLE_DEVICE_SECRET);
        HAL_GetProductKey(device->product_key);
    }
    HAL_GetDeviceName(device->device_name);
    HAL_GetDeviceSecret(device->device_secret);
    HAL_GetDeviceID(device->device_id);
    HAL_Printf("[APPL]: device %s of product %s\n", device->device_name, device->product_key);
}

/* --- posting ---------------------------------------------------------------------------- */

/* What a post's callback is told, and tells. */
typedef struct {
    int number;
    int answered;
    int taken;
} post_t;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void on_response(void *arg, void *message)
{
    post_t *post = arg;
    iotx_coap_resp_code_t code = IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR;
    unsigned char *payload = NULL;
    int length = 0;

    IOT_CoAP_GetMessageCode(message, &code);
    IOT_CoAP_GetMessagePayload(message, &payload, &length);
    HAL_Printf("[APPL]: post %d: response code 0x%02x (%u.%02u), %d bytes: %s\n", post->number,
               (unsigned int)code, (unsigned int)code >> 5, (unsigned int)code & 31, length,
               payload == NULL ? "" : (const char *)payload);
    post->answered = 1;
    post->taken = code == IOTX_COAP_RESP_CODE_CONTENT;
}

typedef enum { POST_TAKEN, POST_REFUSED, POST_LOST } outcome_t;

/* Milliseconds since `start`. In 32 bits, as wide as the clock of many boards is:
 * so the difference is right also after it has wrapped. */
static uint32_t elapsed_ms(uint32_t start)
{
    return (uint32_t)HAL_UptimeMs() - start;
}

/* Posts once and waits for the answer. */
static outcome_t post_once(iotx_coap_context_t *client, const iotx_deviceinfo_t *device,
                           post_t *post)
{
    char path[IOTX_URI_MAX_LEN + 1];
    iotx_message_t message;
    uint32_t start = (uint32_t)HAL_UptimeMs();
    int status;

    snprintf(path, sizeof(path), "/topic/%s/%s/update", device->product_key, device->device_name);
    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)PAYLOAD;
    message.payload_len = (unsigned short)strlen(PAYLOAD);
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = post;
    message.resp_callback = on_response;

    HAL_Printf("[APPL]: post %d: %s to %s\n", post->number, PAYLOAD, path);
    status = IOT_CoAP_SendMessage(client, path, &message);
    if (status != IOTX_SUCCESS) {
        HAL_Printf("[APPL]: post %d: not sent (%d)\n", post->number, status);
        return POST_LOST;
    }
    while (!post->answered && !interrupted && elapsed_ms(start) < ANSWER_LIMIT_MS) {
        IOT_CoAP_Yield(client);
    }
    if (!post->answered) {
        HAL_Printf("[APPL]: post %d: no answer\n", post->number);
        return POST_LOST;
    }
    return post->taken ? POST_TAKEN : POST_REFUSED;
}

/* Keeps the client alive until the next post is due. */
static void rest(iotx_coap_context_t *client)
{
    uint32_t start = (uint32_t)HAL_UptimeMs();

    while (!interrupted && elapsed_ms(start) < LOOP_PERIOD_MS) {
        IOT_CoAP_Yield(client);
    }
}

/* Posts as often as asked for; whether the cloud took all of them. Ends at the
 * first one without an answer, and no Yield may follow: a late answer would find
 * its post_t gone. */
static int post_all(iotx_coap_context_t *client, const iotx_deviceinfo_t *device,
                    const options_t *options)
{
    int number;
    int all = 1;

    for (number = 1; !interrupted && (options->loop || number <= options->count); number++) {
        post_t post = {number, 0, 0};
        outcome_t outcome = post_once(client, device, &post);

        all = all && outcome == POST_TAKEN;
        if (outcome == POST_LOST) {
            break;
        }
        if (options->loop) {
            rest(client);
        }
    }
    return all;
}

/* Connects, signs in, posts, disconnects; whether all went well. */
static int run(iotx_coap_config_t *config, const iotx_deviceinfo_t *device,
               const options_t *options)
{
    iotx_coap_context_t *client = IOT_CoAP_Init(config);
    int all = 0;
    int status;

    if (client == NULL) {
        HAL_Printf("[APPL]: not connected; the log says why\n");
        return 0;
    }
    status = IOT_CoAP_DeviceNameAuth(client);
    if (status == IOTX_SUCCESS) {
        HAL_Printf("[APPL]: signed in\n");
        all = post_all(client, device, options);
    } else {
        HAL_Printf("[APPL]: not signed in (%d)\n", status);
    }
    IOT_CoAP_Deinit(&client);
    return all;
}

int main(int argc, char **argv)
{
    char url[256];
    options_t options;
    iotx_deviceinfo_t device;
    iotx_coap_config_t config;
    int status;
    int all;

    IOT_OpenLog("coap");
    IOT_SetLogLevel(IOT_LOG_INFO);
    signal(SIGINT, on_interrupt);

    status = read_options(argc, argv, &options);
    if (status != 0) {
        return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    if (options.root != NULL && read_roots(options.root) != 0) {
        return EXIT_FAILURE;
    }
    get_identity(&device);

    memset(&config, 0, sizeof(config));
    config.p_url = options.url;
    if (options.url == NULL && options.environment != NULL) {
        if (find_url(&options, device.product_key, url, sizeof(url)) != 0) {
            return EXIT_FAILURE;
        }
        config.p_url = url;
    }
    config.p_devinfo = &device;
    config.wait_time_ms = WAIT_TIME_MS;

    all = run(&config, &device, &options);
    if (options.reconnect && !interrupted) {
        HAL_Printf("[APPL]: connecting again\n");
        all = run(&config, &device, &options) && all;
    }

    IOT_DumpMemoryStats(IOT_LOG_DEBUG);
    IOT_CloseLog();
    free(roots);
    HAL_Printf("[APPL]: %s\n", all ? "done" : "FAILED");
    return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
