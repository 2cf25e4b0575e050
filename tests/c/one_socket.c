/*
 * A board whose port has one socket: while it is open, no other can be made.
 * one_socket SCHEME PORT ROOT KIND. The network is what the program makes of it:
 *
 *   forgotten  nothing that is sent over the first socket arrives any more
 *   redial     sending over it fails
 *   late       answers come after 18 s, over DTLS after 45 s
 *
 * Sockets and datagrams are real. The library's clock runs faster than the true one.
 */

#include "check.h"
#include "hasty.h"
#include "iot_coap_ext.h"
#include "udp_socket.h"

static int is_open = 0;
static int sockets_made = 0;
static int refused = 0;
/* What becomes of datagrams over the sockets that are older than this one. */
static int first_good_socket = 0;
static int is_lost = 0;


intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    int fd;

    if (is_open) {
        refused++;
        return -1;
    }
    fd = udp_socket(host, port);
    if (fd < 0) {
        return -1;
    }
    is_open = 1;
    sockets_made++;
    return fd;
}

void HAL_UDP_close(intptr_t handle)
{
    CHECK(is_open);
    is_open = 0;
    close((int)handle);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    if (sockets_made < first_good_socket) {
        return is_lost ? (int)len : -1;
    }
    return (int)send((int)handle, data, len, 0);
}

#define MOST_HELD 8

/* What has come is handed over when it is so old. */
static uint64_t late_ms = 0;
static struct {
    uint64_t due_ms;
    int len;
    unsigned char data[1500];
} held[MOST_HELD];
static int first_held = 0;
static int last_held = 0;

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    uint64_t until = true_ms() + ms;
    int at;

    if (late_ms == 0) {
        return udp_read((int)handle, data, len, (int)ms);
    }
    do {
        at = last_held % MOST_HELD;
        held[at].len = udp_read((int)handle, held[at].data, sizeof(held[at].data), 1);
        if (held[at].len > 0) {
            held[at].due_ms = HAL_UptimeMs() + late_ms;
            last_held++;
        }
        at = first_held % MOST_HELD;
        if (first_held < last_held && HAL_UptimeMs() >= held[at].due_ms) {
            first_held++;
            CHECK(held[at].len <= (int)len);
            memcpy(data, held[at].data, (size_t)held[at].len);
            return held[at].len;
        }
    } while (true_ms() < until);
    return -2;
}

/* Yields until so many messages are answered or told as given up; returns how long that took
 * by the library's clock. No call is longer than it may be. */
static uint64_t await(iotx_coap_context_t *context, int ended, uint64_t most_ms)
{
    uint64_t start = HAL_UptimeMs(), before;

    while (answers + given_up < ended && HAL_UptimeMs() - start < most_ms) {
        before = true_ms();
        CHECK_INT(0, IOT_CoAP_Yield(context));
        CHECK(true_ms() - before < 700);
    }
    CHECK_INT(ended, answers + given_up);
    return HAL_UptimeMs() - start;
}

static iotx_coap_context_t *open_context(const char *scheme, const char *port)
{
    char url[64];
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_options_t options;

    sprintf(url, "%s://127.0.0.1:%s", scheme, port);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &info;
    /* Reads last as long by the true clock. */
    config.wait_time_ms = 40;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = on_notice;
    options.yield_pace = IOTX_COAP_PACE_NONE;
    options.connect_limit_ms = 600000;
    options.sign_in_limit_ms = 120000;
    return IOT_CoAP_InitWithOptions(&config, &options);
}

int main(int argc, char **argv)
{
    iotx_coap_context_t *context;
    uint64_t took;
    int sent;

    if (argc != 5) {
        return 2;
    }
    read_root(argv[3]);
    context = open_context(argv[1], argv[2]);
    CHECK(context != NULL);
    if (context == NULL) {
        return 1;
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
    (void)await(context, 1, 3000);
    first_good_socket = sockets_made + 1;
    if (strcmp(argv[4], "forgotten") == 0) {
        is_lost = 1;
        hurry(10);
        CHECK_INT(0, post(context, IOTX_MESSAGE_NON));
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        /* The CON message outlasts the silence, and the session that is given up for it. Over
         * UDP nothing is lost with the socket, and there is no need to wait as long. */
        took = await(context, 2, 93000);
        CHECK_INT(2, answers);
        if (strcmp(argv[1], "coaps") == 0 ? took < 60000 : took > 50000) {
            fprintf(stderr, "healed after %lu ms\n", (unsigned long)took);
            failures++;
        }
        CHECK(refused > 0);
        CHECK_INT(2, sockets_made);
        /* The NON message is told. */
        (void)await(context, 3, 200000);
        CHECK_INT(1, given_up);
    } else if (strcmp(argv[4], "redial") == 0) {
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        took = await(context, 2, 20000);
        CHECK_INT(2, answers);
        CHECK_INT(2, sockets_made);
        first_good_socket = sockets_made + 1;
        CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, post(context, IOTX_MESSAGE_NON));
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        took = await(context, 3, 20000);
        CHECK_INT(3, answers);
        CHECK_INT(3, sockets_made);
    } else if (strcmp(argv[4], "late") == 0) {
        first_good_socket = 0;
        hurry(10);
        late_ms = strcmp(argv[1], "coaps") == 0 ? 45000 : 18000;
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        took = await(context, 2, 93000);
        CHECK(took >= late_ms);
        CHECK_INT(2, answers);
        CHECK(refused > 0);
        CHECK_INT(1, sockets_made);
        late_ms = 0;
    } else {
        return 2;
    }
    /* It serves as before, and at once. */
    sent = answers + given_up;
    CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
    CHECK(await(context, sent + 1, 20000) < 10000);
    IOT_CoAP_Deinit(&context);
    CHECK_INT(0, is_open);
    return failures != 0;
}
