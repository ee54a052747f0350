"""Ranges by onnxruntime.quantization's entropy: packages/checkpoints/test/fixtures/quantize/entropy.json. No torch."""
import json
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader
from onnxruntime.quantization.calibrate import EntropyCalibrater, HistogramCollector

OUT = Path(__file__).resolve().parents[2] / "packages/checkpoints/test/fixtures/quantize"
IDS = json.loads((OUT / "expected.json").read_text())["ids"]
# Count of values, how often multiplied by themselves, shift, and the scale of each batch: those whose values grow have
# more bins than 128, and a choice.
CASES = {
    "alike": (1500, 1, 0.0, [1.0, 0.9]),
    "long tails": (1500, 9, 0.0, [0.5, 1.0, 2.5]),
    "longer tails": (4000, 21, 0.0, [1.0, 4.0, 7.0]),
    "one-sided": (1500, 5, 0.25, [0.3, 1.1]),
    "few": (3, 1, 0.1, [0.1, 1.0]),
    "zeros, then values": (200, 3, 0.0, [0.0, 1.0, 3.0]),
    "zeros": (20, 1, 0.0, [0.0]),
}


def batch(count, power, shift, scale, k):
    """By whole numbers and products, which are the same everywhere."""
    x = 2.0 * ((np.arange(count, dtype=np.int64) * 7919 + 104729 * (k + 1)) % 10007) / 10007.0 - 1.0
    y = np.ones_like(x)
    for _ in range(power):
        y = y * x
    return ((y + shift) * scale).astype(np.float32)


class Reader(CalibrationDataReader):
    def __init__(self, ids):
        self.feeds = iter([{"ids": np.array(ids, np.int32)}])

    def get_next(self):
        return next(self.feeds, None)


def of_model(batches):
    calibrater = EntropyCalibrater(str(OUT / "model.onnx"), ["MatMul"])
    with tempfile.TemporaryDirectory() as folder:
        calibrater.augmented_model_path = str(Path(folder) / "augmented.onnx")
        calibrater.augment_graph()
        calibrater.create_inference_session()
        for ids in batches:
            calibrater.collect_data(Reader(ids))
    found = calibrater.compute_data()
    return {name: [float(v) for v in found[name].range_value] for name in ("x", "g", "n")}


def of_values(count, power, shift, scales):
    collector = HistogramCollector("entropy", False, 128, 128, None, None)
    for k, scale in enumerate(scales):
        collector.collect({"v": [batch(count, power, shift, scale, k)]})
    low, high, counts, _ = collector.compute_collection_result()["v"]
    return {"range": [float(low), float(high)], "bins": int(counts.size)}


def main():
    cases = [
        {"name": name, "count": count, "power": power, "shift": shift, "scales": scales, **of_values(count, power, shift, scales)}
        for name, (count, power, shift, scales) in CASES.items()
    ]  # fmt: skip
    result = {"onnxruntime": ort.__version__, "cases": cases, "model": of_model([IDS[1], IDS[0], IDS[1]])}
    (OUT / "entropy.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
