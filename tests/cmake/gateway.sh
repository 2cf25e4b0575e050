# The gateway example against a cloud that knows its devices.
#
#     sh gateway.sh GATEWAY COUNT SECONDS URL SCRATCH CLOUD [OPTION...]
set -eu
gateway=$1 count=$2 seconds=$3 url=$4 scratch=$5 cloud=$6
shift 6
mkdir -p "$scratch"
devices=$scratch/devices.csv
seq "$count" | awk '{ print "a1RP1qZfrEi,meter" $1 ",secret-of-" $1 }' >"$devices"
# Split at blanks: an option a device.
# shellcheck disable=SC2046
exec "$cloud" --state "$scratch" $(sed s/^/--device=/ "$devices") "$@" \
    -- "$gateway" "$url" "$devices" "$seconds"
