/*
 * A root from the host's files, by semihosting, or a pre-shared key.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iot_export.h"
#include "iot_import.h"
#include "trust.h"

enum { ROOT_MAX = 2048 };

static char *root;
static const char *psk_identity, *psk_key;

const char *iotx_coap_get_ca(void)
{
    return root;
}

int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len)
{
    (void)host;
    if (psk_key == NULL) {
        return -1;
    }
    *identity_len = (unsigned int)(psk_key - 1 - psk_identity);
    *key_len = (unsigned int)strlen(psk_key);
    memcpy(identity, psk_identity, *identity_len);
    memcpy(key, psk_key, *key_len);
    return 0;
}

int trust(const char *what)
{
    const char *comma = strchr(what, ',');
    size_t length = 0;
    FILE *file;

    if (comma != NULL) {
        psk_identity = what;
        psk_key = comma + 1;
        return comma - what <= 128 && strlen(psk_key) <= 64 ? 0 : -1;
    }
    file = fopen(what, "rb");
    if (file == NULL) {
        return -1;
    }
    setvbuf(file, NULL, _IONBF, 0);
    root = malloc(ROOT_MAX);
    if (root != NULL) {
        length = fread(root, 1, ROOT_MAX - 1, file);
        root[length] = '\0';
    }
    fclose(file);
    return length > 0 ? 0 : -1;
}
