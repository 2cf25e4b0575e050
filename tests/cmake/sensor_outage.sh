# The sensor example through an outage: the cloud, which runs this, is halted for one
# waking. What it did not answer stays in the backlog, and goes out with the next.
#
#     iot-coap-cloud --log LOG -- sh sensor_outage.sh SENSOR {coap} LOG
set -u
sensor=$1 url=$2 log=$3
cloud=$PPID
rm -rf "$IOT_COAP_KV_DIR"
lines_before=$(wc -l <"$log")
trap 'kill -CONT $cloud' EXIT

# expect STATUS LINE...: a waking that has to end and to print so.
expect() {
    wanted=$1
    shift
    said=$("$sensor" "$url" 1)
    status=$?
    printf '%s\n' "$said"
    [ $status -eq "$wanted" ] || exit 2
    for line; do
        case $said in *"$line"*) ;; *) echo "not said: $line"; exit 2 ;; esac
    done
}

expect 0 "reading 1: taken with 2.05"
kill -STOP "$cloud"
# Goes on with the access token that was kept, so that the message is sent.
expect 1 "reading 2: given up, no answer" "asleep, 1 readings"
kill -CONT "$cloud"
expect 0 "reading 2: taken with 2.05" "reading 3: taken with 2.05" "asleep, 0 readings"

# {"number": N, ...} in CBOR begins so; with what arrived late, 2 may come twice.
arrived=$(tail -n +$((lines_before + 1)) "$log" | sed -n 's/.*"hex":"a2666e756d626572\(..\).*/\1/p')
[ "$(printf '%s\n' "$arrived" | sort -u | tr '\n' ' ')" = "01 02 03 " ] || {
    echo "arrived: $arrived"
    exit 2
}
