/*
 * The trust roots, weak: a program replaces the function by defining its own. In an
 * object of its own, so that a linker that has found the program's, in an archive or a
 * shared library before this one, does not even take it.
 */
extern const char iotx_default_ca[];

const char *iotx_coap_get_ca(void);

__attribute__((weak, visibility("default"))) const char *iotx_coap_get_ca(void)
{
    return iotx_default_ca;
}
