/*
 * The device's identity: in RAM; a product would keep it in flash.
 */
#include <stdio.h>
#include <string.h>

#include "iot_import.h"

static char product_key[IOTX_PRODUCT_KEY_LEN + 1];
static char device_name[IOTX_DEVICE_NAME_LEN + 1];
static char device_secret[IOTX_DEVICE_SECRET_LEN + 1];

static int set(char *field, size_t most, const char *value)
{
    size_t len = value == NULL ? most + 1 : strlen(value);

    if (len > most) {
        return -1;
    }
    memcpy(field, value, len + 1);
    return (int)len;
}

static int get(const char *field, char *out)
{
    strcpy(out, field);
    return (int)strlen(out);
}

int HAL_SetProductKey(char *value)
{
    return set(product_key, IOTX_PRODUCT_KEY_LEN, value);
}

int HAL_SetDeviceName(char *value)
{
    return set(device_name, IOTX_DEVICE_NAME_LEN, value);
}

int HAL_SetDeviceSecret(char *value)
{
    return set(device_secret, IOTX_DEVICE_SECRET_LEN, value);
}

int HAL_GetProductKey(char *out)
{
    return get(product_key, out);
}

int HAL_GetDeviceName(char *out)
{
    return get(device_name, out);
}

int HAL_GetDeviceSecret(char *out)
{
    return get(device_secret, out);
}

int HAL_GetDeviceID(char *out)
{
    return snprintf(out, IOTX_DEVICE_ID_LEN + 1, "%s.%s", product_key, device_name);
}
