# Shell helpers that the scripts share; to be sourced by bash.
# Sets ROOT (this repository) and CARGO_TARGET_DIR (where cargo builds).

ROOT=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# One folder for all of cargo's work, also when CMake calls it.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}"

# What stands at the top of a script is its help; it is asked for before anything begins.
case ${1:-} in
-h | --help)
    sed -n '2,/^[^#]/{/^[^#]/d; s/^# \{0,1\}//; p}' "$0"
    exit
    ;;
esac

# Says what is being done.
say() {
    printf '\n== %s\n' "$*"
}

# still_running TEXT [SECONDS]: says now and then that it goes on, and how long it took last,
# until it is killed. On standard error: what a script prints may be read by another.
still_running() {
    local pause=10 end='\n' started=$SECONDS
    if [ -t 2 ]; then
        pause=5 end='\r'
    fi
    # Nobody shall wait for the end of what it could say. It ends with the script, also with
    # one that is killed.
    while sleep $pause >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        printf "%s: %d s%s$end" "$1" $((SECONDS - started)) "${2:+ of about $2 s}"
    done
}

# meanwhile_say TEXT [SECONDS]: has `still_running` say so until `said_enough`.
meanwhile_say() {
    still_running "$@" >&2 &
    SAYING=$!
}

said_enough() {
    kill "$SAYING"
    wait "$SAYING" 2>/dev/null || true
}

# Says what failed, and ends.
fail() {
    printf '\nFAILED: %s\n' "$*" >&2
    exit 1
}

