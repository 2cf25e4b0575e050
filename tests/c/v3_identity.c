/*
 * A program in the manner of v3.1.0 and v3.2.0: v3_identity URL. It keeps the identity
 * behind IOT_Ioctl, sets it by IOT_SetupConnInfo too, and signs in with what it gets.
 * The board port is in files of its own. BURNT_IN: it has a getter, but no setter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coap_api.h"
#include "infra_compat.h"

extern int board_sockets;

static int failures = 0;

static void is(int line, int fits)
{
    if (!fits) {
        fprintf(stderr, "%s:%d: not so\n", __FILE__, line);
        failures++;
    }
}

#define IS(condition) is(__LINE__, (condition))

/* The setters' numbers; each getter's follows. */
static const int options[4] = {IOTX_IOCTL_SET_PRODUCT_KEY, IOTX_IOCTL_SET_PRODUCT_SECRET,
                               IOTX_IOCTL_SET_DEVICE_NAME, IOTX_IOCTL_SET_DEVICE_SECRET};
static const size_t longest[4] = {20, 64, 32, 64};

static void keeps_texts(void)
{
    char text[80], got[80];
    int each;

    for (each = 0; each < 4; each++) {
#ifndef BURNT_IN
        memset(got, 'x', sizeof(got));
        IS(IOT_Ioctl(options[each] + 1, got) == 0 && got[0] == '\0');
#endif
        memset(text, 'a' + each, longest[each]);
        text[longest[each]] = '\0';
        IS(IOT_Ioctl(options[each], text) == 0);
    }
    for (each = 0; each < 4; each++) {
        memset(text, 'a' + each, longest[each] + 1);
        text[longest[each] + 1] = '\0';
        IS(IOT_Ioctl(options[each], text) == -1);
        memset(got, 'x', sizeof(got));
        IS(IOT_Ioctl(options[each] + 1, got) == 0);
        IS(strlen(got) == longest[each] && got[0] == 'a' + each && got[longest[each] + 1] == 'x');
    }
}

#ifdef BURNT_IN
int HAL_GetDeviceName(char *out);
int HAL_GetDeviceName(char *out)
{
    strcpy(out, "burnt in");
    return 8;
}

static void has_one_that_is_burnt_in(void)
{
    char got[33], empty[] = "";

    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, got) == 0 && strcmp(got, "burnt in") == 0);
    keeps_texts();
    IS(IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_NAME, empty) == 0);
    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, got) == 0 && strcmp(got, "burnt in") == 0);
}
#endif

static void signs_in(char *url)
{
    iotx_coap_device_info_t device;
    iotx_coap_config_t config;
    iotx_coap_context_t *context;

    memset(&device, 0, sizeof(device));
    memset(&config, 0, sizeof(config));
    IS(IOT_Ioctl(IOTX_IOCTL_GET_PRODUCT_KEY, device.product_key) == 0);
    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, device.device_name) == 0);
    IS(IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_SECRET, device.device_secret) == 0);
    config.p_url = url;
    config.p_devinfo = &device;
    context = IOT_CoAP_Init(&config);
    IS(context != NULL);
    IS(IOT_CoAP_DeviceNameAuth(context) == 0);
    IOT_CoAP_Deinit(&context);
    IS(board_sockets == 0);
}

int main(int argc, char **argv)
{
    char key[] = "a1RP1qZfrEi", name[] = "example1", secret[] = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";

    if (argc != 2) {
        return 2;
    }
    IOT_SetLogLevel(IOT_LOG_INFO);
#ifdef BURNT_IN
    has_one_that_is_burnt_in();
#else
    keeps_texts();
#endif
    IS(IOT_Ioctl(IOTX_IOCTL_SET_PRODUCT_KEY, key) == 0);
    IS(IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_NAME, name) == 0);
    IS(IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_SECRET, secret) == 0);
    signs_in(argv[1]);
    IS(IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_SECRET, name) == 0);
    IS(IOT_SetupConnInfo(key, name, secret, NULL) == 0);
    signs_in(argv[1]);
    return failures != 0;
}
