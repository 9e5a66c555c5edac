#!/usr/bin/env bash
# Makes the golden vectors again, with the versions that the shipped ones were made with, and compares.
# The last bits of float32 sums in layers.csv and torch_*.csv depend on the CPU; `hwsim golden check OUT` says
# whether they agree within the tolerances. conventions/ is made in OUT/conventions; tflite_ops.csv and onnx_qlinear.csv
# there are those of an x86 CPU with AVX-512 VNNI.
#
#   golden/rebuild.sh OUT [--adaptcode FILE --muppetcode FILE]
#
# Needs Python 3.11 (PYTHON names another interpreter), a C++ compiler and about 6 GB for PyTorch and the tools of
# conventions/, which go into the virtual environments OUT/venv and OUT/conventions-venv. FILE are the authors'
# released sources of AdaPT's optimiser and MuPPET's policy, which are not part of this repository: without them
# the controllers are left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    echo "usage: $0 OUT [--adaptcode FILE --muppetcode FILE]" >&2
    exit 2
}

[[ $# -eq 1 || ($# -eq 5 && $2 = --adaptcode && $4 = --muppetcode) ]] || usage
[[ $1 != -* ]] || usage
mkdir -p "$1"
out=$(cd "$1" && pwd)
controllers=("${@:2}")

python=$out/venv/bin/python
if [[ ! -x $python ]]; then
    "${PYTHON:-python3.11}" -m venv "$out/venv"
fi
"$python" -m pip install --quiet \
    torch==2.15.0 qtorch==0.3.0 apytypes==0.5.1 numpy==2.4.6 ninja setuptools
# The extension is built by ninja, which PyTorch looks for in the path.
export PATH=$out/venv/bin:$PATH

for generator in quant matmul requant layers torch; do
    "$python" "$here/gen_$generator.py" --seed 20251 --scale 1.3 --out "$out"
done
mv "$out/quant_fixed.csv" "$out/quant_fixed.whole"
"$python" "$here/thin.py" "$out/quant_fixed.whole" --step 3 --out "$out/quant_fixed.csv"
"$python" "$here/gen_cost.py" --seed 20252 --out "$out"
if [[ ${#controllers[@]} -gt 0 ]]; then
    "$python" "$here/gen_controllers.py" --seed 20252 "${controllers[@]}" --out "$out"
fi

tools=$out/conventions-venv/bin/python
if [[ ! -x $tools ]]; then
    "${PYTHON:-python3.11}" -m venv "$out/conventions-venv"
fi
"$tools" -m pip install --quiet \
    hls4ml==1.3.0 qonnx==1.0.0 brevitas==0.13.4 onnx==1.23.2 onnxruntime==1.32.0 ai-edge-litert==2.3.0 flatbuffers \
    apytypes==0.5.1 torch==2.15.0 numpy==2.4.6
for generator in ap_fixed:1 ap_accum:1.6 qonnx:2 onnx:2 tflite:2 two_level:2 a2q:2; do
    "$tools" "$here/conventions/gen_${generator%:*}.py" --seed 20261 --scale "${generator#*:}" --out "$out/conventions"
done
"$tools" "$here/conventions/verify.py" "$out/conventions"

different=0
for file in "$out"/*.csv "$out"/conventions/*.csv; do
    if cmp --silent "$file" "$here/${file#"$out"/}"; then
        echo "same: $(basename "$file")"
    elif [[ $(basename "$file") =~ ^(layers|torch_.*)\.csv$ ]]; then
        echo "float32 sums of another CPU: $(basename "$file")"
    else
        echo "DIFFERENT: $(basename "$file")"
        different=1
    fi
done
exit $different
