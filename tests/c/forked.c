/*
 * A process that forks while it has a context: forked URL ROOT.pem CASE. Both sides
 * check what they can; what the server saw is checked by tests/forks.rs.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)

/* In milliseconds: far longer than an answer takes. */
#define LONG 5000

static iotx_coap_config_t config;
static iotx_deviceinfo_t info;
static iotx_coap_context_t *context;
static int answered;
static int told_of_fork;
static int told_of_loss;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Neither side outlives a test that has failed. */
static pid_t split(void)
{
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
    }
    return child;
}

static void look_at_line(void *data, int level, const char *line)
{
    (void)data;
    (void)level;
    told_of_fork += strstr(line, "this process was forked off: it leaves") != NULL;
    told_of_loss += strstr(line, "another thread was in the context") != NULL;
}

/* The program's own, which can hold a thread up inside the library. */
static int is_holding;
static int is_held;

int HAL_UDP_write(intptr_t handle, const unsigned char *data, unsigned int len)
{
    if (LOAD(is_holding)) {
        STORE(is_holding, 0);
        STORE(is_held, 1);
        usleep(300000);
    }
    return (int)send((int)handle, data, len, 0);
}

static void count_answer(void *arg, void *response)
{
    iotx_coap_resp_code_t code;

    (void)arg;
    CHECK_INT(0, IOT_CoAP_GetMessageCode(response, &code));
    CHECK_INT(IOTX_COAP_RESP_CODE_CONTENT, code);
    STORE(answered, LOAD(answered) + 1);
}

static void send_one(iotx_response_callback_t callback)
{
    char path[] = TOPIC "update";
    iotx_message_t message = message_of("{}", callback, NULL);

    STORE(answered, 0);
    CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
}

static void await_answer(void)
{
    long start = now_ms();

    while (LOAD(answered) == 0 && now_ms() - start < LONG) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    CHECK_INT(1, LOAD(answered));
}

/* Posts, one after another. */
static void post(int count)
{
    while (count-- > 0) {
        send_one(count_answer);
        await_answer();
    }
}

