# What the libraries that cargo links in want to be said of them; to be sourced after lib.sh.

# mit_of MANIFEST: the notice of a library under the MIT licence that brings no file of it.
mit_of() {
    printf 'Copyright (c) %s\n' "$(sed -n 's/^authors = \["\(.*\)"\]$/\1/p' "$1")"
    cat <<'END'

Permission is hereby granted, free of charge, to any person obtaining a copy of this
software and associated documentation files (the "Software"), to deal in the Software
without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons
to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR
PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE
FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER
DEALINGS IN THE SOFTWARE.
END
}

# notices PACKAGE ARGUMENT...: the libraries that cargo links into it, with the
# copyright notices that their licences want to be handed on.
notices() {
    local sources=${CARGO_HOME:-$HOME/.cargo}/registry/src package licence name folder
    cargo tree --locked --manifest-path "$ROOT/Cargo.toml" --edges normal,no-proc-macro \
        --prefix none --no-dedupe --format '{p}|{l}' --package "$@" | sort -u |
        while IFS='|' read -r package licence; do
            name=${package%% *}
            case $name in iot-coap*) continue ;; esac
            package=$name-$(cut -d ' ' -f 2 <<<"$package" | tr -d v)
            printf '== %s: %s\n\n' "$package" "$licence"
            folder=$(find "$sources" -mindepth 2 -maxdepth 2 -name "$package" -print -quit)
            [ -n "$folder" ] || fail "cargo has no sources of $package"
            if [ "$licence" = MIT ] &&
                ! find "$folder" -maxdepth 1 -iregex '.*/\(licen[cs]e\|copying\).*' | grep -q .; then
                mit_of "$folder/Cargo.toml"
            fi
            # The Apache License's text is in /usr/share/common-licenses.
            find "$folder" -maxdepth 1 -type f -iregex '.*/\(licen[cs]e\|copying\|notice\).*' \
                ! -iname '*apache*' -print0 | sort -z | xargs -0 -r awk '
                    FNR == 1 { skip = 0 }
                    /Apache License/ && FNR < 5 { skip = 1 }
                    !skip'
            echo
        done
}

# bill_of_materials FEATURES TARGET DATE RUST: the same libraries, and Rust's own of the versions
# RUST, a line each, as a list for machines, in JSON (CycloneDX 1.5). The sums are those of
# Cargo.lock. It has no serial number: what is made twice, for one DATE (seconds since 1970), is
# the same.
bill_of_materials() {
    local time
    time=$(date --utc --date="@$3" +%Y-%m-%dT%H:%M:%SZ)
    cargo tree --locked --manifest-path "$ROOT/Cargo.toml" --edges normal,no-proc-macro \
        --prefix none --no-dedupe --format '{p}|{l}' --package iot-coap \
        --no-default-features --features "$1" --target "$2" | sort -u |
        awk -v version="$(version)" -v time="$time" -v rust="$4" '
            # The sums, from Cargo.lock.
            FNR == NR {
                if ($1 == "name") name = $3
                if ($1 == "version") number = $3
                if ($1 == "checksum") sum[name, number] = $3
                next
            }
            {
                split($0, part, "|")
                split(part[1], word, " ")
                number = substr(word[2], 2)
                if (word[1] ~ /^iot-coap/) next
                # As crates wrote "or" before there were expressions.
                gsub("/", " OR ", part[2])
                package = "pkg:cargo/" word[1] "@" number
                rows = rows (rows ? ",\n" : "") sprintf("    {\"type\": \"library\", " \
                    "\"bom-ref\": \"%s\", \"name\": \"%s\", \"version\": \"%s\",\n" \
                    "     \"purl\": \"%s\",\n" \
                    "     \"licenses\": [{\"expression\": \"%s\"}],\n" \
                    "     \"hashes\": [{\"alg\": \"SHA-256\", \"content\": %s}]}",
                    package, word[1], number, package, part[2],
                    sum["\"" word[1] "\"", "\"" number "\""])
            }
            END {
                count = split(rust, of_rust, "\n")
                for (i = 1; i <= count; i++)
                    rows = rows sprintf(",\n    {\"type\": \"library\", \"bom-ref\": \"rust@%s\", " \
                        "\"name\": \"rust\", \"version\": \"%s\",\n     \"description\": " \
                        "\"core, alloc and compiler-builtins, in std also std and what it is made of: " \
                        "see notices-of-rust\",\n     \"licenses\": [{\"expression\": " \
                        "\"(MIT OR Apache-2.0) AND MIT AND Apache-2.0 WITH LLVM-exception\"}]}",
                        of_rust[i], of_rust[i])
                printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n" \
                    "  \"version\": 1,\n  \"metadata\": {\"timestamp\": \"%s\",\n" \
                    "    \"component\": {\"type\": \"library\", " \
                    "\"name\": \"iot-coap\", \"version\": \"%s\",\n" \
                    "    \"licenses\": [{\"expression\": \"Apache-2.0\"}]}},\n" \
                    "  \"components\": [\n%s\n  ]\n}\n", time, version, rows
            }' "$ROOT/Cargo.lock" -
}

# The version of the library.
version() {
    sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml"
}
