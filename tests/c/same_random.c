/*
 * A program whose HAL_Random says the same after each start: that of "board_port.c", which is
 * C's rand() and never seeded. Connects once: same_random URL ROOT.pem SECRET. With KV_DIR in
 * the environment there is a store.
 */
#include "board_port.c"

#include "iot_export.h"
#include "iot_coap_ext.h"

static const char *path_of(const char *key)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", getenv("KV_DIR"), key);
    return path;
}

int HAL_Kv_Set(const char *key, const void *value, int len, int sync)
{
    FILE *file = getenv("KV_DIR") != NULL ? fopen(path_of(key), "wb") : NULL;
    size_t written;

    (void)sync;
    if (file == NULL) {
        return -1;
    }
    written = fwrite(value, 1, (size_t)len, file);
    return fclose(file) == 0 && written == (size_t)len ? 0 : -1;
}

int HAL_Kv_Get(const char *key, void *value, int *len)
{
    FILE *file = getenv("KV_DIR") != NULL ? fopen(path_of(key), "rb") : NULL;

    if (file == NULL) {
        return -1;
    }
    *len = (int)fread(value, 1, (size_t)*len, file);
    fclose(file);
    return 0;
}

int HAL_Kv_Del(const char *key)
{
    return remove(path_of(key));
}

int main(int argc, char **argv)
{
    static char root[65536];
    iotx_coap_config_t config;
    iotx_coap_options_t options;
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context;
    FILE *file;

    if (argc != 4 || (file = fopen(argv[2], "r")) == NULL) {
        return 2;
    }
    root[fread(root, 1, sizeof(root) - 1, file)] = '\0';
    fclose(file);
    memset(&info, 0, sizeof(info));
    strcpy(info.product_key, "a1RP1qZfrEi");
    strcpy(info.device_name, "example1");
    strcpy(info.device_secret, argv[3]);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    config.wait_time_ms = 200;
    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.trust_root_pem = root;
    context = IOT_CoAP_InitWithOptions(&config, &options);
    if (context == NULL) {
        return 3;
    }
    IOT_CoAP_Deinit(&context);
    return board_sockets == 0 ? 0 : 5;
}
