/*
 * A program's own HAL_DTLSSession_*, for tests of linking: plain datagrams over
 * HAL_UDP_*, so that a coap:// server understands them. With WITHOUT_READ defined one
 * of the four functions is missing. With OF_V3 defined it asks for the device's name, as
 * v3.2.0's does to find its key.
 */
#include <string.h>

#include "iot_import.h"

static iotx_hal_udp_t connection;

DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *p_options)
{
#ifdef OF_V3
    char name[IOTX_DEVICE_NAME_LEN + 1];

    if (IOT_Ioctl(IOTX_IOCTL_GET_DEVICE_NAME, name) != 0 || strcmp(name, "example1") != 0) {
        return NULL;
    }
#endif
    HAL_Printf("plain_dtls.c connects\n");
    connection = HAL_UDP_create(p_options->p_host, p_options->port);
    return (intptr_t)connection == -1 ? NULL : (DTLSContext *)&connection;
}

unsigned int HAL_DTLSSession_write(DTLSContext *context, const unsigned char *p_data,
                                   unsigned int *p_datalen)
{
    iotx_hal_udp_t *session = (iotx_hal_udp_t *)context;

    return HAL_UDP_write(*session, p_data, *p_datalen) < 0 ? DTLS_FATAL_ALERT_MESSAGE
                                                           : DTLS_SUCCESS;
}

#ifndef WITHOUT_READ
unsigned int HAL_DTLSSession_read(DTLSContext *context, unsigned char *p_data,
                                  unsigned int *p_datalen, unsigned int timeout_ms)
{
    iotx_hal_udp_t *session = (iotx_hal_udp_t *)context;
    int received = HAL_UDP_readTimeout(*session, p_data, *p_datalen, timeout_ms);

    *p_datalen = received > 0 ? (unsigned int)received : 0;
    return received >= 0 || received == -2 ? DTLS_SUCCESS : DTLS_READ_DATA_FAILED;
}
#endif

unsigned int HAL_DTLSSession_free(DTLSContext *context)
{
    iotx_hal_udp_t *session = (iotx_hal_udp_t *)context;

    HAL_UDP_close(*session);
    return DTLS_SUCCESS;
}
