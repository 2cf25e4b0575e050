/*
 * Starts the kernel, the network, and the program in a task; ends the emulation with what
 * the program returned. Also what the kernel and the port ask of a board.
 */
#include <stdio.h>
#include <stdlib.h>

#include "FreeRTOS.h"
#include "task.h"

#include "board.h"
#include "iot_coap_board.h"
#include "rtos.h"

/* Semihosting. */
enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_READ = 6 };
enum { READ_BINARY = 1, WRITE = 4 };

enum { PRIORITY = 2 };

static int argument_count;
static char **argument_list;
static int console, random_source;

static int open_file(const char *name, size_t len, int mode)
{
    struct {
        const char *name;
        int mode;
        size_t len;
    } block = {name, mode, len};

    return board_semihosting(SYS_OPEN, &block);
}

/* Both return how many bytes were left. */
static int transfer(int operation, int file, const void *bytes, size_t len)
{
    struct {
        int file;
        const void *bytes;
        size_t len;
    } block = {file, bytes, len};

    return board_semihosting(operation, &block);
}

/* The emulated board has no source of randomness, so the host's is read. */
int iot_coap_board_random(unsigned char *bytes, size_t len)
{
    return transfer(SYS_READ, random_source, bytes, len);
}

void iot_coap_board_print(const char *text)
{
    size_t len = 0;

    while (text[len] != '\0') {
        len++;
    }
    (void)transfer(SYS_WRITE, console, text, len);
}

static void print_number(int number)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    iot_coap_board_print(digits + at);
}

/* Without the C library's output: a stack or the heap may be spoilt. */
void board_stop(const char *why, const char *file, int line)
{
    taskDISABLE_INTERRUPTS();
    iot_coap_board_print("[board] stopped: ");
    iot_coap_board_print(why);
    iot_coap_board_print(", ");
    iot_coap_board_print(file);
    iot_coap_board_print(":");
    print_number(line);
    iot_coap_board_print("\n");
    _Exit(71);
}

/* The kernel's clock is started by the kernel. */
void board_clock_start(void)
{
}

void vApplicationStackOverflowHook(TaskHandle_t task, char *name)
{
    (void)task;
    board_stop("a stack has overflowed", name, 0);
}

/* The library says that there is no memory, and goes on. */
void vApplicationMallocFailedHook(void)
{
}

void board_print_stack(const char *name, size_t size)
{
    size_t left = uxTaskGetStackHighWaterMark(NULL) * sizeof(StackType_t);
    char text[80];

    (void)snprintf(text, sizeof(text), "stack of %s: %u of %u bytes\n", name,
                   (unsigned int)(size - left), (unsigned int)size);
    iot_coap_board_print(text);
}

static void run(void *nothing)
{
    int status;

    (void)nothing;
    if (network_start() != 0) {
        board_stop("no network", __FILE__, __LINE__);
    }
    board_heap_forget_peak();
    status = program(argument_count, argument_list);
    board_print_stack("the program", PROGRAM_STACK);
    exit(status);
}

int main(int argc, char **argv)
{
    argument_count = argc;
    argument_list = argv;
    console = open_file(":tt", 3, WRITE);
    random_source = open_file("/dev/urandom", 12, READ_BINARY);
    if (xTaskCreate(run, "program", PROGRAM_STACK / sizeof(StackType_t), NULL, PRIORITY, NULL) !=
        pdPASS) {
        board_stop("no memory for the program's task", __FILE__, __LINE__);
    }
    vTaskStartScheduler();
    board_stop("no memory for the kernel", __FILE__, __LINE__);
}
