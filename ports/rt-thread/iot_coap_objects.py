"""Whether a libiot_coap.a is for the processor of a BSP, by what ELF says of its objects. The
linker takes code for a greater ARM than the BSP's without a word, and the firmware faults.
"""
import re
import struct

# What rtconfig.ARCH calls a machine, and what ELF does.
MACHINES = {'aarch64': 183, 'arm': 40, 'risc-v': 243}

# GCC's names of processors, and the architecture of each.
CPUS = {
    'cortex-m0': 'v6-M', 'cortex-m0plus': 'v6-M', 'cortex-m1': 'v6-M', 'cortex-m3': 'v7-M',
    'cortex-m4': 'v7E-M', 'cortex-m7': 'v7E-M', 'cortex-m23': 'v8-M.baseline',
    'cortex-m33': 'v8-M.mainline', 'cortex-m52': 'v8.1-M.mainline',
    'cortex-m55': 'v8.1-M.mainline', 'cortex-m85': 'v8.1-M.mainline',
}
# Which code each runs, and the archive of a release for it. With the DSP extension the mainline
# ones run v7E-M too.
RUNS = {
    'v6-M': ('v6-M',),
    'v7-M': ('v6-M', 'v7-M'),
    'v7E-M': ('v6-M', 'v7-M', 'v7E-M'),
    'v8-M.baseline': ('v6-M', 'v8-M.baseline'),
    'v8-M.mainline': ('v6-M', 'v7-M', 'v8-M.baseline', 'v8-M.mainline'),
    'v8.1-M.mainline': ('v6-M', 'v7-M', 'v8-M.baseline', 'v8-M.mainline', 'v8.1-M.mainline'),
}
TARGETS = {
    'v6-M': 'thumbv6m-none-eabi', 'v7-M': 'thumbv7m-none-eabi', 'v7E-M': 'thumbv7em-none-eabi',
    'v8-M.baseline': 'thumbv6m-none-eabi', 'v8-M.mainline': 'thumbv8m.main-none-eabi',
    'v8.1-M.mainline': 'thumbv8m.main-none-eabi',
}
# Numbers of Tag_CPU_arch; 10 is v7-A, v7-R and v7-M.
ARCHITECTURES = {
    11: 'v6-M', 12: 'v6-M', 13: 'v7E-M', 14: 'v8-A', 15: 'v8-R', 16: 'v8-M.baseline',
    17: 'v8-M.mainline', 21: 'v8.1-M.mainline',
}
# Tags of .ARM.attributes.
CPU_ARCH, CPU_ARCH_PROFILE, ABI_VFP_ARGS = 6, 7, 28
SHT_ARM_ATTRIBUTES = 0x70000003


class Processor(object):
    """What a BSP is for, by its rtconfig."""

    def __init__(self, rtconfig):
        flags = '%s %s' % (getattr(rtconfig, 'DEVICE', ''), getattr(rtconfig, 'CFLAGS', ''))
        self.arch = getattr(rtconfig, 'ARCH', '')
        # What the compiler is told is what the firmware is made for.
        self.cpu = _option(flags, 'cpu') or str(getattr(rtconfig, 'CPU', '')).lower()
        self.is_hard = _option(flags, 'float-abi') == 'hard'
        self.abi = _option(flags, 'abi') if self.arch == 'risc-v' else None
        self.isa = _option(flags, 'arch') if self.arch == 'risc-v' else None

    def arm(self):
        """The architecture of an ARM of 32 bits, where it is known."""
        return CPUS.get(self.cpu.split('+')[0]) if self.arch == 'arm' else None

    def target(self):
        """The target of the archive of a release that fits best, where it is known."""
        if self.arm():
            target = TARGETS[self.arm()]
            has_hard = 'v7em' in target or 'v8m' in target
            return target + ('hf' if self.is_hard and has_hard else '')
        if self.abi == 'ilp32' and self.isa and re.match('rv32im[a-z]*c', self.isa):
            return 'riscv32im%sc-unknown-none-elf' % ('a' if self.has_atomics() else '')
        return None

    def has_atomics(self):
        """Of a RISC-V: whether its first letters have an a, or the g that stands for it."""
        letters = re.split('[_sxz]', self.isa)[0]
        return re.match('rv(32|64)[a-z]*[ag]', letters) is not None

    def runs(self):
        """Names of the code that an ARM runs."""
        runs = RUNS[self.arm()]
        if 'mainline' in self.arm() and '+nodsp' not in self.cpu:
            runs += ('v7E-M',)
        return runs


