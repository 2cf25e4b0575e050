/*
 * The self-test of board ports, on this board: selftest HOST PORT, where somebody echoes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "board.h"
#include "iot_coap_hal.h"
#include "selftest.h"

enum { HEAP = 20 * 1024 };

static void print(const char *text)
{
    fputs(text, stdout);
}

int main(int argc, char **argv)
{
    iot_coap_selftest_t test = {0};

    if (argc != 3) {
        return 2;
    }
    test.print = print;
    test.echo_host = argv[1];
    test.echo_port = (unsigned short)atoi(argv[2]);
    test.heap_most = 2 * HEAP;
    /* While the board's own account has no limit: with one it would refuse this anyway. */
    if (HAL_Malloc(0xFFFFFFF8u) != NULL) {
        return 3;
    }
    board_heap_shrink(board_heap_live() + HEAP);
    return iot_coap_selftest(&test) != 0;
}
