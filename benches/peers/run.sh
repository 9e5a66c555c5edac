#!/usr/bin/env bash
# Times hwsim beside PyTorch, QPyTorch and APyTypes on this machine: products, then training steps.
# Usage: benches/peers/run.sh [OUTPUT FOLDER [FOLDER OF CIFAR-10]]; the environment is made in target/peers on the first run.
# Without CIFAR-10 the steps of AlexNet and ResNet-20 take the embedded slice, whose images have one channel instead of three.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-bench-results/peers}
mkdir -p "$out"

cargo build --release
if [ ! -x target/peers/bin/python ]; then
    python3 -m venv target/peers
    target/peers/bin/pip install --quiet -r benches/peers/requirements.txt
fi
{
    grep -m1 "model name" /proc/cpuinfo
    grep -m1 flags /proc/cpuinfo | tr ' ' '\n' | grep -E "^(avx|amx|fma)" | tr '\n' ' '
    echo
} >"$out/cpu.txt"
# QPyTorch compiles its kernels with ninja, which is in the environment.
export PATH="$PWD/target/peers/bin:$PATH"
target/peers/bin/python benches/peers/products.py --hwsim target/release/hwsim | tee "$out/products.txt"
target/peers/bin/python benches/peers/steps.py --hwsim target/release/hwsim ${2:+--data-dir "$2"} | tee "$out/steps.txt"
