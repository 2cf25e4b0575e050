/* Not lwIP's header: what the port asks of it is in rtconfig.h here. */
#include <rtconfig.h>
