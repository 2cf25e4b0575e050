/*
 * What stands for the rest of the original's SDK, one PART of it a file: its log, its
 * settings and identity, its figures of memory, and an MQTT client that uses the log and
 * hands a record to the program by IOT_SetupConnInfo. Each function says that it ran.
 */
#include <stdio.h>
#include <string.h>

void sdk_log(const char *text);
int sdk_region(void);

#if PART == 1 /* the log, as V2.x has it; v2.3.0 and later without the first two */
void IOT_OpenLog(const char *ident);
void IOT_CloseLog(void);
void IOT_SetLogLevel(int level);

static int threshold = 0;

void IOT_OpenLog(const char *ident)
{
    printf("the SDK's log is %s\n", ident);
}

void IOT_CloseLog(void)
{
    threshold = 0;
}

void IOT_SetLogLevel(int level)
{
    printf("the SDK's level is %d\n", level);
    threshold = level;
}

void sdk_log(const char *text)
{
    if (threshold > 0) {
        printf("the SDK logs: %s\n", text);
    }
}
#elif PART == 2 /* settings and identity */
int IOT_Ioctl(int option, void *data);
int IOT_SetupConnInfo(const char *key, const char *name, const char *secret, void **info);

static char record[64];

int IOT_Ioctl(int option, void *data)
{
    (void)option;
    (void)data;
    return 0;
}

int IOT_SetupConnInfo(const char *key, const char *name, const char *secret, void **info)
{
    (void)secret;
    sprintf(record, "%s.%s", key, name);
    if (info != NULL) {
        *info = record;
    }
    return 0;
}
#elif PART == 3
void IOT_DumpMemoryStats(int level);

void IOT_DumpMemoryStats(int level)
{
    printf("the SDK's memory at level %d\n", level);
}
#else /* the MQTT client */
void IOT_MQTT_Construct(void *info);

void IOT_MQTT_Construct(void *info)
{
    sdk_log("connecting");
    printf("MQTT as %s\n", (const char *)info);
}
#endif
