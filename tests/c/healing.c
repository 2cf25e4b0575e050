/*
 * A name whose addresses are the program's to say, and a network that the program breaks:
 * healing SCHEME PORT ROOT KIND. The cloud listens on the port at 127.0.0.1 and 127.0.0.3;
 * at 127.0.0.2 and ::1 nobody does.
 *
 * Sockets, datagrams and ICMP messages are real. Where a kind takes long, the library's
 * clock runs ten times as fast as the true one.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "check.h"
#include "hasty.h"
#include "iot_coap_ext.h"

#define MOST_ADDRESSES 4

static struct addrinfo nodes[MOST_ADDRESSES];
static struct sockaddr_storage addresses[MOST_ADDRESSES];
static const char *names[MOST_ADDRESSES + 1];
static int lookups = 0;

/* Datagrams to this address are lost. */
static in_addr_t silent_address = 0;
/* Sending over a socket opened before this one fails. */
static int first_good_socket = 0;
static int sockets_made = 0;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int at, count = 0;

    if (strcmp(host, "localhost") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0) {
        return EAI_NONAME; /* whether it is an address is asked by this, too */
    }
    __atomic_add_fetch(&lookups, 1, __ATOMIC_SEQ_CST);
    memset(nodes, 0, sizeof(nodes));
    memset(addresses, 0, sizeof(addresses));
    for (at = 0; at < MOST_ADDRESSES && names[at] != NULL; at++, count++) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&addresses[at];
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addresses[at];

        if (inet_pton(AF_INET, names[at], &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons((unsigned short)atoi(service));
            nodes[at].ai_addrlen = sizeof(*v4);
        } else {
            (void)inet_pton(AF_INET6, names[at], &v6->sin6_addr);
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((unsigned short)atoi(service));
            nodes[at].ai_addrlen = sizeof(*v6);
        }
        nodes[at].ai_family = addresses[at].ss_family;
        nodes[at].ai_socktype = hints->ai_socktype;
        nodes[at].ai_addr = (struct sockaddr *)&addresses[at];
        nodes[at].ai_next = names[at + 1] != NULL ? &nodes[at + 1] : NULL;
    }
    *found = nodes;
    return count != 0 ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

/* How old a socket is, by its own port: each new one is noted at its first datagram. */
static int number_of(int handle)
{
    static int handles[64];
    static in_port_t ports[64];
    struct sockaddr_in6 own;
    socklen_t len = sizeof(own);
    int at;

    memset(&own, 0, sizeof(own));
    (void)getsockname(handle, (struct sockaddr *)&own, &len);
    for (at = 0; at < sockets_made; at++) {
        if (handles[at] == handle && ports[at] == own.sin6_port) {
            return at;
        }
    }
    if (sockets_made < 64) {
        handles[sockets_made] = handle;
        ports[sockets_made++] = own.sin6_port;
    }
    return at;
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof(peer);

    memset(&peer, 0, sizeof(peer));
    (void)getpeername((int)handle, (struct sockaddr *)&peer, &peer_len);
    if (number_of((int)handle) < first_good_socket) {
        return -1;
    }
    if (silent_address != 0 && peer.sin_addr.s_addr == silent_address) {
        return (int)len;
    }
    /* A refusal of the datagram before this one is reported here, and this one not sent. */
    if (send((int)handle, data, len, 0) < 0) {
        return (int)send((int)handle, data, len, 0);
    }
    return (int)len;
}

/* Yields until so many answers are there, for at most `most_ms`; no call is longer than it
 * may be. */
static void await(iotx_coap_context_t *context, int wanted, uint64_t most_ms)
{
    uint64_t start = HAL_UptimeMs(), before;

    while (answers < wanted && HAL_UptimeMs() - start < most_ms) {
        before = true_ms();
        CHECK_INT(0, IOT_CoAP_Yield(context));
        CHECK(true_ms() - before < 700);
    }
    CHECK_INT(wanted, answers);
}

static iotx_coap_context_t *open_context(const char *scheme, const char *port)
{
    char url[64];
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_options_t options;

    sprintf(url, "%s://localhost:%s", scheme, port);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = url;
    config.p_devinfo = &info;
    config.wait_time_ms = 500;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.on_notice = on_notice;
    options.yield_pace = IOTX_COAP_PACE_NONE;
    options.connect_limit_ms = haste == 1 ? 8000 : 600000;
    options.sign_in_limit_ms = haste == 1 ? 0 : 120000;
    return IOT_CoAP_InitWithOptions(&config, &options);
}

