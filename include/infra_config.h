/*
 * v3.x's build settings, which its sources include first. This header is empty: the
 * library's own build decides its features.
 */
#ifndef INFRA_CONFIG_H
#define INFRA_CONFIG_H

#endif /* INFRA_CONFIG_H */
