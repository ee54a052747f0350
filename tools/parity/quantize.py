"""onnxruntime.quantization on a small model: packages/checkpoints/test/fixtures/quantize/."""
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from common import ROOT, wave
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.calibrate import PercentileCalibrater
from onnxruntime.quantization.quant_utils import quantize_data

OUT = ROOT / "packages/checkpoints/test/fixtures/quantize"
WORDS, WIDTH, INNER, OUTPUTS = 20, 32, 64, 48
IDS = [[[1, 7, 3, 12], [0, 2, 11, 5]], [[4, 19, 18, 6]]]
EXTRA = {"MatMulConstBOnly": True}


def weights():
    """Columns and rows of very different sizes; values as a sine has them."""
    shapes = {"word": (WORDS, WIDTH), "w1": (WIDTH, INNER), "w2": (INNER, WIDTH), "w3": (WIDTH, OUTPUTS)}
    shapes |= {"b1": (INNER,), "b2": (WIDTH,), "beta": (WIDTH,)}
    made = {name: wave(shape, k).numpy() for k, (name, shape) in enumerate(shapes.items())}
    for name in ("w1", "w2", "w3"):
        made[name] = (made[name] * np.linspace(0.1, 3, made[name].shape[1])).astype(np.float32)
    made["w1"][:, 5] = 0
    made["word"] = (made["word"] * np.linspace(0.5, 4, WORDS)[:, None]).astype(np.float32)
    return made | {"gamma": 1 + wave((WIDTH,), 9).numpy(), "sqrt2": np.float32(2**0.5), "one": np.float32(1), "half": np.float32(0.5)}


def model():
    node = helper.make_node
    nodes = [
        node("Gather", ["word", "ids"], ["x"], axis=0),
        # For the shortcut: the quantizer gives all that read a value what it is as a whole number; ours products alone.
        node("Gather", ["word", "ids"], ["shortcut"], axis=0),
        node("MatMul", ["x", "w1"], ["p1"]),
        node("Add", ["p1", "b1"], ["h"]),
        node("Div", ["h", "sqrt2"], ["d"]),
        node("Erf", ["d"], ["e"]),
        node("Add", ["e", "one"], ["e1"]),
        node("Mul", ["h", "e1"], ["he"]),
        node("Mul", ["he", "half"], ["g"]),
        node("MatMul", ["g", "w2"], ["p2"]),
        node("Add", ["p2", "b2"], ["o"]),
        node("Add", ["o", "shortcut"], ["r"]),
        node("LayerNormalization", ["r", "gamma", "beta"], ["n"], axis=-1),
        node("MatMul", ["n", "w3"], ["y"]),
    ]
    for i, one in enumerate(nodes):
        one.name = f"node{i}"
    ids = helper.make_tensor_value_info("ids", TensorProto.INT32, ["b", "l"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", "l", OUTPUTS])
    graph = helper.make_graph(nodes, "small", [ids], [y], [numpy_helper.from_array(v, k) for k, v in weights().items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


class Reader(CalibrationDataReader):
    def __init__(self, ids):
        self.feeds = iter([{"ids": np.array(ids, np.int32)}])

    def get_next(self):
        return next(self.feeds, None)


def described(path):
    """What is quantized, and what comes out."""
    found = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
    kept = {k: v.ravel().tolist() for k, v in found.items() if k.endswith(("_scale", "_zero_point", "_quantized"))}
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = [session.run(None, {"ids": np.array(ids, np.int32)})[0].ravel().tolist() for ids in IDS]
    return {"initializers": kept, "outputs": outputs}


def ranges(source):
    """Batch after batch, whose values grow."""
    calibrater = PercentileCalibrater(str(source), ["MatMul"], percentile=99)
    with tempfile.TemporaryDirectory() as folder:
        calibrater.augmented_model_path = str(Path(folder) / "augmented.onnx")
        calibrater.augment_graph()
        calibrater.create_inference_session()
        for ids in IDS:
            calibrater.collect_data(Reader(ids))
    found = calibrater.compute_data()
    return {name: [float(v) for v in found[name].range_value] for name in ("x", "g", "n")}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    source = OUT / "model.onnx"
    source.write_bytes(model().SerializeToString())
    result = {"onnxruntime": ort.__version__, "ids": IDS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quantized.onnx"
        for name, reduce_range in (("dynamic", False), ("reduced", True)):
            quantize_dynamic(
                source, path, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=reduce_range,
                weight_type=QuantType.QInt8, extra_options=EXTRA,
            )  # fmt: skip
            result[name] = described(path)
        static = EXTRA | {
            "OpTypesToExcludeOutputQuantization": ["MatMul"],
            "QDQOpTypePerChannelSupportToAxis": {"MatMul": 1},
            "CalibTensorRangeSymmetric": False,
            "CalibPercentile": 99,
        }
        for name, method in (("minmax", CalibrationMethod.MinMax), ("percentile", CalibrationMethod.Percentile)):
            quantize_static(
                source, path, Reader(IDS[0]), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul"],
                per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                calibrate_method=method, extra_options=static,
            )  # fmt: skip
            result[name] = described(path)
    result["ranges"] = ranges(source)
    rows = [quantize_data(row, TensorProto.INT8, True) for row in weights()["word"]]
    result["rows"] = {
        "scales": [float(scale) for _, scale, _ in rows],
        "data": [value for _, _, row in rows for value in row.tolist()],
    }
    (OUT / "expected.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
