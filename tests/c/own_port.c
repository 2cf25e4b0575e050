/*
 * A whole board port, as a firmware of the original has it: for one thread,
 * without DTLS and key/value store, with a clock of 32 bits that is about to
 * wrap. Linked with a library that has no port of its own: own_port URL signs
 * in and posts through it; a coaps:// URL must be refused.
 *
 * Nothing of "check.h" that needs more than the port has.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iot_import.h"
#include "iot_export.h"
#include "udp_socket.h"

static int locks = 0;

void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

void HAL_Free(void *memory)
{
    free(memory);
}

uint64_t HAL_UptimeMs(void)
{
    struct timespec now;
    static uint32_t start;
    uint32_t ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
    if (start == 0) {
        start = ms;
    }
    /* Wraps a tenth of a second after the start. */
    return (uint32_t)(ms - start + 0xFFFFFFFFu - 100);
}

void HAL_SleepMs(uint32_t ms)
{
    usleep(ms * 1000);
}

void HAL_Srandom(uint32_t seed)
{
    srand(seed);
}

uint32_t HAL_Random(uint32_t region)
{
    return region > 0 ? (uint32_t)rand() % region : 0;
}

void HAL_Printf(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

int HAL_Snprintf(char *out, const int len, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(out, (size_t)len, format, arguments);
    va_end(arguments);
    return written;
}

void *HAL_MutexCreate(void)
{
    return &locks;
}

void HAL_MutexDestroy(void *mutex)
{
    (void)mutex;
}

void HAL_MutexLock(void *mutex)
{
    if (mutex != &locks || locks++ != 0) {
        fprintf(stderr, "a lock was taken twice\n");
        exit(4);
    }
}

void HAL_MutexUnlock(void *mutex)
{
    if (mutex != &locks || --locks != 0) {
        fprintf(stderr, "a lock was freed twice\n");
        exit(4);
    }
}

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    return udp_socket(host, port);
}

void HAL_UDP_close(intptr_t handle)
{
    close((int)handle);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    /* As ports in the field do: 0 waits for ever. */
    return udp_read((int)handle, data, len, ms == 0 ? -1 : (int)ms);
}

static int answer = 0;

static void keep_code(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    if (IOT_CoAP_GetMessageCode(response, &code) == 0) {
        answer = (int)code;
    }
}

int main(int argc, char **argv)
{
    iotx_coap_config_t config;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    iotx_message_t message;
    char path[] = "/topic/a1RP1qZfrEi/example1/update";
    char payload[] = "{\"from\":\"own port\"}";
    int yields, posts;

    if (argc != 2) {
        return 2;
    }
    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, "fPloaszb6saUFJte4EhyuBHQpR9SuKHb");
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 200;
    IOT_SetLogLevel(IOT_LOG_ERROR);
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        return 3;
    }
    if (IOT_CoAP_DeviceNameAuth(context) != 0) {
        return 1;
    }
    /* Long enough for the clock to wrap in between. */
    for (posts = 0; posts < 3; posts++) {
        memset(&message, 0, sizeof(message));
        message.p_payload = (unsigned char *)payload;
        message.payload_len = (unsigned short)strlen(payload);
        message.resp_callback = keep_code;
        answer = 0;
        if (IOT_CoAP_SendMessage(context, path, &message) != 0) {
            return 1;
        }
        for (yields = 0; answer == 0 && yields < 20; yields++) {
            IOT_CoAP_Yield(context);
        }
        if (answer != IOTX_COAP_RESP_CODE_CONTENT) {
            return 1;
        }
        IOT_CoAP_Yield(context);
    }
    IOT_CoAP_Deinit(&context);
    return 0;
}
