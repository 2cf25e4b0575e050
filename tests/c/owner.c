/*
 * A device that keeps its session: owner URL CASE POSTS DIE_AT resumes what was kept, posts
 * so often, and ends as CASE says. It is killed at its step DIE_AT, unless that is 0: each
 * call to the system by which something is kept, locked or sent is two, before it and after
 * it. It prints how many there were.
 */
#include "check.h"
#include "iot_coap_ext.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int steps;
static int die_at;

static void step(void)
{
    if (__sync_add_and_fetch(&steps, 1) == die_at) {
        kill(getpid(), SIGKILL);
        for (;;) {
            pause();
        }
    }
}

/* Instead of libc's: the library calls these. */

static long stepping(long result)
{
    step();
    return result;
}

int fsync(int descriptor)
{
    step();
    return (int)stepping(syscall(SYS_fsync, descriptor));
}

int renameat(int from, const char *old, int to, const char *renamed)
{
    step();
    return (int)stepping(syscall(SYS_renameat2, from, old, to, renamed, 0));
}

int unlinkat(int folder, const char *name, int flags)
{
    step();
    return (int)stepping(syscall(SYS_unlinkat, folder, name, flags));
}

int flock(int descriptor, int operation)
{
    step();
    return (int)stepping(syscall(SYS_flock, descriptor, operation));
}

ssize_t send(int socket, const void *data, size_t len, int flags)
{
    step();
    return stepping(syscall(SYS_sendto, socket, data, len, flags, NULL, 0));
}

/* --- the device ---------------------------------------------------------------------- */

int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len);

int HAL_DTLSSession_psk(const char *host, unsigned char *identity, unsigned int *identity_len,
                        unsigned char *key, unsigned int *key_len)
{
    (void)host;
    *identity_len = 8;
    memcpy(identity, "sensor-7", 8);
    *key_len = 16;
    memcpy(key, "0123456789abcdef", 16);
    return 0;
}

static iotx_coap_config_t config;
static iotx_coap_options_t options;
static int answers;

static void count_answer(void *arg, void *response)
{
    (void)arg;
    (void)response;
    answers++;
}

static void print_line(void *data, int level, const char *line)
{
    (void)data;
    printf("%d %s\n", level, line);
}

static iotx_coap_context_t *resume(void)
{
    iotx_coap_context_t *context = IOT_CoAP_Resume(&config, &options);

    CHECK(context != NULL);
    if (context == NULL) {
        exit(3);
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    return context;
}

/* Another process may end the session, but not so that a message is lost. */
static void post(iotx_coap_context_t *context, int count)
{
    iotx_message_t message = message_of("{}", count_answer, NULL);
    char path[] = TOPIC "update";
    int before = answers;
    int number;

    for (number = 0; number < count; number++) {
        CHECK_INT(0, IOT_CoAP_SendMessage(context, path, &message));
        CHECK_INT(0, IOT_CoAP_Flush(context, 60000));
    }
    CHECK_INT(before + count, answers);
}

int main(int argc, char **argv)
{
    iotx_deviceinfo_t info;
    iotx_coap_context_t *context, *twin = NULL;
    const char *end = argc == 5 ? argv[2] : "";
    int posts, status = 0;
    pid_t child = -1;

    if (argc != 5) {
        return 2;
    }
    posts = atoi(argv[3]);
    die_at = atoi(argv[4]);
    set_device(&info);
    config.p_url = argv[1];
    config.p_devinfo = &info;
    options.size = sizeof(options);
    IOT_CoAP_SetLogHandler(print_line, NULL);
    IOT_SetLogLevel(IOT_LOG_INFO);
    context = resume();
    if (strcmp(end, "twins") == 0) {
        twin = resume();
        post(twin, posts);
    }
    post(context, posts / 2);
    if (strcmp(end, "fork") == 0) {
        fflush(stdout);
        child = fork();
        if (child == 0) {
            alarm(60);
        }
    }
    post(context, posts - posts / 2);
    if (twin != NULL) {
        post(twin, posts);
        CHECK_INT(0, IOT_CoAP_Pause(&twin));
    }
    if (strcmp(end, "orphan") == 0) {
        fflush(stdout);
        if (fork() == 0) {
            /* Has a copy of everything, and uses nothing. */
            close(STDOUT_FILENO);
            close(STDERR_FILENO);
            alarm(10);
            pause();
        }
        end = "leave";
    }
    if (strcmp(end, "deinit") == 0) {
        IOT_CoAP_Deinit(&context);
    } else if (strcmp(end, "leave") != 0) {
        CHECK_INT(0, IOT_CoAP_Pause(&context));
    }
    if (child > 0) {
        CHECK_INT(child, waitpid(child, &status, 0));
        CHECK_INT(0, status);
    }
    printf("steps %d\n", steps);
    fflush(stdout);
    _exit(failures != 0);
}
