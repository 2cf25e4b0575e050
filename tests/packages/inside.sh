# What scripts/try-packages does in the clean root, where /try has the packages and
# the examples.
#
#     sh inside.sh install|run|remove
set -eu
cd /try
apt='apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0'

install() {
    # Each is enough for what it is for: the cloud without the library, a program
    # without the headers.
    $apt install ./iot-coap-cloud_*.deb
    ! dpkg -s libiot-coap1 >/dev/null 2>&1 || exit 1
    $apt install ./libiot-coap1_*.deb ./libiot-coap-dev_*.deb

    # shellcheck disable=SC2046
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror coap-example.c \
        $(pkg-config --cflags --libs iot-coap) -o shared
    # shellcheck disable=SC2046
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror coap-example.c \
        $(pkg-config --cflags --static --libs iot-coap) -o static
    # As the installed files alone let it trust the local cloud.
    # shellcheck disable=SC2046
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror minimal.c \
        "$(pkg-config --variable=local_root iot-coap)" \
        $(pkg-config --cflags --libs iot-coap) -o trial
    # What the clean root happens to have is named all the same.
    dpkg -s iot-coap-cloud | grep -q '^Depends:.*libssl'
    dpkg -s libiot-coap1 | grep -q '^Depends: libc6'
    version=$(dpkg-query -W -f '${Version}' libiot-coap1)
    dpkg -s libiot-coap-dev | grep -qF "Depends: libiot-coap1 (= $version)"
    readelf -d shared | grep -F '[libiot_coap.so.1]'
    readelf --version-info shared | grep -F 'Name: IOT_COAP_0.1 '
    ! readelf -d static | grep -F libiot_coap || exit 1
    # The documents that policy asks for, and the manual page.
    for package in iot-coap-cloud libiot-coap1 libiot-coap-dev; do
        for document in copyright changelog.Debian.gz; do
            test -s /usr/share/doc/$package/$document
        done
    done
    zcat /usr/share/man/man1/iot-coap-cloud.1.gz | grep -q '^.SH EXAMPLES'
    # The service's user, and what bash completes.
    getent passwd iot-coap-cloud | grep -q ':/var/lib/iot-coap-cloud:.*nologin$'
    test -s /lib/systemd/system/iot-coap-cloud.service
    bash -n /usr/share/bash-completion/completions/iot-coap-cloud
}

run() {
    iot-coap-cloud --version
    for program in ./shared ./static; do
        iot-coap-cloud --state /try/state -- $program -u '{coaps}' -c '{root}' -n 2
    done
    iot-coap-cloud --state /try/state -- ./trial '{coaps}'
    for program in cmake/minimal cmake/minimal-shared; do
        iot-coap-cloud --state /try/state -- $program '{coap}'
    done
}

remove() {
    packages="iot-coap-cloud libiot-coap-dev libiot-coap1"
    # shellcheck disable=SC2086
    dpkg -L $packages | grep -v '^$' | sort -u >files
    # Who needs the library goes with it; who does not stays.
    $apt remove libiot-coap1
    ! dpkg -s libiot-coap-dev >/dev/null 2>&1 || exit 1
    ! ./shared -h 2>/dev/null || exit 1
    iot-coap-cloud --state /try/state -- ./static -u '{coap}'
    # The library has nothing that would be left to purge.
    ! dpkg -s libiot-coap1 >/dev/null 2>&1 || exit 1
    $apt purge iot-coap-cloud
    while read -r file; do
        if [ ! -d "$file" ] && [ -e "$file" ]; then
            echo "left behind: $file"
            exit 1
        fi
    done <files
    ! find / -xdev -path /try -prune -o -name '*iot*coap*' -print | grep . || exit 1
}

"$1"
