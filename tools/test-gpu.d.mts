/** Sets `WBDC_TEST_GPU` for the tests, once: what the GPU is called, or nothing, having said why. */
export function findTestGpu(): void;
