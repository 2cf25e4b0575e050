# Runs a program that has to fail, with status 1: not that of a crash.
#
#     sh ends_with_1.sh program argument...
"$@"
test $? -eq 1
