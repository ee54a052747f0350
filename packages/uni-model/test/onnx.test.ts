import { ONNX_SIZES, describeOnnx } from '../../../tools/onnx-parity.js';
import { uniModel } from '../src/index.js';
import { uniModelOnnx } from '../src/onnx.js';

const config = { ...ONNX_SIZES, frameSegment: 1 };
describeOnnx('uniModelOnnx', uniModel(config), (params, head) => uniModelOnnx(params, config, head));