/* Signs in where the first address is no good, and is served. */
static void begin(const char *scheme, const char *port, uint64_t most_ms)
{
    iotx_coap_context_t *context;
    uint64_t start = HAL_UptimeMs();

    context = open_context(scheme, port);
    CHECK(context != NULL);
    if (context != NULL) {
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        CHECK(HAL_UptimeMs() - start < most_ms);
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        await(context, 1, 3000);
        CHECK_INT(0, post(context, IOTX_MESSAGE_NON));
        await(context, 2, 3000);
        IOT_CoAP_Deinit(&context);
    }
}

int main(int argc, char **argv)
{
    iotx_coap_context_t *context;
    const char *kind;
    int before, sent;

    if (argc != 5) {
        return 2;
    }
    read_root(argv[3]);
    kind = argv[4];
    names[0] = "127.0.0.1";
    if (strcmp(kind, "silent-first") == 0) {
        names[0] = "127.0.0.3";
        names[1] = "127.0.0.1";
        silent_address = inet_addr("127.0.0.3");
        begin(argv[1], argv[2], 10000);
        CHECK_INT(0, given_up);
        return failures != 0;
    }
    if (strcmp(kind, "refused-first") == 0) {
        names[0] = "127.0.0.2";
        names[1] = "127.0.0.1";
        begin(argv[1], argv[2], 2000);
        return failures != 0;
    }
    if (strcmp(kind, "other-family") == 0) {
        names[0] = "::1";
        names[1] = "::2";
        names[2] = "127.0.0.1";
        begin(argv[1], argv[2], 2000);
        return failures != 0;
    }
    if (strcmp(kind, "slow") == 0) {
        /* A round trip of 18 s: what is on its way is waited for. */
        iotx_coap_statistics_t statistics;

        hurry(10);
        context = open_context(argv[1], argv[2]);
        CHECK(context != NULL);
        if (context == NULL) {
            return 1;
        }
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        for (sent = 1; sent <= 4; sent++) {
            CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
            await(context, sent, 60000);
        }
        CHECK_INT(0, given_up);
        CHECK_INT(0, IOT_CoAP_GetStatistics(context, &statistics, sizeof(statistics)));
        CHECK(statistics.resent <= 3);
        IOT_CoAP_Deinit(&context);
        return failures != 0;
    }
    context = open_context(argv[1], argv[2]);
    CHECK(context != NULL);
    if (context == NULL) {
        return 1;
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
    await(context, 1, 3000);
    before = lookups;
    if (strcmp(kind, "moved") == 0) {
        /* The name moves, and whoever was there says nothing. */
        hurry(10);
        CHECK_INT(0, IOT_CoAP_Yield(context));
        names[0] = "127.0.0.3";
        silent_address = inet_addr("127.0.0.1");
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        await(context, 2, 60000);
        CHECK(lookups > before);
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        await(context, 3, 20000);
    } else if (strcmp(kind, "moved-non") == 0) {
        /* The same for one that sends no CON messages: each is told as given up, and the
         * link is opened anew when the first is. */
        hurry(50);
        CHECK_INT(0, IOT_CoAP_Yield(context));
        names[0] = "127.0.0.3";
        silent_address = inet_addr("127.0.0.1");
        CHECK_INT(0, post(context, IOTX_MESSAGE_NON));
        for (sent = 0; sent < 40 && lookups == before; sent++) {
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
        for (sent = 0; sent < 40 && given_up == 0; sent++) {
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
        CHECK_INT(1, given_up);
        for (sent = 0; sent < 40 && answers == 1; sent++) {
            (void)post(context, IOTX_MESSAGE_NON);
            CHECK_INT(0, IOT_CoAP_Yield(context));
        }
        CHECK(answers > 1);
    } else if (strcmp(kind, "redial") == 0) {
        /* The device's address changes: what is sent over older sockets fails. */
        first_good_socket = sockets_made;
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        await(context, 2, 1500);
        first_good_socket = sockets_made;
        CHECK_INT(IOTX_ERR_SEND_MSG_FAILED, post(context, IOTX_MESSAGE_NON));
        CHECK_INT(0, IOT_CoAP_Yield(context));
        CHECK_INT(0, post(context, IOTX_MESSAGE_NON));
        await(context, 3, 1500);
        first_good_socket = sockets_made;
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        CHECK_INT(0, post(context, IOTX_MESSAGE_CON));
        await(context, 4, 1500);
        CHECK_INT(0, given_up);
    } else {
        return 2;
    }
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
