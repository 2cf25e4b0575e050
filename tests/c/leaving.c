/*
 * IOT_CoAP_Deinit and IOT_CoAP_Pause beside every call that has entered:
 * leaving URL ROOT.pem ROUNDS.
 *
 * The mutexes are the program's own. An unlock lets others run and looks at the
 * mutex again afterwards, as an operating system's does; one that is destroyed is
 * never used again, or the program fails.
 *
 * Compiled as it is, under AddressSanitizer, and under ThreadSanitizer.
 */
#include "check.h"
#include "iot_coap_ext.h"
#include "relay.h"

#include <sched.h>
#include <time.h>

#define ALIVE 0x4d55544du
#define DEAD 0xdbdbdbdbu

/* How long an unlock takes for a thread that is to be overtaken. */
#define UNLOCK_US 2000

#define LOAD(place) __atomic_load_n(&(place), __ATOMIC_SEQ_CST)
#define STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_SEQ_CST)

static iotx_coap_config_t config;
static iotx_deviceinfo_t info;

/* --- mutexes ---------------------------------------------------------------------- */

struct mutex {
    pthread_mutex_t mutex;
    unsigned state;
    unsigned unlocks;
    struct mutex *next;
};

/* Those destroyed are kept, so that a late use is seen. */
static struct mutex *graveyard;
static pthread_mutex_t graveyard_lock = PTHREAD_MUTEX_INITIALIZER;

/* This thread is in a call that is to be overtaken. */
static __thread int *entered;
static int wrong_uses;

static void look_at(struct mutex *mutex, const char *when)
{
    /* A plain read: ThreadSanitizer is to see a destruction that nothing orders. */
    if (mutex->state != ALIVE) {
        fprintf(stderr, "a mutex is used %s its destruction\n", when);
        __atomic_add_fetch(&wrong_uses, 1, __ATOMIC_SEQ_CST);
    }
}

void *HAL_MutexCreate(void)
{
    struct mutex *mutex = (struct mutex *)calloc(1, sizeof(struct mutex));

    if (mutex != NULL) {
        pthread_mutex_init(&mutex->mutex, NULL);
        mutex->state = ALIVE;
    }
    return mutex;
}

void HAL_MutexDestroy(void *handle)
{
    struct mutex *mutex = (struct mutex *)handle;

    look_at(mutex, "by a second of");
    CHECK_INT(0, pthread_mutex_destroy(&mutex->mutex));
    memset(&mutex->mutex, 0xdb, sizeof(mutex->mutex));
    mutex->state = DEAD;
    mutex->unlocks = DEAD;
    pthread_mutex_lock(&graveyard_lock);
    mutex->next = graveyard;
    graveyard = mutex;
    pthread_mutex_unlock(&graveyard_lock);
}

void HAL_MutexLock(void *handle)
{
    struct mutex *mutex = (struct mutex *)handle;

    look_at(mutex, "to be locked after");
    if (entered != NULL) {
        STORE(*entered, 1);
    }
    pthread_mutex_lock(&mutex->mutex);
    look_at(mutex, "while locked after");
}

void HAL_MutexUnlock(void *handle)
{
    struct mutex *mutex = (struct mutex *)handle;

    look_at(mutex, "to be unlocked after");
    mutex->unlocks++;
    pthread_mutex_unlock(&mutex->mutex);
    sched_yield();
    if (entered != NULL) {
        usleep(UNLOCK_US);
    }
    look_at(mutex, "by its unlock after");
}

/* --- the calls ---------------------------------------------------------------------- */

/* Each makes one call: a second one could begin after IOT_CoAP_Deinit has begun, which
 * no program may do. */
struct call {
    const char *name;
    void (*make)(iotx_coap_context_t *context);
    /* It may wait for an answer, which does not come. */
    int is_silent;
    iotx_coap_context_t *context;
    int has_entered;
};

/* Of a message that waits for its answer. */
static unsigned cancelled_token;

static void ignore(void *arg, void *response)
{
    (void)arg;
    (void)response;
    usleep(1000);
}

static void post_to(iotx_coap_context_t *context, const char *name)
{
    char path[64];
    iotx_message_t message = message_of("{}", ignore, NULL);

    sprintf(path, TOPIC "%s", name);
    (void)IOT_CoAP_SendMessage(context, path, &message);
}

static void call_auth(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_DeviceNameAuth(context);
}

static void call_start_sign_in(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_StartSignIn(context, 1000);
}

static void call_flush(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_Flush(context, 20000);
}

static void call_yield(iotx_coap_context_t *context)
{
    int result = IOT_CoAP_Yield(context);

    CHECK(result == 0 || result == IOTX_ERR_INVALID_PARAM);
}

static void call_process(iotx_coap_context_t *context)
{
    int result = IOT_CoAP_Process(context);

    CHECK(result == 0 || result == IOTX_ERR_INVALID_PARAM);
}

static void call_cancel(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_Cancel(context, cancelled_token);
}

