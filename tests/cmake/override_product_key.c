/*
 * A program that defines one function of the board port gets its own, also when
 * the library calls it, and keeps the library's others.
 */
#include <stdio.h>
#include <string.h>

#include "coap_api.h"
#include "wrappers.h"

static int calls;

int HAL_GetProductKey(char *product_key)
{
    calls++;
    strcpy(product_key, "myProduct");
    return (int)strlen(product_key);
}

static int is(const char *what, const char *found, const char *expected)
{
    if (strcmp(found, expected) != 0) {
        fprintf(stderr, "%s: %s, expected %s\n", what, found, expected);
        return 0;
    }
    return 1;
}

int main(void)
{
    char name[] = "myDevice";
    char text[IOTX_DEVICE_ID_LEN + 1] = "";
    int ok = 1;

    /* The library's own, by way of the library. */
    ok &= IOT_Ioctl(IOTX_IOCTL_SET_DEVICE_NAME, name) == 0;
    ok &= HAL_GetDeviceName(text) == (int)strlen(name);
    ok &= is("device name", text, name);

    /* Ours, by way of the library: once directly, once within another HAL_*. */
    ok &= IOT_Ioctl(IOTX_IOCTL_GET_PRODUCT_KEY, text) == 0;
    ok &= is("product key", text, "myProduct");
    HAL_GetDeviceID(text);
    ok &= is("device id", text, "myProduct.myDevice");
    if (calls != 2) {
        fprintf(stderr, "called %d times by the library, expected 2\n", calls);
        ok = 0;
    }
    return ok ? 0 : 1;
}
