"""Stands in for building.py of RT-Thread: its functions as far as SConscripts of packages use
them. The options are those of rtconfig.h in the folder of the SConstruct."""
import os
import re

from SCons.Script import Dir, File

Env = None
BuildOptions = {}


def PrepareBuilding(env):
    global Env
    Env = env
    with open(Dir('#').File('rtconfig.h').abspath) as header:
        for name, value in re.findall(r'#define (\w+) ?(.*)', header.read()):
            BuildOptions[name] = int(value) if re.match(r'-?\d+$', value) else value


def GetCurrentDir():
    return Dir('.').srcnode().abspath


def GetConfigValue(name):
    return BuildOptions.get(name, '')


def GetDepend(depend):
    if isinstance(depend, str):
        if BuildOptions.get(depend, 0) == 0:
            return False
        return BuildOptions[depend] or True
    return all(BuildOptions.get(each, 0) != 0 for each in depend if each)


def DefineGroup(name, src, depend, **parameters):
    if not GetDepend(depend):
        return []
    unknown = set(parameters) - {'CPPPATH', 'CPPDEFINES', 'LIBS', 'LIBPATH'}
    assert not unknown, unknown
    Env.AppendUnique(**parameters)
    return [Env.Object(File(each)) for each in src]
