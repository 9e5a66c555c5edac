#!/bin/sh
# Builds and runs the bench in Icarus Verilog and compares out/ with expect/.
# Usage: sh run_icarus.sh [fst|vcd]     with waves in out/waves.fst or out/waves.vcd
# Exit code 0 equal, 1 different or failed, 3 no simulator.
cd "$(dirname "$0")" || exit 1
if ! command -v iverilog >/dev/null || ! command -v vvp >/dev/null; then
    echo "run_icarus.sh: iverilog and vvp are not in PATH" >&2
    exit 3
fi
iverilog -V 2>/dev/null | head -n 1
mkdir -p out build
rm -f out/*.hex out/cycles.txt
iverilog -g2012 -I. -s hwsim_clk -o build/icarus.vvp rtl/*.sv tb/*.sv || exit 1
case "$1" in
fst) vvp -n build/icarus.vvp -fst +dir=. +waves=out/waves.fst $(cat run.args) || exit 1 ;;
vcd) vvp -n build/icarus.vvp -vcd +dir=. +waves=out/waves.vcd $(cat run.args) || exit 1 ;;
*) vvp -n build/icarus.vvp +dir=. $(cat run.args) || exit 1 ;;
esac
exec sh compare.sh
