/*
 * ended_wait.c with DTLS functions of the program's own, whose reads cannot be ended.
 */
#include "ended_wait.c"
#include "plain_dtls.c"