static void call_send(iotx_coap_context_t *context)
{
    post_to(context, "leaving");
}

/* Is refused, which the log tells. */
static void call_send_wrong(iotx_coap_context_t *context)
{
    post_to(context, "leaving?question");
}

static void call_token(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_GetCurToken(context);
}

static void call_fd(iotx_coap_context_t *context)
{
    CHECK(IOT_CoAP_GetFd(context) >= 0);
}

static void call_timeout(iotx_coap_context_t *context)
{
    (void)IOT_CoAP_GetTimeoutMs(context);
}

static void call_statistics(iotx_coap_context_t *context)
{
    iotx_coap_statistics_t statistics;

    CHECK_INT(0, IOT_CoAP_GetStatistics(context, &statistics, sizeof(statistics)));
}

static struct call calls[] = {
    { "DeviceNameAuth", call_auth, 1, NULL, 0 },
    { "StartSignIn", call_start_sign_in, 1, NULL, 0 },
    { "Flush", call_flush, 1, NULL, 0 },
    { "Yield", call_yield, 0, NULL, 0 },
    { "Process", call_process, 0, NULL, 0 },
    { "Cancel", call_cancel, 0, NULL, 0 },
    { "SendMessage", call_send, 0, NULL, 0 },
    { "SendMessage, refused", call_send_wrong, 0, NULL, 0 },
    { "GetCurToken", call_token, 0, NULL, 0 },
    { "GetFd", call_fd, 0, NULL, 0 },
    { "GetTimeoutMs", call_timeout, 0, NULL, 0 },
    { "GetStatistics", call_statistics, 0, NULL, 0 },
};

#define CALLS ((int)(sizeof(calls) / sizeof(calls[0])))

static void *make_call(void *argument)
{
    struct call *call = (struct call *)argument;

    entered = &call->has_entered;
    call->make(call->context);
    entered = NULL;
    return NULL;
}

static void pause_in_log(void *data, int level, const char *line)
{
    (void)data;
    (void)level;
    (void)line;
    usleep(500);
}

static void await_entry(const struct call *call)
{
    int waited;

    for (waited = 0; !LOAD(call->has_entered); waited++) {
        if (waited > 200000) {
            fprintf(stderr, "%s does not enter\n", call->name);
            exit(3);
        }
        usleep(100);
    }
}

static iotx_coap_context_t *signed_in(int keeps_session)
{
    iotx_coap_options_t options;
    iotx_coap_context_t *context;

    memset(&options, 0, sizeof(options));
    options.size = sizeof(options);
    options.keep_session = (unsigned)keeps_session;
    context = IOT_CoAP_InitWithOptions(&config, &options);
    if (context == NULL) {
        fprintf(stderr, "no context\n");
        exit(3);
    }
    CHECK_INT(0, IOT_CoAP_DeviceNameAuth(context));
    return context;
}

static void end(iotx_coap_context_t **context, int keeps_session)
{
    if (keeps_session) {
        CHECK_INT(0, IOT_CoAP_Pause(context));
    } else {
        IOT_CoAP_Deinit(context);
    }
    CHECK(*context == NULL);
}

/* Ends a context while `count` calls, from `first` on, are in it. */
static void overtake(int first, int count, int keeps_session)
{
    iotx_coap_context_t *context = signed_in(keeps_session);
    pthread_t threads[sizeof(calls) / sizeof(calls[0])];
    int at;

    post_to(context, "leaving");
    cancelled_token = IOT_CoAP_GetCurToken(context) - 1;
    for (at = 0; at < count; at++) {
        struct call *call = &calls[first + at];

        call->context = context;
        STORE(call->has_entered, 0);
        relay_silence(call->is_silent || count > 1);
        CHECK_INT(0, pthread_create(&threads[at], NULL, make_call, call));
    }
    for (at = 0; at < count; at++) {
        await_entry(&calls[first + at]);
    }
    usleep((useconds_t)(rand() % (2 * UNLOCK_US)));
    end(&context, keeps_session);
    for (at = 0; at < count; at++) {
        CHECK_INT(0, pthread_join(threads[at], NULL));
    }
    relay_silence(0);
}

int main(int argc, char **argv)
{
    int round, at;

    if (argc != 4) {
        return 2;
    }
    read_root(argv[2]);
    set_device(&info);
    memset(&config, 0, sizeof(config));
    config.p_url = relay_start(argv[1]);
    config.p_devinfo = &info;
    config.wait_time_ms = 100;
    IOT_CoAP_SetLogHandler(pause_in_log, NULL);
    IOT_SetLogLevel(IOT_LOG_WARNING);
    for (round = 0; round < atoi(argv[3]); round++) {
        for (at = 0; at < CALLS; at++) {
            overtake(at, 1, round % 2);
        }
        /* All but those that wait, in which the rest would not be noticed. */
        overtake(3, CALLS - 3, round % 2);
        overtake(0, CALLS, round % 2);
    }
    CHECK_INT(0, LOAD(wrong_uses));
    return failures != 0;
}
