/*
 * Lets a program trust the local cloud over coaps://, whose certificate it has made up
 * itself: compiled into the program, this takes the place of the library's roots, by those
 * of the file that iot-coap-cloud names to the programs it runs. For development alone.
 *
 *     cc sensor.c $(pkg-config --variable=local_root iot-coap) \
 *         $(pkg-config --cflags --libs iot-coap) -o sensor
 *     iot-coap-cloud -- ./sensor {coaps}
 *
 * In CMake link IotCoap::local_root; a project of C++ alone cannot compile this file.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "iot_coap.h"

static char roots[16 * 1024];

static void read_roots(void)
{
    const char *path = getenv("IOT_COAP_CLOUD_ROOT");
    FILE *file = path == NULL ? NULL : fopen(path, "rb");
    size_t len = 0;

    if (file != NULL) {
        len = fread(roots, 1, sizeof(roots) - 1, file); /* 0 of a folder */
        fclose(file);
    }
    if (len == 0) {
        fprintf(stderr, "IOT_COAP_CLOUD_ROOT is %s%s. It must be the file of the local cloud's "
                        "certificate: iot-coap-cloud names it when it starts, and sets it for the "
                        "programs that it runs\n",
                path == NULL ? "not set" : "no file that can be read, or an empty one: ",
                path == NULL ? "" : path);
    }
}

/* Several threads may call it at once. */
const char *iotx_coap_get_ca(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, read_roots);
    return roots;
}
