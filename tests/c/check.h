/*
 * What the C test programs share: checking, and a trust root from a file.
 * Compiles as C89 and as C++.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iot_import.h"
#include "iot_export.h"

#define PRODUCT_KEY "a1RP1qZfrEi"
#define DEVICE_NAME "example1"
#define DEVICE_SECRET "fPloaszb6saUFJte4EhyuBHQpR9SuKHb"
#define TOPIC "/topic/" PRODUCT_KEY "/" DEVICE_NAME "/"

/* Not every program uses all of this. */
#define UNUSED __attribute__((unused))

static int failures UNUSED = 0;

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
            failures++;                                                               \
        }                                                                             \
    } while (0)

#define CHECK_INT(expected, expression)                                               \
    do {                                                                              \
        long expected_ = (long)(expected), got_ = (long)(expression);                 \
        if (expected_ != got_) {                                                      \
            fprintf(stderr, "%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__,        \
                    #expression, got_, expected_);                                    \
            failures++;                                                               \
        }                                                                             \
    } while (0)

/* The root that coaps:// trusts: the file that the second argument names, or
 * the library's own for "-". */
static char root_pem[16384];
static int own_root = 0;

#ifdef __cplusplus
extern "C"
#endif
const char *iotx_coap_get_ca(void)
{
    return own_root ? root_pem : NULL;
}

static UNUSED void read_root(const char *path)
{
    FILE *file;
    size_t len;

    if (strcmp(path, "-") == 0) {
        return;
    }
    own_root = 1;
    file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    len = fread(root_pem, 1, sizeof(root_pem) - 1, file);
    root_pem[len] = '\0';
    fclose(file);
}

static UNUSED void set_device(iotx_deviceinfo_t *info)
{
    memset(info, 0, sizeof(*info));
    strcpy(info->product_key, PRODUCT_KEY);
    strcpy(info->device_name, DEVICE_NAME);
    strcpy(info->device_id, PRODUCT_KEY "." DEVICE_NAME);
    strcpy(info->device_secret, DEVICE_SECRET);
}

static UNUSED iotx_message_t message_of(const char *payload, iotx_response_callback_t callback,
                                 void *user_data)
{
    iotx_message_t message;

    memset(&message, 0, sizeof(message));
    message.p_payload = (unsigned char *)payload;
    message.payload_len = (unsigned short)strlen(payload);
    message.content_type = IOTX_CONTENT_TYPE_JSON;
    message.msg_type = IOTX_MESSAGE_CON;
    message.user_data = user_data;
    message.resp_callback = callback;
    return message;
}

/* An enumeration holding a number it does not name. */
#define OUTSIDE(type, number) ((type)(number))

#endif
