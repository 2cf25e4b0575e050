/*
 * Runs the self-test of ports/template: selftest_main ECHO_PORT [FAULT], with what a FAULT is
 * where faulty_port.c is the port. Ends with 1 if there are faults.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../ports/template/selftest.h"

const char *fault = "";

static void print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static void (*thread_run)(void *);

static void *run(void *argument)
{
    thread_run(argument);
    return NULL;
}

static int start_thread(void (*function)(void *), void *argument)
{
    pthread_t thread;

    thread_run = function;
    return pthread_create(&thread, NULL, run, argument) == 0 ? pthread_detach(thread) : -1;
}

int main(int argc, char **argv)
{
    iot_coap_selftest_t test = {0};

    if (argc < 2) {
        return 2;
    }
    fault = argc > 2 ? argv[2] : "";
    alarm(120);
    test.print = print;
    test.echo_host = "127.0.0.1";
    test.echo_port = (unsigned short)atoi(argv[1]);
    test.heap_most = 64 * 1024;
    test.start_thread = start_thread;
    test.null_mutexes = 1;
    return iot_coap_selftest(&test) != 0;
}