def fault_of(path, processor):
    """What is wrong with a library, as the end of a sentence that begins with its path, or None;
    and what could not be compared, as a sentence, or None."""
    with open(path, 'rb') as library:
        objects = _objects(library.read())
    if not objects:
        return 'is no archive of objects', None
    machine = struct.unpack_from('<H', objects[0], 18)[0]
    if machine != MACHINES.get(processor.arch, machine):
        return ('is for another machine than %s (it is %d in ELF)' % (processor.arch, machine),
                None)
    if machine == MACHINES['risc-v']:
        return _riscv_fault(objects, processor), None
    if machine != MACHINES['arm'] or processor.arch != 'arm':
        return None, None
    attributes = [each for each in map(_arm_attributes, objects) if CPU_ARCH in each]
    if attributes and not processor.arm():
        made_for = sorted(set(map(_code_of, attributes)))
        return None, ('this package does not know the processor %s (rtconfig.CPU, or -mcpu in '
                      'rtconfig.CFLAGS), so see yourself whether it runs code for ARM%s'
                      % (processor.cpu or 'without a name', ' and ARM'.join(made_for)))
    return _arm_fault(attributes, processor), None


def _arm_fault(attributes, processor):
    for each in attributes:
        code = _code_of(each)
        if code not in processor.runs():
            return ('is for ARM%s, and this firmware for a %s, which cannot run that'
                    % (code, processor.cpu))
        if processor.is_hard and each.get(ABI_VFP_ARGS) != 1:
            return ("passes floating-point numbers in the processor's own registers, and this "
                    'firmware in those of its floating-point unit')
        if not processor.is_hard and each.get(ABI_VFP_ARGS) == 1:
            return ('passes floating-point numbers in the registers of a floating-point unit, and '
                    "this firmware in the processor's own")
    return None


def _riscv_fault(objects, processor):
    flags = struct.unpack_from('<I', objects[0], 36)[0]
    if bytearray(objects[0])[4] == 2:
        abi = 'lp64' + ('', 'f', 'd', 'q')[
            struct.unpack_from('<I', objects[0], 48)[0] >> 1 & 3]
    else:
        abi = 'ilp32' + ('e' if flags & 8 else ('', 'f', 'd', 'q')[flags >> 1 & 3])
    if processor.abi and abi != processor.abi:
        return ('passes arguments by the ABI %s, and this firmware by %s' % (abi, processor.abi))
    if processor.isa and not processor.has_atomics():
        # What the linker would not mind.
        if any(re.search(b'rv(32|64)i[0-9a-z_]*_a[0-9]', each) for each in objects):
            return 'has atomic instructions, which this processor lacks'
    return None


def _option(flags, name):
    """What the last -mNAME= says."""
    values = re.findall(r'(?:^|\s)-m%s=(\S+)' % name, flags)
    return values[-1].lower() if values else None


def _objects(archive):
    """The objects of ELF in an archive."""
    objects = []
    at = 8 if archive[:8] == b'!<arch>\n' else len(archive)
    while at + 60 <= len(archive) and archive[at + 48:at + 58].strip().isdigit():
        size = int(archive[at + 48:at + 58])
        each = archive[at + 60:at + 60 + size]
        if each[:4] == b'\x7fELF' and len(each) >= 52:
            objects.append(each)
        # Each begins at an even place.
        at += 60 + size + size % 2
    return objects


def _code_of(attributes):
    """The name of the architecture that an object is for."""
    number = attributes[CPU_ARCH]
    if number == 10:
        return 'v7-%s' % chr(attributes.get(CPU_ARCH_PROFILE) or ord('A'))
    return ARCHITECTURES.get(number, ', number %d in .ARM.attributes' % number)


def _arm_attributes(each):
    """The numbers in .ARM.attributes of an object, by their tags."""
    sections = struct.unpack_from('<I', each, 32)[0]
    if sections == 0:
        return {}
    for at in range(sections, len(each) - 39, 40):
        kind, _, _, first, size = struct.unpack_from('<5I', each, at + 4)
        if kind == SHT_ARM_ATTRIBUTES:
            return _attributes_in(bytearray(each[first:first + size]))
    return {}


def _attributes_in(section):
    """"A", a length, "aeabi", 1 for the whole object, and a length: then pairs of tag and value."""
    found = {}
    if section[:1] != b'A' or section[5:12] != b'aeabi\0\x01':
        return found
    at = 16
    while at < len(section):
        tag, at = _number(section, at)
        # Names are text that ends with NUL; 32 has a number and a text, and of the tags above it
        # the odd ones have text.
        if tag == 32:
            _, at = _number(section, at)
        if tag in (4, 5, 32) or (tag > 32 and tag % 2 == 1):
            end = section.find(b'\0', at)
            at = end + 1 if end != -1 else len(section)
        else:
            found[tag], at = _number(section, at)
    return found


def _number(section, at):
    """A number of seven bits a byte, and where it ends."""
    number = shift = 0
    while at < len(section):
        byte = section[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            break
    return number, at
