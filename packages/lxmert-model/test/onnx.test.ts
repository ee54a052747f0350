import { ONNX_SIZES, describeOnnx } from '../../../tools/onnx-parity.js';
import { lxmertModel, type LxmertModelConfig } from '../src/index.js';
import { lxmertModelOnnx } from '../src/onnx.js';

const config: LxmertModelConfig = { ...ONNX_SIZES, videoLayers: 1, videoActivation: 'quick', crossLayers: 2 };
describeOnnx('lxmertModelOnnx', lxmertModel(config), (params, head) => lxmertModelOnnx(params, config, head));

const post: LxmertModelConfig = { ...config, videoActivation: 'erf', videoNorm: 'post' };
describeOnnx('lxmertModelOnnx of a post-normalised video stream', lxmertModel(post), (params, head) =>
  lxmertModelOnnx(params, post, head),
);
