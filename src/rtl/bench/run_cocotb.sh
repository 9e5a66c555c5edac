#!/bin/sh
# Runs the cocotb bench (SIM=icarus unless set). Exit code 0 equal, 1 different or failed, 3 no cocotb or simulator.
cd "$(dirname "$0")/tb" || exit 1
sim=${SIM:-icarus}
program=iverilog
[ "$sim" = icarus ] || program=$sim
if ! command -v cocotb-config >/dev/null || ! command -v "$program" >/dev/null; then
    echo "run_cocotb.sh: cocotb-config or $program is not in PATH" >&2
    exit 3
fi
echo "cocotb $(cocotb-config --version), $sim"
rm -f results.xml
make SIM="$sim" || exit 1
# Older versions of cocotb end with code 0 if a test fails.
if [ ! -f results.xml ] || grep -q "<failure" results.xml; then exit 1; fi
exit 0