# takes_no_arguments "$@": ends where there are some.
takes_no_arguments() {
    [ $# = 0 ] || fail "${0##*/} takes no arguments, not $*; see --help"
}

# quietly LOG COMMAND...: runs a command, says now and then that it goes on, and shows what it
# printed if it fails.
quietly() {
    local log=$1 status=0
    shift
    meanwhile_say "... $1 ${2:-}"
    "$@" >"$log" 2>&1 || status=$?
    said_enough
    if [ $status != 0 ]; then
        tail -n 40 "$log" >&2
        fail "$* (all it printed: $log)"
    fi
}

# Whether a C program can include a header.
has_header() {
    command -v cc >/dev/null && echo "#include <$1>" | cc -E -x c - >/dev/null 2>&1
}

# need THING:PACKAGE...: has the packages of Debian installed whose things are
# missing; a thing is a command, a C header if it ends with .h, or a file's path.
# Without the right to install, says what to install.
need() {
    local each thing package missing=()
    for each in "$@"; do
        thing=${each%%:*}
        package=${each#*:}
        case $thing in
        /*) [ -e "$thing" ] || missing+=("$package") ;;
        *.h) has_header "$thing" || missing+=("$package") ;;
        *) command -v "$thing" >/dev/null || missing+=("$package") ;;
        esac
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "missing on this machine; please install:
    sudo apt-get update && sudo apt-get install -y ${missing[*]}"
    fi
    say "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    # Steps that run beside each other may both lack something, and apt serves one at a time.
    mkdir -p "$CARGO_TARGET_DIR"
    quietly "$log" flock "$CARGO_TARGET_DIR/apt.lock" apt-get update
    quietly "$log" flock "$CARGO_TARGET_DIR/apt.lock" \
        apt-get install -y --no-install-recommends "${missing[@]}"
    rm -f "$log"
}

# Finds cargo, also where rustup put it but this shell does not look.
need_cargo() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null || fail "cargo is missing: please install Rust"
}

# What it takes to build the library and the C side.
need_build_tools() {
    need_cargo
    need cc:gcc stdio.h:libc6-dev make:make cmake:cmake pkg-config:pkg-config \
        openssl/ssl.h:libssl-dev
}

# What it takes to build for a Cortex-M, and to run that.
need_cortex_m() {
    need arm-none-eabi-gcc:gcc-arm-none-eabi \
        /usr/lib/arm-none-eabi/newlib/nano.specs:libnewlib-arm-none-eabi \
        qemu-system-arm:qemu-system-arm
}

# Rust with the sources of its own library builds core and alloc for machines for which there
# is nothing to download. That is rustup's, if it has rust-src, and else Debian's, which
# apt-get brings. IOT_COAP_BUILD_STD=rustup or debian decides. Compiler and sources must be of
# one version.
DEBIAN_CARGO=/usr/bin/cargo
need_build_std() {
    case ${IOT_COAP_BUILD_STD:-} in
    '')
        if has_rust_src; then IOT_COAP_BUILD_STD=rustup; else IOT_COAP_BUILD_STD=debian; fi
        ;;
    rustup) has_rust_src || fail "rustup has no sources of Rust's library: rustup component add rust-src" ;;
    debian) ;;
    *) fail "IOT_COAP_BUILD_STD is ${IOT_COAP_BUILD_STD}; it must be rustup or debian" ;;
    esac
    # What this script starts shall build with the same.
    export IOT_COAP_BUILD_STD
    [ "$IOT_COAP_BUILD_STD" = debian ] || return 0
    need /usr/lib/rustlib/src/rust/library/core:rust-web-src "$DEBIAN_CARGO:cargo-web" \
        /usr/bin/rustc:rustc-web
    /usr/bin/rustc --version | grep -q 'rustc 1\.\(9[6-9]\|[1-9][0-9][0-9]\)' ||
        fail "/usr/bin/rustc is too old: please install rustc-web, cargo-web and rust-web-src, \
or run: rustup component add rust-src"
}

# Whether the cargo of this shell is rustup's, with the sources of Rust's library.
has_rust_src() {
    command -v rustup >/dev/null && command -v cargo >/dev/null &&
        [ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library/core" ] &&
        cargo +"$(rustup show active-toolchain | cut -d ' ' -f 1)" --version >/dev/null 2>&1
}

# build_std CRATES ARGUMENT...: cargo, building CRATES (core,alloc or std) too.
build_std() {
    local crates=$1
    shift
    if [ "$IOT_COAP_BUILD_STD" = rustup ]; then
        RUSTC_BOOTSTRAP=1 cargo "$@" -Z build-std="$crates"
    else
        RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1 \
            "$DEBIAN_CARGO" "$@" -Z build-std="$crates"
    fi
}

# put_between BEGIN END FILE: what comes in, into FILE, between the lines that hold
# BEGIN and END.
put_between() {
    local begin=$1 end=$2 file=$3 text whole
    text=$(cat)
    grep -qF "$begin" "$file" || fail "$file has no place for it: $begin"
    whole=$(TEXT=$text awk -v begin="$begin" -v end="$end" '
        index($0, end) { inside = 0 }
        !inside { print }
        index($0, begin) { inside = 1; print ENVIRON["TEXT"] }' "$file")
    printf '%s\n' "$whole" >"$file"
}

# named COLUMN: what comes in, with the names of scripts/names.tsv in the place of the keys
# in braces; the column says in which language.
named() {
    awk -F '\t' -v column="$1" '
        NR == FNR { if (NF == 3) name[$1] = $column; next }
        {
            line = $0
            filled = ""
            while (match(line, /\{[^}]*\}/)) {
                key = substr(line, RSTART + 1, RLENGTH - 2)
                if (!(key in name)) {
                    printf "scripts/names.tsv has no name for {%s}\n", key >"/dev/stderr"
                    failed = 1
                }
                filled = filled substr(line, 1, RSTART - 1) name[key]
                line = substr(line, RSTART + RLENGTH)
            }
            print filled line
        }
        END { exit failed }' "$ROOT/scripts/names.tsv" - || fail "a table has a key without a name"
}

# put_tables MARK PAGE: the tables that come in, with keys in braces, into PAGE.md and
# PAGE.zh-CN.md, between the lines "<!-- MARK: begin -->" and "<!-- MARK: end -->".
put_tables() {
    local tables english chinese
    tables=$(cat)
    english=$(named 2 <<<"$tables")
    chinese=$(named 3 <<<"$tables")
    put_between "<!-- $1: begin -->" "<!-- $1: end -->" "$2.md" <<<"$english"
    put_between "<!-- $1: begin -->" "<!-- $1: end -->" "$2.zh-CN.md" <<<"$chinese"
}
