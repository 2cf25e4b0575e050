/*
 * Ends a context while another thread waits in it for ten minutes: ended_wait URL
 * ROOT.pem MOST_MS TRIES. The best try counts, which on a busy machine is the one that
 * tells. That thread does not enter the context again, whether its loop looks at the
 * result of IOT_CoAP_Yield or only at the handle.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

static iotx_coap_context_t *volatile context;
static int ends_by_result, is_stopped;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *yield(void *argument)
{
    int result;

    do {
        result = IOT_CoAP_Yield(context);
        CHECK_INT(IOTX_ERR_INVALID_PARAM, result);
        CHECK(context == NULL);
    } while (!(ends_by_result && result != 0)
             && !__atomic_load_n(&is_stopped, __ATOMIC_SEQ_CST));
    return argument;
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    pthread_t thread;
    long start, took, best = 600000;
    int tries;

    if (argc != 5) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 600000;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    /* As on a slow network: reads last as long. */
    options.ack_timeout_ms = 30000;
    for (tries = 0; tries < atoi(argv[4]); tries++) {
        context = IOT_CoAP_InitWithOptions(&config, &options);
        if (context == NULL) {
            return 3;
        }
        CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
        ends_by_result = tries % 3 != 0;
        is_stopped = 0;
        CHECK_INT(0, pthread_create(&thread, NULL, yield, NULL));
        /* In our port a read is of two parts: a recv of 256 ms, and a poll. */
        usleep(tries % 2 == 0 ? 100000 : 400000);
        start = now_ms();
        IOT_CoAP_Deinit((iotx_coap_context_t **)&context);
        took = now_ms() - start;
        __atomic_store_n(&is_stopped, 1, __ATOMIC_SEQ_CST);
        CHECK(context == NULL);
        CHECK_INT(0, pthread_join(thread, NULL));
        best = took < best ? took : best;
    }
    if (best > atol(argv[3])) {
        fprintf(stderr, "IOT_CoAP_Deinit took %ld ms, not %s\n", best, argv[3]);
        failures++;
    }
    return failures != 0;
}
