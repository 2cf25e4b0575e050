/*
 * The trust roots. The function is weak, so that a program can define its own. It is alone in
 * this object, so that a linker that has found the program's function before, in an archive
 * or a shared library, does not take this one.
 */
extern const char iotx_default_ca[];

const char *iotx_coap_get_ca(void);

__attribute__((weak, visibility("default"))) const char *iotx_coap_get_ca(void)
{
    return iotx_default_ca;
}
