/*
 * What stable Rust cannot express: a thread that is cancelled in a wait or a callback.
 */
#include <stddef.h>

#ifdef IOTX_PTHREAD
/* Makes pthread_cleanup_push work as without -fexceptions. With -fexceptions, glibc relies
 * on the unwinder alone, which stops at a callback that was compiled without tables. */
#undef __EXCEPTIONS
#include <pthread.h>
#endif

int iotx_cancellation_disable(void);
void iotx_cancellation_restore(int state);
void iotx_interruptible(void (*work)(void *), void *argument, int state, void *call);

#ifdef IOTX_PTHREAD
/* In src/enter.rs: releases what the call holds. */
void iotx_call_abandoned(void *call);

/* Disables the cancellation of the thread, so that it does not end inside the library with
 * something in its hands. Returns the previous state. */
int iotx_cancellation_disable(void)
{
    int state = PTHREAD_CANCEL_DISABLE;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

void iotx_cancellation_restore(int state)
{
    (void)pthread_setcancelstate(state, NULL);
}

/* The call that is calling the program; NULL once it has returned or was abandoned. */
typedef void *volatile in_hands;

static void give_back(in_hands *place)
{
    void *call = *place;

    *place = NULL;
    if (call != NULL) {
        iotx_call_abandoned(call);
    }
}

static void end_thread(void *place)
{
    give_back((in_hands *)place);
}

#ifdef __GLIBC__
static void unregister(__pthread_unwind_buf_t **buffer)
{
    __pthread_unregister_cancel(*buffer);
}
#endif

/* Runs `work`, a wait or a callback, in the cancellation state of the caller. The thread may
 * be cancelled in it, or leave by pthread_exit; the call is then abandoned. It is also
 * abandoned if a panic or an exception leaves a callback, which unwinds further. */
void iotx_interruptible(void (*work)(void *), void *argument, int state, void *call)
{
    in_hands place __attribute__((cleanup(give_back))) = call;

    pthread_cleanup_push(end_thread, (void *)&place);
#ifdef __GLIBC__
    /* An exception would leave the handler registered. Running it twice does no harm. */
    __pthread_unwind_buf_t *buffer __attribute__((cleanup(unregister))) = &__cancel_buf;
#endif
    (void)pthread_setcancelstate(state, NULL);
    work(argument);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    place = NULL;
    pthread_cleanup_pop(0);
}
#endif
