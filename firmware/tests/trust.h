/*
 * What proves the cloud to the test programs over coaps://.
 */
#ifndef TRUST_H
#define TRUST_H

/* Has the library trust the certificates of a file (PEM) in the place of its own
 * roots, or, if `what` is IDENTITY,KEY, gives it that pre-shared key; 0, or -1 if
 * that cannot be. */
int trust(const char *what);

#endif
