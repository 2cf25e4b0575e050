/*
 * A board port whose DTLS functions must not be called by two threads at once,
 * as those of the field: foreign_dtls URL. They speak plain UDP, to a coaps://
 * URL with the port of a coap:// one, and end the program if two threads are in
 * them.
 *
 * One thread alone must be left to wait in one read. With two, the one that
 * sends never waits for the one that yields.
 */
#include "check.h"

#include "iot_coap_ext.h"
#include "udp_socket.h"

#include <pthread.h>

static int inside = 0;
static int reads = 0;
static struct session {
    int fd;
} the_session;

/* Reads fail, and no session can be opened. */
static int is_broken = 0;

static void enter(void)
{
    if (__atomic_exchange_n(&inside, 1, __ATOMIC_SEQ_CST) != 0) {
        fprintf(stderr, "two threads in the DTLS functions\n");
        _exit(4);
    }
}

static void leave(void)
{
    __atomic_store_n(&inside, 0, __ATOMIC_SEQ_CST);
}

DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *options)
{
    enter();
    the_session.fd = is_broken ? -1 : udp_socket(options->p_host, options->port);
    leave();
    return the_session.fd < 0 ? NULL : (DTLSContext *)&the_session;
}

unsigned int HAL_DTLSSession_write(DTLSContext *session, const unsigned char *data,
                                   unsigned int *len)
{
    enter();
    CHECK((void *)session == (void *)&the_session);
    send(the_session.fd, data, *len, 0);
    leave();
    return 0;
}

unsigned int HAL_DTLSSession_read(DTLSContext *session, unsigned char *data, unsigned int *len,
                                  unsigned int ms)
{
    int received;

    enter();
    CHECK((void *)session == (void *)&the_session);
    CHECK(ms != 0);
    __atomic_add_fetch(&reads, 1, __ATOMIC_SEQ_CST);
    received = udp_read(the_session.fd, data, *len, (int)ms);
    *len = received > 0 ? (unsigned int)received : 0;
    leave();
    return is_broken ? 1u << 24 | 8 : 0;
}

unsigned int HAL_DTLSSession_free(DTLSContext *session)
{
    enter();
    CHECK((void *)session == (void *)&the_session);
    close(the_session.fd);
    leave();
    return 0;
}

static int answers = 0;
static int over = 0;

static void count(void *arg, void *response)
{
    (void)arg;
    (void)response;
    __atomic_add_fetch(&answers, 1, __ATOMIC_SEQ_CST);
}

static void *yield_until_over(void *context)
{
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message = message_of("{}", count, NULL);
    char path[] = TOPIC "update";
    pthread_t yielding;
    uint64_t start, took, longest = 0;
    int sent;

    if (argc != 2) {
        return 2;
    }
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 2500;
    context = IOT_CoAP_Init(&config);
    CHECK(context != NULL);
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));

    /* Reads are as long as another thread's first message can wait: 2 s. */
    reads = 0;
    start = HAL_UptimeMs();
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK(HAL_UptimeMs() - start >= 2400);
    CHECK_INT(2, reads);

    /* Two threads. */
    CHECK_INT(0, pthread_create(&yielding, NULL, yield_until_over, context));
    for (sent = 0; sent < 60; sent++) {
        start = HAL_UptimeMs();
        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
        took = HAL_UptimeMs() - start;
        longest = took > longest ? took : longest;
        /* Its answer, or else 32 are in flight before long. */
        start = HAL_UptimeMs();
        while (__atomic_load_n(&answers, __ATOMIC_SEQ_CST) <= sent) {
            CHECK(HAL_UptimeMs() - start < 3000);
            if (failures != 0) {
                return 1;
            }
            sched_yield();
        }
    }
    CHECK(longest <= 50);
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    CHECK_INT(0, pthread_join(yielding, NULL));
    CHECK_INT(60, answers);

    /* These sessions have no descriptor, also while there is none. */
    CHECK_INT(-1, IOT_CoAP_GetFd(context));
    is_broken = 1;
    CHECK_INT(0, IOT_CoAP_Yield(context));
    CHECK_INT(-1, IOT_CoAP_GetFd(context));
    IOT_CoAP_Deinit(&context);
    return failures != 0;
}
