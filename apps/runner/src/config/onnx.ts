import type { Config } from './schema.js';

/** ONNX Runtime as settings ask for it; undefined where they do not. @param always whether or not they do */
export async function onnxOf({ provider, dtype, threads }: Config, always = false) {
  if (!provider && !dtype && !always) return undefined;
  const settings = { ...(provider && { provider }), ...(dtype && { dtype }), ...(threads && { threads }) };
  return { runtime: await import('onnxruntime-node'), ...settings };
}
