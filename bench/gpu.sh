#!/usr/bin/env bash
# For the day a GPU is there: checks on it what is otherwise checked on the processor, and measures a training step
# against PyTorch on the same card. Under 8 minutes on a bare machine: every part has a limit, and what is not there by
# then is told and left out. Where packages, build and PyTorch are there it installs nothing.
# Ended on its way it leaves what it has in bench/gpu.md, bench/gpu.json and bench/gpu-*.log.
#
#   bench/gpu.sh [--cuda] [--small] [--times n] [options of bench/src/gpu.ts, e.g. --steps 20 --save]
#
#   --cuda   TensorFlow too, with NVIDIA's libraries: some gigabytes from PyPI, installed beside the rest
#   --small  to see that the script works: a GPU played by the processor will do, sizes are tiny, few tests, and PyTorch
#            runs on the processor where it finds no card
#   --times  a whole number that all limits are multiplied by: for a machine that is slow, or that others use
#
# It takes Linux with a driver for Vulkan (its loader too: libvulkan1), Node >= 20.19, and for the installations npm and
# PyPI. WBDC_PYTHON names a Python with PyTorch; else .venv/bin/python or python3, else .venv is made.
set -uo pipefail
cd "$(dirname "$0")/.."

small= cuda= times=1 options=()
while [ $# -gt 0 ]; do
  case $1 in
    --small) small=1 && options+=(--small) ;;
    --cuda) cuda=1 ;;
    --times)
      times=${2-}
      [[ $times =~ ^[1-9][0-9]?$ ]] ||
        { echo "--times: expected a whole number from 1 to 99, got '$times'" >&2 && exit 2; }
      shift
      ;;
    *) options+=("$1") ;;
  esac
  shift
done
# In seconds, of the whole script.
whole=$((470 * times))

failed= table='| part | seconds | outcome |
| ---- | ------: | ------- |'
now= since=0
step() { # name
  close done
  now=$1 since=$SECONDS
  printf '\n== %s (%ss)\n' "$1" "$SECONDS"
}
close() { # outcome
  [ -z "$now" ] || table+=$'\n'"| $now | $((SECONDS - since)) | $1 |"
  now=
}
# Told at once and at the end; what does not need it goes on.
fail() { # what
  printf '== FAILED: %s\n' "$1"
  failed+="${failed:+, }$1"
  close "failed: $1"
}
within() { # seconds at the most, seconds that it leaves for what follows (both times --times), command
  local most=$(($1 * times)) rest=$((whole - $2 * times - SECONDS))
  shift 2
  timeout -k 5 "$((rest < 2 ? 1 : rest < most ? rest : most))" "$@"
}
ended() { # outcome of the script
  close done
  local made=
  [ ! -f bench/gpu.md ] || made=': bench/gpu.md, bench/gpu.json'
  printf '\n%s\n\n== %s in %s s%s\n' "$table" "$1" "$SECONDS" "$made"
}

# Of an earlier run.
rm -f bench/gpu.md

step 'GPU'
nvidia-smi 2>/dev/null || true
has_card() { nvidia-smi >/dev/null 2>&1; }

# On the card; in a small run anywhere.
can_torch() {
  within 60 200 "$1" -c "import torch, sys; sys.exit(not (torch.cuda.is_available() or '$small'))" >/dev/null 2>&1
}
python=
for candidate in "${WBDC_PYTHON-}" .venv/bin/python python3; do
  if [ -n "$candidate" ] && can_torch "$candidate"; then python=$candidate && break; fi
done
torch=
if [ -z "$python" ]; then
  echo 'PyTorch is installed beside the rest'
  (python3 -m venv .venv && within 470 90 .venv/bin/pip install -q torch numpy) >bench/gpu-torch.log 2>&1 &
  torch=$!
fi

# Written last: an installation that was ended on its way has none.
if [ ! -f node_modules/.package-lock.json ]; then
  step 'Packages'
  within 200 200 npm ci --no-audit --no-fund --ignore-scripts ||
    { fail 'packages: without them nothing else can run (--times 3, where it was too slow)' && ended FAILED && exit 1; }
fi
has_cuda() { compgen -G 'node_modules/@tensorflow/tfjs-node-gpu/lib/*/tfjs_binding.node' >/dev/null; }
tensorflow=
if [ -n "$cuda" ] && ! has_cuda; then
  echo 'TensorFlow for CUDA is installed beside the rest'
  within 300 100 npx nx run tools:install-tensorflow --gpu >bench/gpu-tensorflow.log 2>&1 &
  tensorflow=$!
elif has_card && ! has_cuda; then
  echo 'without TensorFlow on CUDA: --cuda installs it, some gigabytes'
fi

if [ -d node_modules/typescript ]; then
  step 'Build'
  within 120 150 npx tsc -b bench || fail 'build: what was built before is measured'
fi

step 'Parity on the GPU'
# CUDA may be there already; what is being installed is tested in its turn.
engines=webgpu
if has_cuda && [ -z "$tensorflow" ]; then engines+=,tensorflow; fi
echo "engines: $engines"
files=(tfjs-backend-webgpu nn/test/bert)
if [ -z "$small" ]; then
  files+=(nn/test/ops nn/test/transformer uni-model/test/uni-model lxmert-model/test/lxmert pretrain-tasks/test/losses
    pretrain-tasks/test/plan pretrain-tasks/test/equal train/test/adamw train/test/gradients train/test/loop
    train/test/adversarial finetune/test/losses finetune/test/models clip-model/test/clip video-features/test/tower)
fi
parity() { # engines, files below packages/
  export WBDC_REQUIRE_GPU=${WBDC_REQUIRE_GPU:-${small:-real}} WBDC_TEST_ENGINES=$1
  shift
  within 150 110 npx vitest run "${@/#/packages/}" --reporter=default 2>&1
}
[[ $engines != *tensorflow* ]] || files+=(tfjs-node-kernels)
(parity $engines "${files[@]}") | tee bench/gpu-tests.log || fail 'parity: bench/gpu-tests.log'

if [ -n "$tensorflow" ]; then
  step 'TensorFlow for CUDA, and its parity'
  if wait "$tensorflow" && has_cuda; then
    (parity tensorflow tfjs-node-kernels nn/test/ops nn/test/bert train/test/adamw) | tee bench/gpu-cuda-tests.log ||
      fail 'parity on CUDA: bench/gpu-cuda-tests.log'
  else
    tail -3 bench/gpu-tensorflow.log
    fail 'TensorFlow for CUDA: bench/gpu-tensorflow.log'
  fi
fi
if [ -n "$torch" ]; then
  step 'PyTorch'
  if wait "$torch" && can_torch .venv/bin/python; then python=.venv/bin/python; else
    tail -3 bench/gpu-torch.log
    fail 'PyTorch: bench/gpu-torch.log'
  fi
fi

step 'A training step'
if [ -n "$python" ]; then
  export WBDC_PYTHON=$python
  "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' || options+=(--device cpu)
fi
# Where a GPU is played by the processor, its driver is found as the tests find it.
if [ -n "$small" ]; then eval "$(node tools/test-gpu.mjs)"; fi
rest=$((whole - SECONDS))
# It begins with no contender after its seconds, and one takes up to half a minute.
within 470 0 node bench/dist/gpu.js --seconds $((rest > 40 * times ? rest - 30 * times : 10)) "${options[@]}" ||
  { cat bench/gpu.md 2>/dev/null; fail 'bench: what was done by then is in bench/gpu.md'; }

ended "${failed:+FAILED (}${failed:-Done}${failed:+)}"
[ -z "$failed" ]
