/*
 * A board port of the original's compiles against our headers: its definitions
 * agree with our prototypes. With IOTX_HAL_UDP_POINTER a socket is a pointer,
 * as in the first releases of V2.x. Compiling this is the test.
 */
#include <string.h>

#include "iot_import.h"

#ifdef IOTX_HAL_UDP_POINTER
typedef void *handle_t;
#else
typedef intptr_t handle_t;
#endif

handle_t HAL_UDP_create(_IN_ char *host, _IN_ unsigned short port)
{
    (void)host;
    (void)port;
    return (handle_t)-1;
}

void HAL_UDP_close(_IN_ handle_t p_socket)
{
    (void)p_socket;
}

int HAL_UDP_write(_IN_ handle_t p_socket, _IN_ const unsigned char *p_data,
                  _IN_ unsigned int datalen)
{
    (void)p_socket;
    (void)p_data;
    return (int)datalen;
}

int HAL_UDP_readTimeout(_IN_ handle_t p_socket, _OU_ unsigned char *p_data,
                        _OU_ unsigned int datalen, _IN_ unsigned int timeout_ms)
{
    (void)p_socket;
    (void)p_data;
    (void)datalen;
    (void)timeout_ms;
    return -2;
}

DLL_HAL_API DTLSContext *HAL_DTLSSession_create(coap_dtls_options_t *p_options)
{
    return p_options->p_ca_cert_pem != NULL && p_options->port != 0 ? p_options->p_host : NULL;
}

unsigned int HAL_DTLSSession_read(DTLSContext *context, unsigned char *p_data,
                                  unsigned int *p_datalen, unsigned int timeout_ms)
{
    (void)p_data;
    (void)timeout_ms;
    *p_datalen = 0;
    return context == NULL ? DTLS_INVALID_PARAM : DTLS_SUCCESS;
}

static dtls_hooks_t hooks = {HAL_Malloc, HAL_Free};

int HAL_DTLSHooks_set(dtls_hooks_t *given)
{
    hooks = *given;
    return DTLS_SUCCESS;
}

DLL_HAL_API int HAL_GetPartnerID(_OU_ char *pid_str)
{
    memset(pid_str, 0, PID_STRLEN_MAX + 1);
    return 0;
}