static void init(int wait_ms)
{
    config.wait_time_ms = wait_ms;
    context = IOT_CoAP_Init(&config);
    if (context == NULL) {
        fprintf(stderr, "no context\n");
        exit(3);
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
}

static void deinit_at_once(void)
{
    long start = now_ms();

    IOT_CoAP_Deinit(&context);
    CHECK(context == NULL);
    CHECK(now_ms() - start < 1000);
}

static void end_child(int lines)
{
    CHECK_INT(lines, told_of_fork);
    deinit_at_once();
    fflush(NULL);
    _exit(failures != 0);
}

static void await_child(pid_t child)
{
    int status = -1;

    CHECK(child > 0);
    CHECK_INT(child, waitpid(child, &status, 0));
    CHECK_INT(0, status);
    CHECK_INT(0, told_of_fork);
}

/* --- the cases ---------------------------------------------------------------------- */

/* Both go on, at the same time. */
static void both(void)
{
    pid_t child;

    init(200);
    post(1);
    child = split();
    post(5);
    if (child == 0) {
        end_child(1);
    }
    await_child(child);
    post(1);
    deinit_at_once();
}

/* The child closes its copy, and the parent does not notice. */
static void closes(void)
{
    pid_t child;

    init(200);
    child = split();
    if (child == 0) {
        deinit_at_once();
        end_child(1);
    }
    await_child(child);
    post(3);
    deinit_at_once();
}

/* As daemon(): the parent ends, and the child goes on. */
static void daemonises(void)
{
    int ends[2];
    char end;
    pid_t child;

    init(200);
    CHECK_INT(0, pipe(ends));
    child = split();
    if (child == 0) {
        close(ends[1]);
        CHECK_INT(0, read(ends[0], &end, 1));
        post(3);
        end_child(1);
    }
    deinit_at_once();
    close(ends[0]);
    close(ends[1]);
    await_child(child);
}

static void *yield_until_answered(void *argument)
{
    while (LOAD(answered) == 0) {
        CHECK_INT(0, IOT_CoAP_Yield(context));
    }
    return argument;
}

/* Another thread reads meanwhile, for minutes: in the child there is none. */
static void beside_a_thread(void)
{
    pthread_t thread;
    pid_t child;

    init(600000);
    CHECK_INT(0, pthread_create(&thread, NULL, yield_until_answered, NULL));
    usleep(100000);
    child = split();
    if (child == 0) {
        /* No more: a second answer is held for as long as the thread would read. */
        post(1);
        end_child(1);
    }
    await_child(child);
    send_one(count_answer);
    CHECK_INT(0, pthread_join(thread, NULL));
    CHECK_INT(1, answered);
    deinit_at_once();
}

static pid_t forked;

static void fork_and_count(void *arg, void *response)
{
    forked = split();
    count_answer(arg, response);
}

/* In a callback, from which both return. */
static void in_a_callback(void)
{
    init(200);
    send_one(fork_and_count);
    await_answer();
    post(3);
    if (forked == 0) {
        end_child(1);
    }
    await_child(forked);
    post(1);
    deinit_at_once();
}

/* In a callback within Flush, which then waits for another answer in both. */
static void in_a_flush(void)
{
    init(200);
    send_one(fork_and_count);
    send_one(count_answer);
    CHECK_INT(0, IOT_CoAP_Flush(context, LONG));
    CHECK_INT(2, LOAD(answered));
    if (forked == 0) {
        end_child(1);
    }
    await_child(forked);
    deinit_at_once();
}

static void *send_in_thread(void *argument)
{
    send_one(count_answer);
    return argument;
}

/* Another thread is in the context, which is lost to the child. */
static void while_locked(void)
{
    pthread_t thread;
    pid_t child;

    init(200);
    STORE(is_holding, 1);
    CHECK_INT(0, pthread_create(&thread, NULL, send_in_thread, NULL));
    while (!LOAD(is_held)) {
        usleep(1000);
    }
    child = split();
    if (child == 0) {
        CHECK_INT(-1, IOT_CoAP_Yield(context));
        IOT_CoAP_Deinit(&context);
        CHECK(context != NULL);
        CHECK_INT(2, told_of_loss);
        init(200);
        post(2);
        end_child(0);
    }
    await_child(child);
    CHECK_INT(0, pthread_join(thread, NULL));
    await_answer();
    post(1);
    deinit_at_once();
}

static int is_readable(int descriptor, int ms)
{
    struct pollfd polled;

    memset(&polled, 0, sizeof(polled));
    polled.fd = descriptor;
    polled.events = POLLIN;
    return poll(&polled, 1, ms);
}

/* Each polls, and is woken for itself alone. */
static void polls(void)
{
    int descriptor;
    pid_t child;

    init(1);
    descriptor = IOT_CoAP_GetFd(context);
    CHECK(descriptor >= 0);
    post(1);
    child = split();
    if (child == 0) {
        long start = now_ms();

        CHECK_INT(descriptor, IOT_CoAP_GetFd(context));
        /* Opens the connection of its own. */
        post(1);
        while (now_ms() - start < 300) {
            send_one(count_answer);
            while (LOAD(answered) == 0 && now_ms() - start < LONG) {
                CHECK_INT(1, is_readable(descriptor, LONG));
                CHECK_INT(0, IOT_CoAP_Yield(context));
            }
        }
        end_child(1);
    }
    CHECK_INT(0, is_readable(descriptor, 250));
    await_child(child);
    send_one(count_answer);
    CHECK_INT(1, is_readable(descriptor, LONG));
    deinit_at_once();
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "both", both },
    { "closes", closes },
    { "daemonises", daemonises },
    { "beside-a-thread", beside_a_thread },
    { "in-a-callback", in_a_callback },
    { "in-a-flush", in_a_flush },
    { "while-locked", while_locked },
    { "polls", polls },
};

int main(int argc, char **argv)
{
    unsigned at;

    if (argc != 4) {
        return 2;
    }
    alarm(30);
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = argv[1];
    config.p_devinfo = &info;
    IOT_CoAP_SetLogHandler(look_at_line, NULL);
    IOT_SetLogLevel(IOT_LOG_WARNING);
    for (at = 0; at < sizeof(cases) / sizeof(cases[0]); at++) {
        if (strcmp(argv[3], cases[at].name) == 0) {
            cases[at].run();
            return failures != 0;
        }
    }
    return 2;
}
