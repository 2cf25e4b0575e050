# Whose the bytes of a program are, for scripts/size: adds up what arm-none-eabi-addr2line
# -a -i says of each address of its code. Prints a name, a tab, a number. root: the
# folder of this repository.

# Whose an address is, by the file that a frame of it is in: a crate, and a module of ours.
# What is Rust's library begins with a star.
function owner(file,   crate) {
    sub(/:[0-9?]+( .*)?$/, "", file)
    if (sub(/^.*\/registry\/src\/[^\/]*\//, "", file)) {
        sub(/-[0-9]+\.[0-9].*/, "", file)
        return file
    }
    if (sub("^" root "/", "", file)) {
        crate = "iot-coap"
        if (sub(/^crates\//, "", file)) {
            crate = crate "-" substr(file, 1, index(file, "/") - 1)
            sub(/^[^\/]*\//, "", file)
        }
        sub(/^src\//, "", file)
        sub(/[\/.].*/, "", file)
        return crate " " file
    }
    if (sub(/^.*\/library\//, "", file)) sub(/\/.*/, "", file)
    return "*" file
}
function number(digits,   at, sum) {
    for (at = 3; at <= length(digits); at++) sum = 16 * sum + index("123456789abcdef", substr(digits, at, 1))
    return sum
}
function count() {
    if (before != "") bytes[whose] += address - before
}
# An address, and then where each frame of it is, the innermost first.
/^0x/ {
    address = number($1)
    count()
    before = address
    whose = ""
    next
}
{ found = owner($0); if (whose == "" || (whose ~ /^\*/ && found !~ /^\*/)) whose = found }
END {
    address = before + 2
    count()
    for (whose in bytes) {
        name = whose
        sub(/^\*/, "", name)
        print name "\t" bytes[whose]
    }
}
