/*
 * The functions that the rest of the SDK has too, such as its MQTT client. They are weak, and
 * alone in this object: if a program links both, the SDK's functions are used if they come
 * first, and neither order defines a function twice. src/helpers.rs does the work.
 */
#define HELPER __attribute__((weak, visibility("default")))

void IOT_OpenLog(const char *ident);
void IOT_CloseLog(void);
void IOT_SetLogLevel(int level);
int IOT_Ioctl(int option, void *data);
int IOT_SetupConnInfo(const char *product_key, const char *device_name,
                      const char *device_secret, void **info);
void IOT_DumpMemoryStats(int level);

/* In src/helpers.rs. */
void iotx_IOT_OpenLog(const char *ident);
void iotx_IOT_CloseLog(void);
void iotx_IOT_SetLogLevel(int level);
int iotx_IOT_Ioctl(int option, void *data);
int iotx_IOT_SetupConnInfo(const char *product_key, const char *device_name,
                           const char *device_secret, void **info);
void iotx_IOT_DumpMemoryStats(int level);

HELPER void IOT_OpenLog(const char *ident)
{
    iotx_IOT_OpenLog(ident);
}

HELPER void IOT_CloseLog(void)
{
    iotx_IOT_CloseLog();
}

HELPER void IOT_SetLogLevel(int level)
{
    iotx_IOT_SetLogLevel(level);
}

HELPER int IOT_Ioctl(int option, void *data)
{
    return iotx_IOT_Ioctl(option, data);
}

HELPER int IOT_SetupConnInfo(const char *product_key, const char *device_name,
                             const char *device_secret, void **info)
{
    return iotx_IOT_SetupConnInfo(product_key, device_name, device_secret, info);
}

HELPER void IOT_DumpMemoryStats(int level)
{
    iotx_IOT_DumpMemoryStats(level);
}
