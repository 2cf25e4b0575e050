/*
 * ended_wait.c with UDP functions of the program's own, whose reads cannot be ended.
 */
#include "ended_wait.c"
#include "udp_socket.h"

intptr_t HAL_UDP_create(char *host, unsigned short port)
{
    return udp_socket(host, port);
}

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    return (int)send((int)handle, data, len, 0);
}

int HAL_UDP_readTimeout(intptr_t handle, unsigned char *data, unsigned int len, unsigned int ms)
{
    return udp_read((int)handle, data, len, (int)ms);
}
