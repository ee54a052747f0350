#!/usr/bin/env bash
# For the day a GPU is there: checks on it what is otherwise checked on the processor, and measures a training step
# against PyTorch on the same card. Under 8 minutes; where packages, build and PyTorch are there it installs nothing.
# Ended on its way it leaves what it has in bench/gpu.md, bench/gpu.json and bench/gpu-tests.log.
#
#   bench/gpu.sh [options of bench/src/gpu.ts, e.g. --steps 20 --save]
#
# It takes Linux with a driver for Vulkan (its loader too: libvulkan1), Node >= 20.19, and for the installations npm and
# PyPI. WBDC_PYTHON names a Python with PyTorch; else .venv/bin/python or python3, else .venv is made.
set -uo pipefail
cd "$(dirname "$0")/.."
step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }
# Limits of the parts, in seconds.
tests=150 bench=200
failed=
# Told at once and at the end; what does not need it goes on.
fail() {
  printf '== FAILED: %s\n' "$1"
  failed+="${failed:+, }$1"
}

step 'GPU'
nvidia-smi 2>/dev/null || true

can_torch() { "$1" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' >/dev/null 2>&1; }
python=
for candidate in "${WBDC_PYTHON-}" .venv/bin/python python3; do
  if [ -n "$candidate" ] && can_torch "$candidate"; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
  step 'PyTorch, beside the rest'
  (python3 -m venv .venv && .venv/bin/pip install -q torch numpy) >bench/gpu-torch.log 2>&1 &
  torch=$!
fi
if [ ! -d node_modules ]; then
  step 'Packages'
  npm ci --no-audit --no-fund --ignore-scripts || { fail 'packages: without them nothing else can run' && exit 1; }
fi
if [ -d node_modules/typescript ]; then
  step 'Build'
  npx tsc -b || fail 'build: what was built before is measured'
fi

step 'Parity on the GPU'
engines=webgpu
# With CUDA, where tools:install-tensorflow --gpu was run.
if compgen -G 'node_modules/@tensorflow/tfjs-node-gpu/lib/*/tfjs_binding.node' >/dev/null; then
  engines+=,tensorflow
elif nvidia-smi >/dev/null 2>&1; then
  echo 'without CUDA: npx nx run tools:install-tensorflow --gpu, some gigabytes, and this script again'
fi
echo "engines: $engines"
files=(tfjs-backend-webgpu nn/test/ops nn/test/bert nn/test/transformer uni-model/test/uni-model lxmert-model/test/lxmert
  pretrain-tasks/test/losses pretrain-tasks/test/plan pretrain-tasks/test/equal train/test/adamw train/test/gradients
  train/test/loop train/test/adversarial finetune/test/losses finetune/test/models clip-model/test/clip
  video-features/test/tower)
[[ $engines != *tensorflow* ]] || files+=(tfjs-node-kernels)
WBDC_REQUIRE_GPU=${WBDC_REQUIRE_GPU:-real} WBDC_TEST_ENGINES=$engines timeout $tests \
  npx vitest run "${files[@]/#/packages/}" --reporter=default 2>&1 | tee bench/gpu-tests.log || fail 'parity: bench/gpu-tests.log'

if [ -n "${torch-}" ]; then
  step 'Waiting for PyTorch'
  if wait "$torch"; then python=.venv/bin/python; else tail -3 bench/gpu-torch.log && fail 'PyTorch: bench/gpu-torch.log'; fi
fi
step 'A training step'
if [ -n "$python" ]; then export WBDC_PYTHON=$python; fi
timeout $((bench + 60)) node bench/dist/gpu.js --seconds $bench "$@" || fail 'bench'
step "Done: bench/gpu.md, bench/gpu.json${failed:+; failed: $failed}"
[ -z "$failed" ]
