/*
 * v3.x's build settings, which its sources include first. There are none here:
 * what the library contains is decided when it is built.
 */
#ifndef INFRA_CONFIG_H
#define INFRA_CONFIG_H

#endif /* INFRA_CONFIG_H */
