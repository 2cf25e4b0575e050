/*
 * A header (HEADER, with its quotes) needs no other before it, and may be
 * included twice. Compiling this is the test.
 */
#include HEADER
#include HEADER

extern int headers_alone;
