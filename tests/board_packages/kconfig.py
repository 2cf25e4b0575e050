"""Configures by a Kconfig, as menuconfig does: kconfig.py KCONFIG RESULT SYMBOL=VALUE...

Writes a file of CONFIG_*=, and to standard output a header of #define, as RT-Thread has it.
Whatever kconfiglib has to warn of is an error, as is a value that a symbol does not take.
"""
import sys

import kconfiglib


def main(file, result, *assignments):
    kconfig = kconfiglib.Kconfig(file, warn_to_stderr=False)
    for assignment in assignments:
        name, value = assignment.split('=', 1)
        symbol = kconfig.syms[name]
        symbol.set_value(value)
        if symbol.str_value != value:
            sys.exit('%s is %s, and cannot be %s' % (name, symbol.str_value, value))
    if kconfig.warnings:
        sys.exit('\n'.join(kconfig.warnings))
    kconfig.write_config(result)
    kconfig.write_autoconf(result + '.h', header='')
    with open(result + '.h') as header:
        print(header.read().replace('CONFIG_', ''))


main(*sys.argv[1:])
