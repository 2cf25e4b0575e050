/* Not Zephyr's header: this is 3.7.0, or what the compiler is told. */
#define ZEPHYR_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#ifndef ZEPHYR_VERSION_CODE
#define ZEPHYR_VERSION_CODE ZEPHYR_VERSION(3, 7, 0)
#endif
