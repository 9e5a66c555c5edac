#!/bin/sh
# Builds and runs the bench in Verilator and compares out/ with expect/. A build serves every layer with the same params.vh.
# Usage: sh run_verilator.sh [vcd]      with waves in out/waves.vcd
# Exit code 0 equal, 1 different or failed, 3 no simulator.
cd "$(dirname "$0")" || exit 1
if ! command -v verilator >/dev/null; then
    echo "run_verilator.sh: verilator is not in PATH" >&2
    exit 3
fi
verilator --version
mkdir -p out build
rm -f out/*.hex out/cycles.txt
trace=
waves=
if [ "$1" = vcd ]; then
    trace=--trace
    waves=+waves=out/waves.vcd
fi
directory="build/verilator$trace"
if [ ! -x "$directory/Vhwsim_tb" ] || ! cmp -s params.vh "$directory/params.vh"; then
    verilator --cc --exe --build -O3 -Wno-fatal -Wno-WIDTH -Wno-BLKSEQ -Wno-INITIALDLY $trace -I. --top-module hwsim_tb \
        --Mdir "$directory" rtl/*.sv tb/hwsim_dut.sv tb/hwsim_tb.sv "$PWD/tb/main.cpp" >"$directory.log" 2>&1 || {
        tail -n 20 "$directory.log"
        exit 1
    }
    cp params.vh "$directory/params.vh"
fi
"$directory/Vhwsim_tb" +dir=. $waves $(cat run.args) || exit 1
exec sh compare.sh
